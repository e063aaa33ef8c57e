/*
 * The exchange: lines in, lines out.  What the messages in them mean stands with the
 * mechanisms, in sasl_plain.c, sasl_scram.c and sasl_token.c.
 *
 * A step is computed at once and told on the loop's next turn.
 */
#include "common/auth/sasl.h"

#include "common/auth/sasl_priv.h"
#include "common/base/check.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAGIC	0x7361736cu
#define VARIANT sodium_base64_VARIANT_ORIGINAL

/* Best first. */
static const struct sasl_mech mechs[] = {
	{ "SCRAM-SHA-256-PLUS", sasl_read_scram, .client_first = true, .plus = true },
	{ "SCRAM-SHA-1-PLUS", sasl_read_scram, .client_first = true, .plus = true,
	  .hash = SCRAM_SHA_1 },
	{ "SCRAM-SHA-256", sasl_read_scram, .client_first = true },
	{ "SCRAM-SHA-1", sasl_read_scram, .client_first = true, .hash = SCRAM_SHA_1 },
	{ "EXTERNAL", sasl_read_external, .client_first = true, .cert = true },
	{ "OAUTHBEARER", sasl_read_bearer, .client_first = true, .token = true },
	{ "XOAUTH2", sasl_read_xoauth2, .client_first = true, .token = true },
	{ "PLAIN", sasl_read_plain, .client_first = true, .clear = true },
	{ "LOGIN", sasl_read_login, .clear = true },
};

static bool can_bind(const struct conn_proof *p)
{
	return p && (p->has_exporter || p->n_end_point > 0);
}

static bool is_offered(struct login *l, const struct sasl_mech *m, const struct sasl_conf *conf)
{
	return (!m->clear || conf->tls || conf->allow_plain) &&
	       (!m->plus || can_bind(conf->proof)) &&
	       (!m->token || (conf->tls && oauth_issuers(login_oauth(l)) > 0)) &&
	       (!m->cert || (conf->proof && conf->proof->has_cert)) &&
	       (m->hash != SCRAM_SHA_1 || login_has_sha1(l));
}

const char *sasl_mechanisms(struct login *l, const struct sasl_conf *conf,
			    char out[SASL_NAMES_MAX])
{
	char *to = out;

	*to = '\0';
	for (size_t i = 0; i < N_ELEMS(mechs); i++)
		if (is_offered(l, &mechs[i], conf)) {
			if (to > out)
				*to++ = ' ';
			to = stpcpy(to, mechs[i].name);
		}
	return out;
}

/* ---- telling --------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *h)
{
	struct sasl *s = h->data;

	sodium_memzero(s, sizeof(*s));
	free(s);
}

static void sasl_end(struct sasl *s)
{
	s->magic = 0;
	login_cancel(&s->call);
	scram_free(&s->scram);
	free(s->user);
	free(s->challenge);
	s->user = s->challenge = NULL;
	uv_close((uv_handle_t *)&s->turn, on_closed);
}

static void tell(struct sasl *s)
{
	struct login_result r = s->result;
	char *challenge = s->challenge;
	sasl_cb *cb = s->cb;
	void *ctx = s->ctx;
	enum err e = s->e;

	s->challenge = NULL;
	if (e == ERR_OK && challenge) {
		cb(ctx, ERR_OK, challenge, NULL);
		free(challenge);
		return;
	}
	free(challenge);
	sasl_end(s);
	cb(ctx, e, NULL, e ? NULL : &r);
}

static void on_turn(uv_idle_t *h)
{
	uv_idle_stop(h);
	tell(h->data);
}

static void tell_later(struct sasl *s)
{
	uv_idle_start(&s->turn, on_turn);
}

bool sasl_over(struct sasl *s, enum err e)
{
	s->e = e;
	return true;
}

bool sasl_challenge(struct sasl *s, const char *bytes, size_t n)
{
	size_t cap = sodium_base64_ENCODED_LEN(n, VARIANT);

	s->e = ERR_OK;
	s->challenge = xcalloc(1, cap);
	sodium_bin2base64(s->challenge, cap, (const unsigned char *)bytes, n, VARIANT);
	return true;
}

struct login_try sasl_try(const struct sasl *s, const char *user)
{
	return (struct login_try){ .user = user, .source = s->conf.source,
				   .protocol = s->conf.protocol, .now_ms = s->conf.now_ms };
}

void sasl_verified(void *ctx, enum err e, const struct login_result *r)
{
	struct sasl *s = ctx;

	CHECK_OBJ(s, MAGIC);
	s->call = NULL;
	s->e = e;
	if (r)
		s->result = *r;
	tell(s);
}

/* ---- lines ------------------------------------------------------------------------------------ */

/* One message of the client, decoded, to the mechanism. */
static void take(struct sasl *s, char *msg, size_t n)
{
	bool told = s->mech->read(s, msg, n);

	s->step++;
	if (told)
		tell_later(s);
}

void sasl_line(struct sasl *s, const char *line, size_t n)
{
	char *msg;
	size_t len;

	CHECK_OBJ(s, MAGIC);
	CHECK(s->call == NULL && !uv_is_active((uv_handle_t *)&s->turn));
	if (n > SASL_LINE_MAX || (n == 1 && line[0] == '*')) {
		(void)sasl_over(s, s->refused ? ERR_DENIED : ERR_INVALID);
		tell_later(s);
		return;
	}
	msg = xcalloc(1, n + 1);
	if (sodium_base642bin((unsigned char *)msg, n, line, n, NULL, &len, NULL, VARIANT) == 0) {
		msg[len] = '\0';
		take(s, msg, len);
	} else {
		(void)sasl_over(s, ERR_INVALID);
		tell_later(s);
	}
	sodium_memzero(msg, n + 1);
	free(msg);
}

static const struct sasl_mech *find_mech(struct login *l, const char *name,
					 const struct sasl_conf *conf)
{
	for (size_t i = 0; i < N_ELEMS(mechs); i++)
		if (strcasecmp(mechs[i].name, name) == 0)
			return is_offered(l, &mechs[i], conf) ? &mechs[i] : NULL;
	return NULL;
}

static void set_conf(struct sasl *s, const struct sasl_conf *conf)
{
	s->conf = *conf;
	if (conf->proof) {
		s->proof = *conf->proof;
		s->conf.proof = &s->proof;
	}
}

struct sasl *sasl_start(struct login *l, uv_loop_t *loop, const struct sasl_conf *conf,
			const char *mechanism, const char *initial, sasl_cb *cb, void *ctx)
{
	struct sasl *s = xcalloc(1, sizeof(*s));
	char empty[1] = "";

	CHECK(sodium_init() >= 0);
	s->magic = MAGIC;
	s->login = l;
	set_conf(s, conf);
	s->cb = cb;
	s->ctx = ctx;
	uv_idle_init(loop, &s->turn);
	s->turn.data = s;
	s->mech = find_mech(l, mechanism, conf);
	if (s->mech == NULL) {
		(void)sasl_over(s, ERR_NOTFOUND);
		tell_later(s);
	} else if (initial && strcmp(initial, "=") == 0) {	/* RFC 4954 section 4 */
		take(s, empty, 0);
	} else if (initial) {
		sasl_line(s, initial, strlen(initial));
	} else if (s->mech->client_first) {
		(void)sasl_challenge(s, "", 0);
		tell_later(s);
	} else {
		take(s, empty, 0);
	}
	return s;
}

void sasl_cancel(struct sasl **sp)
{
	struct sasl *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	CHECK_OBJ(s, MAGIC);
	sasl_end(s);
}
