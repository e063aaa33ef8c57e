#include "common/relay/server.h"

#include "common/relay/server_session.h"
#include <stdio.h>
#include <stdlib.h>

#define IN_MAX	(256u << 10)
#define OUT_MAX (256u << 10)

static const struct smtp_fault
	line_long = { 500, "5.5.2", "Line too long" },
	line_bad = { 500, "5.5.2", "Lines must end in CR LF" };

/* What is said when the policy agrees and gives no text. */
static const struct {
	unsigned code;
	const char *enhanced, *text;
} usual[] = {
	[ASK_CONNECT] = { 220, "", "" },
	[ASK_HELO] = { 250, "", "" },
	[ASK_AUTH] = { 235, "2.7.0", "Authentication successful" },
	[ASK_MAIL] = { 250, "2.1.0", "Sender OK" },
	[ASK_RCPT] = { 250, "2.1.5", "Recipient OK" },
	[ASK_DATA] = { 354, "", "Start mail input; end with <CRLF>.<CRLF>" },
	[ASK_CHUNK] = { 250, "", "" },
	[ASK_MESSAGE] = { 250, "2.6.0", "Queued mail for delivery" },
};

void smtp_server_conf_hub(struct smtp_server_conf *c)
{
	*c = (struct smtp_server_conf){
		.hostname = "localhost",
		.ext = SMTP_EXT_SIZE | SMTP_EXT_8BITMIME | SMTP_EXT_SMTPUTF8 | SMTP_EXT_DSN |
		       SMTP_EXT_AUTH | SMTP_EXT_PIPELINING | SMTP_EXT_CHUNKING |
		       SMTP_EXT_STARTTLS | SMTP_EXT_ENHANCED,
		.auth_needs_tls = true,
		.max_size = 10u << 20,
		.max_header = 64u << 10,
		.max_line = 64u << 10,
		.max_rcpts = 200,
		.max_protocol_errors = 5,
		.max_logon_failures = 3,
		.inactivity_s = 5 * 60,
		.connection_s = 10 * 60,
		.tarpit_ms = 5000,
	};
}

void smtp_server_conf_edge(struct smtp_server_conf *c)
{
	smtp_server_conf_hub(c);
	c->ext &= ~(unsigned)SMTP_EXT_AUTH;
	c->max_messages_minute = 600;
	c->inactivity_s = 60;
	c->connection_s = 5 * 60;
}

/* ---- replies ---------------------------------------------------------------- */

static void set_reply(struct smtp_server *s, unsigned code, const char *enhanced,
		      const char *text)
{
	s->reply.code = code;
	snprintf(s->reply.enhanced, sizeof(s->reply.enhanced), "%s", enhanced ? enhanced : "");
	snprintf(s->reply.text, sizeof(s->reply.text), "%s", text);
}

enum next server_respond(struct smtp_server *s, unsigned code, const char *enhanced,
			 const char *text, enum server_step after)
{
	set_reply(s, code, enhanced, text);
	s->step = STEP_REPLY;
	s->after = after;
	return NEXT_MORE;
}

enum next server_fault(struct smtp_server *s, const struct smtp_fault *f)
{
	if (s->protocol_errors++ >= s->conf->max_protocol_errors)
		return server_respond(s, 421, "4.7.0", "Too many errors on this connection",
				      STEP_BYE);
	return server_respond(s, f->code, f->enhanced, f->text, STEP_LINE);
}

void server_flush(struct smtp_server *s)
{
	if (s->out.len == 0)
		return;
	if (!s->io->send(s->ctx, s->out.data, s->out.len))
		s->full = true;
	buf_clear(&s->out);
	buf_release(&s->out);
}

static enum err write_greeting(struct smtp_server *s)
{
	struct server_reply *r = &s->reply;
	char text[SERVER_TEXT_MAX + SMTP_DOMAIN_MAX + 32];

	snprintf(text, sizeof(text), "%s %s", s->conf->hostname,
		 r->text[0] != '\0' ? r->text : "ESMTP Bourse");
	return smtp_reply_write(&s->out, r->code, NULL, text);
}

static enum err write_reply(struct smtp_server *s)
{
	const struct server_reply *r = &s->reply;
	struct buf text;
	enum err e;

	if (r->code == 334) {
		e = buf_addf(&s->out, "334 %s\r\n", s->challenge.data);
		buf_fini(&s->challenge);
		return e;
	}
	if (s->asked == ASK_CONNECT && r->code == 220)
		return write_greeting(s);
	if (s->asked == ASK_HELO && r->code == 250 && s->after == STEP_LINE) {
		buf_init(&text, 4096);
		server_ehlo_text(s, &text);
		e = smtp_reply_write(&s->out, 250, NULL, text.data);
		buf_fini(&text);
		return e;
	}
	return smtp_reply_write(&s->out, r->code, r->enhanced[0] ? r->enhanced : NULL, r->text);
}

/* ---- answers of the policy ---------------------------------------------------- */

void server_ask(struct smtp_server *s, enum server_ask what)
{
	s->asked = what;
	s->answered = false;
	s->step = STEP_AWAIT;
}

static void pump(struct smtp_server *s);

static void answered(struct smtp_server *s)
{
	s->answered = true;
	if (!s->pumping)
		pump(s);
}

void smtp_server_answer(struct smtp_server *s, unsigned code, const char *enhanced,
			const char *text)
{
	const char *fallback = code >= 500 ? "5.7.1" : code >= 400 ? "4.3.0" : NULL;

	CHECK_OBJ(s, SMTP_SERVER_MAGIC);
	CHECK(s->asked != ASK_NOTHING && !s->answered && code >= 200 && code <= 599);
	if (code < 400) {
		code = usual[s->asked].code;
		fallback = usual[s->asked].enhanced;
		if (!text)
			text = usual[s->asked].text;
	} else if (!text) {
		text = code >= 500 ? "Refused" : "Not now, please try again later";
	}
	set_reply(s, code, enhanced ? enhanced : fallback, text);
	answered(s);
}

void smtp_server_challenge(struct smtp_server *s, const char *line)
{
	CHECK_OBJ(s, SMTP_SERVER_MAGIC);
	CHECK(s->asked == ASK_AUTH && !s->answered);
	buf_fini(&s->challenge);
	if (buf_adds(&s->challenge, line) != ERR_OK) {
		smtp_server_answer(s, 454, "4.7.0", "Temporary authentication failure");
		return;
	}
	set_reply(s, 334, NULL, "");
	answered(s);
}

static bool agreed(const struct smtp_server *s)
{
	return s->reply.code < 400;
}

static enum next settle_connect(struct smtp_server *s)
{
	s->after = agreed(s) ? STEP_LINE : STEP_BYE;
	return NEXT_MORE;
}

static enum next settle_helo(struct smtp_server *s)
{
	server_end_transaction(s, true);
	s->state = agreed(s) ? IN_READY : IN_START;
	if (!agreed(s))
		s->helo[0] = '\0';
	return NEXT_MORE;
}

static enum next settle_auth(struct smtp_server *s)
{
	if (s->reply.code == 334) {
		s->after = STEP_AUTH;
	} else if (agreed(s)) {
		s->authenticated = true;
	} else if (s->reply.code == 535 &&
		   ++s->logon_failures >= s->conf->max_logon_failures) {
		return server_respond(s, 421, "4.7.0", "Too many logon failures", STEP_BYE);
	}
	return NEXT_MORE;
}

static enum next settle_mail(struct smtp_server *s)
{
	if (agreed(s)) {
		s->state = IN_MAIL;
		s->minute_messages++;
	} else {
		s->smtputf8 = false;
	}
	return NEXT_MORE;
}

static enum next settle_rcpt(struct smtp_server *s)
{
	if (agreed(s)) {
		s->state = IN_RCPT;
		s->n_rcpts++;
	}
	return NEXT_MORE;
}

/* Refused, and the content is coming all the same: it must not be taken for
 * commands, so there is nothing left to talk about. */
static enum next settle_data(struct smtp_server *s)
{
	if (agreed(s)) {
		server_begin_content(s, true);
		s->after = STEP_CONTENT;
	} else if (s->early_content) {
		s->after = STEP_BYE;
	}
	return NEXT_MORE;
}

static enum next settle_chunk(struct smtp_server *s)
{
	s->chunk_refused = !agreed(s);
	if (!s->chunk_refused)
		server_begin_content(s, false);
	s->step = STEP_CHUNK;
	return NEXT_MORE;
}

static enum next settle_message(struct smtp_server *s)
{
	server_end_transaction(s, false);
	return NEXT_MORE;
}

static enum next (*const settle[])(struct smtp_server *s) = {
	[ASK_CONNECT] = settle_connect, [ASK_HELO] = settle_helo, [ASK_AUTH] = settle_auth,
	[ASK_MAIL] = settle_mail,	[ASK_RCPT] = settle_rcpt, [ASK_DATA] = settle_data,
	[ASK_CHUNK] = settle_chunk,	[ASK_MESSAGE] = settle_message,
};

void server_end_transaction(struct smtp_server *s, bool tell)
{
	bool open = s->state & IN_TRANSACTION;

	spool_body_unref(&s->body);
	s->n_rcpts = 0;
	s->smtputf8 = false;
	if (!open)
		return;
	s->state = IN_READY;
	if (tell && s->policy->reset)
		s->policy->reset(s->ctx, s);
}

/* ---- lines ------------------------------------------------------------------ */

enum line_result server_take_line(struct smtp_server *s, size_t max, struct span *out)
{
	const char *lf = s->cur.n > 0 ? memchr(s->cur.p, '\n', s->cur.n) : NULL;
	size_t n = lf ? (size_t)(lf - s->cur.p) + 1 : s->cur.n;

	if (n > max)
		return LINE_LONG;
	if (!lf)
		return LINE_MORE;
	*out = (struct span){ s->cur.p, n - 1 };
	s->cur = (struct span){ s->cur.p + n, s->cur.n - n };
	if (out->n == 0 || out->p[out->n - 1] != '\r')
		return LINE_BAD;
	out->n--;
	return LINE_DONE;
}

void server_wipe(struct smtp_server *s, struct span line)
{
	if (s->in.len > 0 && line.n > 0)	/* else it is in the caller's memory */
		explicit_bzero(s->in.data + (line.p - s->in.data), line.n);
}

static size_t line_max(const struct smtp_server *s)
{
	bool auth = s->cur.n > 5 && strncasecmp(s->cur.p, "AUTH ", 5) == 0;

	return auth ? SMTP_AUTH_LINE_MAX : SMTP_LINE_MAX;
}

/* ---- steps ------------------------------------------------------------------ */

static enum next step_greet(struct smtp_server *s)
{
	server_ask(s, ASK_CONNECT);
	if (s->policy->connect)
		s->policy->connect(s->ctx, s);
	else
		smtp_server_answer(s, 220, NULL, NULL);
	return NEXT_MORE;
}

static enum next step_line(struct smtp_server *s)
{
	struct span line;

	if (s->full)
		return NEXT_WAIT;
	s->asked = ASK_NOTHING;
	if (s->draining && !(s->state & IN_TRANSACTION))
		return server_respond(s, 421, "4.3.2", "Service shutting down", STEP_BYE);
	switch (server_take_line(s, line_max(s), &line)) {
	case LINE_MORE:
		return NEXT_WAIT;
	case LINE_LONG:
		s->step = STEP_SKIP;
		s->after = STEP_LINE;
		return NEXT_MORE;
	case LINE_BAD:
		return server_fault(s, &line_bad);
	case LINE_DONE:
		break;
	}
	return server_run_verb(s, line);
}

/* after: where the line should have gone.  A line of AUTH that is too long gives
 * the exchange up, as "*" does. */
static enum next step_skip(struct smtp_server *s)
{
	const char *lf = s->cur.n > 0 ? memchr(s->cur.p, '\n', s->cur.n) : NULL;
	size_t n = lf ? (size_t)(lf - s->cur.p) + 1 : s->cur.n;

	s->cur = (struct span){ s->cur.p + n, s->cur.n - n };
	if (!lf)
		return NEXT_WAIT;
	if (s->after == STEP_LINE)
		return server_fault(s, &line_long);
	server_ask(s, ASK_AUTH);
	s->policy->auth_line(s->ctx, s, "*", 1);
	return NEXT_MORE;
}

static enum next step_auth(struct smtp_server *s)
{
	struct span line;

	switch (server_take_line(s, SMTP_AUTH_LINE_MAX, &line)) {
	case LINE_MORE:
		return NEXT_WAIT;
	case LINE_LONG:
		s->step = STEP_SKIP;
		s->after = STEP_AUTH;
		return NEXT_MORE;
	case LINE_BAD:
		line = SPAN("*");
		break;
	case LINE_DONE:
		break;
	}
	server_ask(s, ASK_AUTH);
	s->policy->auth_line(s->ctx, s, line.p, line.n);
	if (line.n > 1)
		server_wipe(s, line);
	return NEXT_MORE;
}

static enum next step_await(struct smtp_server *s)
{
	if (!s->answered)
		return NEXT_WAIT;
	s->step = STEP_REPLY;
	s->after = STEP_LINE;
	return settle[s->asked](s);
}

static bool tarpit(const struct smtp_server *s)
{
	return s->reply.code >= 500 && s->conf->tarpit_ms > 0 && s->io->timer && !s->slept &&
	       !s->authenticated && !s->trusted;
}

static enum next step_reply(struct smtp_server *s)
{
	if (tarpit(s)) {
		s->slept = true;
		s->step = STEP_TARPIT;
		s->io->timer(s->ctx, s->conf->tarpit_ms);
		return NEXT_WAIT;
	}
	s->slept = false;
	s->active_ms = s->now_ms;
	s->step = s->reply.code == 421 ? STEP_BYE : s->after;
	if (write_reply(s) != ERR_OK)	/* it does not read what we say */
		s->step = STEP_BYE;
	return NEXT_MORE;
}

static enum next step_tarpit(struct smtp_server *s)
{
	(void)s;
	return NEXT_WAIT;
}

static enum next step_tls(struct smtp_server *s)
{
	s->cur.n = 0;		/* RFC 3207 4.2: what came in plain is not obeyed */
	if (!s->handshake) {
		s->handshake = true;
		server_flush(s);
		s->io->starttls(s->ctx);
	}
	return NEXT_WAIT;
}

static enum next step_bye(struct smtp_server *s)
{
	s->cur.n = 0;
	return NEXT_DONE;
}

static enum next (*const steps[])(struct smtp_server *s) = {
	[STEP_GREET] = step_greet,
	[STEP_LINE] = step_line,
	[STEP_SKIP] = step_skip,
	[STEP_AWAIT] = step_await,
	[STEP_REPLY] = step_reply,
	[STEP_TARPIT] = step_tarpit,
	[STEP_AUTH] = step_auth,
	[STEP_CONTENT] = server_step_content,
	[STEP_CHUNK] = server_step_chunk,
	[STEP_TLS] = step_tls,
	[STEP_BYE] = step_bye,
};

/* ---- the pump --------------------------------------------------------------- */

/* What the steps left over is in s->cur; it goes back into s->in. */
static bool keep_rest(struct smtp_server *s)
{
	bool fits = true;

	if (s->in.len > 0)
		buf_drop(&s->in, s->in.len - s->cur.n);
	else
		fits = buf_add(&s->in, s->cur.p, s->cur.n) == ERR_OK;
	s->cur = (struct span){ NULL, 0 };
	buf_release(&s->in);
	return fits;
}

static void pause_or_resume(struct smtp_server *s)
{
	bool stop = s->in.len > SERVER_HELD_MAX || s->full;

	if (stop == s->paused || !s->io->pause)
		return;
	s->paused = stop;
	s->io->pause(s->ctx, stop);
}

static void pump_on(struct smtp_server *s)
{
	enum next n;

	s->pumping = true;
	do
		n = steps[s->step](s);
	while (n == NEXT_MORE);
	s->pumping = false;
	if (!keep_rest(s))
		n = NEXT_DONE;
	/* While an answer is waited for, replies before it wait too: one send. */
	if (s->step != STEP_AWAIT || n == NEXT_DONE)
		server_flush(s);
	if (n != NEXT_DONE) {
		pause_or_resume(s);
		return;
	}
	s->step = STEP_BYE;
	s->over = true;
	s->io->hangup(s->ctx);		/* s may be gone now */
}

static void pump(struct smtp_server *s)
{
	if (s->over)
		return;
	s->cur = (struct span){ s->in.data, s->in.len };
	pump_on(s);
}

/* ---- life ------------------------------------------------------------------- */

struct smtp_server *smtp_server_new(const struct smtp_server_conf *conf, struct spool *spool,
				    const struct smtp_server_io *io,
				    const struct smtp_server_policy *policy, void *ctx,
				    int64_t now_ms)
{
	struct smtp_server *s = xcalloc(1, sizeof(*s));

	s->magic = SMTP_SERVER_MAGIC;
	s->conf = conf;
	s->spool = spool;
	s->io = io;
	s->policy = policy;
	s->ctx = ctx;
	s->now_ms = s->born_ms = s->active_ms = s->minute_ms = now_ms;
	s->state = IN_START;
	s->step = STEP_GREET;
	s->max_size = conf->max_size;
	buf_init(&s->in, IN_MAX);
	buf_init(&s->out, OUT_MAX);
	buf_init(&s->challenge, SMTP_AUTH_LINE_MAX);
	return s;
}

void smtp_server_free(struct smtp_server **sp)
{
	struct smtp_server *s = *sp;

	if (!s)
		return;
	*sp = NULL;
	CHECK_OBJ(s, SMTP_SERVER_MAGIC);
	CHECK(!s->pumping);
	if (s->policy->gone)
		s->policy->gone(s->ctx, s);
	spool_body_unref(&s->body);
	buf_fini(&s->in);
	buf_fini(&s->out);
	buf_fini(&s->challenge);
	s->magic = 0;
	free(s);
}

void smtp_server_start(struct smtp_server *s, bool tls)
{
	CHECK_OBJ(s, SMTP_SERVER_MAGIC);
	s->tls = tls;
	pump(s);
}

void smtp_server_feed(struct smtp_server *s, const char *p, size_t n)
{
	CHECK_OBJ(s, SMTP_SERVER_MAGIC);
	CHECK(!s->pumping);
	if (s->over || s->step == STEP_TLS || n == 0)
		return;
	s->active_ms = s->now_ms;
	if (s->step == STEP_GREET || (s->step == STEP_AWAIT && s->asked == ASK_CONNECT))
		s->hasty = true;
	if (s->in.len == 0) {
		s->cur = (struct span){ p, n };
		if (s->step != STEP_GREET)
			pump_on(s);
		else if (!keep_rest(s))		/* start() is still to come */
			s->step = STEP_BYE;
		return;
	}
	if (buf_add(&s->in, p, n) != ERR_OK) {	/* it was asked to wait, and did not */
		buf_clear(&s->in);
		s->step = STEP_BYE;
	}
	pump(s);
}

void smtp_server_writable(struct smtp_server *s)
{
	CHECK_OBJ(s, SMTP_SERVER_MAGIC);
	s->full = false;
	pump(s);
}

void smtp_server_wake(struct smtp_server *s)
{
	CHECK_OBJ(s, SMTP_SERVER_MAGIC);
	if (s->step == STEP_TARPIT) {
		s->step = STEP_REPLY;
		pump(s);
	}
}

static bool over_time(const struct smtp_server *s)
{
	bool idle = s->step != STEP_TARPIT &&
		    s->now_ms - s->active_ms > (int64_t)s->conf->inactivity_s * 1000;

	return idle || s->now_ms - s->born_ms > (int64_t)s->conf->connection_s * 1000;
}

void smtp_server_tick(struct smtp_server *s, int64_t now_ms)
{
	CHECK_OBJ(s, SMTP_SERVER_MAGIC);
	if (s->over)
		return;
	s->now_ms = now_ms;
	if (now_ms - s->minute_ms >= 60000) {
		s->minute_ms = now_ms;
		s->minute_messages = 0;
	}
	if (s->step == STEP_AWAIT) {	/* our turn: the client waits for us */
		server_flush(s);
		return;
	}
	if (!over_time(s))
		return;
	if (s->step == STEP_TLS)
		s->step = STEP_BYE;
	else
		server_respond(s, 421, "4.4.2", "Connection timed out", STEP_BYE);
	buf_clear(&s->in);
	pump(s);
}

void smtp_server_tls_started(struct smtp_server *s)
{
	CHECK_OBJ(s, SMTP_SERVER_MAGIC);
	CHECK(s->step == STEP_TLS);
	s->tls = true;
	s->handshake = false;
	s->authenticated = false;
	s->esmtp = false;
	s->helo[0] = '\0';
	s->state = IN_START;
	s->step = STEP_LINE;
	s->active_ms = s->now_ms;
	pump(s);
}

void smtp_server_drain(struct smtp_server *s)
{
	CHECK_OBJ(s, SMTP_SERVER_MAGIC);
	s->draining = true;
	if (s->step == STEP_LINE && !s->pumping)
		pump(s);
}

/* ---- set and ask ------------------------------------------------------------ */

void smtp_server_set_max_size(struct smtp_server *s, uint64_t max)
{
	s->max_size = max;
}

void smtp_server_set_trusted(struct smtp_server *s)
{
	s->trusted = true;
}

const char *smtp_server_helo(const struct smtp_server *s)
{
	return s->helo;
}

bool smtp_server_is_tls(const struct smtp_server *s)
{
	return s->tls;
}

bool smtp_server_is_authenticated(const struct smtp_server *s)
{
	return s->authenticated;
}

bool smtp_server_is_hasty(const struct smtp_server *s)
{
	return s->hasty;
}

unsigned smtp_server_rcpts(const struct smtp_server *s)
{
	return s->n_rcpts;
}

const char *smtp_server_protocol(const struct smtp_server *s)
{
	static const char *const names[] = { "ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA", "UTF8SMTP",
					     "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA" };

	if (!s->esmtp)
		return "SMTP";
	return names[s->smtputf8 * 4 + s->tls * 2 + s->authenticated];
}
