#ifndef EDGE_RPC_H
#define EDGE_RPC_H
/* rpc - what the edge answers on the bus: hubs that hand it mail or ask what it has
 * for them, and what every relay answers (common/relay/rpc.h) */
#include "common/rpc/rpc.h"

extern const struct rpc_method edge_methods[];
extern const size_t edge_n_methods;
#endif
