#include "tests/unit/hub-transport/fake_store.h"

#include "common/replica/links.h"

#include <assert.h>
#include <string.h>

struct fake_store *fake_store(void)
{
	static struct fake_store s;

	return &s;
}

void fake_answer(size_t i, enum err e, enum err status)
{
	struct fake_call *c = &fake_store()->call[i];
	struct store_delivered r[16] = { { 0 } };

	assert(i < fake_store()->n && !c->cancelled && !c->answered);
	c->answered = true;
	for (size_t k = 0; k < c->n_to; k++)
		r[k].status = status;
	c->cb(c->ctx, e, r, e ? 0 : c->n_to);
}

struct api_call *store_deliver(const struct store_at *at, const struct store_deliver *d,
			       const void *content, unsigned timeout_ms,
			       void (*writable)(void *ctx), store_deliver_cb *cb, void *ctx)
{
	struct fake_store *s = fake_store();
	struct fake_call *c = &s->call[s->n++];

	(void)at;
	(void)timeout_ms;
	(void)writable;
	assert(s->n < FAKE_CALLS && d->n_to <= 16);
	*c = (struct fake_call){ .origin = d->origin, .seq = d->seq, .n_to = d->n_to, .cb = cb,
				 .ctx = ctx };
	for (size_t i = 0; i < d->n_to; i++)
		c->to[i] = d->to[i].mailbox;
	if (content)
		memcpy(c->content, content, d->size < 63 ? d->size : 63);
	return (struct api_call *)(void *)c;
}

void api_cancel(struct api_call **c)
{
	if (*c)
		((struct fake_call *)(void *)*c)->cancelled = true;
	*c = NULL;
}

size_t store_append_room(const struct api_call *c)
{
	(void)c;
	return 0;
}

void store_append_data(struct api_call *c, const void *p, size_t n)
{
	(void)c;
	(void)p;
	(void)n;
}

struct rpc_peer *links_to_database(struct links *l, const struct guid *database)
{
	(void)database;
	return fake_store()->down ? NULL : (struct rpc_peer *)(void *)l;
}

bool rpc_peer_is_up(const struct rpc_peer *p)
{
	return p != NULL;
}
