#include "common/relay/server_session.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define MECHANISM_MAX 21	/* RFC 4422 3.1: 20 characters */

static const struct smtp_fault
	unknown = { 500, "5.5.1", "Unrecognized command" },
	order = { 503, "5.5.1", "Bad sequence of commands" },
	no_hello = { 503, "5.5.1", "Send hello first" },
	no_mail = { 503, "5.5.1", "Need MAIL command" },
	no_rcpt = { 503, "5.5.1", "No valid recipients" },
	in_mail = { 503, "5.5.1", "Sender already specified" },
	is_tls = { 503, "5.5.1", "TLS already active" },
	is_auth = { 503, "5.5.1", "Already authenticated" },
	no_auth = { 503, "5.5.1", "Authentication is not offered" },
	bad_auth = { 501, "5.5.4", "Syntax: AUTH mechanism [initial-response]" };

/* Policy refusals of our own: no protocol errors. */
static const struct smtp_fault
	need_tls = { 538, "5.7.11", "Encryption required for authentication" },
	low = { 452, "4.3.1", "Insufficient system resources" },
	rate = { 421, "4.4.2", "Message submission rate for this client has exceeded the limit" },
	too_big = { 552, "5.3.4", "Message size exceeds fixed maximum message size" },
	too_many = { 452, "4.5.3", "Too many recipients" };

static enum next refuse(struct smtp_server *s, const struct smtp_fault *f)
{
	return server_respond(s, f->code, f->enhanced, f->text, STEP_LINE);
}

/* ---- EHLO ------------------------------------------------------------------- */

static unsigned offered(const struct smtp_server *s)
{
	unsigned ext = s->conf->ext;

	if (s->tls)
		ext &= ~(unsigned)SMTP_EXT_STARTTLS;
	if (!s->policy->auth || (s->conf->auth_needs_tls && !s->tls))
		ext &= ~(unsigned)SMTP_EXT_AUTH;
	return ext;
}

/* What parameters are understood: to HELO none was offered. */
static unsigned understood(const struct smtp_server *s)
{
	return s->esmtp ? s->conf->ext : 0;
}

static const struct {
	enum smtp_ext ext;
	const char *keyword;
} extensions[] = {
	{ SMTP_EXT_SIZE, "SIZE" },
	{ SMTP_EXT_PIPELINING, "PIPELINING" },
	{ SMTP_EXT_DSN, "DSN" },
	{ SMTP_EXT_ENHANCED, "ENHANCEDSTATUSCODES" },
	{ SMTP_EXT_STARTTLS, "STARTTLS" },
	{ SMTP_EXT_AUTH, "AUTH" },
	{ SMTP_EXT_8BITMIME, "8BITMIME" },
	{ SMTP_EXT_CHUNKING, "CHUNKING" },
	{ SMTP_EXT_SMTPUTF8, "SMTPUTF8" },
};

static enum err extension_text(struct smtp_server *s, size_t i, struct buf *out)
{
	const char *mechs;

	if (extensions[i].ext == SMTP_EXT_SIZE)
		return buf_addf(out, "\nSIZE %llu", (unsigned long long)s->max_size);
	if (extensions[i].ext != SMTP_EXT_AUTH)
		return buf_addf(out, "\n%s", extensions[i].keyword);
	mechs = s->policy->mechanisms ? s->policy->mechanisms(s->ctx, s) : "";
	return mechs[0] != '\0' ? buf_addf(out, "\nAUTH %s", mechs) : ERR_OK;
}

/* A reply to HELO or EHLO.  Bounded by our own names; a text that does not fit is
 * a shorter one. */
void server_ehlo_text(struct smtp_server *s, struct buf *out)
{
	unsigned ext = offered(s);
	enum err e;

	e = buf_addf(out, "%s %s%s", s->conf->hostname,
		     s->reply.text[0] != '\0' ? s->reply.text : "Hello ",
		     s->reply.text[0] != '\0' ? "" : s->helo);
	for (size_t i = 0; i < N_ELEMS(extensions) && s->esmtp && !e; i++)
		if (ext & extensions[i].ext)
			e = extension_text(s, i, out);
}

static enum next hello(struct smtp_server *s, struct span arg, bool esmtp)
{
	char name[SMTP_DOMAIN_MAX + 1];
	const struct smtp_fault *f = smtp_helo_parse(arg, name);

	if (f)
		return server_fault(s, f);
	memcpy(s->helo, name, sizeof(name));
	s->esmtp = esmtp;
	server_ask(s, ASK_HELO);
	if (s->policy->helo)
		s->policy->helo(s->ctx, s, s->helo, esmtp);
	else
		smtp_server_answer(s, 250, NULL, NULL);
	return NEXT_MORE;
}

static enum next verb_ehlo(struct smtp_server *s, struct span arg)
{
	return hello(s, arg, true);
}

static enum next verb_helo(struct smtp_server *s, struct span arg)
{
	return hello(s, arg, false);
}

/* ---- TLS and AUTH ----------------------------------------------------------- */

static enum next verb_starttls(struct smtp_server *s, struct span arg)
{
	(void)arg;
	if (s->tls)
		return server_fault(s, &is_tls);
	if (!(s->conf->ext & SMTP_EXT_STARTTLS))
		return server_fault(s, &unknown);
	return server_respond(s, 220, "2.0.0", "Ready to start TLS", STEP_TLS);
}

static enum next verb_auth(struct smtp_server *s, struct span arg)
{
	const char *blank = memchr(arg.p, ' ', arg.n);
	size_t n = blank ? (size_t)(blank - arg.p) : arg.n;
	char mech[MECHANISM_MAX], *initial = NULL;

	if (s->authenticated)
		return server_fault(s, &is_auth);
	if (!(s->conf->ext & SMTP_EXT_AUTH) || !s->policy->auth || !s->policy->auth_line)
		return server_fault(s, &no_auth);
	if (!(offered(s) & SMTP_EXT_AUTH))
		return refuse(s, &need_tls);
	if (n >= sizeof(mech) || (blank && memchr(blank + 1, ' ', arg.n - n - 1)))
		return server_fault(s, &bad_auth);
	for (size_t i = 0; i < n; i++)
		mech[i] = (char)toupper((unsigned char)arg.p[i]);
	mech[n] = '\0';
	if (blank)
		initial = xstrndup(blank + 1, arg.n - n - 1);
	server_ask(s, ASK_AUTH);
	s->policy->auth(s->ctx, s, mech, initial);
	if (initial) {
		explicit_bzero(initial, strlen(initial));
		free(initial);
		server_wipe(s, arg);
	}
	return NEXT_MORE;
}

/* ---- the transaction --------------------------------------------------------- */

static enum next verb_mail(struct smtp_server *s, struct span arg)
{
	const struct smtp_fault *f;
	struct smtp_mail m;

	f = smtp_mail_parse(arg, understood(s), &m);
	if (f)
		return server_fault(s, f);
	if (s->policy->low && s->policy->low(s->ctx))
		return refuse(s, &low);
	if (s->conf->max_messages_minute > 0 && !s->trusted &&
	    s->minute_messages >= s->conf->max_messages_minute)
		return refuse(s, &rate);
	if (m.size > s->max_size)
		return refuse(s, &too_big);
	s->smtputf8 = m.smtputf8;
	server_ask(s, ASK_MAIL);
	if (s->policy->mail)
		s->policy->mail(s->ctx, s, &m);
	else
		smtp_server_answer(s, 250, NULL, NULL);
	return NEXT_MORE;
}

static enum next verb_rcpt(struct smtp_server *s, struct span arg)
{
	const struct smtp_fault *f;
	struct smtp_rcpt r;

	f = smtp_rcpt_parse(arg, understood(s), s->smtputf8, &r);
	if (f)
		return server_fault(s, f);
	if (s->n_rcpts >= s->conf->max_rcpts)
		return refuse(s, &too_many);
	server_ask(s, ASK_RCPT);
	if (s->policy->rcpt)
		s->policy->rcpt(s->ctx, s, &r);
	else
		smtp_server_answer(s, 250, NULL, NULL);
	return NEXT_MORE;
}

static void ask_begin(struct smtp_server *s, enum server_ask what)
{
	server_ask(s, what);
	if (s->policy->data_begin)
		s->policy->data_begin(s->ctx, s);
	else
		smtp_server_answer(s, 354, NULL, NULL);
}

static enum next verb_data(struct smtp_server *s, struct span arg)
{
	(void)arg;
	s->early_content = s->cur.n > 0;
	if (s->early_content)
		s->hasty = true;
	ask_begin(s, ASK_DATA);
	return NEXT_MORE;
}

/* The octets of a chunk come whether we want it or not, so a refusal waits until
 * they have passed. */
static enum next refuse_chunk(struct smtp_server *s, const struct smtp_fault *f)
{
	enum next n = server_fault(s, f);

	s->chunk_refused = true;
	s->step = STEP_CHUNK;
	return n;
}

static enum next verb_bdat(struct smtp_server *s, struct span arg)
{
	const struct smtp_fault *f;
	struct smtp_bdat b;

	if (!(understood(s) & SMTP_EXT_CHUNKING))
		return server_fault(s, &unknown);
	f = smtp_bdat_parse(arg, &b);
	if (f)		/* nobody knows what follows */
		return server_respond(s, f->code, f->enhanced, f->text, STEP_BYE);
	s->chunk_left = b.size;
	s->chunk_last = b.last;
	s->chunk_refused = false;
	if (!(s->state & (IN_RCPT | IN_CHUNK)))
		return refuse_chunk(s, s->state == IN_START ? &no_hello :
				       s->state == IN_MAIL ? &no_rcpt : &no_mail);
	s->step = STEP_CHUNK;
	if (s->state == IN_RCPT)
		ask_begin(s, ASK_CHUNK);
	return NEXT_MORE;
}

static enum next verb_rset(struct smtp_server *s, struct span arg)
{
	(void)arg;
	server_end_transaction(s, true);
	return server_respond(s, 250, "2.0.0", "Resetting", STEP_LINE);
}

/* ---- the rest --------------------------------------------------------------- */

static enum next verb_noop(struct smtp_server *s, struct span arg)
{
	(void)arg;
	return server_respond(s, 250, "2.0.0", "OK", STEP_LINE);
}

static enum next verb_quit(struct smtp_server *s, struct span arg)
{
	(void)arg;
	server_end_transaction(s, true);
	return server_respond(s, 221, "2.0.0", "Service closing transmission channel", STEP_BYE);
}

/* Who exists is nobody's business (RFC 5321 3.5.3, 7.3). */
static enum next verb_vrfy(struct smtp_server *s, struct span arg)
{
	(void)arg;
	return server_respond(s, 252, "2.1.5", "Cannot VRFY user", STEP_LINE);
}

static enum next verb_expn(struct smtp_server *s, struct span arg)
{
	(void)arg;
	return server_respond(s, 502, "5.5.1", "Command not implemented", STEP_LINE);
}

static enum next verb_help(struct smtp_server *s, struct span arg);

static const struct server_verb {
	enum next (*run)(struct smtp_server *s, struct span arg);
	unsigned legal;			/* IN_* */
	const struct smtp_fault *else_say;
} verbs[SMTP_N_VERBS] = {
	[SMTP_HELO] = { verb_helo, IN_ANY, NULL },
	[SMTP_EHLO] = { verb_ehlo, IN_ANY, NULL },
	[SMTP_MAIL] = { verb_mail, IN_READY, &in_mail },
	[SMTP_RCPT] = { verb_rcpt, IN_MAIL | IN_RCPT, &no_mail },
	[SMTP_DATA] = { verb_data, IN_RCPT, &no_rcpt },
	[SMTP_BDAT] = { verb_bdat, IN_ANY, NULL },
	[SMTP_RSET] = { verb_rset, IN_ANY, NULL },
	[SMTP_NOOP] = { verb_noop, IN_ANY, NULL },
	[SMTP_QUIT] = { verb_quit, IN_ANY, NULL },
	[SMTP_VRFY] = { verb_vrfy, IN_ANY, NULL },
	[SMTP_EXPN] = { verb_expn, IN_ANY, NULL },
	[SMTP_HELP] = { verb_help, IN_ANY, NULL },
	[SMTP_STARTTLS] = { verb_starttls, IN_START | IN_READY, &order },
	[SMTP_AUTH] = { verb_auth, IN_READY, &order },
};

static enum next verb_help(struct smtp_server *s, struct span arg)
{
	char text[256] = "Commands:";

	(void)arg;
	for (enum smtp_verb v = 0; v < SMTP_N_VERBS; v++) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, " %s", smtp_verb_name(v));
	}
	return server_respond(s, 214, "2.0.0", text, STEP_LINE);
}

enum next server_run_verb(struct smtp_server *s, struct span line)
{
	const struct smtp_fault *f;
	const struct server_verb *v;
	struct smtp_command c;

	f = smtp_command_parse(line, &c);
	if (f)
		return server_fault(s, f);
	v = &verbs[c.verb];
	if (!(s->state & v->legal))
		return server_fault(s, s->state == IN_START ? &no_hello :
				       s->state == IN_READY ? &no_mail : v->else_say);
	return v->run(s, c.arg);
}
