#ifndef HUB_CARRY_H
#define HUB_CARRY_H
/*
 * carry - from a message that was received to "it is durable"
 *
 * The message is categorised.  If all of its recipients live in mailbox
 * databases, the stores are asked at once, for CARRY_STORE_MS at most: when all
 * of them have committed, nothing is written here.  Otherwise, or for those who
 * are left, the queue takes it under the same identity.
 */
#include "roles/hub-transport/hub.h"

#define CARRY_STORE_MS 1200

enum carry_outcome {
	CARRY_DONE,	/* durable: answer 250 */
	CARRY_AGAIN,	/* not taken: 451 */
	CARRY_FULL,	/* not taken: 452 4.3.1 */
};
typedef void carry_cb(void *ctx, enum carry_outcome o);

/* m (taken) has identity, prefix and body.  relay: it may go anywhere.  cb comes
 * once, perhaps from inside the call. */
void carry(struct hub *h, struct mail *m, bool relay, carry_cb *cb, void *ctx);

/* Categorise an item of HOP_SUBMIT; takes it. */
void carry_item(struct hub *h, struct queue_item *it);

/* Before the queue is closed: what waits for stores is answered CARRY_AGAIN. */
void carry_close(struct hub *h);
#endif
