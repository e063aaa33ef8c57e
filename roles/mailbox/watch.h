#ifndef MAILBOX_WATCH_H
#define MAILBOX_WATCH_H
/*
 * watch - telling front ends that a mailbox changed
 *
 * A watch is a long call whose reply stream carries hints.  A hint says that
 * something newer than what was told is there; it is never data.  While the
 * caller gives no credit, hints fold into one, so a slow caller costs nothing and
 * misses nothing.
 */
#include "roles/mailbox/role.h"

struct watch {
	struct list node;		/* in mref.watchers */
	struct mref *ref;		/* NULL: ended */
	struct rpc_request *rq;
	uint64_t told;			/* newest cn the caller knows */
	uint64_t epoch;
	/* Puts one hint on the stream; false: no credit now. */
	bool (*send)(struct watch *w, uint64_t cn);
	/* The mailbox went away: end the call. */
	void (*end)(struct watch *w, enum err e);
};

void watch_begin(struct watch *w, struct mref *m);
void watch_stop(struct watch *w);	/* the caller left; w may be freed then */
void watch_retry(struct watch *w);	/* credit came */

void watch_tell(struct mref *m, uint64_t epoch, uint64_t cn);
void watch_end(struct mref *m, enum err e);	/* ends all watches of it */
#endif
