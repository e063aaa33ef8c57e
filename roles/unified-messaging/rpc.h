#ifndef UM_RPC_H
#define UM_RPC_H
/* rpc - the methods of bourse-um */
#include "common/rpc/rpc.h"

extern const struct rpc_method um_methods[];
extern const size_t um_n_methods;
#endif
