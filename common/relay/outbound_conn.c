/* One connection to a host outside. */
#include "common/relay/outbound_priv.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART_MAX 100	/* recipients of one transaction, RFC 5321 section 4.5.3.1.8 */
#define IDLE_MS	 10000
#define DIAL_MS	 30000

static void send_part(struct out_conn *c);

/* ---- the end --------------------------------------------------------------------- */

/* The job goes back to its lane first, then the connection. */
static void end(struct out_conn *c)
{
	struct lane *l = c->lane;

	if (c->ended)
		return;
	c->ended = true;
	list_del(&c->node);
	l->n_conns--;
	l->out->n_conns--;
	smtp_client_free(&c->smtp);
	free(c->rcpts);
	free(c);
	lane_conn_gone(l);
}

void out_conn_free(struct out_conn *c)
{
	smtp_client_free(&c->smtp);
	conn_abort(&c->conn);
	if (c->job) {
		queue_item_free(&c->job->item);
		free(c->job->verdicts);
		free(c->job);
	}
	free(c->rcpts);
	free(c);
}

/* ---- what came of recipients -------------------------------------------------------- */

static enum queue_verdict sent(struct out_conn *c, struct mail_rcpt *r, int64_t now,
			       const struct smtp_result *res)
{
	struct outbound *o = c->lane->out;
	struct mail *m = c->job->item->mail;

	track_add(o->conf.track, now, "send", m, r, c->lane->hosts[c->host].name);
	if (o->conf.on_sent)
		o->conf.on_sent(o->conf.ctx);
	if (!(r->notify & SMTP_NOTIFY_SUCCESS) || smtp_client_offers_dsn(c->smtp))
		return QUEUE_GONE;
	mail_report(m, r, ACTION_RELAYED, "2.0.0", res->text, c->lane->hosts[c->host].name);
	r->due_ms = now;
	return QUEUE_MOVE;
}

static enum queue_verdict verdict(struct out_conn *c, struct mail_rcpt *r,
				  const struct smtp_result *res)
{
	struct outbound *o = c->lane->out;
	struct mail *m = c->job->item->mail;
	const char *host = c->lane->hosts[c->host].name, *diag;
	int64_t now = outbound_now();

	if (res->outcome == SMTP_OK)
		return sent(c, r, now, res);
	diag = res->code ? arena_printf(&m->arena, "%u %s %s", res->code, res->enhanced, res->text)
			 : arena_str(&m->arena, res->text);
	if (res->outcome == SMTP_PERM) {
		mail_report(m, r, ACTION_FAILED, res->enhanced, diag, res->remote ? host : "");
		r->due_ms = now;
		return QUEUE_MOVE;
	}
	r->status = arena_str(&m->arena, res->enhanced);
	r->diag = c->job->why = diag;
	r->remote = arena_str(&m->arena, host);
	r->tries++;
	r->due_ms = retry_message(o->conf.retry, r->tries, now);
	track_add(o->conf.track, now, "defer", m, r, diag);
	return QUEUE_RETRY;
}

static void on_rcpt(void *ctx, struct smtp_client *smtp, unsigned i, const struct smtp_result *r)
{
	struct out_conn *c = ctx;
	size_t k = c->job->first + i;

	(void)smtp;
	c->job->verdicts[k] = verdict(c, &c->job->item->mail->rcpts[k], r);
}

static void on_done(void *ctx, struct smtp_client *smtp, bool reusable)
{
	struct out_conn *c = ctx;

	(void)smtp;
	c->job->first += c->n;
	c->n = 0;
	if (c->job->first < c->job->item->mail->n_rcpts && reusable) {
		send_part(c);
		return;
	}
	lane_job_done(c->lane, &c->job, true);
	c->idle = reusable;
	c->idle_since_ms = clock_mono_ms();
	if (reusable)
		out_conn_work(c);
}

/* ---- sending --------------------------------------------------------------------------- */

/* False: no address that SMTP could say. */
static bool fill_rcpt(const struct mail_rcpt *r, struct smtp_rcpt *out)
{
	if (smtp_address_parse(span_of(r->address), &out->to, NULL))
		return false;
	out->notify = r->notify;
	snprintf(out->orcpt, sizeof(out->orcpt), "%s", r->orcpt);
	return true;
}

static void fill_mail(const struct mail *m, struct smtp_mail *out)
{
	if (m->sender[0] && smtp_address_parse(span_of(m->sender), &out->from, NULL))
		memset(&out->from, 0, sizeof(out->from));
	out->body = m->flags & MAIL_8BIT ? SMTP_BODY_8BIT : SMTP_BODY_7BIT;
	out->smtputf8 = (m->flags & MAIL_UTF8) != 0;
	if (m->flags & MAIL_RET_FULL)
		out->ret = SMTP_RET_FULL;
	else if (m->flags & MAIL_RET_HDRS)
		out->ret = SMTP_RET_HDRS;
	snprintf(out->envid, sizeof(out->envid), "%s", m->envid);
}

static void send_part(struct out_conn *c)
{
	const struct mail *m = c->job->item->mail;
	struct smtp_client_message msg = {
		.prefix = span_of(m->prefix), .body = m->body,
		.header_8bit = (m->flags & (MAIL_8BIT | MAIL_UTF8)) == (MAIL_8BIT | MAIL_UTF8),
		.body_8bit = (m->flags & MAIL_8BIT) != 0,
	};
	size_t left = m->n_rcpts - c->job->first;
	struct poison *poison = c->lane->out->conf.poison;
	struct mail_id before = poison_begin(poison, &m->id);

	c->n = left < PART_MAX ? left : PART_MAX;
	free(c->rcpts);
	c->rcpts = xcalloc(c->n, sizeof(*c->rcpts));
	for (size_t i = 0; i < c->n; i++)
		if (!fill_rcpt(&m->rcpts[c->job->first + i], &c->rcpts[i])) {
			/* Cannot be: addresses were parsed on the way in.  A stranger's database
			 * is not trusted for that: the peer will refuse it. */
			snprintf(c->rcpts[i].to.local, sizeof(c->rcpts[i].to.local), "invalid");
			snprintf(c->rcpts[i].to.domain, sizeof(c->rcpts[i].to.domain), "invalid");
		}
	fill_mail(m, &msg.mail);
	msg.rcpts = c->rcpts;
	msg.n_rcpts = (unsigned)c->n;
	smtp_client_send(c->smtp, &msg);
	poison_end(poison, &before);
}

void out_conn_work(struct out_conn *c)
{
	if (!c->idle || c->ended)
		return;
	c->job = lane_next(c->lane);
	if (!c->job)
		return;
	c->idle = false;
	send_part(c);
}

static void on_ready(void *ctx, struct smtp_client *smtp)
{
	struct out_conn *c = ctx;

	(void)smtp;
	c->ready = c->idle = true;
	c->idle_since_ms = clock_mono_ms();
	out_conn_work(c);
}

static void on_closed(void *ctx, struct smtp_client *smtp, const struct smtp_result *r)
{
	struct out_conn *c = ctx;
	char text[128];

	(void)smtp;
	c->idle = false;
	if (c->ready)
		return;
	log_info(NULL, "outbound refused host=%s why=%s", c->lane->hosts[c->host].name,
		 log_clean(r->text, strlen(r->text), text, sizeof(text)));
	c->plain = r->tls_failed && !c->plain && !c->lane->route.require_tls;
	if (!c->plain)
		lane_host_failed(c->lane, c->host, r);
	else
		out_conn_open(c->lane, c->host, true);
}

static const struct smtp_client_events client_events = {
	.ready = on_ready, .rcpt = on_rcpt, .done = on_done, .closed = on_closed,
};

/* ---- the socket ---------------------------------------------------------------------------- */

static bool io_send(void *ctx, const char *p, size_t n)
{
	struct out_conn *c = ctx;

	if (c->conn)
		conn_send(c->conn, p, n);
	return c->conn && !conn_is_full(c->conn);
}

static void io_starttls(void *ctx)
{
	struct out_conn *c = ctx;
	const struct outbound_conf *conf = &c->lane->out->conf;
	bool smart = c->lane->hop.kind == HOP_SMART && conf->smart_tls;

	if (c->conn)
		conn_starttls(c->conn, smart ? conf->smart_tls : conf->tls,
			      c->lane->hosts[c->host].name);
}

static void io_hangup(void *ctx)
{
	struct out_conn *c = ctx;

	conn_close(&c->conn);
	end(c);
}

static const struct smtp_client_io io = {
	.send = io_send, .starttls = io_starttls, .hangup = io_hangup,
};

static void connected(void *ctx)
{
	struct out_conn *c = ctx;

	if (c->smtp) {
		smtp_client_tls_done(c->smtp, true);
		return;
	}
	c->smtp = smtp_client_new(&c->smtp_conf, &io, &client_events, c, false, clock_mono_ms());
}

static void on_data(void *ctx, const char *p, size_t n)
{
	struct out_conn *c = ctx;
	struct poison *poison = c->lane->out->conf.poison;
	static const struct mail_id none;
	struct mail_id before = poison_begin(poison, c->job ? &c->job->item->mail->id : &none);

	smtp_client_feed(c->smtp, p, n);	/* c may be gone */
	poison_end(poison, &before);
}

static void on_drain(void *ctx)
{
	struct out_conn *c = ctx;

	if (c->smtp)
		smtp_client_writable(c->smtp);
}

static void on_close(void *ctx, enum conn_end why, const char *detail)
{
	struct out_conn *c = ctx;
	struct smtp_result r = { .outcome = SMTP_TEMP };

	c->conn = NULL;
	if (c->smtp && why == CONN_TLS) {
		smtp_client_tls_done(c->smtp, false);
		return;
	}
	if (c->smtp) {
		smtp_client_hangup(c->smtp, conn_end_text(why));
		return;
	}
	snprintf(r.enhanced, sizeof(r.enhanced), "4.4.1");
	snprintf(r.text, sizeof(r.text), "cannot connect: %s %s", conn_end_text(why),
		 detail ? detail : "");
	lane_host_failed(c->lane, c->host, &r);
	end(c);
}

static const struct conn_events conn_events = {
	.on_ready = connected, .on_data = on_data, .on_drain = on_drain, .on_close = on_close,
};

void out_conn_open(struct lane *l, size_t host, bool plain)
{
	struct outbound *o = l->out;
	struct out_conn *c = xcalloc(1, sizeof(*c));
	struct conn_dial d = { .to = l->hosts[host].addr, .name = l->hosts[host].name,
			       .timeout_ms = DIAL_MS };

	list_init(&c->node);
	list_add_tail(&l->conns, &c->node);
	l->n_conns++;
	o->n_conns++;
	c->lane = l;
	c->host = host;
	c->plain = plain;
	c->smtp_conf.hostname = o->conf.hostname;
	c->smtp_conf.send_8bit = true;
	c->smtp_conf.tls = l->route.require_tls ? SMTP_CLIENT_REQUIRED
			   : plain || !o->conf.tls ? SMTP_CLIENT_PLAIN : SMTP_CLIENT_OPPORTUNISTIC;
	c->conn = conn_dial(o->conf.net, &d, &conn_events, c);
}

void out_conn_tick(struct out_conn *c, int64_t mono_ms)
{
	if (c->idle && mono_ms - c->idle_since_ms > IDLE_MS) {
		c->idle = false;
		smtp_client_quit(c->smtp);
		return;
	}
	if (c->smtp)
		smtp_client_tick(c->smtp, mono_ms);
}
