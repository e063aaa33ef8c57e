#include "common/relay/give.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/list.h"
#include "common/relay/hand.h"

#include <stdio.h>
#include <stdlib.h>

#define AT_A_TIME 100		/* messages on their way */
#define SEND_MS	  60000
#define AGAIN_MS  10000
#define PART_MAX  200		/* recipients handed over at a time */
#define AWAY_MS	  INT64_C(600000) /* then a message may go to another server */

struct sending {
	struct list node;
	struct give *give;
	struct queue_item *item;
	struct hub_call *call;
	struct guid server;
	size_t n;			/* the first n recipients are handed over */
};

struct give {
	struct give_conf conf;
	struct list sendings;
	size_t n_sendings;
	bool taking;
	struct guid last;		/* server that got the last one: they take turns */
};

void give_note(struct mail *m, const struct guid *server, enum err e, enum hand_verdict v,
	       int64_t now_ms)
{
	m->offered_ms = now_ms;
	m->offered = *server;
	if (!e && v == HAND_NOT_HELD)
		m->offered = (struct guid){ { 0 } };
}

bool give_bound(struct relay *r, const struct mail *m, int64_t now_ms, struct rpc_peer **out)
{
	if (guid_is_null(&m->offered))
		return false;
	*out = rpc_find(member_rpc(r->member), &m->offered);
	return *out || now_ms - m->offered_ms < AWAY_MS;
}

static void finish(struct sending *s, const struct queue_result *res, int64_t now)
{
	queue_finish(s->give->conf.relay->queue, s->item, res, now, NULL, NULL);
	s->give->n_sendings--;
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
		mail_report(m, &m->rcpts[i], ACTION_FAILED, "5.3.4", detail, "");
		m->rcpts[i].due_ms = now;
	}
	all(s, QUEUE_MOVE, (struct queue_result){ .state = QUEUE_HOP_UP }, now);
}

static void held(struct sending *s, int64_t now)
{
	const struct give_conf *c = &s->give->conf;

	track_add(c->relay->track, now, "hand", s->item->mail, NULL, rpc_role_name(c->role));
	if (c->on_held)
		c->on_held(c->ctx, s->item->mail);
	all(s, QUEUE_GONE, (struct queue_result){ .state = QUEUE_HOP_UP }, now);
}

static void answered(void *ctx, enum err e, enum hand_verdict v, const char *detail)
{
	struct sending *s = ctx;
	int64_t now = clock_wall_ms();
	struct queue_result res = { .state = QUEUE_HOP_ASIS };

	s->call = NULL;
	give_note(s->item->mail, &s->server, e, v, now);
	switch (e ? HAND_UNKNOWN : v) {
	case HAND_HELD:
		held(s, now);
		break;
	case HAND_REFUSED:
		refused(s, detail, now);
		break;
	case HAND_NOT_HELD:
		res.error = "the other end takes nothing now";
		later(s, now + AGAIN_MS, res, now);
		break;
	case HAND_UNKNOWN:
		res.error = err_text(e);
		later(s, now + AGAIN_MS, res, now);
		break;
	}
}

/* The next server in turn. */
static struct rpc_peer *in_turn(struct give *g)
{
	struct rpc *rpc = member_rpc(g->conf.relay->member);
	struct rpc_peer *first = NULL, *next = NULL;
	bool passed = false;

	for (struct rpc_peer *p = rpc_next(rpc, NULL); p; p = rpc_next(rpc, p)) {
		if (rpc_peer_ident(p)->role != g->conf.role)
			continue;
		if (!first)
			first = p;
		if (passed && !next)
			next = p;
		passed |= guid_eq(&rpc_peer_ident(p)->guid, &g->last);
	}
	return next ? next : first;
}

static struct rpc_peer *choose(struct give *g, const struct mail *m, const char *name, int64_t now)
{
	struct rpc_peer *p;
	struct guid server;

	if (give_bound(g->conf.relay, m, now, &p))
		return p;
	if (name[0])
		return guid_parse(name, &server) ? NULL
			: rpc_find(member_rpc(g->conf.relay->member), &server);
	return g->conf.pick ? g->conf.pick(g->conf.ctx, m) : in_turn(g);
}

/* An end takes an identity once, so each set of recipients has its own. */
static struct guid part_origin(const struct mail *m, size_t n)
{
	struct guid o = m->id.origin;
	char purpose[32];

	for (size_t i = 0; i < n; i++) {
		snprintf(purpose, sizeof(purpose), "out-%u", (unsigned)m->rcpts[i].num);
		o = mail_derive(&o, purpose);
	}
	return o;
}

static void send_item(struct give *g, struct queue_item *it, int64_t now)
{
	struct sending *s = xcalloc(1, sizeof(*s));
	struct rpc_peer *p = choose(g, it->mail, it->hop.name, now);
	struct arena a = { NULL, NULL };
	struct hand hand;
	struct hand_content content;
	struct mail_id before;

	s->give = g;
	s->item = it;
	s->n = it->mail->n_rcpts;
	if (g->conf.by_parts && s->n > PART_MAX)
		s->n = PART_MAX;
	list_init(&s->node);
	list_add_tail(&g->sendings, &s->node);
	g->n_sendings++;
	if (!p) {
		later(s, now + g->conf.retry->message_ms,
		      (struct queue_result){ .error = "no server to give it to" }, now);
		return;
	}
	s->server = g->last = rpc_peer_ident(p)->guid;
	before = poison_begin(g->conf.relay->poison, &it->mail->id);
	hand_from_mail(it->mail, &a, &hand, &content);
	hand.n_rcpts = s->n;
	if (g->conf.by_parts)
		hand.origin = part_origin(it->mail, s->n);
	s->call = g->conf.call(p, &hand, &content, SEND_MS, answered, s);
	poison_end(g->conf.relay->poison, &before);
	arena_fini(&a);
}

static void took(void *ctx, struct queue_item **items, size_t n)
{
	struct give *g = ctx;
	int64_t now = clock_wall_ms();

	g->taking = false;
	for (size_t i = 0; i < n; i++)
		send_item(g, items[i], now);
}

void give_due(struct give *g, const struct queue_hop *hop)
{
	if (g->taking || g->n_sendings >= AT_A_TIME)
		return;
	g->taking = true;
	queue_take(g->conf.relay->queue, hop, AT_A_TIME - g->n_sendings, clock_wall_ms(), took, g);
}

struct give *give_new(const struct give_conf *conf)
{
	struct give *g = xcalloc(1, sizeof(*g));

	g->conf = *conf;
	list_init(&g->sendings);
	return g;
}

void give_free(struct give **gp)
{
	struct give *g = *gp;

	*gp = NULL;
	if (!g)
		return;
	LIST_EACH (&g->sendings, n) {
		struct sending *s = CONTAINER_OF(n, struct sending, node);

		hub_cancel(&s->call);
		list_del(&s->node);
		queue_item_free(&s->item);
		free(s);
	}
	free(g);
}
