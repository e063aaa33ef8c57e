#ifndef EDGE_RPC_H
#define EDGE_RPC_H
#include "common/rpc/rpc.h"

extern const struct rpc_method edge_methods[];
extern const size_t edge_n_methods;
#endif
