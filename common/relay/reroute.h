#ifndef RELAY_REROUTE_H
#define RELAY_REROUTE_H
/*
 * reroute - mail for outside that waits is routed anew when connectors change
 *
 * Two seconds after the last change of a connector or server everything that waits
 * for an edge, a smart host or a domain goes to HOP_SUBMIT, where the role routes
 * it.  What is under way, and queues that are suspended, are left alone.
 */
#include "common/api/object.h"
#include "common/relay/queue.h"

struct reroute {
	int64_t due_ms;		/* monotonic; 0: nothing to do */
	struct queue *queue;
};

/* An object changed, NULL: many. */
void reroute_note(struct reroute *r, const struct object *o, int64_t mono_ms);
void reroute_tick(struct reroute *r, struct queue *q, int64_t mono_ms);
#endif
