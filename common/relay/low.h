#ifndef RELAY_LOW_H
#define RELAY_LOW_H
/*
 * low - back pressure: is there room to take more mail?
 *
 * Low when free space falls below disk_low, or the queue's content exceeds
 * max_queue; normal again when space is above disk_high and the queue below 95 %
 * of its bound.  The disk is asked every two seconds.
 */
#include "common/relay/queue.h"

struct low {
	bool is_low;
	int64_t asked_ms;	/* monotonic */
};

struct low_conf {
	const char *dir;
	uint64_t disk_low, disk_high, max_queue;
};

void low_tick(struct low *l, const struct low_conf *c, const struct queue *q, int64_t mono_ms);
/* The decision alone. */
bool low_decide(bool was_low, const struct low_conf *c, uint64_t free_bytes,
		uint64_t queue_bytes);
#endif
