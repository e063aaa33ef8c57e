#include "roles/hub-transport/carry.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/smtp/command.h"
#include "roles/hub-transport/behalf.h"
#include "roles/hub-transport/deliver.h"
#include "roles/hub-transport/resolve.h"

#include <stdlib.h>
#include <string.h>

#define STEP_AT_ONCE 300	/* entries resolved while the client waits */
#define STEP_A_TURN  300	/* ... and in one turn of the loop, from the queue */
#define MAX_STORES   8		/* databases asked at a time for one message */
#define SOON_MS	     10000
#define LOST_TRIES   5

struct carry {
	struct list node;
	struct hub *hub;
	struct mail *mail;		/* resolved */
	struct hold_id hold;
	carry_cb *cb;
	void *ctx;
	size_t bytes;
	unsigned pending;		/* stores asked and not answered */
	unsigned n_asks;
	struct ask {
		struct carry *carry;
		struct drop *drop;
		uint32_t *which;
		size_t n;
	} asks[MAX_STORES];
	bool *done;			/* per recipient */
	bool begun;			/* all are asked */
};

static void finish(struct carry *c, enum carry_outcome o)
{
	struct hub *h = c->hub;
	carry_cb *cb = c->cb;
	void *ctx = c->ctx;

	list_del(&c->node);
	if (o != CARRY_DONE)
		metric_add(h->metrics, HUB_REFUSED, 1);
	hold_drop(&c->hold);
	h->carried--;
	h->carried_bytes -= c->bytes;
	for (unsigned i = 0; i < c->n_asks; i++)
		free(c->asks[i].which);
	free(c->done);
	mail_unref(&c->mail);
	free(c);
	cb(ctx, o);
}

/* ---- into the queue ---------------------------------------------------------------- */

static void queued(void *ctx, enum err e)
{
	struct carry *c = ctx;
	enum carry_outcome o = CARRY_AGAIN;

	if (e == ERR_OK || e == ERR_EXISTS)
		o = CARRY_DONE;
	else if (e == ERR_FULL)
		o = CARRY_FULL;
	if (o == CARRY_DONE) {
		metric_add(c->hub->metrics, HUB_QUEUED, 1);
		poison_forget(c->hub->relay.poison, &c->mail->id);
	}
	finish(c, o);
}

static void enqueue(struct carry *c)
{
	queue_add(c->hub->relay.queue, c->mail, clock_wall_ms(), queued, c);
}

/* ---- through to the stores ----------------------------------------------------------- */

/* The recipients that are left, in a mail of their own: this one may still be on
 * its way somewhere. */
static void enqueue_rest(struct carry *c)
{
	struct mail *rest = mail_split(c->mail);

	for (size_t i = 0; i < c->mail->n_rcpts; i++)
		if (!c->done[i])
			mail_add_copy(rest, &c->mail->rcpts[i]);
	mail_unref(&c->mail);
	c->mail = rest;
	if (rest->n_rcpts > 0) {
		enqueue(c);
		return;
	}
	metric_add(c->hub->metrics, HUB_PASSED, 1);
	finish(c, CARRY_DONE);
}

static void note_delivered(struct carry *c, uint32_t i, int64_t now)
{
	struct mail_rcpt *r = &c->mail->rcpts[i];

	track_add(c->hub->relay.track, now, "deliver", c->mail, r, "passed through");
	metric_add(c->hub->metrics, HUB_DELIVERED, 1);
	if (r->notify & SMTP_NOTIFY_SUCCESS)
		mail_report(c->mail, r, ACTION_DELIVERED, "2.1.5", "delivered", "");
	else
		c->done[i] = true;
}

static void note(struct carry *c, uint32_t i, enum drop_result result, int64_t now)
{
	struct mail_rcpt *r = &c->mail->rcpts[i];

	r->due_ms = now;
	switch (result) {
	case DROP_DONE:
		note_delivered(c, i, now);
		break;
	case DROP_AGAIN:
		r->due_ms = now + SOON_MS;
		break;
	case DROP_UNKNOWN:	/* it may be on its way here: look it up again */
		r->due_ms = now + SOON_MS;
		r->tries = 1;
		mail_route(c->mail, r, HOP_SUBMIT, "");
		break;
	case DROP_FULL:
		mail_report(c->mail, r, ACTION_FAILED, "5.2.2", "mailbox full", "");
		break;
	case DROP_REFUSED:
		mail_report(c->mail, r, ACTION_FAILED, "5.3.0", "refused by the mailbox store", "");
		break;
	}
}

static void asked(void *ctx, const enum drop_result *results, size_t n, bool away)
{
	struct ask *a = ctx;
	struct carry *c = a->carry;
	int64_t now = clock_wall_ms();

	(void)away;
	a->drop = NULL;
	for (size_t i = 0; i < n; i++)
		note(c, a->which[i], results[i], now);
	if (--c->pending == 0 && c->begun)
		enqueue_rest(c);
}

/* All recipients with this one's database. */
static size_t same_database(struct carry *c, size_t first, bool *taken, uint32_t *which)
{
	size_t n = 0;

	for (size_t i = first; i < c->mail->n_rcpts; i++) {
		if (taken[i] || strcmp(c->mail->rcpts[i].hop, c->mail->rcpts[first].hop) != 0)
			continue;
		if (n == DROP_MAX_RCPTS)
			return 0;	/* too many for now: the queue's business */
		taken[i] = true;
		which[n++] = (uint32_t)i;
	}
	return n;
}

static bool all_local(const struct mail *m)
{
	for (size_t i = 0; i < m->n_rcpts; i++)
		if (m->rcpts[i].kind != HOP_DATABASE)
			return false;
	return m->n_rcpts <= DROP_MAX_RCPTS && m->data && m->size <= RPC_CHUNK;
}

static void ask(struct carry *c, size_t first, bool *taken)
{
	struct ask *a = &c->asks[c->n_asks++];
	struct guid db;

	a->carry = c;
	a->which = xcalloc(c->mail->n_rcpts - first, sizeof(*a->which));
	a->n = same_database(c, first, taken, a->which);
	if (a->n == 0 || guid_parse(c->mail->rcpts[first].hop, &db))
		return;
	a->drop = drop_send(c->hub, c->mail, &db, a->which, a->n, CARRY_STORE_MS, asked, a);
	c->pending += a->drop != NULL;
}

static void pass_through(struct carry *c)
{
	size_t n = c->mail->n_rcpts;
	bool *taken = xcalloc(n, sizeof(*taken));

	c->done = xcalloc(n, sizeof(*c->done));
	for (size_t i = 0; i < n && c->n_asks < MAX_STORES; i++)
		if (!taken[i])
			ask(c, i, taken);
	free(taken);
	c->begun = true;
	if (c->pending == 0)
		enqueue_rest(c);
}

/* ---- the beginning --------------------------------------------------------------------- */

static const struct rcptcache_entry *look_up(struct hub *h, const char *address)
{
	struct arena a = { NULL, NULL };
	struct object *o;

	if (replica_by_address(member_replica(h->relay.member), address, &a, &o) == ERR_OK)
		rcptcache_put(h->cache, address, o);
	arena_fini(&a);
	return rcptcache_get(h->cache, address);
}

/* One recipient that is a plain mailbox: no need of the categoriser. */
static struct mail *by_cache(struct hub *h, struct mail *m, int64_t now)
{
	struct mail_rcpt *r = &m->rcpts[0];
	const struct rcptcache_entry *e;

	if (m->n_rcpts != 1)
		return NULL;
	e = rcptcache_get(h->cache, r->address);
	if (!e)
		e = look_up(h, r->address);
	if (!e)
		return NULL;
	r->target = e->mailbox;
	r->due_ms = now;
	mail_route(m, r, HOP_DATABASE, e->database);
	return mail_ref(m);
}

/* Resolved, or as it was for HOP_SUBMIT if that takes longer. */
static struct mail *resolved(struct hub *h, struct mail *m, bool relay, int64_t now)
{
	struct resolve *rs;
	struct mail *out;

	if (behalf_is_copy(m))		/* it knows where it goes */
		return mail_ref(m);
	out = by_cache(h, m, now);
	if (out)
		return out;
	rs = resolve_new(member_replica(h->relay.member), hub_route(h), m, relay, now);
	if (!resolve_step(rs, STEP_AT_ONCE)) {
		resolve_free(&rs);
		for (size_t i = 0; i < m->n_rcpts; i++)
			m->rcpts[i].due_ms = now;
		return mail_ref(m);
	}
	out = resolve_take(rs);
	resolve_free(&rs);
	return out;
}

void carry(struct hub *h, struct mail *m, bool relay, carry_cb *cb, void *ctx)
{
	struct carry *c = xcalloc(1, sizeof(*c));
	int64_t now = clock_wall_ms();
	struct mail_id before;

	list_init(&c->node);
	list_add_tail(&h->carries, &c->node);
	c->hub = h;
	c->cb = cb;
	c->ctx = ctx;
	c->bytes = m->data ? (size_t)m->size : 0;
	h->carried++;
	h->carried_bytes += c->bytes;
	list_init(&c->hold.node);
	if (guid_eq(&m->id.origin, queue_instance(h->relay.queue)))
		hold_add(&h->relay.hold, &c->hold, m->id.seq);
	if (!guid_eq(&m->id.origin, &m->root))
		queue_note_derived(h->relay.queue, &m->root, &m->id.origin);
	if (relay)
		m->flags |= MAIL_AUTHENTICATED;
	before = poison_begin(h->relay.poison, &m->id);
	if (poison_divert(h->relay.poison, m))
		c->mail = mail_ref(m);
	else
		c->mail = resolved(h, m, relay, now);
	if (!c->mail)
		finish(c, CARRY_DONE);
	else if (all_local(c->mail))
		pass_through(c);
	else
		enqueue(c);
	poison_end(h->relay.poison, &before);
	mail_unref(&m);
}

/* ---- from the queue ---------------------------------------------------------------------- */

struct again {
	struct list node;
	struct hub *hub;
	struct queue_item *item;
	struct resolve *rs;
	uv_idle_t idle;
};

static void again_closed(uv_handle_t *h)
{
	free(CONTAINER_OF((uv_idle_t *)(void *)h, struct again, idle));
}

static void again_end(struct again *a)
{
	list_del(&a->node);
	resolve_free(&a->rs);
	uv_close((uv_handle_t *)&a->idle, again_closed);
}

/* A mailbox that no database admits to have is looked for some minutes: it may be
 * moving, or newly made.  Then its sender is told. */
static void give_up_lost(const struct queue_item *it, struct mail *out)
{
	uint32_t tries = 0;

	for (size_t i = 0; i < it->mail->n_rcpts; i++)
		if (it->mail->rcpts[i].action == ACTION_NONE && it->mail->rcpts[i].tries > tries)
			tries = it->mail->rcpts[i].tries;
	for (size_t i = 0; i < out->n_rcpts; i++) {
		struct mail_rcpt *r = &out->rcpts[i];

		if (r->kind != HOP_SUBMIT)	/* there it is a depth: resolve.c */
			r->tries = r->kind == HOP_DATABASE ? tries : 0;
		if (r->kind == HOP_DATABASE && tries > LOST_TRIES)
			mail_report(out, r, ACTION_FAILED, "5.1.1", "mailbox not found", "");
	}
}

static void on_idle(uv_idle_t *idle)
{
	struct again *a = CONTAINER_OF(idle, struct again, idle);
	struct queue_item *it = a->item;
	struct queue_result res = { .state = QUEUE_HOP_UP };
	struct mail *out;
	enum queue_verdict *gone = NULL;
	struct mail_id before = poison_begin(a->hub->relay.poison, &it->mail->id);
	bool all = resolve_step(a->rs, STEP_A_TURN);

	out = all ? resolve_take(a->rs) : NULL;
	if (out)
		give_up_lost(it, out);
	poison_end(a->hub->relay.poison, &before);
	if (!all)
		return;
	if (!out)
		res.verdicts = gone = xcalloc(it->mail->n_rcpts, sizeof(*gone));
	res.replace = out;
	queue_finish(a->hub->relay.queue, it, &res, clock_wall_ms(), NULL, NULL);
	mail_unref(&out);
	free(gone);
	again_end(a);
}

void carry_item(struct hub *h, struct queue_item *it)
{
	struct again *a = xcalloc(1, sizeof(*a));
	struct mail_id before;

	a->hub = h;
	a->item = it;
	before = poison_begin(h->relay.poison, &it->mail->id);
	a->rs = resolve_new(member_replica(h->relay.member), hub_route(h), it->mail,
			    (it->mail->flags & MAIL_AUTHENTICATED) != 0, clock_wall_ms());
	poison_end(h->relay.poison, &before);
	list_init(&a->node);
	list_add_tail(&h->agains, &a->node);
	CHECK(uv_idle_init(h->loop, &a->idle) == 0);
	uv_idle_start(&a->idle, on_idle);
}

/* ---- the end ------------------------------------------------------------------------------ */

void carry_close(struct hub *h)
{
	LIST_EACH (&h->agains, n) {
		struct again *a = CONTAINER_OF(n, struct again, node);

		queue_release(h->relay.queue, a->item);
		again_end(a);
	}
	LIST_EACH (&h->carries, n) {
		struct carry *c = CONTAINER_OF(n, struct carry, node);

		if (c->pending == 0)
			continue;	/* waits for the queue, which answers when it closes */
		for (unsigned i = 0; i < c->n_asks; i++)
			drop_cancel(&c->asks[i].drop);
		finish(c, CARRY_AGAIN);
	}
}
