/* Named by others: OAUTHBEARER and XOAUTH2 by a token, EXTERNAL by a certificate. */
#include "common/auth/sasl_priv.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include <stdlib.h>
#include <string.h>

/* ---- tokens ------------------------------------------------------------------------------ */

/* RFC 7628 section 3.2.2: the client is told why, says that it heard, and then it has
 * failed. */
static bool refuse(struct sasl *s, enum oauth_verdict v)
{
	char *text = oauth_error_text(login_oauth(s->login), v);
	struct login_try t = sasl_try(s, "");

	if (v != OAUTH_BAD_REQUEST)	/* that is a question, not a try */
		login_note_source(s->login, &t);
	s->refused = true;
	(void)sasl_challenge(s, text, strlen(text));
	free(text);
	return true;
}

/* Does this name, as the client gave it, mean the one the token is about? */
static bool is_same(struct sasl *s, struct span user, const struct login_result *r)
{
	struct login_result other;
	struct login_try t;
	char *name;
	bool same;

	if (user.n == 0)
		return true;
	if (user.n > SASL_FIELD_MAX)
		return false;
	name = xstrndup(user.p, user.n);
	t = sasl_try(s, name);
	same = login_admit(s->login, &t, &other) == ERR_OK &&
	       guid_eq(&other.principal, &r->principal);
	free(name);
	return same;
}

/* No challenge: that is all. */
static bool admitted(struct sasl *s, const struct login_try *t)
{
	login_note(s->login, t, true);
	return sasl_over(s, ERR_OK);
}

static bool judge(struct sasl *s, const struct oauth_message *m)
{
	int64_t now_ms = s->conf.wall_ms ? s->conf.wall_ms : clock_wall_ms();
	struct oauth_answer a;
	struct login_try t;
	enum oauth_verdict v;
	enum err e;

	v = oauth_check(login_oauth(s->login), m->token.p, m->token.n, now_ms / 1000, &a);
	if (v == OAUTH_GOOD) {
		t = sasl_try(s, a.user);
		e = login_admit(s->login, &t, &s->result);
		if (e == ERR_LIMIT || e == ERR_AGAIN)
			return sasl_over(s, e);
		if (e == ERR_OK && is_same(s, m->user, &s->result))
			return admitted(s, &t);
		a.why = e ? "no such user, or switched off" : "a token of somebody else";
		v = OAUTH_BAD_TOKEN;
	}
	log_info(NULL, "token-refused why=\"%s\"", a.why);
	return refuse(s, v);
}

bool sasl_read_bearer(struct sasl *s, char *msg, size_t n)
{
	struct oauth_message m;

	if (s->refused)
		return sasl_over(s, ERR_DENIED);
	if (oauth_read_bearer(msg, n, &m) != ERR_OK)
		return sasl_over(s, ERR_INVALID);
	return judge(s, &m);
}

bool sasl_read_xoauth2(struct sasl *s, char *msg, size_t n)
{
	struct oauth_message m;

	if (s->refused)
		return sasl_over(s, ERR_DENIED);
	if (oauth_read_xoauth2(msg, n, &m) != ERR_OK)
		return sasl_over(s, ERR_INVALID);
	return judge(s, &m);
}

/* ---- certificates ---------------------------------------------------------------------------- */

/* By an address that the CA has put into the certificate. */
static enum err by_name(struct sasl *s, const char *authzid)
{
	enum err e = ERR_DENIED;

	for (size_t i = 0; s->proof.trusted && i < s->proof.n_names && e == ERR_DENIED; i++) {
		struct login_try t = sasl_try(s, s->proof.names[i]);

		e = login_admit(s->login, &t, &s->result);
		if (!e && !is_same(s, span_of(authzid), &s->result))
			e = ERR_DENIED;
	}
	return e;
}

/* RFC 4422 appendix A: the message is the authorization identity, or empty. */
bool sasl_read_external(struct sasl *s, char *msg, size_t n)
{
	struct login_try t = sasl_try(s, msg);
	enum err e = ERR_DENIED;

	if (n > SASL_FIELD_MAX || memchr(msg, '\0', n))
		return sasl_over(s, ERR_INVALID);
	t.cert = s->proof.fingerprint;
	if (n > 0)
		e = login_admit(s->login, &t, &s->result);
	if (e == ERR_DENIED)
		e = by_name(s, msg);
	t.user = s->result.user;
	if (e == ERR_OK)
		return admitted(s, &t);
	if (e == ERR_DENIED)
		login_note_source(s->login, &t);
	return sasl_over(s, e);
}
