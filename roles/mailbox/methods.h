#ifndef MAILBOX_METHODS_H
#define MAILBOX_METHODS_H
/* methods - the tables of bus methods, one per folder with an rpc.c */
#include "common/rpc/rpc.h"

extern const struct rpc_method read_methods[];		/* rpc.c: reading */
extern const size_t read_n_methods;
extern const struct rpc_method change_methods[];	/* change/rpc.c */
extern const size_t change_n_methods;
extern const struct rpc_method put_methods[];		/* put/rpc.c: deliver, append */
extern const size_t put_n_methods;
extern const struct rpc_method rights_methods[];	/* rights/rpc.c */
extern const size_t rights_n_methods;
extern const struct rpc_method search_methods[];	/* search/rpc.c */
extern const size_t search_n_methods;
extern const struct rpc_method meta_methods[];		/* meta/rpc.c */
extern const size_t meta_n_methods;
extern const struct rpc_method watch_methods[];		/* watch/rpc.c */
extern const size_t watch_n_methods;
extern const struct rpc_method admin_methods[];		/* admin/rpc.c */
extern const size_t admin_n_methods;
#endif
