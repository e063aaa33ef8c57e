#include "common/relay/retry.h"

#define MINUTE INT64_C(60000)

const struct retry_conf retry_hub = {
	.glitches = 4, .glitch_ms = MINUTE, .transients = 6, .transient_ms = 5 * MINUTE,
	.outbound_ms = 10 * MINUTE, .message_ms = MINUTE, .database_ms = 5 * MINUTE,
};

const struct retry_conf retry_edge = {
	.glitches = 4, .glitch_ms = MINUTE, .transients = 6, .transient_ms = 10 * MINUTE,
	.outbound_ms = 30 * MINUTE, .message_ms = MINUTE, .database_ms = 5 * MINUTE,
};

int64_t retry_hop(const struct retry_conf *c, unsigned tries, int64_t now_ms)
{
	if (tries < c->glitches)
		return now_ms + c->glitch_ms;
	if (tries - c->glitches < c->transients)
		return now_ms + c->transient_ms;
	return now_ms + c->outbound_ms;
}

/* A message deferred again and again is not knocked with every minute for two
 * days: its wait follows the hop's steps. */
int64_t retry_message(const struct retry_conf *c, unsigned tries, int64_t now_ms)
{
	if (tries < c->glitches)
		return now_ms + c->message_ms;
	return retry_hop(c, tries, now_ms);
}
