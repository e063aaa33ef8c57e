#ifndef EDGE_PASS_H
#define EDGE_PASS_H
/*
 * pass - from a message that was received to "it is durable"
 *
 * It is given to the hub with most credit; when that one holds it within
 * PASS_HUB_MS nothing is written here.  Otherwise the queue takes it, with a note
 * of the hub that may have it.
 */
#include "common/relay/mail.h"

struct edge;

#define PASS_HUB_MS 1800

enum pass_outcome { PASS_DONE, PASS_AGAIN, PASS_FULL };
typedef void pass_cb(void *ctx, enum pass_outcome o);

/* m (taken) has identity, prefix and body.  cb comes once, from the loop. */
void pass(struct edge *e, struct mail *m, pass_cb *cb, void *ctx);
/* Before the queue is closed: what waits for hubs is answered PASS_AGAIN. */
void pass_close(struct edge *e);
#endif
