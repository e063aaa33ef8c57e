#include "roles/hub-transport/edges.h"

#include "common/api/hub.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/list.h"
#include "common/relay/hand.h"
#include "common/relay/stamp.h"
#include "roles/hub-transport/carry.h"
#include "roles/hub-transport/hub.h"

#include <stdio.h>
#include <stdlib.h>

#define AT_A_TIME  100		/* messages on their way to edges */
#define SEND_MS	   60000
#define AGAIN_MS   10000
#define PART_MAX   200		/* recipients handed over at a time */
#define AWAY_MS	   INT64_C(600000) /* then a message may go to another edge */

struct sending {
	struct list node;
	struct edges *edges;
	struct queue_item *item;
	struct hub_call *call;
	struct guid edge;
	size_t n;			/* the first n recipients are handed over */
};

struct edges {
	struct hub *hub;
	struct list sendings;
	size_t n_sendings;
	bool taking;
	struct guid last;		/* edge that got the last one: they take turns */
};

/* ---- taking mail from edges ----------------------------------------------------------- */

static void offered(void *ctx, enum err e)
{
	(void)ctx;
	(void)e;
}

/* The call needs no handle: nobody waits for the answer, and a connection that
 * goes takes it along. */
static void offer(struct hub *h, struct rpc_peer *p)
{
	size_t bytes = h->carried_bytes < HUB_CARRY_MAX_BYTES
		? HUB_CARRY_MAX_BYTES - h->carried_bytes : 0;
	size_t n = h->carried < HUB_CARRY_MAX ? HUB_CARRY_MAX - h->carried : 0;

	if (hub_is_low(h))
		n = bytes = 0;
	(void)edge_offer(p, (unsigned)n, bytes, offered, NULL);
}

static bool is_edge(const struct rpc_peer *p)
{
	return rpc_peer_ident(p)->role == RPC_EDGE;
}

void edges_tick(struct edges *e)
{
	struct rpc *rpc = member_rpc(e->hub->relay.member);

	for (struct rpc_peer *p = rpc_next(rpc, NULL); p; p = rpc_next(rpc, p))
		if (is_edge(p))
			offer(e->hub, p);
}

void edges_peer(struct edges *e, struct rpc_peer *p, bool up)
{
	if (!up || !is_edge(p))
		return;
	offer(e->hub, p);
	queue_kick(e->hub->relay.queue, HOP_EDGE, NULL, clock_wall_ms());
}

static void carried(void *ctx, enum carry_outcome o)
{
	relay_hand_answer(ctx, o == CARRY_DONE ? HAND_HELD : HAND_NOT_HELD, NULL);
}

static void accepted(void *ctx, struct relay_hand *rh, struct mail *m)
{
	struct hub *h = ctx;
	const struct stamp_trace t = { .helo = "edge", .by = h->conf->hostname,
				       .protocol = "BUS", .now_ms = clock_wall_ms() };

	m->flags &= ~(unsigned)(MAIL_AUTHENTICATED | MAIL_SUSPENDED);
	stamp_received(m, &t);
	metric_add(h->metrics, HUB_ACCEPTED, 1);
	carry(h, m, false, carried, rh);
}

void edges_accept(struct hub *h, struct rpc_request *rq, const void *body)
{
	if (hub_is_low(h)) {
		rpc_fail(rq, ERR_LIMIT);
		return;
	}
	relay_hand_take(rq, body, h->relay.spool, (uint64_t)hub_route(h)->max_message * 2,
			accepted, h);
}

/* ---- giving mail to edges -------------------------------------------------------------- */

static void finish(struct sending *s, const struct queue_result *res, int64_t now)
{
	queue_finish(s->edges->hub->relay.queue, s->item, res, now, NULL, NULL);
	s->edges->n_sendings--;
	list_del(&s->node);
	free(s);
}

/* The same for all that were handed over; the others are as they were. */
static void all(struct sending *s, enum queue_verdict v, struct queue_result res, int64_t now)
{
	size_t n = s->item->mail->n_rcpts;
	enum queue_verdict *vs = xcalloc(n, sizeof(*vs));

	for (size_t i = 0; i < n; i++)
		vs[i] = i < s->n ? v : QUEUE_RETRY;
	res.verdicts = vs;
	finish(s, &res, now);
	free(vs);
}

static void later(struct sending *s, int64_t due, struct queue_result res, int64_t now)
{
	struct mail *m = s->item->mail;

	for (size_t i = 0; i < s->n; i++)
		m->rcpts[i].due_ms = due;
	all(s, QUEUE_RETRY, res, now);
}

static void refused(struct sending *s, const char *detail, int64_t now)
{
	struct mail *m = s->item->mail;

	for (size_t i = 0; i < s->n; i++) {
		mail_report(m, &m->rcpts[i], ACTION_FAILED, "5.0.0", detail, "");
		m->rcpts[i].due_ms = now;
	}
	all(s, QUEUE_MOVE, (struct queue_result){ .state = QUEUE_HOP_UP }, now);
}

static void answered(void *ctx, enum err e, enum hand_verdict v, const char *detail)
{
	struct sending *s = ctx;
	struct hub *h = s->edges->hub;
	struct mail *m = s->item->mail;
	int64_t now = clock_wall_ms();
	struct queue_result up = { .state = QUEUE_HOP_UP };

	s->call = NULL;
	m->offered_ms = now;
	m->offered = s->edge;
	switch (e ? HAND_UNKNOWN : v) {
	case HAND_HELD:
		track_add(h->relay.track, now, "hand", m, NULL, "edge");
		metric_add(h->metrics, HUB_SENT, 1);
		all(s, QUEUE_GONE, up, now);
		break;
	case HAND_REFUSED:
		refused(s, detail, now);
		break;
	case HAND_NOT_HELD:
		m->offered = (struct guid){ { 0 } };
		up.error = "edge takes nothing now";
		later(s, now + h->retry.message_ms, up, now);
		break;
	case HAND_UNKNOWN:
		up.state = QUEUE_HOP_ASIS;
		up.error = err_text(e);
		later(s, now + AGAIN_MS, up, now);
		break;
	}
}

/* The edge this one may go to now, or NULL: one that may have it already first. */
static struct rpc_peer *choose(struct edges *e, const struct mail *m, const char *name,
			       int64_t now)
{
	struct rpc *rpc = member_rpc(e->hub->relay.member);
	struct rpc_peer *first = NULL, *next = NULL, *p;
	bool passed = false;
	struct guid g;

	if (!guid_is_null(&m->offered)) {
		p = rpc_find(rpc, &m->offered);
		if (p || now - m->offered_ms < AWAY_MS)
			return p;
	}
	if (name[0])
		return guid_parse(name, &g) ? NULL : rpc_find(rpc, &g);
	for (p = rpc_next(rpc, NULL); p; p = rpc_next(rpc, p)) {
		if (!is_edge(p))
			continue;
		if (!first)
			first = p;
		if (passed && !next)
			next = p;
		passed |= guid_eq(&rpc_peer_ident(p)->guid, &e->last);
	}
	return next ? next : first;
}

/* A message's recipients may leave at different times, and an edge takes an
 * identity once: so each set of them has its own, derived from the message's. */
static struct guid part_origin(const struct mail *m, size_t n)
{
	struct guid g = m->id.origin;
	char purpose[32];

	for (size_t i = 0; i < n; i++) {
		snprintf(purpose, sizeof(purpose), "out-%u", (unsigned)m->rcpts[i].num);
		g = mail_derive(&g, purpose);
	}
	return g;
}

static void send_item(struct edges *e, struct queue_item *it, int64_t now)
{
	struct sending *s = xcalloc(1, sizeof(*s));
	struct rpc_peer *p = choose(e, it->mail, it->hop.name, now);
	struct arena a = { NULL, NULL };
	struct hand hand;
	struct hand_content content;

	s->edges = e;
	s->item = it;
	s->n = it->mail->n_rcpts < PART_MAX ? it->mail->n_rcpts : PART_MAX;
	list_init(&s->node);
	list_add_tail(&e->sendings, &s->node);
	e->n_sendings++;
	if (!p) {
		later(s, now + e->hub->retry.message_ms,
		      (struct queue_result){ .error = "no edge is connected" }, now);
		return;
	}
	s->edge = e->last = rpc_peer_ident(p)->guid;
	hand_from_mail(it->mail, &a, &hand, &content);
	hand.n_rcpts = s->n;
	hand.origin = part_origin(it->mail, s->n);
	s->call = edge_send(p, &hand, &content, SEND_MS, answered, s);
	arena_fini(&a);
}

static void took(void *ctx, struct queue_item **items, size_t n)
{
	struct edges *e = ctx;
	int64_t now = clock_wall_ms();

	e->taking = false;
	for (size_t i = 0; i < n; i++)
		send_item(e, items[i], now);
}

void edges_due(struct edges *e, const struct queue_hop *hop)
{
	if (e->taking || e->n_sendings >= AT_A_TIME)
		return;
	e->taking = true;
	queue_take(e->hub->relay.queue, hop, AT_A_TIME - e->n_sendings, clock_wall_ms(), took, e);
}

struct edges *edges_new(struct hub *h)
{
	struct edges *e = xcalloc(1, sizeof(*e));

	e->hub = h;
	list_init(&e->sendings);
	return e;
}

void edges_free(struct edges **ep)
{
	struct edges *e = *ep;

	*ep = NULL;
	if (!e)
		return;
	LIST_EACH (&e->sendings, n) {
		struct sending *s = CONTAINER_OF(n, struct sending, node);

		hub_cancel(&s->call);
		list_del(&s->node);
		queue_item_free(&s->item);
		free(s);
	}
	free(e);
}
