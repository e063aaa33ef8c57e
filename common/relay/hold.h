#ifndef RELAY_HOLD_H
#define RELAY_HOLD_H
/*
 * hold - identities of our own that are in hand and not in the queue yet
 *
 * A message passed through leaves no trace on disk here; until its answer is
 * given its identity is held in this list, so that done_below stays under it.
 * Numbers come in rising order, so the lowest is the front.
 */
#include "common/base/list.h"
#include <stdint.h>

struct hold {
	struct list list;
};

struct hold_id {
	struct list node;
	uint64_t seq;
};

static inline void hold_init(struct hold *h)
{
	list_init(&h->list);
}

/* seq is above all that were added before. */
static inline void hold_add(struct hold *h, struct hold_id *id, uint64_t seq)
{
	id->seq = seq;
	list_init(&id->node);
	list_add_tail(&h->list, &id->node);
}

static inline void hold_drop(struct hold_id *id)
{
	list_del(&id->node);
}

/* UINT64_MAX: none. */
static inline uint64_t hold_lowest(const struct hold *h)
{
	const struct list *n = h->list.next;

	return n == &h->list ? UINT64_MAX : CONTAINER_OF(n, struct hold_id, node)->seq;
}
#endif
