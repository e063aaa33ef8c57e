#ifndef HUB_ASIDE_H
#define HUB_ASIDE_H
/*
 * aside - calls that nobody waits for: offers to edges, hints to stores
 *
 * They are kept only so that closing can cancel them.
 */
#include "common/base/err.h"
#include "common/base/guid.h"

struct hub;
struct rpc_peer;

void aside_offer(struct hub *h, struct rpc_peer *edge, unsigned messages, uint64_t bytes);
void aside_done_below(struct hub *h, struct rpc_peer *store, const struct guid *origin,
		      uint64_t seq);
void aside_close(struct hub *h);
#endif
