/* rpc - store.watch: what front ends watch comes up, hints go down */
#include "common/rpc/rpc.h"

#include "common/base/check.h"
#include "gen/store.pb-c.h"
#include "roles/mailbox/methods.h"
#include "roles/mailbox/watch.h"
#include <stdlib.h>
#include <uv.h>

enum { HINTS = 500, HINT_BYTES = 40 };	/* in a chunk; each at most */

struct feed {
	struct watch_feed f;		/* first */
	struct rpc_request *rq;		/* NULL: the caller is gone */
	uv_timer_t digest;
	bool pumping;
};

static size_t gather(struct feed *d, Store__WatchHint *hint, Store__WatchHint **list, size_t max)
{
	struct watch *w;
	size_t n = 0;

	while (n < max && (w = watch_next_due(&d->f)) != NULL) {
		store__watch_hint__init(&hint[n]);
		hint[n].id = w->id;
		hint[n].epoch = w->epoch;
		hint[n].cn = w->told;
		hint[n].status = w->status;
		list[n] = &hint[n];
		n++;
		watch_is_told(w);
	}
	return n;
}

/* One chunk; false: nothing is due, or the caller gives no credit. */
static bool send_hints(struct feed *d)
{
	Store__WatchHint hint[HINTS], *list[HINTS];
	Store__WatchHints all = STORE__WATCH_HINTS__INIT;
	uint8_t packed[HINTS * HINT_BYTES];
	size_t credit = rpc_credit(d->rq), max = credit / HINT_BYTES;

	if (max == 0 || watch_next_due(&d->f) == NULL)
		return false;
	all.hints = list;
	all.n_hints = gather(d, hint, list, max < HINTS ? max : HINTS);
	CHECK(store__watch_hints__get_packed_size(&all) <= sizeof(packed));
	rpc_send_chunk(d->rq, packed, store__watch_hints__pack(&all, packed));
	return true;
}

static void pump(struct watch_feed *f)
{
	struct feed *d = CONTAINER_OF(f, struct feed, f);

	if (d->rq == NULL || d->pumping)
		return;
	d->pumping = true;
	while (send_hints(d))
		;
	d->pumping = false;
}

static void on_credit(struct rpc_request *rq)
{
	pump(&((struct feed *)rq->data)->f);
}

static void on_digest(uv_timer_t *t)
{
	watch_digest(&((struct feed *)t->data)->f);
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

static void on_gone(struct rpc_request *rq)
{
	struct feed *d = rq->data;

	d->rq = NULL;
	watch_feed_fini(&d->f);
	uv_close((uv_handle_t *)&d->digest, on_closed);
}

static void on_edit(struct rpc_request *rq, const void *p, size_t n, bool last)
{
	struct feed *d = rq->data;
	Store__WatchEdit *edit = store__watch_edit__unpack(NULL, n, p);

	(void)last;
	if (edit) {
		for (size_t i = 0; i < edit->n_drop; i++)
			watch_drop(&d->f, edit->drop[i]);
		for (size_t i = 0; i < edit->n_add; i++) {
			const Store__WatchAdd *a = edit->add[i];
			struct guid g = { { 0 } };

			/* One that is no GUID is nobody's: it is told so. */
			if (guid_from(a->mailbox.data, a->mailbox.len, &g) != ERR_OK)
				g = (struct guid){ { 0 } };
			watch_add(&d->f, a->id, &g, a->since_cn);
		}
		store__watch_edit__free_unpacked(edit, NULL);
	}
	rpc_grant(rq, n);
	pump(&d->f);
}

RPC_HANDLER(watch_call, Store__WatchReq)
static void watch_call(struct rpc_request *rq, const Store__WatchReq *in)
{
	struct role *st = rq->role;
	struct feed *d = xcalloc(1, sizeof(*d));

	(void)in;
	watch_feed_init(&d->f, st);
	d->f.pump = pump;
	d->rq = rq;
	d->digest.data = d;
	CHECK(uv_timer_init(st->loop, &d->digest) == 0);
	uv_timer_start(&d->digest, on_digest, WATCH_DIGEST_MS, WATCH_DIGEST_MS);
	rq->data = d;
	rq->on_chunk = on_edit;
	rq->on_credit = on_credit;
	rq->on_gone = on_gone;
}

const struct rpc_method watch_methods[] = {
	{ "store.watch", watch_call_thunk, &store__watch_req__descriptor, RPC_CAS | RPC_UM,
	  RPC_UPLOAD, 256 },
};
const size_t watch_n_methods = sizeof(watch_methods) / sizeof(watch_methods[0]);
