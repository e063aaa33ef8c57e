#ifndef EDGE_PASS_H
#define EDGE_PASS_H
/*
 * pass - from a message that was received to "it is durable"
 *
 * A message that fits one frame of the bus is offered to a hub at once, for
 * PASS_HUB_MS at most.  If that hub holds it, nothing is written here.  If it
 * does not, another hub may be asked while there is time; without an answer, or
 * without a hub, our queue takes it first.
 */
#include "roles/edge-transport/edge.h"

#define PASS_HUB_MS 1500

enum pass_outcome {
	PASS_HELD,	/* a hub holds it: 250 */
	PASS_QUEUED,	/* our queue does: 250 */
	PASS_REFUSED,	/* never: detail says why */
	PASS_AGAIN,	/* not taken: 451 */
	PASS_FULL,	/* not taken: 452 4.3.1 */
};
/* who: the hub's name, or what it said to PASS_REFUSED; borrowed. */
typedef void pass_cb(void *ctx, enum pass_outcome o, const char *who);

/* m (taken) has our identity, prefix, body and recipients.  cb comes once, perhaps
 * from inside the call. */
void pass(struct edge *e, struct mail *m, pass_cb *cb, void *ctx);

/* Before the queue is closed: what waits for hubs is answered PASS_AGAIN. */
void pass_close(struct edge *e);
#endif
