/* Becoming somebody: STARTTLS, LOGIN, AUTHENTICATE. */
#include "roles/client-access/imap/imap.h"

#include "common/base/clock.h"
#include <string.h>

enum next imap_verb_starttls(struct imap_session *s)
{
	struct span tag = s->reader.cmd.tag;

	if (!imap_lex_end(&s->reader.cmd.args))
		return imap_bad(s);
	if (s->tls || s->tls_begun)
		return imap_finish(s, "BAD TLS is on already.");
	out_fmt(s, "%.*s OK Begin TLS now.\r\n", (int)tag.n, tag.p);
	out_flush(s);
	/* What came behind the command in plain may be an attacker's. */
	s->cur.n = 0;
	s->verb = NULL;
	imap_reader_next(&s->reader);
	s->step = STEP_READ;
	s->tls_begun = true;
	s->io.starttls(s->io.ctx);
	return NEXT_WAIT;
}

/* ---- how it ended ---------------------------------------------------------------- */

static const char *refusal(enum err e)
{
	switch (e) {
	case ERR_DENIED:
		return "NO [AUTHENTICATIONFAILED] Wrong name or password.";
	case ERR_LIMIT:
		return "NO [LIMIT] Too many failures, wait.";
	case ERR_INVALID:
		return "BAD Authentication was broken off.";
	case ERR_NOTFOUND:
		return "NO [CANNOT] No such mechanism.";
	default:
		return "NO [UNAVAILABLE] Try again later.";
	}
}

static void logged_in(struct imap_session *s, const struct login_result *r)
{
	const struct users_limits limits = { .max = s->cas->conf.per_user };
	char host[ADDR_TEXT];

	if (users_enter(&s->cas->users, &s->seat, &r->principal, USERS_IMAP, &limits, 0)) {
		log_warn(&s->log, "login-refused user=%s why=too-many-connections", r->user);
		imap_finish(s, "NO [LIMIT] You have too many connections.");
		return;
	}
	s->who = *r;
	s->state = IN_AUTH;
	s->io.set_idle(s->io.ctx, s->cas->conf.idle_ms);
	cas_count(s->cas, CAS_LOGINS, 1);
	log_info(&s->log, "login user=%s addr=%s tls=%d", r->user,
		 addr_host(&s->peer, host), s->tls);
	out_str(s, "* CAPABILITY ");
	imap_put_capabilities(s);
	out_str(s, "\r\n");
	imap_finish(s, "OK Logged in.");
}

static void login_failed(struct imap_session *s, enum err e)
{
	char host[ADDR_TEXT];

	cas_count(s->cas, CAS_LOGIN_FAILURES, 1);
	log_warn(&s->log, "login-failed addr=%s err=%s", addr_host(&s->peer, host),
		 err_text(e));
	imap_finish(s, "%s", refusal(e));
}

/* ---- LOGIN ------------------------------------------------------------------------- */

static void login_done(void *ctx, enum err e, const struct login_result *r)
{
	struct imap_session *s = ctx;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	s->login_call = NULL;
	if (e)
		login_failed(s, e);
	else
		logged_in(s, r);
	imap_pump(s);
}

enum next imap_verb_login(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct span user, password;
	struct login_try t;

	if (!imap_lex_sp(l) || !imap_lex_astring(l, &user) || !imap_lex_sp(l) ||
	    !imap_lex_astring(l, &password) || !imap_lex_end(l))
		return imap_bad(s);
	if (!imap_plain_is_fine(s))
		return imap_finish(s, "NO [PRIVACYREQUIRED] Not without TLS.");
	t = (struct login_try){
		.user = arena_strn(&s->reader.arena, user.p, user.n),
		.password = password.p, .password_len = password.n,
		.source = s->peer, .protocol = LOGIN_IMAP, .now_ms = clock_mono_ms(),
	};
	s->login_call = login_verify(s->cas->login, &t, login_done, s);
	return imap_await(s);
}

/* ---- AUTHENTICATE ------------------------------------------------------------------- */

static enum next sasl_reply(struct imap_session *s)
{
	if (s->reader.data.n > SASL_LINE_MAX) {
		sasl_cancel(&s->sasl);
		return imap_finish(s, "BAD Line too long.");
	}
	sasl_line(s->sasl, s->reader.data.p, s->reader.data.n);
	return imap_await(s);
}

static void sasl_step(void *ctx, enum err e, const char *challenge,
		      const struct login_result *r)
{
	struct imap_session *s = ctx;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	if (e == ERR_OK && challenge) {
		out_fmt(s, "+ %s\r\n", challenge);
		s->on_line = sasl_reply;
		imap_reader_want_line(&s->reader);
		s->step = STEP_READ;
	} else {
		s->sasl = NULL;
		if (e)
			login_failed(s, e);
		else
			logged_in(s, r);
	}
	imap_pump(s);
}

enum next imap_verb_authenticate(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct arena *a = &s->reader.arena;
	struct span mechanism, initial = { NULL, 0 };
	struct conn_proof proof;
	struct sasl_conf conf;
	char *first;

	if (!imap_lex_sp(l) || !imap_lex_atom(l, &mechanism))
		return imap_bad(s);
	if (imap_lex_peek(l) == ' ') {		/* RFC 4959 */
		l->p++;
		initial = (struct span){ l->p, (size_t)(l->end - l->p) };
		l->p = l->end;
		if (initial.n > SASL_LINE_MAX)
			return imap_finish(s, "BAD Initial response too long.");
	}
	if (!imap_lex_end(l))
		return imap_bad(s);
	first = initial.p ? arena_strn(a, initial.p, initial.n) : NULL;
	imap_sasl_conf(s, &conf, &proof);
	conf.now_ms = clock_mono_ms();
	s->sasl = sasl_start(s->cas->login, s->cas->loop, &conf,
			     arena_strn(a, mechanism.p, mechanism.n), first, sasl_step, s);
	if (first)
		explicit_bzero(first, initial.n);
	return imap_await(s);
}
