#include "roles/edge-transport/pass.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/relay/hand.h"
#include "common/rpc/rpc.h"
#include "roles/edge-transport/edge.h"

#include <stdlib.h>

#define SOON_MS 2000	/* before the queue's first try: the hub just failed */

struct pass {
	struct list node;
	struct edge *edge;
	struct mail *mail;
	struct hold_id hold;
	struct hub_call *call;
	struct guid hub;
	size_t bytes;
	pass_cb *cb;
	void *ctx;
};

static void finish(struct pass *p, enum pass_outcome o)
{
	struct edge *e = p->edge;
	pass_cb *cb = p->cb;
	void *ctx = p->ctx;

	list_del(&p->node);
	hold_drop(&p->hold);
	e->passing--;
	e->passing_bytes -= p->bytes;
	mail_unref(&p->mail);
	free(p);
	cb(ctx, o);
}

static void queued(void *ctx, enum err e)
{
	struct pass *p = ctx;
	enum pass_outcome o = PASS_AGAIN;

	if (e == ERR_OK || e == ERR_EXISTS)
		o = PASS_DONE;
	else if (e == ERR_FULL)
		o = PASS_FULL;
	if (o == PASS_DONE)
		metric_add(p->edge->metrics, EDGE_QUEUED, 1);
	finish(p, o);
}

static void enqueue(struct pass *p, int64_t due)
{
	int64_t now = clock_wall_ms();

	for (size_t i = 0; i < p->mail->n_rcpts; i++)
		p->mail->rcpts[i].due_ms = due;
	queue_add(p->edge->relay.queue, p->mail, now, queued, p);
}

static void refused(struct pass *p, const char *detail)
{
	struct mail *m = p->mail;

	for (size_t i = 0; i < m->n_rcpts; i++)
		mail_report(m, &m->rcpts[i], ACTION_FAILED, "5.3.4", detail, "");
	enqueue(p, clock_wall_ms());
}

static void answered(void *ctx, enum err e, enum hand_verdict v, const char *detail)
{
	struct pass *p = ctx;
	struct edge *edge = p->edge;
	int64_t now = clock_wall_ms();

	p->call = NULL;
	hubs_answered(edge->hubs, &p->hub, p->mail->size);
	switch (e ? HAND_UNKNOWN : v) {
	case HAND_HELD:
		track_add(edge->relay.track, now, "hand", p->mail, NULL, "hub, passed through");
		metric_add(edge->metrics, EDGE_PASSED, 1);
		finish(p, PASS_DONE);
		return;
	case HAND_REFUSED:
		refused(p, detail);
		return;
	case HAND_UNKNOWN:
	case HAND_NOT_HELD:
		give_note(p->mail, &p->hub, e, v, now);
		enqueue(p, now + SOON_MS);
		return;
	}
}

void pass(struct edge *e, struct mail *m, pass_cb *cb, void *ctx)
{
	struct pass *p = xcalloc(1, sizeof(*p));
	struct rpc_peer *peer;
	struct arena a = { NULL, NULL };
	struct hand hand;
	struct hand_content content;

	p->edge = e;
	p->mail = m;
	p->cb = cb;
	p->ctx = ctx;
	p->bytes = m->data ? (size_t)m->size : 0;
	list_init(&p->node);
	list_add_tail(&e->passes, &p->node);
	hold_add(&e->relay.hold, &p->hold, m->id.seq);
	e->passing++;
	e->passing_bytes += p->bytes;
	/* A long one takes its time to cross: the client must not wait for that. */
	peer = m->data ? hubs_pick(e->hubs, member_rpc(e->relay.member), m->size) : NULL;
	if (!peer) {
		enqueue(p, clock_wall_ms());
		return;
	}
	p->hub = rpc_peer_ident(peer)->guid;
	hubs_given(e->hubs, &p->hub, m->size);
	hand_from_mail(m, &a, &hand, &content);
	p->call = hub_accept(peer, &hand, &content, PASS_HUB_MS, answered, p);
	arena_fini(&a);
}

void pass_close(struct edge *e)
{
	LIST_EACH (&e->passes, n) {
		struct pass *p = CONTAINER_OF(n, struct pass, node);

		if (!p->call)
			continue;	/* waits for the queue, which answers when it closes */
		hub_cancel(&p->call);
		finish(p, PASS_AGAIN);
	}
}
