#include "tests/unit/client-access/imap/fake.h"

#include "common/auth/sasl.h"
#include "common/base/check.h"
#include <stdlib.h>
#include <string.h>

/* Answers come at once in real time, but from fake_auth_step(). */
struct login_call {
	login_cb *cb;
	void *ctx;
	bool good;
};

struct sasl {
	sasl_cb *cb;
	void *ctx;
	unsigned lines;
	bool good, waiting;
};

static struct {
	struct login_call *login;
	struct sasl *sasl;
	bool seen, disabled;
} auth;

static const struct login_result ann = { .principal = { { 1, 2, 3 } }, .usn = 1,
					 .user = "ann@example.test" };

struct login_call *login_verify(struct login *l, const struct login_try *t, login_cb *cb,
				void *ctx)
{
	struct login_call *c = xcalloc(1, sizeof(*c));

	(void)l;
	c->cb = cb;
	c->ctx = ctx;
	auth.seen = t->password_len == 2 && memcmp(t->password, "pw", 2) == 0;
	c->good = auth.seen && strcmp(t->user, "ann") == 0;
	auth.login = c;
	return c;
}

void login_cancel(struct login_call **c)
{
	if (*c)
		auth.login = NULL;
	free(*c);
	*c = NULL;
}

enum err login_still(struct login *l, const struct login_result *r, enum login_protocol p)
{
	(void)l;
	(void)r;
	(void)p;
	return auth.disabled ? ERR_DENIED : ERR_OK;
}

const char *sasl_mechanisms(struct login *l, const struct sasl_conf *conf,
			    char out[SASL_NAMES_MAX])
{
	(void)l;
	(void)out;
	return conf->tls || conf->allow_plain ? "SCRAM-SHA-256 PLAIN LOGIN" : "SCRAM-SHA-256";
}

/* PLAIN with "good" as its line; without an initial response one is asked for. */
struct sasl *sasl_start(struct login *l, uv_loop_t *loop, const struct sasl_conf *conf,
			const char *mechanism, const char *initial, sasl_cb *cb, void *ctx)
{
	struct sasl *s = xcalloc(1, sizeof(*s));

	(void)l;
	(void)loop;
	(void)conf;
	s->cb = cb;
	s->ctx = ctx;
	s->lines = initial ? 1 : 0;
	s->good = initial && strcmp(initial, "good") == 0 && strcmp(mechanism, "PLAIN") == 0;
	s->waiting = true;
	auth.sasl = s;
	return s;
}

void sasl_line(struct sasl *s, const char *line, size_t n)
{
	s->lines++;
	s->good = n == 4 && memcmp(line, "good", 4) == 0;
	s->waiting = true;
}

void sasl_cancel(struct sasl **s)
{
	if (*s)
		auth.sasl = NULL;
	free(*s);
	*s = NULL;
}

bool fake_auth_step(void)
{
	struct login_call *c = auth.login;
	struct sasl *s = auth.sasl;

	if (c) {
		auth.login = NULL;
		c->cb(c->ctx, c->good ? ERR_OK : ERR_DENIED, c->good ? &ann : NULL);
		free(c);
		return true;
	}
	if (s == NULL || !s->waiting)
		return false;
	s->waiting = false;
	if (s->lines == 0) {
		s->cb(s->ctx, ERR_OK, "", NULL);
		return true;
	}
	auth.sasl = NULL;
	s->cb(s->ctx, s->good ? ERR_OK : ERR_DENIED, NULL, s->good ? &ann : NULL);
	free(s);
	return true;
}

bool fake_seen_password(void)
{
	return auth.seen;
}

void fake_disable_user(void)
{
	auth.disabled = !auth.disabled;
}
