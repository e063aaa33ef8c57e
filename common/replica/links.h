#ifndef REPLICA_LINKS_H
#define REPLICA_LINKS_H
/*
 * links - connections to all servers of some roles, as the directory lists them
 *
 * Dials each server object whose role is in `roles`, follows changes of the
 * replica, and answers "which connection leads there".
 */
#include "common/replica/replica.h"

struct links;

/* self (copied) is not dialled; NULL: nobody is us. */
struct links *links_new(struct rpc *rpc, struct replica *r, unsigned roles,
			const struct guid *self);
void links_free(struct links **l);
void links_update(struct links *l);	/* the replica changed */
struct rpc_peer *links_to_server(struct links *l, const struct guid *server);	/* NULL: not up */
/* All servers that are dialled, up or not. */
void links_each(struct links *l, void (*fn)(void *ctx, const struct guid *server,
		const char *name, unsigned role, bool up), void *ctx);
/* The mailbox server that holds this database now. */
struct rpc_peer *links_to_database(struct links *l, const struct guid *database);
#endif
