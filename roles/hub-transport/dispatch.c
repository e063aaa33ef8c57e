/* What is due goes to whom it concerns; reports to senders are made here. */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/relay/bounce.h"
#include "roles/hub-transport/carry.h"
#include "roles/hub-transport/deliver.h"
#include "roles/hub-transport/edges.h"
#include "roles/hub-transport/hub.h"

#include <stdlib.h>

#define AT_ONCE 16

/* ---- to the categoriser ------------------------------------------------------------ */

static void took_submit(void *ctx, struct queue_item **items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		carry_item(ctx, items[i]);
}

/* ---- reports -------------------------------------------------------------------------- */

static struct bounce_conf bounce_conf(struct hub *h)
{
	return (struct bounce_conf){
		.hostname = h->conf->hostname, .postmaster = hub_route(h)->postmaster,
		.spool = h->relay.spool, .to = HOP_SUBMIT, .expire_ms = hub_route(h)->expire_ms,
	};
}

/* The report about an item whose recipients say what became of them; its
 * recipients before *used are dealt with.  AGAIN: not now. */
static enum err make_report(struct hub *h, struct queue_item *it, int64_t now,
			    struct mail **report, size_t *used)
{
	struct bounce_conf bc = bounce_conf(h);
	struct mail_id own = { *queue_instance(h->relay.queue), 0 };
	struct errbuf eb = { "" };
	enum err e;

	*report = NULL;
	if (bounce_needs_own(it->mail)) {
		own.seq = queue_next_seq(h->relay.queue);
		if (own.seq == 0)
			return ERR_AGAIN;
	}
	e = bounce_make(&bc, it->mail, &own, now, report, used, &eb);
	if (e == ERR_NOTFOUND)
		return ERR_OK;
	if (e)
		log_error(NULL, "report not made err=%s detail=%s", err_text(e), eb.text);
	return e;
}

static void note_report(struct hub *h, const struct queue_item *it, const struct mail *report,
			size_t used, int64_t now)
{
	for (size_t i = 0; i < used; i++) {
		const struct mail_rcpt *r = &it->mail->rcpts[i];

		if (r->action == ACTION_FAILED) {
			track_add(h->relay.track, now, "fail", it->mail, r,
				  r->diag[0] ? r->diag : r->status);
			metric_add(h->metrics, HUB_FAILED, 1);
		}
	}
	if (!report)
		return;
	track_add(h->relay.track, now, "report", report, NULL, it->mail->message_id);
	metric_add(h->metrics, HUB_REPORTS, 1);
}

static void report_item(struct hub *h, struct queue_item *it, int64_t now)
{
	struct queue_result res = { .state = QUEUE_HOP_ASIS };
	enum queue_verdict *v;
	size_t used = 0, n = it->mail->n_rcpts;

	if (make_report(h, it, now, &res.report, &used)) {
		queue_release(h->relay.queue, it);
		return;
	}
	v = xcalloc(n, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i] = i < used ? QUEUE_GONE : QUEUE_RETRY;
	res.verdicts = v;
	note_report(h, it, res.report, used, now);
	queue_finish(h->relay.queue, it, &res, now, NULL, NULL);
	mail_unref(&res.report);
	free(v);
}

static void took_report(void *ctx, struct queue_item **items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		report_item(ctx, items[i], clock_wall_ms());
}

static void took_expired(void *ctx, struct queue_item **items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct mail *m = items[i]->mail;

		for (size_t k = 0; k < m->n_rcpts; k++) {
			struct mail_rcpt *r = &m->rcpts[k];

			if (r->action == ACTION_NONE)
				mail_report(m, r, ACTION_FAILED, "4.4.7",
					    arena_printf(&m->arena, "QUEUE.Expired; message expired%s%s",
							 r->diag[0] ? ": " : "", r->diag),
					    r->remote);
		}
		report_item(ctx, items[i], clock_wall_ms());
	}
}

/* A notice of delay: recipients stay where they are. */
static void late_item(struct hub *h, struct queue_item *it, int64_t now)
{
	struct queue_result res = { .state = QUEUE_HOP_ASIS, .noticed = true };
	struct mail *m = it->mail, *about = mail_split(m);
	struct queue_item copy = { .mail = about };
	enum queue_verdict *v = xcalloc(m->n_rcpts, sizeof(*v));
	size_t used = 0;

	for (size_t i = 0; i < m->n_rcpts; i++) {
		struct mail_rcpt *r;

		v[i] = QUEUE_RETRY;
		if (m->rcpts[i].action != ACTION_NONE)
			continue;	/* it is being told something else */
		r = mail_add_copy(about, &m->rcpts[i]);
		mail_report(about, r, ACTION_DELAYED, "4.4.7",
			    r->diag[0] ? r->diag : "message is delayed", r->remote);
	}
	res.verdicts = v;
	if (about->n_rcpts > 0 && make_report(h, &copy, now, &res.report, &used))
		queue_release(h->relay.queue, it);
	else
		queue_finish(h->relay.queue, it, &res, now, NULL, NULL);
	mail_unref(&res.report);
	mail_unref(&about);
	free(v);
}

static void took_late(void *ctx, struct queue_item **items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		late_item(ctx, items[i], clock_wall_ms());
}

/* ---- what is due ------------------------------------------------------------------------- */

void hub_due(void *ctx, const struct queue_hop *hop)
{
	struct hub *h = ctx;
	struct queue *q = h->relay.queue;
	int64_t now = clock_wall_ms();

	if (hop->expired || hop->late) {
		queue_take(q, hop, AT_ONCE, now, hop->expired ? took_expired : took_late, h);
		return;
	}
	switch (hop->kind) {
	case HOP_SUBMIT:
		if (replica_is_ready(member_replica(h->relay.member)))
			queue_take(q, hop, AT_ONCE, now, took_submit, h);
		break;
	case HOP_DATABASE:
		deliver_due(h->deliver, hop);
		break;
	case HOP_EDGE:
		edges_due(h->edges, hop);
		break;
	case HOP_DOMAIN:
	case HOP_SMART:
		outbound_due(h->outbound, hop);
		break;
	case HOP_REPORT:
		queue_take(q, hop, AT_ONCE, now, took_report, h);
		break;
	case HOP_HUB:
		break;		/* an edge's */
	}
}
