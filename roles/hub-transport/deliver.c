/* A mailbox database's queue. */
#include "roles/hub-transport/deliver.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/list.h"
#include "common/smtp/command.h"
#include "roles/hub-transport/hub.h"

#include <stdlib.h>

#define AT_A_TIME 30		/* tries of one database */
#define STORE_MS  60000
#define LOST_MS	  30000
#define AGAIN_MS  5000		/* a store that is there takes nothing now; longer with each try */
#define AGAIN_MAX 60000

struct lane {			/* a database with work */
	struct list node;
	int64_t hop;
	size_t tries;		/* under way */
	bool taking;
};

struct try {
	struct list node;
	struct deliver *d;
	struct lane *lane;
	struct queue_item *item;
	struct drop *drop;
	uint32_t which[DROP_MAX_RCPTS];
	size_t first, n;	/* recipients in hand */
	enum queue_verdict *verdicts;
	bool away;
};

struct deliver {
	struct hub *hub;
	struct list lanes, tries;
};

static void next_part(struct try *t);

static struct lane *lane_get(struct deliver *d, int64_t hop)
{
	struct lane *l;

	LIST_EACH (&d->lanes, n) {
		l = CONTAINER_OF(n, struct lane, node);
		if (l->hop == hop)
			return l;
	}
	l = xcalloc(1, sizeof(*l));
	l->hop = hop;
	list_init(&l->node);
	list_add_tail(&d->lanes, &l->node);
	return l;
}

static void lane_put(struct lane *l)
{
	if (l->taking || l->tries > 0)
		return;
	list_del(&l->node);
	free(l);
}

/* ---- one item ------------------------------------------------------------------------ */

static void finish(struct try *t)
{
	struct hub *h = t->d->hub;
	int64_t now = clock_wall_ms();
	struct queue_result res = {
		.state = t->away ? QUEUE_HOP_DOWN : QUEUE_HOP_UP,
		.hop_due_ms = now + h->retry.database_ms,
		.error = t->away ? "mailbox server does not answer" : NULL,
		.verdicts = t->verdicts,
	};

	queue_finish(h->relay.queue, t->item, &res, now, NULL, NULL);
	t->lane->tries--;
	lane_put(t->lane);
	list_del(&t->node);
	free(t->verdicts);
	free(t);
}

static enum queue_verdict note(struct try *t, struct mail_rcpt *r, enum drop_result result,
			       int64_t now)
{
	struct hub *h = t->d->hub;
	struct mail *m = t->item->mail;

	switch (result) {
	case DROP_DONE:
		track_add(h->relay.track, now, "deliver", m, r, t->item->hop.name);
		metric_add(h->metrics, HUB_DELIVERED, 1);
		if (!(r->notify & SMTP_NOTIFY_SUCCESS))
			return QUEUE_GONE;
		mail_report(m, r, ACTION_DELIVERED, "2.1.5", "delivered", "");
		break;
	case DROP_FULL:
		mail_report(m, r, ACTION_FAILED, "5.2.2", "mailbox full", "");
		break;
	case DROP_REFUSED:
		mail_report(m, r, ACTION_FAILED, "5.3.0", "refused by the mailbox store", "");
		break;
	case DROP_UNKNOWN:
		r->tries++;
		mail_route(m, r, HOP_SUBMIT, "");
		r->due_ms = now + LOST_MS;
		return QUEUE_MOVE;
	case DROP_AGAIN:
		r->tries++;
		r->due_ms = now + (r->tries < AGAIN_MAX / AGAIN_MS ? r->tries * AGAIN_MS : AGAIN_MAX);
		track_add(h->relay.track, now, "defer", m, r, "mailbox store");
		return QUEUE_RETRY;
	}
	r->due_ms = now;
	return QUEUE_MOVE;
}

static void dropped(void *ctx, const enum drop_result *results, size_t n, bool away)
{
	struct try *t = ctx;
	int64_t now = clock_wall_ms();

	t->drop = NULL;
	t->away = away && !drop_can_reach(t->d->hub, t->item->hop.name);
	for (size_t i = 0; i < n; i++)
		t->verdicts[t->which[i]] =
			note(t, &t->item->mail->rcpts[t->which[i]], results[i], now);
	next_part(t);
}

/* Nothing was tried for these: they wait for the database, not for their turn. */
static void leave_rest(struct try *t)
{
	for (size_t i = t->first; i < t->item->mail->n_rcpts; i++)
		t->verdicts[i] = QUEUE_RETRY;
}

static void next_part(struct try *t)
{
	struct mail *m = t->item->mail;
	struct mail_id before;
	struct guid db;

	t->first += t->n;
	t->n = m->n_rcpts - t->first;
	if (t->n > DROP_MAX_RCPTS)
		t->n = DROP_MAX_RCPTS;
	if (t->n == 0 || t->away || guid_parse(t->item->hop.name, &db)) {
		leave_rest(t);
		finish(t);
		return;
	}
	for (size_t i = 0; i < t->n; i++)
		t->which[i] = (uint32_t)(t->first + i);
	before = poison_begin(t->d->hub->relay.poison, &m->id);
	t->drop = drop_send(t->d->hub, m, &db, t->which, t->n, STORE_MS, dropped, t);
	poison_end(t->d->hub->relay.poison, &before);
	if (t->drop)
		return;
	t->away = true;
	leave_rest(t);
	finish(t);
}

/* ---- the queue ----------------------------------------------------------------------- */

struct taken {
	struct deliver *d;
	struct lane *lane;
};

static void took(void *ctx, struct queue_item **items, size_t n)
{
	struct taken *k = ctx;
	struct lane *l = k->lane;
	struct deliver *d = k->d;

	free(k);
	l->taking = false;
	l->tries += n;
	for (size_t i = 0; i < n; i++) {
		struct try *t = xcalloc(1, sizeof(*t));

		t->d = d;
		t->lane = l;
		t->item = items[i];
		t->verdicts = xcalloc(items[i]->mail->n_rcpts, sizeof(*t->verdicts));
		list_init(&t->node);
		list_add_tail(&d->tries, &t->node);
		next_part(t);
	}
	if (n == 0)
		lane_put(l);
}

void deliver_due(struct deliver *d, const struct queue_hop *hop)
{
	struct lane *l = lane_get(d, hop->id);
	struct taken *k;

	if (l->taking || l->tries >= AT_A_TIME)
		return;
	l->taking = true;
	k = xcalloc(1, sizeof(*k));
	k->d = d;
	k->lane = l;
	queue_take(d->hub->relay.queue, hop, AT_A_TIME - l->tries, clock_wall_ms(), took, k);
}

struct deliver *deliver_new(struct hub *h)
{
	struct deliver *d = xcalloc(1, sizeof(*d));

	d->hub = h;
	list_init(&d->lanes);
	list_init(&d->tries);
	return d;
}

void deliver_free(struct deliver **dp)
{
	struct deliver *d = *dp;

	*dp = NULL;
	if (!d)
		return;
	LIST_EACH (&d->tries, n) {
		struct try *t = CONTAINER_OF(n, struct try, node);

		drop_cancel(&t->drop);
		list_del(&t->node);
		queue_item_free(&t->item);
		free(t->verdicts);
		free(t);
	}
	LIST_EACH (&d->lanes, n)
		free(CONTAINER_OF(n, struct lane, node));
	free(d);
}
