#ifndef RELAY_RETRY_H
#define RELAY_RETRY_H
/*
 * retry - when to try again
 *
 * Exchange's schedule for a next hop that cannot be reached: a few tries at once
 * a minute (glitches), some more at `transient` (5 min at a hub, 10 min at an
 * edge), from then on at `outbound` (10 min, 30 min).  A message that a reachable
 * host refuses for now waits `message`.  Pure.
 */
#include <stdint.h>

struct retry_conf {
	unsigned glitches;	/* tries at glitch_ms */
	int64_t glitch_ms;
	unsigned transients;	/* then tries at transient_ms */
	int64_t transient_ms;
	int64_t outbound_ms;	/* then */
	int64_t message_ms;
	int64_t database_ms;	/* a mailbox database that is away, if no hint comes */
};

extern const struct retry_conf retry_hub, retry_edge;

/* When a hop that failed `tries` times in a row before this time is due. */
int64_t retry_hop(const struct retry_conf *c, unsigned tries, int64_t now_ms);
/* The same for one message's recipient that was deferred. */
int64_t retry_message(const struct retry_conf *c, unsigned tries, int64_t now_ms);
#endif
