#ifndef RELAY_GIVE_H
#define RELAY_GIVE_H
/*
 * give - the queue's mail to servers of another role, over the bus
 *
 * A message is forgotten when the other end says HAND_HELD.  One that may have
 * arrived somewhere (no answer) is offered to the same server again, and to
 * another only when that one says that it does not hold it or was away for ten
 * minutes (DESIGN section 6).
 */
#include "common/api/hub.h"
#include "common/relay/retry.h"
#include "common/relay/rpc.h"

struct give;

struct give_conf {
	struct relay *relay;
	unsigned role;			/* of the servers: RPC_EDGE or RPC_HUB */
	struct hub_call *(*call)(struct rpc_peer *peer, const struct hand *h,
				 const struct hand_content *content, unsigned timeout_ms,
				 hand_cb *cb, void *ctx);
	/* A message's recipients may leave at different times: each set of them gets
	 * an identity of its own, derived from the message's. */
	bool by_parts;
	const struct retry_conf *retry;	/* borrowed */
	/* The server to give the next one to, NULL: none now.  Optional: they take
	 * turns. */
	struct rpc_peer *(*pick)(void *ctx, const struct mail *m);
	void (*on_held)(void *ctx, const struct mail *m);	/* optional */
	void *ctx;
};

struct give *give_new(const struct give_conf *conf);
void give_free(struct give **g);		/* after the queue */
void give_due(struct give *g, const struct queue_hop *hop);

/* What an answer, or none, says about where m is: sets m->offered for the queue. */
void give_note(struct mail *m, const struct guid *server, enum err e, enum hand_verdict v,
	       int64_t now_ms);
/* The server that m must go to if any, because it may have it: true, and *out is
 * it or NULL while it is away. */
bool give_bound(struct relay *r, const struct mail *m, int64_t now_ms, struct rpc_peer **out);
#endif
