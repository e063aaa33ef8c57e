#ifndef RELAY_ROUNDS_H
#define RELAY_ROUNDS_H
/*
 * rounds - finding out which of our identities nobody holds any more
 *
 * In rounds, about every 30 s: note the lowest identity in hand here, then ask our
 * queue, then all servers that mail of ours may have gone to.  What was handed over
 * before it was asked about is in an answer; what is handed over later was in hand
 * when the round began.  So the minimum of all is safe.  If one does not answer
 * the round tells nothing, and the next one tries again.
 *
 * The minimum is told to those servers, which forget what they remembered, and by
 * the hubs to the stores.
 */
#include "common/relay/rpc.h"

struct rounds;

struct rounds_conf {
	struct relay *relay;
	unsigned roles;		/* of the servers asked: a hub asks edges, an edge hubs */
	/* A hub: nobody holds identities of ours below seq. */
	void (*on_done)(void *ctx, uint64_t seq);
	void *ctx;
};

struct rounds *rounds_new(const struct rounds_conf *conf);
void rounds_free(struct rounds **r);
void rounds_tick(struct rounds *r, int64_t mono_ms);
#endif
