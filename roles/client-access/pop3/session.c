#include "roles/client-access/pop3/session.h"

#include "roles/client-access/pop3/pop3.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/*
 * A session is a loop over these steps.  Steps never call each other; they set
 * s->step and return.
 *
 *	LINE --> AWAIT*--> WORK --> LINE
 *	  |--> TLS --> LINE
 *	  `--> AWAIT --> BYE
 *
 * LINE parks for input, WORK for room in the output and for content, AWAIT for
 * answers of other roles.  While a command runs, what the client pipelines waits,
 * up to a limit, and then its socket does.
 */
typedef enum next step_fn(struct pop3_session *s);
static step_fn step_line, step_park, step_work, step_bye;

static const struct {
	const char *name;
	step_fn *run;
} steps[] = {
	[STEP_LINE]  = { "line",  step_line },
	[STEP_AWAIT] = { "await", step_park },
	[STEP_WORK]  = { "work",  step_work },
	[STEP_TLS]   = { "tls",   step_park },
	[STEP_BYE]   = { "bye",   step_bye },
};

#define MAX_LINE   (SASL_LINE_MAX + 2)	/* commands are shorter: RFC 2449 section 4 */
#define HELD_HIGH  (4u << 10)		/* pipelined input that does not stop the socket */
#define MAX_IN	   (1u << 20)		/* that, and more than one read of the connection */
#define FLUSH_AT   (32u << 10)
#define MAX_OUT	   (128u << 10)		/* flushed long before */
#define MAX_ERRORS 10

/* ---- output ------------------------------------------------------------------- */

void pop3_flush(struct pop3_session *s)
{
	if (s->out.len == 0)
		return;
	s->io.send(s->io.ctx, s->out.data, s->out.len);
	buf_clear(&s->out);
	buf_release(&s->out);
}

static void put_done(struct pop3_session *s, enum err e)
{
	CHECK(e == ERR_OK);		/* all that is put at a time is small */
	if (s->out.len >= FLUSH_AT)
		pop3_flush(s);
}

void pop3_put(struct pop3_session *s, const char *text)
{
	put_done(s, buf_adds(&s->out, text));
}

void pop3_putf(struct pop3_session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_done(s, buf_addv(&s->out, fmt, ap));
	va_end(ap);
}

bool pop3_full(struct pop3_session *s)
{
	pop3_flush(s);
	return s->io.is_full(s->io.ctx);
}

static enum next A_PRINTF(3, 0)
answer(struct pop3_session *s, const char *status, const char *fmt, va_list ap)
{
	pop3_put(s, status);
	put_done(s, buf_addv(&s->out, fmt, ap));
	pop3_put(s, "\r\n");
	s->step = STEP_LINE;
	return NEXT_MORE;
}

enum next pop3_ok(struct pop3_session *s, const char *fmt, ...)
{
	enum next n;
	va_list ap;

	va_start(ap, fmt);
	n = answer(s, "+OK ", fmt, ap);
	va_end(ap);
	return n;
}

enum next pop3_err(struct pop3_session *s, const char *fmt, ...)
{
	enum next n;
	va_list ap;

	va_start(ap, fmt);
	n = answer(s, "-ERR ", fmt, ap);
	va_end(ap);
	if (s->state == IN_AUTH && ++s->errors == MAX_ERRORS) {
		log_info(&s->log, "pop3-hangup why=too-many-errors");
		s->step = STEP_BYE;
	}
	return n;
}

enum next pop3_fail(struct pop3_session *s, enum err e)
{
	if (e == ERR_INTERNAL || e == ERR_CORRUPT)
		log_error(&s->log, "pop3-failed err=%s", err_text(e));
	switch (e) {
	case ERR_NOTFOUND:
		return pop3_err(s, "[SYS/PERM] It is not there any more.");
	case ERR_DENIED:
		return pop3_err(s, "[SYS/PERM] Permission denied.");
	case ERR_CORRUPT:
		return pop3_err(s, "[SYS/PERM] Stored data is damaged.");
	default:
		return pop3_err(s, "[SYS/TEMP] Not available now, try again later.");
	}
}

/* ---- steps -------------------------------------------------------------------- */

/* Reading goes on while a command runs, so that we learn of a client that left. */
static void set_pause(struct pop3_session *s)
{
	bool busy = s->step != STEP_LINE && s->step != STEP_TLS;
	bool want = (busy && s->in.len >= HELD_HIGH) || s->io.is_full(s->io.ctx);

	if (s->paused != want) {
		s->paused = want;
		s->io.pause(s->io.ctx, want);
	}
}

void pop3_pump(struct pop3_session *s)
{
	enum next n = NEXT_MORE;

	CHECK_OBJ(s, POP3_SESSION_MAGIC);
	while (n == NEXT_MORE && !s->cut) {
		log_debug(&s->log, "step=%s", steps[s->step].name);
		n = steps[s->step].run(s);
	}
	pop3_flush(s);
	if (n == NEXT_DONE || s->cut) {
		s->io.hangup(s->io.ctx);	/* s is gone */
		return;
	}
	set_pause(s);
}

/* The rest of a line that was too long is there. */
static enum next refuse_long(struct pop3_session *s)
{
	s->skipping = false;
	sasl_cancel(&s->sasl);
	return pop3_err(s, "Line too long.");
}

static enum next run_line(struct pop3_session *s, char *line, size_t n)
{
	unsigned flags = VERB_SECRET;
	enum next next;

	if (s->sasl) {
		pop3_login_line(s, line, n);
		next = pop3_await(s);
	} else {
		next = pop3_command(s, line, n, &flags);
	}
	if (flags & VERB_SECRET)
		explicit_bzero(line, n);
	return next;
}

#define GOING_DOWN "[SYS/TEMP] The server is going down, come back soon."

static enum next step_line(struct pop3_session *s)
{
	char *lf = memchr(s->in.data, '\n', s->in.len);
	size_t n, used;
	enum next next;

	if (s->stopping) {		/* between two commands, or two lines of AUTH */
		if (s->sasl == NULL)
			pop3_put(s, "-ERR " GOING_DOWN "\r\n");
		s->cut = true;
		return NEXT_WAIT;
	}
	if (lf == NULL) {
		if (s->in.len > MAX_LINE)
			s->skipping = true;
		if (s->skipping)
			buf_clear(&s->in);
		buf_release(&s->in);
		return NEXT_WAIT;
	}
	if (s->io.is_full(s->io.ctx))
		return NEXT_WAIT;
	used = (size_t)(lf - s->in.data) + 1;
	n = used - 1;
	if (n > 0 && s->in.data[n - 1] == '\r')
		n--;
	if (s->skipping || n > MAX_LINE) {
		next = refuse_long(s);
	} else {
		s->in.data[n] = '\0';
		next = run_line(s, s->in.data, n);
	}
	/* What came behind STLS in plain may be an attacker's. */
	buf_drop(&s->in, s->step == STEP_TLS ? s->in.len : used);
	return next;
}

static enum next step_park(struct pop3_session *s)
{
	(void)s;
	return NEXT_WAIT;
}

static enum next step_work(struct pop3_session *s)
{
	return s->work(s);
}

static enum next step_bye(struct pop3_session *s)
{
	(void)s;
	return NEXT_DONE;
}

enum next pop3_work(struct pop3_session *s, pop3_work_fn *fn)
{
	s->work = fn;
	s->step = STEP_WORK;
	return NEXT_MORE;
}

enum next pop3_await(struct pop3_session *s)
{
	s->step = STEP_AWAIT;
	return NEXT_WAIT;
}

struct pop3_session *pop3_answered(void *ctx)
{
	struct pop3_session *s = ctx;

	CHECK_OBJ(s, POP3_SESSION_MAGIC);
	s->call = NULL;
	return s;
}

/* ---- what the connection says ---------------------------------------------------- */

static void session_feed(void *session, const char *p, size_t n)
{
	struct pop3_session *s = session;

	CHECK_OBJ(s, POP3_SESSION_MAGIC);
	if (s->step == STEP_TLS)
		return;
	if (buf_add(&s->in, p, n) != ERR_OK) {
		log_warn(&s->log, "pop3-hangup why=too-much-input");
		s->cut = true;
	}
	pop3_pump(s);
}

static void session_drained(void *session)
{
	pop3_pump(session);
}

static void session_secured(void *session)
{
	struct pop3_session *s = session;

	CHECK_OBJ(s, POP3_SESSION_MAGIC);
	s->tls = true;
	if (s->step == STEP_TLS)
		s->step = STEP_LINE;
	pop3_pump(s);
}

/* RFC 1939 section 3: nothing is removed and nothing is said. */
static void session_idled(void *session)
{
	struct pop3_session *s = session;

	log_info(&s->log, "pop3-hangup why=idle");
	s->cut = true;
	pop3_pump(s);
}

/* Said only where a client can take it for the answer to its next command. */
static void leave(struct pop3_session *s, const char *text)
{
	if (s->step == STEP_LINE && s->sasl == NULL)
		pop3_putf(s, "-ERR %s\r\n", text);
	s->cut = true;
	pop3_pump(s);
}

static void session_shutdown(void *session)
{
	struct pop3_session *s = session;

	CHECK_OBJ(s, POP3_SESSION_MAGIC);
	s->stopping = true;
	if (s->step == STEP_LINE)		/* else what runs is finished first */
		pop3_pump(s);
}

static void session_recheck(void *session, const struct guid *who)
{
	struct pop3_session *s = session;

	CHECK_OBJ(s, POP3_SESSION_MAGIC);
	if (s->state != IN_TRANSACTION || (who && !guid_eq(who, &s->who.principal)))
		return;
	if (login_still(s->cas->login, &s->who, LOGIN_POP3) == ERR_DENIED) {
		log_info(&s->log, "pop3-cut user=%s why=credential-changed", s->who.user);
		leave(s, "[AUTH] Your account has changed, log in again.");
	}
}

/* ---- life ------------------------------------------------------------------------ */

static void *session_open(struct cas *cas, const struct front_io *io,
			  const struct front_peer *peer)
{
	struct pop3_session *s = xcalloc(1, sizeof(*s));

	s->magic = POP3_SESSION_MAGIC;
	s->cas = cas;
	s->io = *io;
	s->log = peer->log;
	s->peer = peer->addr;
	s->tls = peer->tls;
	s->state = IN_AUTH;
	s->step = STEP_LINE;
	buf_init(&s->in, MAX_IN);
	buf_init(&s->out, MAX_OUT);
	s->io.set_idle(s->io.ctx, cas->conf.login_ms);
	/* No "<...@...>" in it, or clients would try APOP. */
	pop3_put(s, "+OK POP3 server ready.\r\n");
	pop3_flush(s);
	return s;
}

static void session_close(void **session)
{
	struct pop3_session *s = *session;

	*session = NULL;
	if (s == NULL)
		return;
	CHECK_OBJ(s, POP3_SESSION_MAGIC);
	if (s->state != IN_AUTH)
		log_info(&s->log, "logout user=%s commands=%llu retrieved=%llu", s->who.user,
			 (unsigned long long)s->n_commands,
			 (unsigned long long)s->n_retrieved);
	api_cancel(&s->call);
	login_cancel(&s->login_call);
	sasl_cancel(&s->sasl);
	users_leave(&s->seat);
	pop3_update_leave(s);
	drop_fini(&s->drop);
	free(s->user);
	explicit_bzero(s->in.data, s->in.len);
	buf_fini(&s->in);
	buf_fini(&s->out);
	s->magic = 0;
	free(s);
}

const struct front_protocol pop3_protocol = {
	.name = "pop3",
	.open = session_open,
	.feed = session_feed,
	.drained = session_drained,
	.secured = session_secured,
	.idled = session_idled,
	.recheck = session_recheck,
	.shutdown = session_shutdown,
	.close = session_close,
	.busy_text = "-ERR [SYS/TEMP] Too many connections.\r\n",
};
