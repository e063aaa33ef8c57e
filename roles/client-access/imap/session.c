#include "roles/client-access/imap/session.h"

#include "common/base/clock.h"
#include "roles/client-access/account.h"
#include "roles/client-access/imap/imap.h"
#include "roles/client-access/imap/notify.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/*
 * A session is a loop over these steps.  Steps never call each other; they set
 * s->step and return.
 *
 *	READ --> RUN --> WORK* --> SYNC --> REPLY --> READ
 *	  `-----------^            (looks for changes if the verb allows)
 *	         (APPEND works before its command is complete)
 *
 * READ parks for input, WORK for answers of other roles and for room in the
 * output.  While a command runs no input is taken, except by IDLE and by the
 * message of an APPEND.
 */
typedef enum next step_fn(struct imap_session *s);
static step_fn step_read, step_run, step_work, step_sync, step_reply, step_bye;

static const struct {
	const char *name;
	step_fn *run;
} steps[] = {
	[STEP_READ]  = { "read",  step_read },
	[STEP_RUN]   = { "run",   step_run },
	[STEP_WORK]  = { "work",  step_work },
	[STEP_SYNC]  = { "sync",  step_sync },
	[STEP_REPLY] = { "reply", step_reply },
	[STEP_BYE]   = { "bye",   step_bye },
};

#define MAX_IN	(1u << 20)		/* more than one read of the connection */
#define MAX_OUT (16u << 20)		/* high water plus the largest row */
#define MAX_REPLY (4u << 20)		/* COPYUID of very many ranges */
/* Who talks nonsense is cut off: so many BADs in a row, of strangers and of users. */
#define MAX_BAD 10
#define MAX_BAD_USER 500
#define GOING_DOWN "* BYE Server is going down, come back soon.\r\n"

static void stash(struct imap_session *s)
{
	size_t n = s->cur.n;

	if (s->cur_borrowed) {
		if (n > 0 && buf_add(&s->in, s->cur.p, n) != ERR_OK)
			s->broken = true;
	} else {
		buf_drop(&s->in, s->in.len - n);
		buf_release(&s->in);
	}
	s->cur = (struct span){ NULL, 0 };
	s->cur_borrowed = false;
}

/* Input is wanted in READ when all that came is used and the answers leave. */
static void set_pause(struct imap_session *s)
{
	bool want = s->step == STEP_READ && s->in.len == 0 && !s->io.is_full(s->io.ctx) &&
		    !(s->squeeze && compress_waits(s->squeeze));

	if (s->paused == want) {
		s->paused = !want;
		s->io.pause(s->io.ctx, s->paused);
	}
}

void imap_pump(struct imap_session *s)
{
	enum next n;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	if (!s->cur_borrowed)
		s->cur = (struct span){ s->in.data, s->in.len };
	do {
		log_debug(&s->log, "step=%s", steps[s->step].name);
		n = steps[s->step].run(s);
	} while (n == NEXT_MORE && !s->broken);
	if (s->broken && n != NEXT_DONE)
		log_warn(&s->log, "imap-hangup why=too-much-output");
	out_flush(s);
	buf_release(&s->out);
	if (n == NEXT_DONE || s->broken) {
		s->io.hangup(s->io.ctx);	/* s is gone */
		return;
	}
	stash(s);
	set_pause(s);
}

enum next imap_work(struct imap_session *s, imap_work_fn *fn)
{
	s->work = fn;
	s->step = STEP_WORK;
	return NEXT_MORE;
}

static enum next await(struct imap_session *s)
{
	(void)s;
	return NEXT_WAIT;
}

enum next imap_await(struct imap_session *s)
{
	imap_work(s, await);
	return NEXT_WAIT;
}

void imap_grant(struct imap_session *s, size_t bytes)
{
	s->held += bytes;
	if (s->call && s->held > 0 && !out_full(s)) {
		bytes = s->held;
		s->held = 0;
		api_grant(s->call, bytes);
	}
}

static enum next await_rows(struct imap_session *s)
{
	imap_grant(s, 0);
	return NEXT_WAIT;
}

enum next imap_await_rows(struct imap_session *s)
{
	s->held = 0;
	imap_work(s, await_rows);
	return NEXT_WAIT;
}

void imap_call_done(struct imap_session *s)
{
	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	s->call = NULL;
}

/* ---- reading ---------------------------------------------------------------- */

static enum next read_fatal(struct imap_session *s)
{
	char text[80];

	log_info(&s->log, "imap-fatal why=%s", log_clean(s->reader.why, strlen(s->reader.why),
							text, sizeof(text)));
	out_fmt(s, "* BYE [CLIENTBUG] %s\r\n", s->reader.why);
	return NEXT_DONE;
}

static enum next on_event(struct imap_session *s, enum imap_read ev)
{
	switch (ev) {
	case IMAP_READ_MORE:
		return NEXT_WAIT;
	case IMAP_READ_CONTINUE:
		out_str(s, "+ Go ahead.\r\n");
		out_flush(s);
		return NEXT_MORE;
	case IMAP_READ_COMMAND:
		s->step = STEP_RUN;
		return NEXT_MORE;
	case IMAP_READ_STREAM:
		return append_begin(s);
	case IMAP_READ_DATA:
		append_data(s, s->reader.data);
		return NEXT_MORE;
	case IMAP_READ_LINE:
		return s->on_line(s);
	case IMAP_READ_REFUSED:
	case IMAP_READ_BAD:
		return imap_finish(s, "%s", s->reader.why);
	case IMAP_READ_FATAL:
		break;
	}
	return read_fatal(s);
}

static enum next step_read(struct imap_session *s)
{
	size_t n = s->cur.n, used;
	enum imap_read ev;
	enum next next;

	if (s->stopping && (s->verb == NULL || s->idling || s->sasl)) {
		out_str(s, GOING_DOWN);
		return NEXT_DONE;
	}
	if (s->verb && (s->verb->flags & VERB_STREAM) && s->reader.left > 0) {
		size_t room = append_room(s);

		if (n > room)
			n = room;
		if (n < s->cur.n && n == 0)
			return NEXT_WAIT;
	}
	ev = imap_reader_feed(&s->reader, s->cur.p ? s->cur.p : "", n, &used);
	s->cur.p += used;
	s->cur.n -= used;
	if (ev == IMAP_READ_MORE && used > 0 && s->cur.n > 0)
		return NEXT_MORE;
	if (ev == IMAP_READ_MORE && s->cur.n == 0) {
		next = compress_refill(s);
		return next == NEXT_WAIT ? notify_tell(s) : next;
	}
	return on_event(s, ev);
}

/* ---- running ---------------------------------------------------------------- */

static enum next check_verb(struct imap_session *s, const struct imap_verb *v)
{
	if (v == NULL || (s->reader.cmd.uid ? (v->flags & VERB_UID) == 0
					    : (v->flags & VERB_ONLY_UID) != 0))
		return imap_finish(s, "BAD Unknown command.");
	if ((v->states & s->state) == 0)
		return imap_finish(s, s->state == IN_NOAUTH ? "BAD Log in first." :
				   s->state == IN_AUTH && v->states == IN_SELECTED ?
				   "BAD Select a mailbox first." : "BAD Not allowed now.");
	if ((v->flags & VERB_NUMBERS) && !s->reader.cmd.uid && (s->modes & MODE_UIDONLY))
		return imap_finish(s, "BAD [UIDREQUIRED] Only UIDs name messages now.");
	if ((v->flags & VERB_WRITE) && s->view.read_only)
		return imap_finish(s, "NO [READ-ONLY] The mailbox was opened for reading.");
	return NEXT_DONE;
}

static enum next step_run(struct imap_session *s)
{
	const struct imap_verb *v = imap_verb_find(s->reader.cmd.name);
	char text[64];
	enum next n = check_verb(s, v);
	enum err e;

	if (n != NEXT_DONE)
		return n;
	if (s->verb == v && (v->flags & VERB_STREAM))	/* it has begun already */
		return v->run(s);
	s->n_commands++;
	cas_count(s->cas, CAS_COMMANDS, 1);
	s->verb = v;
	log_debug(&s->log, "verb=%s tag=%s", v->name,
		  log_clean(s->reader.cmd.tag.p, s->reader.cmd.tag.n, text, sizeof(text)));
	if (v->flags & VERB_STORE) {
		e = imap_locate(s, v->states == IN_SELECTED);
		if (e)
			return imap_fail(s, e);
	}
	return v->run(s);
}

enum err imap_locate(struct imap_session *s, bool view)
{
	const struct guid *user = &s->who.principal;

	return account_locate_mailbox(s->cas, view ? &s->view.mailbox : user, user, &s->at);
}

static enum next step_work(struct imap_session *s)
{
	return s->work(s);
}

/* Flags that the command changed may change what its searches found. */
static enum next own_news(struct imap_session *s)
{
	if (s->contexts == NULL || !s->own.is_news || imap_locate(s, true) != ERR_OK)
		return NEXT_MORE;
	return context_update(s, step_reply);
}

/* The command is done; may the client hear of changes now, and are there any? */
static enum next step_sync(struct imap_session *s)
{
	const struct imap_verb *v = s->verb;

	s->step = STEP_REPLY;
	if (s->state != IN_SELECTED || v == NULL)
		return NEXT_MORE;
	if ((v->flags & VERB_NO_EXPUNGE) && !s->reader.cmd.uid)
		return own_news(s);
	if (!s->view.dirty && !s->view.retry && !(v->flags & VERB_SYNC))
		return own_news(s);
	if (imap_locate(s, true) != ERR_OK) {
		s->says_modseq = false;
		return NEXT_MORE;		/* another time: dirty stays */
	}
	return sync_start(s, step_reply);
}

static void drop_command(struct imap_session *s)
{
	if (s->run_free)
		s->run_free(s);
	s->run_free = NULL;
	s->run = NULL;
	sync_free(s);
	if (s->verb && (s->verb->flags & VERB_SECRET))
		imap_reader_wipe(&s->reader);
	s->verb = NULL;
	imap_reader_next(&s->reader);
}

void imap_say_modseq(struct imap_session *s)
{
	if (s->modes & MODE_QRESYNC) {
		s->says_modseq = true;
		s->view.dirty = true;
	}
}

/* "NO [CODE (x)] Text.", the text in the client's language. */
static const char *translated(struct imap_session *s, const char *reply)
{
	const char *text = strchr(reply, ' '), *said;

	if (s->language == LANGUAGE_DEFAULT || text == NULL)
		return reply;
	if (text[1] == '[')
		text = strstr(text, "] ");
	if (text == NULL)
		return reply;
	text += *text == ']' ? 2 : 1;
	said = language_text(s->language, text);
	return said == text ? reply : arena_printf(&s->reader.arena, "%.*s%s",
						   (int)(text - reply), reply, said);
}

static void say_reply(struct imap_session *s)
{
	const char *text = translated(s, s->reply.len ? s->reply.data : "OK Done.");
	const bool modseq = s->says_modseq && s->state == IN_SELECTED &&
			    strncmp(text, "OK ", 3) == 0 && text[3] != '[';
	struct span tag = s->reader.cmd.tag;

	out_add(s, tag.n ? tag.p : "*", tag.n ? tag.n : 1);
	if (modseq)
		out_fmt(s, " OK [HIGHESTMODSEQ %llu] %s\r\n",
			(unsigned long long)s->view.highestmodseq, text + 3);
	else
		out_fmt(s, " %s\r\n", text);
	s->says_modseq = false;
}

static enum next step_reply(struct imap_session *s)
{
	CHECK(s->call == NULL);
	if (s->quiet)
		return notify_fetched(s);
	say_reply(s);
	notify_note(s);
	if (strncmp(s->reply.data, "BAD", 3) != 0)
		s->bad_commands = 0;
	else if (++s->bad_commands == (s->state == IN_NOAUTH ? MAX_BAD : MAX_BAD_USER)) {
		out_str(s, "* BYE Too many errors.\r\n");
		return NEXT_DONE;
	}
	buf_clear(&s->reply);
	buf_release(&s->reply);
	drop_command(s);
	s->step = STEP_READ;
	return out_full(s) ? NEXT_WAIT : NEXT_MORE;
}

static enum next step_bye(struct imap_session *s)
{
	(void)s;
	return NEXT_DONE;
}

void imap_bye(struct imap_session *s, const char *text)
{
	/* In the middle of a FETCH's literal it would be taken for mail. */
	if (s->step == STEP_READ || s->idling)
		out_fmt(s, "* BYE %s\r\n", text);
	s->step = STEP_BYE;
	imap_pump(s);
}

/* ---- ending a command ---------------------------------------------------------- */

enum next imap_finish(struct imap_session *s, const char *fmt, ...)
{
	va_list ap;
	enum err e;

	buf_clear(&s->reply);
	va_start(ap, fmt);
	e = buf_addv(&s->reply, fmt, ap);
	va_end(ap);
	if (e)				/* what was done is done */
		buf_clear(&s->reply);
	s->step = STEP_SYNC;
	return NEXT_MORE;
}

enum next imap_bad(struct imap_session *s)
{
	const char *why = s->reader.cmd.args.why;

	if (s->reader.cmd.args.bad_name)
		return imap_finish(s, "NO [CANNOT] %s", why);
	return imap_finish(s, "BAD %s", why ? why : "Malformed command.");
}

const char *imap_err_reply(enum err e)
{
	switch (e) {
	case ERR_OK:       return "OK Done.";
	case ERR_NOTFOUND: return "NO [NONEXISTENT] No such mailbox.";
	case ERR_EXISTS:   return "NO [ALREADYEXISTS] There is one of that name already.";
	case ERR_DENIED:   return "NO [NOPERM] Permission denied.";
	case ERR_LIMIT:    return "NO [OVERQUOTA] Over a limit or quota.";
	case ERR_INVALID:  return "NO [CANNOT] Not possible.";
	case ERR_CORRUPT:  return "NO [CORRUPTION] Stored data is damaged.";
	case ERR_AGAIN:
	case ERR_STALE:
	case ERR_FULL:     return "NO [UNAVAILABLE] Try again later.";
	case ERR_INTERNAL:
	case ERR_COUNT:    break;
	}
	return "NO [SERVERBUG] Internal error.";
}

enum next imap_fail(struct imap_session *s, enum err e)
{
	if (e == ERR_INTERNAL || e == ERR_CORRUPT)
		log_error(&s->log, "imap-failed verb=%s err=%s",
			  s->verb ? s->verb->name : "?", err_text(e));
	return imap_finish(s, "%s", imap_err_reply(e));
}

/* ---- life ------------------------------------------------------------------- */

static void session_feed(void *session, const char *p, size_t n)
{
	struct imap_session *s = session;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	if (s->squeeze) {
		if (compress_feed(s->squeeze, p, n) != ERR_OK) {
			s->io.hangup(s->io.ctx);
			return;
		}
	} else if (s->in.len > 0) {
		if (buf_add(&s->in, p, n) != ERR_OK) {
			s->io.hangup(s->io.ctx);
			return;
		}
	} else {
		s->cur = (struct span){ p, n };
		s->cur_borrowed = true;
	}
	if (s->step == STEP_READ) {
		imap_pump(s);
	} else {
		if (s->cur_borrowed)
			stash(s);
		set_pause(s);
	}
}

static void session_drained(void *session)
{
	struct imap_session *s = session;

	imap_pump(s);
}

/* STARTTLS: what came in plain is not obeyed under TLS. */
static void session_secured(void *session)
{
	struct imap_session *s = session;

	CHECK(s->tls_begun);
	s->tls = true;
	buf_clear(&s->in);
	imap_pump(s);
}

static void session_idled(void *session)
{
	imap_bye(session, "Autologout; idle for too long.");
}

static void session_shutdown(void *session)
{
	struct imap_session *s = session;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	s->stopping = true;
	/* A command that runs is finished first, and so is the message of an APPEND
	 * that is under way. */
	if (s->step == STEP_READ)
		imap_pump(s);
}

static void session_recheck(void *session, const struct guid *who)
{
	struct imap_session *s = session;

	if (s->state == IN_NOAUTH || (who && !guid_eq(who, &s->who.principal)))
		return;
	if (login_still(s->cas->login, &s->who, LOGIN_IMAP) == ERR_DENIED) {
		log_info(&s->log, "imap-cut user=%s why=credential-changed", s->who.user);
		imap_bye(s, "Your account has changed, log in again.");
	}
}

static void session_close(void **session)
{
	struct imap_session *s = *session;

	*session = NULL;
	if (s == NULL)
		return;
	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	if (s->state != IN_NOAUTH)
		log_info(&s->log, "logout user=%s commands=%llu", s->who.user,
			 (unsigned long long)s->n_commands);
	api_cancel(&s->call);
	login_cancel(&s->login_call);
	sasl_cancel(&s->sasl);
	users_leave(&s->seat);
	notify_free(s);
	if (s->run_free)
		s->run_free(s);
	sync_free(s);
	context_run_free(s);
	if (s->state == IN_SELECTED)
		view_close(s);
	if (s->verb && (s->verb->flags & VERB_SECRET))
		imap_reader_wipe(&s->reader);
	imap_reader_fini(&s->reader);
	compress_free(&s->squeeze);
	buf_fini(&s->in);
	buf_fini(&s->out);
	buf_fini(&s->reply);
	s->magic = 0;
	free(s);
}

static void *session_open(struct cas *cas, const struct front_io *io,
			  const struct front_peer *peer)
{
	struct imap_session *s = xcalloc(1, sizeof(*s));

	s->magic = IMAP_SESSION_MAGIC;
	s->cas = cas;
	s->io = *io;
	s->peer = peer->addr;
	s->tls = peer->tls;
	s->log = peer->log;
	s->state = IN_NOAUTH;
	s->step = STEP_READ;
	imap_reader_init(&s->reader, &imap_limits_default);
	buf_init(&s->in, MAX_IN);
	buf_init(&s->out, MAX_OUT);
	buf_init(&s->reply, MAX_REPLY);
	out_str(s, "* OK [CAPABILITY ");
	imap_put_capabilities(s);
	out_fmt(s, "] %s ready.\r\n", cas->conf.hostname);
	out_flush(s);
	s->io.set_idle(s->io.ctx, cas->conf.login_ms);
	return s;
}

const struct front_protocol imap_protocol = {
	.name = "imap",
	.open = session_open,
	.feed = session_feed,
	.drained = session_drained,
	.secured = session_secured,
	.idled = session_idled,
	.recheck = session_recheck,
	.shutdown = session_shutdown,
	.close = session_close,
	.busy_text = "* BYE [UNAVAILABLE] Too many connections, try again later.\r\n",
};
