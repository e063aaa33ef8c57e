#include "roles/hub-transport/submit.h"

#include "common/auth/sasl.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/relay/stamp.h"
#include "roles/hub-transport/behalf.h"
#include "roles/hub-transport/carry.h"
#include "roles/hub-transport/resolve.h"

#include <stdlib.h>
#include <string.h>

/* What a session's owner keeps.  A message on its way outlives its session. */
struct submit {
	struct hub *hub;
	struct front_session *front;
	bool internal;			/* on the port for servers and trusted hosts */
	enum trust_level trust;
	struct sasl *sasl;
	struct login_result user;
	bool authenticated;
	struct mail *mail;		/* the transaction's envelope */
	struct going *going;		/* in data_end, not answered */
	char mechanisms[SASL_NAMES_MAX];
	struct log_ctx log;
};

struct going {
	struct hub *hub;
	struct submit *submit;		/* NULL: the client is gone */
	struct mail *copy;		/* for the mailbox in whose name it goes; or NULL */
	char *id;
};

static struct submit *of(struct smtp_server *s, void *ctx)
{
	(void)s;
	return front_session_get(ctx);
}

/* ---- connections ------------------------------------------------------------------- */

/* Asked anew for each message: a server may have been removed, or just come. */
static void find_trust(struct submit *u, struct smtp_server *s)
{
	struct hub *h = u->hub;
	struct conn_tls tls = { 0 };

	if (!u->internal)
		return;
	if (front_session_conn(u->front))
		conn_tls(front_session_conn(u->front), &tls);
	u->trust = trust_of(&h->trust, member_replica(h->relay.member), hub_route(h),
			    front_session_peer(u->front), &tls);
	if (u->trust != TRUST_NONE)
		smtp_server_set_trusted(s);
}

static void begin(void *ctx, struct smtp_server *s, bool internal)
{
	struct front_session *fs = ctx;
	struct submit *u = xcalloc(1, sizeof(*u));
	char host[ADDR_TEXT];

	u->hub = front_role(fs);
	u->front = fs;
	front_session_set(fs, u);
	snprintf(u->log.tags, sizeof(u->log.tags), "client=%s",
		 addr_host(front_session_peer(fs), host));
	u->internal = internal;
	find_trust(u, s);
	smtp_server_set_max_size(s, (uint64_t)hub_route(u->hub)->max_message);
	smtp_server_answer(s, 220, NULL, NULL);
}

static void on_submission(void *ctx, struct smtp_server *s)
{
	begin(ctx, s, false);
}

static void on_internal(void *ctx, struct smtp_server *s)
{
	begin(ctx, s, true);
}

static void on_gone(void *ctx, struct smtp_server *s)
{
	struct submit *u = of(s, ctx);

	if (!u)
		return;
	if (u->going)
		u->going->submit = NULL;
	sasl_cancel(&u->sasl);
	mail_unref(&u->mail);
	free(u);
	front_session_set(ctx, NULL);
}

static bool on_low(void *ctx)
{
	return hub_is_low(front_role(ctx));
}

/* ---- authentication ------------------------------------------------------------------ */

/* proof: where the result may point to afterwards. */
static struct sasl_conf sasl_conf(struct submit *u, struct smtp_server *s,
				  struct conn_proof *proof)
{
	struct sasl_conf c = {
		.source = *front_session_peer(u->front), .protocol = LOGIN_SMTP,
		.tls = smtp_server_is_tls(s), .allow_plain = !u->hub->conf->require_tls,
		.now_ms = clock_mono_ms(),
	};
	struct conn *conn = front_session_conn(u->front);

	if (c.tls && conn) {
		conn_proof(conn, proof);
		c.proof = proof;
	}
	return c;
}

static const char *on_mechanisms(void *ctx, struct smtp_server *s)
{
	struct submit *u = of(s, ctx);
	struct conn_proof proof;
	struct sasl_conf c = sasl_conf(u, s, &proof);

	return sasl_mechanisms(u->hub->login, &c, u->mechanisms);
}

static void auth_failed(struct submit *u, enum err e)
{
	struct smtp_server *s = front_session_smtp(u->front);

	switch (e) {
	case ERR_AGAIN:
		smtp_server_answer(s, 454, "4.7.0", "Temporary authentication failure");
		break;
	case ERR_INVALID:
		smtp_server_answer(s, 501, "5.5.2", "Cannot decode that");
		break;
	case ERR_NOTFOUND:
		smtp_server_answer(s, 504, "5.5.4", "No such mechanism here");
		break;
	case ERR_LIMIT:
		smtp_server_answer(s, 454, "4.7.0", "Too many failures, try again later");
		break;
	default:
		smtp_server_answer(s, 535, "5.7.3", "Authentication unsuccessful");
	}
}

static void auth_step(void *ctx, enum err e, const char *challenge, const struct login_result *r)
{
	struct submit *u = ctx;
	struct smtp_server *s = front_session_smtp(u->front);

	if (e == ERR_OK && challenge) {
		smtp_server_challenge(s, challenge);
		return;
	}
	u->sasl = NULL;
	if (e != ERR_OK) {
		log_info(&u->log, "submission login refused err=%s", err_text(e));
		auth_failed(u, e);
		return;
	}
	u->user = *r;
	u->authenticated = true;
	log_info(&u->log, "submission login user=%s", r->user);
	smtp_server_answer(s, 235, "2.7.0", "Authentication successful");
}

static void on_auth(void *ctx, struct smtp_server *s, const char *mech, const char *initial)
{
	struct submit *u = of(s, ctx);
	struct conn_proof proof;
	struct sasl_conf c = sasl_conf(u, s, &proof);

	u->sasl = sasl_start(u->hub->login, u->hub->loop, &c, mech, initial, auth_step, u);
}

static void on_auth_line(void *ctx, struct smtp_server *s, const char *line, size_t n)
{
	sasl_line(of(s, ctx)->sasl, line, n);
}

/* ---- envelopes ------------------------------------------------------------------------- */

/* A login that was good when the session began may not be any more. */
static bool is_still_good(struct submit *u)
{
	return login_still(u->hub->login, &u->user, LOGIN_SMTP) == ERR_OK;
}

static void on_mail(void *ctx, struct smtp_server *s, const struct smtp_mail *in)
{
	struct submit *u = of(s, ctx);
	struct replica *r = member_replica(u->hub->relay.member);
	struct mail *m;

	mail_unref(&u->mail);
	find_trust(u, s);
	if (!u->authenticated && u->trust == TRUST_NONE) {
		smtp_server_answer(s, 530, "5.7.1", "Client was not authenticated");
		return;
	}
	if (!replica_is_ready(r)) {
		smtp_server_answer(s, 451, "4.3.0", "The directory is not there yet");
		return;
	}
	if (u->authenticated && !is_still_good(u)) {
		smtp_server_answer(s, 421, "4.7.0", "The login is not valid any more");
		return;
	}
	if (u->authenticated)
		smtp_server_set_max_size(s, resolve_max_send(r, hub_route(u->hub), &u->user.principal));
	m = mail_new();
	m->sender = smtp_address_text(&in->from, &m->arena);
	if (u->authenticated && m->sender[0] &&
	    behalf_right(r, &u->user.principal, m->sender) == SEND_NOT) {
		mail_unref(&m);
		smtp_server_answer(s, 550, "5.7.1", "Client does not have permissions to send as this sender");
		return;
	}
	m->envid = arena_str(&m->arena, in->envid);
	m->flags = (u->authenticated || u->trust != TRUST_EDGE ? MAIL_AUTHENTICATED : 0) |
		   (in->smtputf8 ? MAIL_UTF8 : 0) |
		   (in->ret == SMTP_RET_FULL ? MAIL_RET_FULL : 0) |
		   (in->ret == SMTP_RET_HDRS ? MAIL_RET_HDRS : 0);
	if (u->authenticated)
		m->submitter = u->user.principal;
	u->mail = m;
	smtp_server_answer(s, 250, "2.1.0", NULL);
}

/* Postmaster without a domain is ours, RFC 5321 section 4.5.1. */
static const char *recipient(struct submit *u, const struct smtp_rcpt *in)
{
	if (in->to.domain[0] == '\0')
		return hub_route(u->hub)->postmaster;
	return smtp_address_text(&in->to, &u->mail->arena);
}

static enum err may_name(struct submit *u, const char *address)
{
	struct replica *replica = member_replica(u->hub->relay.member);
	enum err e = resolve_rcpt(replica, address, true);
	const char *postmaster = route_postmaster(hub_route(u->hub), address);

	return e == ERR_NOTFOUND && postmaster ? resolve_rcpt(replica, postmaster, true) : e;
}

static void on_rcpt(void *ctx, struct smtp_server *s, const struct smtp_rcpt *in)
{
	struct submit *u = of(s, ctx);
	const char *address = recipient(u, in);
	struct mail_rcpt *r;

	switch (may_name(u, address)) {
	case ERR_OK:
		break;
	case ERR_NOTFOUND:
		smtp_server_answer(s, 550, "5.1.1", "User unknown");
		return;
	case ERR_DENIED:
		smtp_server_answer(s, 550, "5.7.1", "Unable to relay");
		return;
	default:
		smtp_server_answer(s, 451, "4.3.0", "Try again later");
		return;
	}
	r = mail_add(u->mail, address);
	r->notify = in->notify;
	r->orcpt = arena_str(&u->mail->arena, in->orcpt);
	smtp_server_answer(s, 250, "2.1.5", NULL);
}

static void on_reset(void *ctx, struct smtp_server *s)
{
	mail_unref(&of(s, ctx)->mail);
}

/* ---- messages -------------------------------------------------------------------------- */

static void answer(struct going *g, enum carry_outcome o)
{
	struct submit *u = g->submit;
	struct smtp_server *s;
	char text[128];

	if (u) {
		s = front_session_smtp(u->front);
		u->going = NULL;
		snprintf(text, sizeof(text), "%s Queued mail for delivery", g->id);
		if (o == CARRY_DONE)
			smtp_server_answer(s, 250, "2.6.0", text);
		else if (o == CARRY_FULL)
			smtp_server_answer(s, 452, "4.3.1", "Insufficient system resources");
		else
			smtp_server_answer(s, 451, "4.3.0", "Try again later");
	}
	free(g->id);
	free(g);
}

/* The message itself is on its way: that is what the client is told. */
static void copied(void *ctx, enum carry_outcome o)
{
	struct going *g = ctx;

	if (o != CARRY_DONE)
		log_warn(NULL, "sent copy lost id=%s", g->id);
	answer(g, CARRY_DONE);
}

static void carried(void *ctx, enum carry_outcome o)
{
	struct going *g = ctx;
	struct mail *copy = g->copy;

	g->copy = NULL;
	if (copy && o == CARRY_DONE) {
		carry(g->hub, copy, true, copied, g);
		return;
	}
	mail_unref(&copy);
	answer(g, o);
}

static bool too_many_hops(struct submit *u, const struct stamp_header *sh)
{
	return sh->n_received > hub_route(u->hub)->max_hops;
}

static void stamp(struct submit *u, struct smtp_server *s, struct mail *m,
		  const struct stamp_header *sh)
{
	struct conn_tls tls = { 0 };
	const struct hub_conf *conf = u->hub->conf;
	struct stamp_trace t = {
		.helo = smtp_server_helo(s), .peer = front_session_peer(u->front),
		.by = conf->hostname, .protocol = smtp_server_protocol(s),
		.hide_peer = u->authenticated, .now_ms = m->received_ms,
	};

	if (front_session_conn(u->front))
		conn_tls(front_session_conn(u->front), &tls);
	t.tls_version = tls.version;
	t.tls_cipher = tls.cipher;
	stamp_complete(m, sh, conf->hostname, m->received_ms);
	stamp_received(m, &t);
}

/* Header fields of servers come from servers only, not from users of theirs. */
static bool may_write_ours(const struct submit *u)
{
	return !u->authenticated && (u->trust == TRUST_SERVER || u->trust == TRUST_EDGE);
}

/* OK, or the answer is given. */
static bool prepare(struct submit *u, struct smtp_server *s, struct mail *m, struct mail **copy)
{
	struct hub *h = u->hub;
	struct replica *r = member_replica(h->relay.member);
	struct stamp_header sh;
	struct errbuf eb = { "" };

	m->id = (struct mail_id){ *queue_instance(h->relay.queue), queue_next_seq(h->relay.queue) };
	m->root = m->id.origin;
	m->received_ms = clock_wall_ms();
	if (m->id.seq == 0 || stamp_read(m, &sh, &eb) ||
	    (sh.forbidden && !may_write_ours(u) && stamp_firewall(m, h->relay.spool, &eb))) {
		smtp_server_answer(s, 451, "4.3.0", "Try again later");
		return false;
	}
	if (too_many_hops(u, &sh)) {
		smtp_server_answer(s, 554, "5.4.6", "Hop count exceeded - possible mail loop");
		return false;
	}
	if (u->authenticated &&
	    behalf_stamp(r, m, &sh, &u->user.principal, u->user.user) != ERR_OK) {
		smtp_server_answer(s, 550, "5.7.1", "Client does not have permissions to send as this sender");
		return false;
	}
	stamp(u, s, m, &sh);
	if (u->authenticated)
		*copy = behalf_copy(r, m, &sh, &u->user.principal);
	return true;
}

static void on_data_end(void *ctx, struct smtp_server *s, struct spool_body *body,
			const struct smtp_server_facts *facts)
{
	struct submit *u = of(s, ctx);
	struct hub *h = u->hub;
	struct mail *m = u->mail, *copy = NULL;
	struct going *g;
	char id[64], clean[256];

	u->mail = NULL;
	mail_set_body(m, spool_body_ref(body));
	if (facts->header_8bit || facts->body_8bit)
		m->flags |= MAIL_8BIT;
	if (!prepare(u, s, m, &copy)) {
		mail_unref(&m);
		return;
	}
	mail_id_text(&m->id, id);
	log_info(&u->log, "accepted id=%s from=<%s> rcpts=%zu size=%llu msgid=%s", id, m->sender,
		 m->n_rcpts, (unsigned long long)m->size,
		 log_clean(m->message_id, strlen(m->message_id), clean, sizeof(clean)));
	track_add(h->relay.track, m->received_ms, "receive", m, NULL,
		  u->authenticated ? u->user.user : trust_text(u->trust));
	metric_add(h->metrics, HUB_ACCEPTED, 1);
	g = xcalloc(1, sizeof(*g));
	g->hub = h;
	g->submit = u;
	g->copy = copy;
	g->id = xasprintf("<%s>", id);
	u->going = g;
	carry(h, m, true, carried, g);
}

const struct smtp_server_policy submit_policy = {
	.connect = on_submission, .mechanisms = on_mechanisms, .auth = on_auth,
	.auth_line = on_auth_line, .mail = on_mail, .rcpt = on_rcpt, .data_end = on_data_end,
	.reset = on_reset, .low = on_low, .gone = on_gone,
};

const struct smtp_server_policy internal_policy = {
	.connect = on_internal, .mechanisms = on_mechanisms, .auth = on_auth,
	.auth_line = on_auth_line, .mail = on_mail, .rcpt = on_rcpt, .data_end = on_data_end,
	.reset = on_reset, .low = on_low, .gone = on_gone,
};
