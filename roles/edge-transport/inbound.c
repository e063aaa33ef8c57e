#include "roles/edge-transport/inbound.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/relay/stamp.h"
#include "roles/edge-transport/edge.h"
#include "roles/edge-transport/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a session's owner keeps.  A message on its way outlives its session. */
struct visitor {
	struct edge *edge;
	struct front_session *front;
	struct mail *mail;		/* the transaction's envelope */
	struct going *going;		/* in data_end, not answered */
};

struct going {
	struct visitor *visitor;	/* NULL: the client is gone */
	struct mail *mail;		/* for the log line */
	struct edge *edge;
	int64_t began_ms;
	char client[ADDR_TEXT];
};

/* ---- connections ------------------------------------------------------------------- */

static void on_connect(void *ctx, struct smtp_server *s)
{
	struct edge *e = front_role(ctx);
	struct visitor *v;

	if (sources_is_blocked(e->sources, front_session_peer(ctx), clock_mono_ms())) {
		metric_add(e->metrics, EDGE_BLOCKED, 1);
		smtp_server_answer(s, 421, "4.7.0", "Too many unknown recipients, try again later");
		return;
	}
	v = xcalloc(1, sizeof(*v));
	v->edge = e;
	v->front = ctx;
	front_session_set(ctx, v);
	smtp_server_set_max_size(s, (uint64_t)edge_route(e)->max_message);
	smtp_server_answer(s, 220, NULL, NULL);
}

static void on_gone(void *ctx, struct smtp_server *s)
{
	struct visitor *v = front_session_get(ctx);

	(void)s;
	if (!v)
		return;
	if (v->going)
		v->going->visitor = NULL;
	mail_unref(&v->mail);
	free(v);
	front_session_set(ctx, NULL);
}

static bool on_low(void *ctx)
{
	return edge_is_low(front_role(ctx));
}

/* ---- envelopes ------------------------------------------------------------------------- */

static void on_mail(void *ctx, struct smtp_server *s, const struct smtp_mail *in)
{
	struct visitor *v = front_session_get(ctx);
	struct edge *e = v->edge;
	struct mail *m;

	if (!replica_is_ready(member_replica(e->relay.member))) {
		smtp_server_answer(s, 451, "4.3.2", "Not in service yet, try again later");
		return;
	}
	if (!sources_message(e->sources, front_session_peer(ctx), clock_mono_ms())) {
		smtp_server_answer(s, 421, "4.4.2", "Message submission rate for this client has "
						    "exceeded the limit");
		return;
	}
	mail_unref(&v->mail);
	v->mail = m = mail_new();
	m->sender = smtp_address_text(&in->from, &m->arena);
	m->envid = arena_str(&m->arena, in->envid);
	m->flags = (in->smtputf8 ? MAIL_UTF8 : 0u) |
		   (in->ret == SMTP_RET_FULL ? MAIL_RET_FULL : 0u) |
		   (in->ret == SMTP_RET_HDRS ? MAIL_RET_HDRS : 0u);
	smtp_server_answer(s, 250, "2.1.0", NULL);
}

static enum recipient_kind kind_of(struct edge *e, const char *address)
{
	enum recipient_kind k;

	if (known_has(e->known, address))
		return RCPT_KNOWN;
	k = replica_recipient(member_replica(e->relay.member), address);
	if (k == RCPT_KNOWN)
		known_put(e->known, address);
	return k;
}

/* Mail for the postmaster of any of our domains goes, at the hub, to the one that the
 * organisation names. */
static enum recipient_kind kind_or_postmaster(struct edge *e, const char *address)
{
	enum recipient_kind k = kind_of(e, address);
	const char *postmaster = route_postmaster(edge_route(e), address);

	if (k != RCPT_UNKNOWN || !postmaster)
		return k;
	k = kind_of(e, postmaster);
	return k == RCPT_OUTSIDE ? RCPT_UNKNOWN : k;
}

static void unknown(struct visitor *v, struct smtp_server *s)
{
	struct edge *e = v->edge;
	const struct addr *peer = front_session_peer(v->front);
	char host[ADDR_TEXT];

	metric_add(e->metrics, EDGE_UNKNOWN, 1);
	if (!sources_unknown(e->sources, peer, clock_mono_ms())) {
		smtp_server_answer(s, 550, "5.1.1", "User unknown");
		return;
	}
	log_warn(NULL, "cut off client=%s reason=\"unknown recipients\"", addr_host(peer, host));
	metric_add(e->metrics, EDGE_BLOCKED, 1);
	smtp_server_answer(s, 421, "4.7.0", "Too many unknown recipients, try again later");
}

static void add_recipient(struct visitor *v, const char *address, const struct smtp_rcpt *in)
{
	struct mail_rcpt *r = mail_add(v->mail, address);

	r->notify = in->notify;
	r->orcpt = arena_str(&v->mail->arena, in->orcpt);
	mail_route(v->mail, r, HOP_HUB, "");
}

static void on_rcpt(void *ctx, struct smtp_server *s, const struct smtp_rcpt *in)
{
	struct visitor *v = front_session_get(ctx);
	const char *address = edge_route(v->edge)->postmaster;

	/* Without a domain it is the postmaster: RFC 5321 section 4.5.1. */
	if (in->to.domain[0] != '\0')
		address = smtp_address_text(&in->to, &v->mail->arena);
	switch (kind_or_postmaster(v->edge, address)) {
	case RCPT_KNOWN:
	case RCPT_RELAY:
		add_recipient(v, address, in);
		smtp_server_answer(s, 250, "2.1.5", NULL);
		break;
	case RCPT_UNKNOWN:
		unknown(v, s);
		break;
	case RCPT_OUTSIDE:
		metric_add(v->edge->metrics, EDGE_RELAYING, 1);
		smtp_server_answer(s, 550, "5.7.1", "Unable to relay");
		break;
	case RCPT_AGAIN:
		smtp_server_answer(s, 451, "4.3.0", "Cannot look up the recipient now");
		break;
	}
}

static void on_reset(void *ctx, struct smtp_server *s)
{
	struct visitor *v = front_session_get(ctx);

	(void)s;
	mail_unref(&v->mail);
}

/* ---- messages -------------------------------------------------------------------------- */

static const char *const outcomes[] = {
	[PASS_HELD] = "passed", [PASS_QUEUED] = "queued", [PASS_REFUSED] = "refused",
	[PASS_AGAIN] = "not-taken", [PASS_FULL] = "no-room",
};

static void log_message(const struct going *g, enum pass_outcome o, const char *who)
{
	const struct mail *m = g->mail;
	char id[64], from[256], msgid[256], by[128];

	log_info(NULL, "message id=%s client=%s from=<%s> rcpts=%zu size=%llu msgid=%s result=%s "
		       "by=\"%s\" ms=%lld",
		 mail_id_text(&m->id, id), g->client,
		 log_clean(m->sender, strlen(m->sender), from, sizeof(from)), m->n_rcpts,
		 (unsigned long long)m->size,
		 log_clean(m->message_id, strlen(m->message_id), msgid, sizeof(msgid)), outcomes[o],
		 log_clean(who, strlen(who), by, sizeof(by)),
		 (long long)(clock_mono_ms() - g->began_ms));
}

/* A hub's refusal may begin with the status: "5.3.4 message too large". */
static void answer_refused(struct smtp_server *s, const char *detail)
{
	size_t n = strspn(detail, "0123456789.");
	char status[12];

	if (n < 5 || n >= sizeof(status) || detail[0] != '5' || detail[n] != ' ') {
		smtp_server_answer(s, 554, "5.7.1", detail[0] ? detail : "Refused");
		return;
	}
	memcpy(status, detail, n);
	status[n] = '\0';
	smtp_server_answer(s, 554, status, detail + n + 1);
}

static void answer(struct smtp_server *s, const struct mail *m, enum pass_outcome o,
		   const char *who)
{
	char text[128], id[64];

	switch (o) {
	case PASS_HELD:
	case PASS_QUEUED:
		snprintf(text, sizeof(text), "<%s> Queued mail for delivery",
			 mail_id_text(&m->id, id));
		smtp_server_answer(s, 250, "2.6.0", text);
		break;
	case PASS_REFUSED:
		answer_refused(s, who);
		break;
	case PASS_AGAIN:
		smtp_server_answer(s, 451, "4.3.0", "Try again later");
		break;
	case PASS_FULL:
		smtp_server_answer(s, 452, "4.3.1", "Insufficient system resources");
		break;
	}
}

static void passed(void *ctx, enum pass_outcome o, const char *who)
{
	struct going *g = ctx;
	struct visitor *v = g->visitor;

	log_message(g, o, who);
	if (o != PASS_HELD && o != PASS_QUEUED)
		metric_add(g->edge->metrics, EDGE_NOT_TAKEN, 1);
	if (v) {
		v->going = NULL;
		answer(front_session_smtp(v->front), g->mail, o, who);
	}
	mail_unref(&g->mail);
	free(g);
}

static void stamp(struct visitor *v, struct smtp_server *s, struct mail *m)
{
	struct conn *conn = front_session_conn(v->front);
	struct conn_tls tls = { 0 };
	struct stamp_trace t = {
		.helo = smtp_server_helo(s), .peer = front_session_peer(v->front),
		.by = v->edge->conf->hostname, .protocol = smtp_server_protocol(s),
		.now_ms = m->received_ms,
	};

	if (conn && smtp_server_is_tls(s))
		conn_tls(conn, &tls);
	t.tls_version = tls.version;
	t.tls_cipher = tls.cipher;
	stamp_received(m, &t);
}

/* Its header is looked at, it gets its identity and our Received field.  False:
 * the answer is given. */
static bool prepare(struct visitor *v, struct smtp_server *s, struct mail *m)
{
	struct edge *e = v->edge;
	struct stamp_header sh;
	struct errbuf eb = { "" };
	enum err err = stamp_read(m, &sh, &eb);

	if (!err && sh.n_received > edge_route(e)->max_hops) {
		smtp_server_answer(s, 554, "5.4.6", "Hop count exceeded - possible mail loop");
		return false;
	}
	if (!err && sh.forbidden)
		err = stamp_firewall(m, e->relay.spool, &eb);
	if (err)
		log_error(NULL, "message not readable err=%s detail=%s", err_text(err), eb.text);
	m->id = (struct mail_id){ *queue_instance(e->relay.queue),
				  err ? 0 : queue_next_seq(e->relay.queue) };
	if (m->id.seq == 0) {
		smtp_server_answer(s, 451, "4.3.0", "Try again later");
		return false;
	}
	m->root = m->id.origin;
	m->received_ms = clock_wall_ms();
	stamp(v, s, m);
	return true;
}

static void on_data_end(void *ctx, struct smtp_server *s, struct spool_body *body,
			const struct smtp_server_facts *facts)
{
	struct visitor *v = front_session_get(ctx);
	struct edge *e = v->edge;
	struct mail *m = v->mail;
	struct going *g;

	v->mail = NULL;
	mail_set_body(m, spool_body_ref(body));
	if (facts->header_8bit || facts->body_8bit)
		m->flags |= MAIL_8BIT;
	if (!prepare(v, s, m)) {
		mail_unref(&m);
		return;
	}
	g = xcalloc(1, sizeof(*g));
	g->visitor = v;
	g->edge = e;
	g->mail = mail_ref(m);
	g->began_ms = clock_mono_ms();
	addr_host(front_session_peer(v->front), g->client);
	v->going = g;
	metric_add(e->metrics, EDGE_RECEIVED, 1);
	track_add(e->relay.track, m->received_ms, "receive", m, NULL, g->client);
	pass(e, m, passed, g);
}

const struct smtp_server_policy inbound_policy = {
	.connect = on_connect, .mail = on_mail, .rcpt = on_rcpt, .data_end = on_data_end,
	.reset = on_reset, .low = on_low, .gone = on_gone,
};
