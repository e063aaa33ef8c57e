#include "common/relay/report.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/relay/bounce.h"

#include <stdlib.h>

#define AT_ONCE 16

struct report {
	struct report_conf conf;
};

static int64_t now_of(const struct report *p)
{
	return p->conf.now ? p->conf.now(p->conf.ctx) : clock_wall_ms();
}

static struct bounce_conf bounce_conf(const struct report *p)
{
	const struct route *r = p->conf.route(p->conf.ctx);

	return (struct bounce_conf){
		.hostname = p->conf.hostname, .postmaster = r->postmaster,
		.spool = p->conf.relay->spool, .to = p->conf.to, .expire_ms = r->expire_ms,
	};
}

/* The report about an item whose recipients say what became of them; its
 * recipients before *used are dealt with.  AGAIN: not now. */
static enum err make_report(struct report *p, struct queue_item *it, int64_t now,
			    struct mail **report, size_t *used)
{
	struct bounce_conf bc = bounce_conf(p);
	struct mail_id own = { *queue_instance(p->conf.relay->queue), 0 };
	struct errbuf eb = { "" };
	struct mail_id before;
	enum err e;

	*report = NULL;
	if (bounce_needs_own(it->mail)) {
		own.seq = queue_next_seq(p->conf.relay->queue);
		if (own.seq == 0)
			return ERR_AGAIN;
	}
	before = poison_begin(p->conf.relay->poison, &it->mail->id);
	e = bounce_make(&bc, it->mail, &own, now, report, used, &eb);
	poison_end(p->conf.relay->poison, &before);
	if (e == ERR_NOTFOUND)
		return ERR_OK;
	if (e)
		log_error(NULL, "report not made err=%s detail=%s", err_text(e), eb.text);
	else if (p->conf.reroute)
		p->conf.reroute(p->conf.ctx, *report, now);
	return e;
}

static void note_report(struct report *p, const struct queue_item *it, const struct mail *report,
			size_t used, int64_t now)
{
	for (size_t i = 0; i < used; i++) {
		const struct mail_rcpt *r = &it->mail->rcpts[i];

		if (r->action == ACTION_FAILED) {
			track_add(p->conf.relay->track, now, "fail", it->mail, r,
				  r->diag[0] ? r->diag : r->status);
			if (p->conf.on_failed)
				p->conf.on_failed(p->conf.ctx);
		}
	}
	if (!report)
		return;
	track_add(p->conf.relay->track, now, "report", report, NULL, it->mail->message_id);
	if (p->conf.on_report)
		p->conf.on_report(p->conf.ctx);
}

static void report_item(struct report *p, struct queue_item *it, int64_t now)
{
	struct queue_result res = { .state = QUEUE_HOP_ASIS };
	enum queue_verdict *v;
	size_t used = 0, n = it->mail->n_rcpts;

	if (make_report(p, it, now, &res.report, &used)) {
		queue_release(p->conf.relay->queue, it);
		return;
	}
	v = xcalloc(n, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i] = i < used ? QUEUE_GONE : QUEUE_RETRY;
	res.verdicts = v;
	note_report(p, it, res.report, used, now);
	queue_finish(p->conf.relay->queue, it, &res, now, NULL, NULL);
	mail_unref(&res.report);
	free(v);
}

static void took_report(void *ctx, struct queue_item **items, size_t n)
{
	struct report *p = ctx;

	for (size_t i = 0; i < n; i++)
		report_item(p, items[i], now_of(p));
}

static void took_expired(void *ctx, struct queue_item **items, size_t n)
{
	struct report *p = ctx;

	for (size_t i = 0; i < n; i++) {
		struct mail *m = items[i]->mail;

		for (size_t k = 0; k < m->n_rcpts; k++) {
			struct mail_rcpt *r = &m->rcpts[k];

			/* Or a page of a group that was put off: resolve.h of hubs. */
			if (r->action == ACTION_NONE || (r->action == ACTION_EXPANDED && !r->status[0]))
				mail_report(m, r, ACTION_FAILED, "4.4.7",
					    arena_printf(&m->arena, "QUEUE.Expired; message expired%s%s",
							 r->diag[0] ? ": " : "", r->diag),
					    r->remote);
		}
		report_item(p, items[i], now_of(p));
	}
}

/* A notice of delay: recipients stay where they are. */
static void late_item(struct report *p, struct queue_item *it, int64_t now)
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
	if (about->n_rcpts > 0 && make_report(p, &copy, now, &res.report, &used))
		queue_release(p->conf.relay->queue, it);
	else
		queue_finish(p->conf.relay->queue, it, &res, now, NULL, NULL);
	mail_unref(&res.report);
	mail_unref(&about);
	free(v);
}

static void took_late(void *ctx, struct queue_item **items, size_t n)
{
	struct report *p = ctx;

	for (size_t i = 0; i < n; i++)
		late_item(p, items[i], now_of(p));
}

void report_due(struct report *p, const struct queue_hop *hop)
{
	queue_items_cb *cb = hop->expired ? took_expired : hop->late ? took_late : took_report;

	queue_take(p->conf.relay->queue, hop, AT_ONCE, now_of(p), cb, p);
}

struct report *report_new(const struct report_conf *conf)
{
	struct report *p = xcalloc(1, sizeof(*p));

	p->conf = *conf;
	return p;
}

void report_free(struct report **p)
{
	free(*p);
	*p = NULL;
}
