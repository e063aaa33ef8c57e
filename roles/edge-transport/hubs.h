#ifndef EDGE_HUBS_H
#define EDGE_HUBS_H
/*
 * hubs - the hubs that have dialled this edge, and what each would take
 *
 * A hub says about once a second how many messages, and how many bytes of them in
 * memory, it would take beside what it has in hand (edge.offer).  What is given to
 * it meanwhile is counted off, and what it has answered for is counted on again.
 * The one with most credit gets the next message.
 */
#include "common/base/guid.h"
#include "common/relay/mail.h"

struct hubs;
struct rpc_peer;

struct hubs *hubs_new(void);
void hubs_free(struct hubs **h);	/* *h may be NULL */

/* A hub's connection is known from its first offer on, and borrowed until it went.
 * Who it is may become known, or change, while it is up: the replica says.  Until
 * then it is not counted and takes nothing. */
struct hubs_offer {
	struct guid hub;		/* null: not known yet */
	const char *name;
	uint64_t messages, bytes;
};
/* True: this one takes mail that did not before. */
bool hubs_offer(struct hubs *h, struct rpc_peer *p, const struct hubs_offer *o);
void hubs_lost(struct hubs *h, const struct rpc_peer *p);
size_t hubs_count(struct hubs *h);
bool hubs_take_any(struct hubs *h);	/* does any take mail now? */

struct hubs_choice {
	struct guid guid;
	const char *name;		/* borrowed until the next hubs_ function */
	struct rpc_peer *peer;
};
/* One that would take m now, and not that one (may be NULL).  False: none. */
bool hubs_choose(struct hubs *h, const struct mail *m, const struct guid *not_this,
		 struct hubs_choice *out);
/* m goes there; the answer, or none, has come. */
void hubs_given(struct hubs *h, const struct guid *hub, const struct mail *m);
void hubs_answered(struct hubs *h, const struct guid *hub, const struct mail *m);
/* It did not answer: nothing is given to it before its next offer. */
void hubs_silent(struct hubs *h, const struct guid *hub);
#endif
