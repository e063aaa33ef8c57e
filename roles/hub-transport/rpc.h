#ifndef HUB_RPC_H
#define HUB_RPC_H
/* rpc - the methods of bourse-hub */
#include "common/rpc/rpc.h"

extern const struct rpc_method hub_methods[];
extern const size_t hub_n_methods;
#endif
