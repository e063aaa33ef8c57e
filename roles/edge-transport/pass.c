#include "roles/edge-transport/pass.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/relay/hand.h"

#include <stdio.h>
#include <stdlib.h>

#define ENOUGH_MS 500		/* left, to ask another hub */

struct passing {
	struct list node;
	struct edge *edge;
	struct mail *mail;
	struct hold_id hold;
	struct hub_call *call;
	struct guid hub;
	char name[64];
	int64_t began_ms;		/* monotonic */
	size_t bytes;
	pass_cb *cb;
	void *ctx;
};

static void finish(struct passing *p, enum pass_outcome o, const char *who)
{
	struct edge *e = p->edge;

	list_del(&p->node);
	hold_drop(&p->hold);
	e->passing--;
	e->passing_bytes -= p->bytes;
	p->cb(p->ctx, o, who);
	mail_unref(&p->mail);
	free(p);
}

/* ---- into our queue ------------------------------------------------------------------ */

static void queued(void *ctx, enum err err)
{
	struct passing *p = ctx;

	switch (err) {
	case ERR_OK:
	case ERR_EXISTS:
		metric_add(p->edge->metrics, EDGE_QUEUED, 1);
		finish(p, PASS_QUEUED, "");
		break;
	case ERR_FULL:
		finish(p, PASS_FULL, "");
		break;
	default:
		finish(p, PASS_AGAIN, "");
		break;
	}
}

static void enqueue(struct passing *p)
{
	struct mail *m = p->mail;
	int64_t now = clock_wall_ms();

	for (size_t i = 0; i < m->n_rcpts; i++)
		m->rcpts[i].due_ms = now;
	queue_add(p->edge->relay.queue, m, now, queued, p);
}

/* ---- through to a hub ------------------------------------------------------------------ */

static bool offer(struct passing *p, const struct guid *not_this);

/* Nobody holds it: ask another hub while there is time. */
static void not_held(struct passing *p)
{
	struct guid first = p->hub;

	if (clock_mono_ms() - p->began_ms > PASS_HUB_MS - ENOUGH_MS || !offer(p, &first))
		enqueue(p);
}

static void held(struct passing *p)
{
	int64_t took = clock_mono_ms() - p->began_ms;

	metric_add(p->edge->metrics, EDGE_PASSED, 1);
	metric_observe(p->edge->metrics, EDGE_PASS_MS, took);
	track_add(p->edge->relay.track, clock_wall_ms(), "hand", p->mail, NULL, p->name);
	finish(p, PASS_HELD, p->name);
}

static void answered(void *ctx, enum err e, enum hand_verdict v, const char *detail)
{
	struct passing *p = ctx;

	p->call = NULL;
	hubs_answered(p->edge->hubs, &p->hub, p->mail);
	switch (e ? HAND_UNKNOWN : v) {
	case HAND_HELD:
		held(p);
		break;
	case HAND_REFUSED:
		finish(p, PASS_REFUSED, detail);
		break;
	case HAND_NOT_HELD:
		not_held(p);
		break;
	case HAND_UNKNOWN:	/* it may hold it: nobody else may be asked */
		give_note(p->mail, &p->hub, e, v, clock_wall_ms());
		hubs_silent(p->edge->hubs, &p->hub);
		enqueue(p);
		break;
	}
}

/* False: there is no hub to ask. */
static bool offer(struct passing *p, const struct guid *not_this)
{
	struct hubs *hubs = p->edge->hubs;
	struct arena a = { NULL, NULL };
	struct hand_content content;
	struct hubs_choice to;
	struct hand hand;
	int64_t left = PASS_HUB_MS - (clock_mono_ms() - p->began_ms);

	if (!hubs_choose(hubs, p->mail, not_this, &to))
		return false;
	hand_from_mail(p->mail, &a, &hand, &content);
	if (content.data) {
		p->hub = to.guid;
		snprintf(p->name, sizeof(p->name), "%s", to.name);
		hubs_given(hubs, &to.guid, p->mail);
		p->call = hub_accept(to.peer, &hand, &content, (unsigned)left, answered, p);
	}
	arena_fini(&a);
	return p->call != NULL;
}

void pass(struct edge *e, struct mail *m, pass_cb *cb, void *ctx)
{
	struct passing *p = xcalloc(1, sizeof(*p));

	p->edge = e;
	p->mail = m;
	p->cb = cb;
	p->ctx = ctx;
	p->began_ms = clock_mono_ms();
	p->bytes = m->data ? (size_t)m->size : 0;
	list_init(&p->node);
	list_add_tail(&e->passes, &p->node);
	e->passing++;
	e->passing_bytes += p->bytes;
	hold_add(&e->relay.hold, &p->hold, m->id.seq);
	if (!offer(p, NULL))
		enqueue(p);
}

void pass_close(struct edge *e)
{
	LIST_EACH (&e->passes, n) {
		struct passing *p = CONTAINER_OF(n, struct passing, node);

		if (!p->call)
			continue;	/* waits for the queue, which answers when it closes */
		hub_cancel(&p->call);
		finish(p, PASS_AGAIN, "");
	}
}
