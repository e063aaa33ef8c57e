#ifndef MAILBOX_ASSIGN_H
#define MAILBOX_ASSIGN_H
/*
 * assign - what the directory says this server holds
 *
 * Database objects that name this server are opened or made; mailbox objects that
 * name one of those databases get their mailbox; those that left are disconnected.
 * A mailbox that is asked for before its object's turn came is made at once.
 */
#include "roles/mailbox/role.h"

/* The replica changed; NULL: look at everything.  For member_conf.on_change, with
 * the store as ctx. */
void assign_on_change(void *store, const struct object *o);

/* Like role_route(), but a mailbox that the replica knows is made first: then AGAIN
 * is not an answer but `ready` is called, once, when it is there or cannot be.
 * True: *e and *out are the answer and ready will not be called. */
typedef void assign_ready_fn(void *ctx);
bool assign_route(struct role *st, const struct guid *g, struct mref **out, enum err *e,
		  struct errbuf *eb, assign_ready_fn *ready, void *ctx);
/* ctx is gone: do not call ready for it. */
void assign_cancel(struct role *st, void *ctx);
void assign_drop(struct role *st);	/* at the end */
#endif
