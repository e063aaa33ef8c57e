#include "roles/edge-transport/inbound.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/relay/stamp.h"
#include "roles/edge-transport/edge.h"
#include "roles/edge-transport/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct inbound {
	struct edge *edge;
	struct front_session *front;
	struct mail *mail;		/* the transaction's envelope */
	struct going *going;		/* in data_end, not answered */
	struct log_ctx log;
};

/* A message on its way outlives its session. */
struct going {
	struct inbound *in;		/* NULL: the client is gone */
	char id[64];
};

static struct inbound *of(void *ctx)
{
	return front_session_get(ctx);
}

static void on_connect(void *ctx, struct smtp_server *s)
{
	struct front_session *fs = ctx;
	struct inbound *in = xcalloc(1, sizeof(*in));
	char host[ADDR_TEXT];

	in->edge = front_role(fs);
	in->front = fs;
	front_session_set(fs, in);
	snprintf(in->log.tags, sizeof(in->log.tags), "client=%s",
		 addr_host(front_session_peer(fs), host));
	smtp_server_set_max_size(s, (uint64_t)edge_route(in->edge)->max_message);
	if (harvest_is_over(in->edge->harvest, front_session_peer(fs), clock_mono_ms()))
		smtp_server_answer(s, 421, "4.7.0", "Too many unknown recipients, try again later");
	else
		smtp_server_answer(s, 220, NULL, NULL);
}

static void on_gone(void *ctx, struct smtp_server *s)
{
	struct inbound *in = of(ctx);

	(void)s;
	if (!in)
		return;
	if (in->going)
		in->going->in = NULL;
	mail_unref(&in->mail);
	free(in);
	front_session_set(ctx, NULL);
}

static bool on_low(void *ctx)
{
	return edge_is_low(front_role(ctx));
}

/* ---- envelopes ---------------------------------------------------------------------- */

static const char *address_text(struct arena *a, const struct smtp_address *addr)
{
	struct buf b;
	const char *text = "";

	buf_init(&b, 2048);
	if (smtp_address_write(addr, &b) == ERR_OK)
		text = arena_strn(a, b.data, b.len);
	buf_fini(&b);
	return text;
}

static void on_mail(void *ctx, struct smtp_server *s, const struct smtp_mail *m)
{
	struct inbound *in = of(ctx);

	mail_unref(&in->mail);
	if (!replica_is_ready(member_replica(in->edge->relay.member))) {
		smtp_server_answer(s, 451, "4.3.0", "Not ready yet, try again later");
		return;
	}
	in->mail = mail_new();
	in->mail->sender = address_text(&in->mail->arena, &m->from);
	in->mail->envid = arena_str(&in->mail->arena, m->envid);
	in->mail->flags = (m->smtputf8 ? MAIL_UTF8 : 0) |
			  (m->ret == SMTP_RET_FULL ? MAIL_RET_FULL : 0) |
			  (m->ret == SMTP_RET_HDRS ? MAIL_RET_HDRS : 0);
	smtp_server_answer(s, 250, "2.1.0", NULL);
}

static void unknown(struct inbound *in, struct smtp_server *s)
{
	metric_add(in->edge->metrics, EDGE_UNKNOWN, 1);
	if (harvest_unknown(in->edge->harvest, front_session_peer(in->front), clock_mono_ms())) {
		smtp_server_answer(s, 550, "5.1.1", "User unknown");
		return;
	}
	log_warn(&in->log, "unknown-recipients budget used up");
	smtp_server_answer(s, 421, "4.7.0", "Too many unknown recipients, try again later");
}

static void on_rcpt(void *ctx, struct smtp_server *s, const struct smtp_rcpt *rc)
{
	struct inbound *in = of(ctx);
	struct mail *m = in->mail;
	const char *address = rc->to.domain[0] ? address_text(&m->arena, &rc->to)
					       : edge_route(in->edge)->postmaster;
	struct mail_rcpt *r;

	switch (replica_recipient(member_replica(in->edge->relay.member), address)) {
	case RCPT_KNOWN:
	case RCPT_RELAY:
		break;
	case RCPT_UNKNOWN:
		unknown(in, s);
		return;
	case RCPT_OUTSIDE:
		smtp_server_answer(s, 550, "5.7.1", "Unable to relay");
		return;
	case RCPT_AGAIN:
		smtp_server_answer(s, 451, "4.3.0", "Try again later");
		return;
	}
	r = mail_add(m, address);
	r->kind = HOP_HUB;
	r->notify = rc->notify;
	r->orcpt = arena_str(&m->arena, rc->orcpt);
	smtp_server_answer(s, 250, "2.1.5", NULL);
}

static void on_reset(void *ctx, struct smtp_server *s)
{
	(void)s;
	mail_unref(&of(ctx)->mail);
}

/* ---- messages ------------------------------------------------------------------------- */

static void passed(void *ctx, enum pass_outcome o)
{
	struct going *g = ctx;
	struct inbound *in = g->in;
	struct smtp_server *s;
	char text[128];

	if (in) {
		s = front_session_smtp(in->front);
		in->going = NULL;
		snprintf(text, sizeof(text), "<%s> Queued mail for delivery", g->id);
		if (o == PASS_DONE)
			smtp_server_answer(s, 250, "2.6.0", text);
		else if (o == PASS_FULL)
			smtp_server_answer(s, 452, "4.3.1", "Insufficient system resources");
		else
			smtp_server_answer(s, 451, "4.3.0", "Try again later");
	}
	free(g);
}

static void stamp(struct inbound *in, struct smtp_server *s, struct mail *m)
{
	struct conn_tls tls = { 0 };
	struct stamp_trace t = {
		.helo = smtp_server_helo(s), .peer = front_session_peer(in->front),
		.by = in->edge->conf->hostname, .protocol = smtp_server_protocol(s),
		.now_ms = m->received_ms,
	};

	if (smtp_server_is_tls(s) && front_session_conn(in->front))
		conn_tls(front_session_conn(in->front), &tls);
	t.tls_version = tls.version;
	t.tls_cipher = tls.cipher;
	stamp_received(m, &t);
}

/* OK, or the answer is given. */
static bool prepare(struct inbound *in, struct smtp_server *s, struct mail *m)
{
	struct edge *e = in->edge;
	struct stamp_header sh;
	struct errbuf eb = { "" };

	m->id = (struct mail_id){ *queue_instance(e->relay.queue), queue_next_seq(e->relay.queue) };
	m->root = m->id.origin;
	m->received_ms = clock_wall_ms();
	if (m->id.seq == 0 || stamp_read(m, &sh, &eb) ||
	    (sh.forbidden && stamp_firewall(m, e->relay.spool, &eb))) {
		smtp_server_answer(s, 451, "4.3.0", "Try again later");
		return false;
	}
	if (sh.n_received > edge_route(e)->max_hops) {
		smtp_server_answer(s, 554, "5.4.6", "Hop count exceeded - possible mail loop");
		return false;
	}
	stamp(in, s, m);
	return true;
}

static void on_data_end(void *ctx, struct smtp_server *s, struct spool_body *body,
			const struct smtp_server_facts *facts)
{
	struct inbound *in = of(ctx);
	struct mail *m = in->mail;
	struct going *g;
	char clean[256];

	in->mail = NULL;
	mail_set_body(m, spool_body_ref(body));
	if (facts->header_8bit || facts->body_8bit)
		m->flags |= MAIL_8BIT;
	if (!prepare(in, s, m)) {
		mail_unref(&m);
		return;
	}
	g = xcalloc(1, sizeof(*g));
	g->in = in;
	mail_id_text(&m->id, g->id);
	in->going = g;
	log_info(&in->log, "accepted id=%s from=<%s> rcpts=%zu size=%llu msgid=%s", g->id, m->sender,
		 m->n_rcpts, (unsigned long long)m->size,
		 log_clean(m->message_id, strlen(m->message_id), clean, sizeof(clean)));
	track_add(in->edge->relay.track, m->received_ms, "receive", m, NULL, in->log.tags);
	metric_add(in->edge->metrics, EDGE_ACCEPTED, 1);
	pass(in->edge, m, passed, g);
}

const struct smtp_server_policy inbound_policy = {
	.connect = on_connect, .mail = on_mail, .rcpt = on_rcpt, .data_end = on_data_end,
	.reset = on_reset, .low = on_low, .gone = on_gone,
};
