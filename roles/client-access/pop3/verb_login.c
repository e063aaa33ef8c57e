/* Becoming somebody: STLS, USER, PASS, AUTH. */
#include "roles/client-access/pop3/pop3.h"

#include "common/base/clock.h"
#include <stdlib.h>
#include <string.h>

bool pop3_may_login(const struct pop3_session *s)
{
	return s->tls || (s->cas->conf.plaintext_login && addr_is_loopback(&s->peer));
}

enum next verb_stls(struct pop3_session *s, const struct pop3_cmd *c)
{
	(void)c;
	if (s->tls)
		return pop3_err(s, "TLS is on already.");
	if (s->utf8)			/* RFC 6856 section 2 */
		return pop3_err(s, "Not behind UTF8.");
	pop3_put(s, "+OK Begin TLS now.\r\n");
	pop3_flush(s);
	/* RFC 2595 section 4: nothing said in plain counts. */
	free(s->user);
	s->user = NULL;
	s->step = STEP_TLS;
	s->io.starttls(s->io.ctx);
	return NEXT_WAIT;
}

/* ---- how it ended ---------------------------------------------------------------- */

/* Response codes of RFC 3206: AUTH says that the credentials are wrong. */
static enum next failed(struct pop3_session *s, enum err e)
{
	char host[ADDR_TEXT];

	cas_count(s->cas, CAS_LOGIN_FAILURES, 1);
	log_warn(&s->log, "login-failed addr=%s err=%s", addr_host(&s->peer, host),
		 err_text(e));
	switch (e) {
	case ERR_DENIED:
		return pop3_err(s, "[AUTH] Wrong name or password.");
	case ERR_LIMIT:
		return pop3_err(s, "[SYS/TEMP] Too many failures, wait.");
	case ERR_INVALID:
		return pop3_err(s, "Authentication was broken off.");
	case ERR_NOTFOUND:
		return pop3_err(s, "No such mechanism.");
	default:
		return pop3_err(s, "[SYS/TEMP] Not available now, try again later.");
	}
}

/* Who may come in may still be one too many, or too early. */
static bool takes_seat(struct pop3_session *s, const struct login_result *r)
{
	const struct users_limits limits = { s->cas->conf.per_user, s->cas->conf.pop3_delay_ms };
	enum err e = users_enter(&s->cas->users, &s->seat, &r->principal, USERS_POP3, &limits,
				 clock_mono_ms());

	if (e == ERR_OK)
		return true;
	log_warn(&s->log, "login-refused user=%s why=%s", r->user,
		 e == ERR_AGAIN ? "too-soon" : "too-many-connections");
	if (e == ERR_AGAIN)
		pop3_err(s, "[LOGIN-DELAY] You were here a moment ago.");
	else
		pop3_err(s, "[SYS/TEMP] You have too many connections.");
	return false;
}

static void ended(struct pop3_session *s, enum err e, const struct login_result *r)
{
	if (e) {
		failed(s, e);
	} else if (takes_seat(s, r)) {
		s->who = *r;
		pop3_open_drop(s);
	}
	pop3_pump(s);
}

/* ---- USER, PASS -------------------------------------------------------------------- */

enum next verb_user(struct pop3_session *s, const struct pop3_cmd *c)
{
	free(s->user);
	s->user = xstrdup(c->arg[0]);
	return pop3_ok(s, "Now the password.");	/* whoever it is */
}

static void login_done(void *ctx, enum err e, const struct login_result *r)
{
	struct pop3_session *s = ctx;

	CHECK_OBJ(s, POP3_SESSION_MAGIC);
	s->login_call = NULL;
	ended(s, e, r);
}

enum next verb_pass(struct pop3_session *s, const struct pop3_cmd *c)
{
	struct login_try t;

	if (s->user == NULL)
		return pop3_err(s, "USER comes first.");
	t = (struct login_try){
		.user = s->user, .password = c->arg[0], .password_len = strlen(c->arg[0]),
		.source = s->peer, .protocol = LOGIN_POP3, .now_ms = clock_mono_ms(),
	};
	s->login_call = login_verify(s->cas->login, &t, login_done, s);
	free(s->user);				/* the next try begins with USER */
	s->user = NULL;
	return pop3_await(s);
}

/* ---- AUTH -------------------------------------------------------------------------- */

/* proof: where conf may point to afterwards. */
static void sasl_settings(struct pop3_session *s, struct sasl_conf *conf,
			  struct conn_proof *proof)
{
	*conf = (struct sasl_conf){ .source = s->peer, .protocol = LOGIN_POP3, .tls = s->tls,
				    .allow_plain = pop3_may_login(s),
				    .now_ms = clock_mono_ms() };
	if (s->tls) {
		s->io.proof(s->io.ctx, proof);
		conf->proof = proof;
	}
}

const char *pop3_mechanisms(struct pop3_session *s, char out[SASL_NAMES_MAX])
{
	struct conn_proof proof;
	struct sasl_conf conf;

	sasl_settings(s, &conf, &proof);
	return sasl_mechanisms(s->cas->login, &conf, out);
}

static void sasl_step(void *ctx, enum err e, const char *challenge,
		      const struct login_result *r)
{
	struct pop3_session *s = ctx;

	CHECK_OBJ(s, POP3_SESSION_MAGIC);
	if (e == ERR_OK && challenge) {
		pop3_putf(s, "+ %s\r\n", challenge);
		s->step = STEP_LINE;
		pop3_pump(s);
		return;
	}
	s->sasl = NULL;
	ended(s, e, r);
}

void pop3_login_line(struct pop3_session *s, const char *line, size_t n)
{
	sasl_line(s->sasl, line, n);
}

/* Without a mechanism: which are there?  No RFC has it, and many clients ask. */
static enum next list_mechanisms(struct pop3_session *s)
{
	char names[SASL_NAMES_MAX];
	const char *m = pop3_mechanisms(s, names);

	pop3_ok(s, "Mechanisms:");
	for (m += strspn(m, " "); *m; m += strspn(m, " ")) {
		int n = (int)strcspn(m, " ");

		pop3_putf(s, "%.*s\r\n", n, m);
		m += n;
	}
	pop3_put(s, ".\r\n");
	return NEXT_MORE;
}

enum next verb_auth(struct pop3_session *s, const struct pop3_cmd *c)
{
	struct conn_proof proof;
	struct sasl_conf conf;

	if (c->arg[0] == NULL)
		return list_mechanisms(s);
	sasl_settings(s, &conf, &proof);
	s->sasl = sasl_start(s->cas->login, s->cas->loop, &conf, c->arg[0], c->arg[1],
			     sasl_step, s);
	return pop3_await(s);
}
