#include "common/relay/client.h"

#include "common/auth/sasl.h"
#include "common/relay/client_session.h"
#include <stdio.h>
#include <stdlib.h>

#define OUT_MAX	 (1u << 20)
#define QUIT_S	 10

/* RFC 5321 4.5.3.2, seconds */
#define GREETING_S 300
#define MAIL_S	   300

static unsigned or_default(unsigned set, unsigned fallback)
{
	return set ? set : fallback;
}

/* ---- results ---------------------------------------------------------------- */

static void set_text(struct smtp_result *r, const char *text)
{
	size_t i;

	for (i = 0; text[i] != '\0' && i + 1 < sizeof(r->text); i++) {
		unsigned char ch = (unsigned char)text[i];

		r->text[i] = ch == '\n' ? ' ' : ch < ' ' || ch > 126 ? '?' : (char)ch;
	}
	r->text[i] = '\0';
}

void client_result_local(struct smtp_result *r, enum smtp_outcome o, const char *enhanced,
			 const char *text)
{
	*r = (struct smtp_result){ .outcome = o };
	snprintf(r->enhanced, sizeof(r->enhanced), "%s", enhanced);
	set_text(r, text);
}

void client_result_remote(const struct smtp_client *c, struct smtp_result *r)
{
	unsigned code = c->reply.code;

	*r = (struct smtp_result){ .remote = true, .code = code };
	r->outcome = code < 300 ? SMTP_OK : code >= 500 ? SMTP_PERM : SMTP_TEMP;
	snprintf(r->enhanced, sizeof(r->enhanced), "%s",
		 c->reply.enhanced[0] ? c->reply.enhanced :
		 r->outcome == SMTP_OK ? "2.0.0" : r->outcome == SMTP_TEMP ? "4.0.0" : "5.0.0");
	set_text(r, c->reply.text.data);
}

void client_end(struct smtp_client *c, const struct smtp_result *r)
{
	if (c->ending)
		return;
	c->ending = true;
	c->end = *r;
}

void client_end_local(struct smtp_client *c, enum smtp_outcome o, const char *enhanced,
		      const char *text)
{
	struct smtp_result r;

	client_result_local(&r, o, enhanced, text);
	client_end(c, &r);
}

/* ---- saying ----------------------------------------------------------------- */

void client_wait(struct smtp_client *c, unsigned seconds)
{
	c->deadline_ms = seconds ? c->now_ms + (int64_t)seconds * 1000 : 0;
}

void client_enter(struct smtp_client *c, enum client_phase p, unsigned seconds)
{
	c->phase = p;
	client_wait(c, seconds);
}

void client_flush(struct smtp_client *c)
{
	if (c->out.len == 0)
		return;
	if (!c->io->send(c->ctx, c->out.data, c->out.len))
		c->full = true;
	buf_clear(&c->out);
	buf_release(&c->out);
}

/* Our own short words always fit. */
static void say(struct smtp_client *c, const char *verb, const char *arg)
{
	enum err e = buf_addf(&c->out, "%s%s%s\r\n", verb, arg ? " " : "", arg ? arg : "");

	CHECK(e == ERR_OK);
}

static void say_hello(struct smtp_client *c, bool esmtp)
{
	say(c, esmtp ? "EHLO" : "HELO", c->conf->hostname);
	client_enter(c, esmtp ? PHASE_EHLO : PHASE_HELO, or_default(c->conf->mail_s, MAIL_S));
}

static void become_ready(struct smtp_client *c)
{
	client_enter(c, PHASE_IDLE, 0);
	if (c->ev->ready)
		c->ev->ready(c->ctx, c);
}

/* ---- AUTH ------------------------------------------------------------------- */

static void say_auth(struct smtp_client *c)
{
	enum sasl_client_mech m;
	struct buf line;
	enum err e;

	buf_init(&line, SASL_LINE_MAX);
	e = sasl_client_choose(c->mechanisms, &m);
	if (!e)
		e = sasl_client_line(m, c->auth_step, c->conf->user, c->conf->password, &line);
	if (e) {
		client_end_local(c, SMTP_TEMP, "4.7.0", "no way to authenticate with this server");
	} else if (c->auth_step > 0) {
		say(c, line.data, NULL);
	} else {
		e = buf_addf(&c->out, "AUTH %s%s%s\r\n", sasl_client_name(m),
			     line.len > 0 ? " " : "", line.data);
		CHECK(e == ERR_OK);
	}
	if (line.len > 0)
		explicit_bzero(line.data, line.len);
	buf_fini(&line);
	c->auth_step++;
}

static void begin_auth(struct smtp_client *c)
{
	if (!c->conf->user) {
		become_ready(c);
	} else if (!c->tls || !(c->ext & SMTP_EXT_AUTH)) {
		client_end_local(c, SMTP_TEMP, "4.7.0", "authentication is not offered under TLS");
	} else {
		client_enter(c, PHASE_AUTH, or_default(c->conf->mail_s, MAIL_S));
		c->auth_step = 0;
		say_auth(c);
	}
}

static void on_auth(struct smtp_client *c)
{
	struct smtp_result r;

	if (c->reply.code == 334) {
		say_auth(c);
	} else if (c->reply.code == 235) {
		become_ready(c);
	} else {	/* our credentials are our affair: no sender bounces for them */
		client_result_remote(c, &r);
		r.outcome = SMTP_TEMP;
		client_end(c, &r);
	}
}

/* ---- greetings -------------------------------------------------------------- */

static void end_remote(struct smtp_client *c)
{
	struct smtp_result r;

	client_result_remote(c, &r);
	if (r.outcome == SMTP_OK)	/* a positive reply where none was due */
		client_result_local(&r, SMTP_TEMP, "4.5.0", "unexpected reply");
	client_end(c, &r);
}

static bool tls_missing(struct smtp_client *c)
{
	if (c->tls || c->conf->tls != SMTP_CLIENT_REQUIRED)
		return false;
	client_end_local(c, SMTP_TEMP, "4.7.4", "TLS is required, and the server does not offer it");
	return true;
}

static void on_greeting(struct smtp_client *c)
{
	if (c->reply.code != 220)
		end_remote(c);
	else if (!c->conf->force_helo || !tls_missing(c))
		say_hello(c, !c->conf->force_helo);
}

static void on_ehlo(struct smtp_client *c)
{
	if (c->reply.code >= 500 && c->reply.code != 521 && !tls_missing(c)) {
		say_hello(c, false);
		return;
	}
	if (c->reply.code != 250) {
		end_remote(c);
		return;
	}
	c->ext = smtp_reply_extensions(&c->reply, &c->peer_max, c->mechanisms,
				       sizeof(c->mechanisms));
	if (c->tls || c->conf->tls == SMTP_CLIENT_PLAIN) {
		begin_auth(c);
	} else if (c->ext & SMTP_EXT_STARTTLS) {
		say(c, "STARTTLS", NULL);
		client_enter(c, PHASE_STARTTLS, or_default(c->conf->mail_s, MAIL_S));
	} else if (!tls_missing(c)) {
		begin_auth(c);
	}
}

static void on_helo(struct smtp_client *c)
{
	c->ext = 0;
	c->peer_max = 0;
	if (c->reply.code == 250)
		begin_auth(c);
	else
		end_remote(c);
}

static void on_starttls(struct smtp_client *c)
{
	if (c->reply.code == 220) {
		client_enter(c, PHASE_TLS, or_default(c->conf->mail_s, MAIL_S));
		client_flush(c);
		c->io->starttls(c->ctx);
	} else if (c->reply.code == 421) {
		end_remote(c);
	} else if (!tls_missing(c)) {
		begin_auth(c);
	}
}

/* A reply to nothing: 421 from a server that is tired of waiting. */
static void on_idle(struct smtp_client *c)
{
	end_remote(c);
}

static void on_quit(struct smtp_client *c)
{
	client_end_local(c, SMTP_OK, "2.0.0", "closed");
}

static void (*const on_reply[])(struct smtp_client *c) = {
	[PHASE_GREETING] = on_greeting,
	[PHASE_EHLO] = on_ehlo,
	[PHASE_HELO] = on_helo,
	[PHASE_STARTTLS] = on_starttls,
	[PHASE_TLS] = on_idle,
	[PHASE_AUTH] = on_auth,
	[PHASE_IDLE] = on_idle,
	[PHASE_BEGIN] = on_idle,
	[PHASE_ENVELOPE] = client_envelope_reply,
	[PHASE_CONTENT] = client_content_reply,
	[PHASE_FINAL] = client_final_reply,
	[PHASE_QUIT] = on_quit,
};

/* ---- the pump --------------------------------------------------------------- */

/* Go on as far as possible, then send what was said; the last thing every entry
 * does.  The session may be gone after it. */
static void leave(struct smtp_client *c)
{
	while (!c->ending && c->phase == PHASE_BEGIN)
		client_begin(c);	/* may end one message and begin the next */
	if (!c->ending && c->phase == PHASE_ENVELOPE)
		client_send_envelope(c);
	if (!c->ending && c->phase == PHASE_CONTENT)
		client_send_content(c);
	client_flush(c);
	if (c->ending) {
		if (c->in_hand)
			client_mail_over(c, &c->end, false);
		c->over = true;
		if (c->ev->closed)
			c->ev->closed(c->ctx, c, &c->end);
	}
	c->busy = false;
	if (c->over)
		c->io->hangup(c->ctx);		/* c may be gone now */
}

static bool enter(struct smtp_client *c)
{
	CHECK_OBJ(c, SMTP_CLIENT_MAGIC);
	CHECK(!c->busy);
	if (c->over)
		return false;
	c->busy = true;
	return true;
}

void smtp_client_feed(struct smtp_client *c, const char *p, size_t n)
{
	struct span in = { p, n };

	if (!enter(c))
		return;
	while (in.n > 0 && !c->ending) {
		enum smtp_reply_result res;

		if (c->phase == PHASE_TLS) {	/* said in plain, to be believed under TLS? */
			client_end_local(c, SMTP_TEMP, "4.7.0", "data behind the reply to STARTTLS");
			break;
		}
		res = smtp_reply_feed(&c->reply, &in);
		if (res == SMTP_REPLY_MORE)
			break;
		if (res == SMTP_REPLY_BAD) {
			client_end_local(c, SMTP_TEMP, "4.5.0", "malformed reply");
			break;
		}
		if (c->reply.code == 421 && c->phase != PHASE_QUIT)
			end_remote(c);
		else
			on_reply[c->phase](c);
		smtp_reply_reset(&c->reply);
	}
	leave(c);
}

void smtp_client_writable(struct smtp_client *c)
{
	if (!enter(c))
		return;
	c->full = false;
	leave(c);
}

void smtp_client_tls_done(struct smtp_client *c, bool ok)
{
	struct smtp_result r;

	if (!enter(c))
		return;
	CHECK(c->phase == PHASE_TLS);
	if (ok) {
		c->tls = true;
		say_hello(c, true);
	} else {
		client_result_local(&r, SMTP_TEMP, "4.7.5", "TLS handshake failed");
		r.tls_failed = true;
		client_end(c, &r);
	}
	leave(c);
}

void smtp_client_tick(struct smtp_client *c, int64_t now_ms)
{
	if (!enter(c))
		return;
	c->now_ms = now_ms;
	if (c->deadline_ms > 0 && now_ms > c->deadline_ms)
		client_end_local(c, c->phase == PHASE_QUIT ? SMTP_OK : SMTP_TEMP,
				 c->phase == PHASE_QUIT ? "2.0.0" : "4.4.2",
				 "connection timed out");
	leave(c);
}

void smtp_client_hangup(struct smtp_client *c, const char *why)
{
	char text[200];

	if (!enter(c))
		return;
	snprintf(text, sizeof(text), "connection lost: %s", why);
	if (c->phase == PHASE_QUIT)
		client_end_local(c, SMTP_OK, "2.0.0", "closed");
	else
		client_end_local(c, SMTP_TEMP, "4.4.2", text);
	leave(c);
}

/* ---- life ------------------------------------------------------------------- */

struct smtp_client *smtp_client_new(const struct smtp_client_conf *conf,
				    const struct smtp_client_io *io,
				    const struct smtp_client_events *ev, void *ctx, bool tls,
				    int64_t now_ms)
{
	struct smtp_client *c = xcalloc(1, sizeof(*c));

	c->magic = SMTP_CLIENT_MAGIC;
	c->conf = conf;
	c->io = io;
	c->ev = ev;
	c->ctx = ctx;
	c->tls = tls;
	c->now_ms = now_ms;
	smtp_reply_init(&c->reply);
	buf_init(&c->out, OUT_MAX);
	client_enter(c, PHASE_GREETING, or_default(conf->greeting_s, GREETING_S));
	return c;
}

void smtp_client_free(struct smtp_client **cp)
{
	struct smtp_client *c = *cp;

	if (!c)
		return;
	*cp = NULL;
	CHECK_OBJ(c, SMTP_CLIENT_MAGIC);
	CHECK(!c->busy);
	smtp_reply_fini(&c->reply);
	buf_fini(&c->out);
	free(c->rcpts);
	c->magic = 0;
	free(c);
}

void smtp_client_send(struct smtp_client *c, const struct smtp_client_message *m)
{
	CHECK_OBJ(c, SMTP_CLIENT_MAGIC);
	CHECK(c->phase == PHASE_IDLE && !c->in_hand && !c->ending && m->n_rcpts > 0);
	c->msg = *m;
	c->in_hand = true;
	client_enter(c, PHASE_BEGIN, 0);
	if (!c->busy && client_fits(c)) {	/* else it waits for the next tick */
		client_begin(c);
		client_send_envelope(c);
		client_flush(c);
	}
}

void smtp_client_quit(struct smtp_client *c)
{
	CHECK_OBJ(c, SMTP_CLIENT_MAGIC);
	CHECK(c->phase == PHASE_IDLE && !c->in_hand && !c->ending);
	say(c, "QUIT", NULL);
	client_enter(c, PHASE_QUIT, QUIT_S);
	if (!c->busy)
		client_flush(c);
}

bool smtp_client_is_tls(const struct smtp_client *c)
{
	return c->tls;
}

bool smtp_client_offers_dsn(const struct smtp_client *c)
{
	return (c->ext & SMTP_EXT_DSN) != 0;
}
