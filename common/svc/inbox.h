#ifndef SVC_INBOX_H
#define SVC_INBOX_H
/*
 * inbox - messages from threads to the loop
 *
 * Any thread posts; the loop takes all that has come, oldest first, and hands
 * each to `take`.  Items are embedded in the sender's message, so posting
 * allocates nothing and cannot fail; whoever makes messages bounds their number.
 *
 * inbox_close() is called on the loop once no thread posts any more (they are
 * joined); what is still inside is handed to `take` before it returns.
 */
#include <uv.h>

struct inbox;

struct inbox_item {
	struct inbox_item *next;	/* private */
};

typedef void inbox_take_fn(void *ctx, struct inbox_item *item);

struct inbox *inbox_open(uv_loop_t *loop, inbox_take_fn *take, void *ctx);
void inbox_post(struct inbox *in, struct inbox_item *item);	/* any thread */
void inbox_close(struct inbox **in);	/* *in may be NULL */

/* An inbox keeps its loop running, unless told that nothing is expected. */
void inbox_unref(struct inbox *in);
void inbox_ref(struct inbox *in);
#endif
