#include "common/svc/inbox.h"

#include "common/base/check.h"
#include <stdbool.h>
#include <stdlib.h>

struct inbox {
	uv_async_t wake;
	uv_mutex_t lock;
	struct inbox_item *first, **last;
	inbox_take_fn *take;
	void *ctx;
};

/* Hand over all that was there when we looked.  What `take` causes to be posted
 * meanwhile wakes us again. */
static void drain(struct inbox *in)
{
	struct inbox_item *item, *next;

	uv_mutex_lock(&in->lock);
	item = in->first;
	in->first = NULL;
	in->last = &in->first;
	uv_mutex_unlock(&in->lock);
	for (; item; item = next) {
		next = item->next;
		item->next = NULL;
		in->take(in->ctx, item);
	}
}

static void on_wake(uv_async_t *h)
{
	drain(h->data);
}

struct inbox *inbox_open(uv_loop_t *loop, inbox_take_fn *take, void *ctx)
{
	struct inbox *in = xcalloc(1, sizeof(*in));

	in->last = &in->first;
	in->take = take;
	in->ctx = ctx;
	CHECK(uv_mutex_init(&in->lock) == 0);
	CHECK(uv_async_init(loop, &in->wake, on_wake) == 0);
	in->wake.data = in;
	return in;
}

void inbox_post(struct inbox *in, struct inbox_item *item)
{
	bool was_empty;

	item->next = NULL;
	uv_mutex_lock(&in->lock);
	was_empty = in->first == NULL;
	*in->last = item;
	in->last = &item->next;
	/* Inside the lock: the loop may close the inbox once it has the item. */
	if (was_empty)
		uv_async_send(&in->wake);
	uv_mutex_unlock(&in->lock);
}

static void on_closed(uv_handle_t *h)
{
	struct inbox *in = h->data;

	uv_mutex_destroy(&in->lock);
	free(in);
}

void inbox_close(struct inbox **inp)
{
	struct inbox *in = *inp;

	*inp = NULL;
	if (in == NULL)
		return;
	while (in->first)
		drain(in);
	uv_close((uv_handle_t *)&in->wake, on_closed);
}

void inbox_unref(struct inbox *in)
{
	uv_unref((uv_handle_t *)&in->wake);
}

void inbox_ref(struct inbox *in)
{
	uv_ref((uv_handle_t *)&in->wake);
}
