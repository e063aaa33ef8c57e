/*
 * PLAIN and LOGIN are a few fields cut out of a message, so they are read here;
 * the password then goes to login_verify().  SCRAM is libgsasl's, which asks for
 * the stored keys and never sees a password.
 *
 * A step is computed at once and told on the loop's next turn.
 */
#include "common/auth/sasl.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include <gsasl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAGIC	   0x7361736cu
#define EXPORTER   32
#define VARIANT	   sodium_base64_VARIANT_ORIGINAL
#define FIELD_MAX  1024		/* an identity */
#define SCRAM_NAME "SCRAM-SHA-256"

struct sasl {
	unsigned magic;
	struct login *login;
	struct sasl_conf conf;
	uint8_t exporter[EXPORTER];
	const struct mech *mech;
	sasl_cb *cb;
	void *ctx;
	uv_idle_t turn;
	unsigned step;			/* messages read so far */
	struct login_call *call;
	char *user;			/* LOGIN: between its two messages */

	Gsasl *gsasl;			/* SCRAM only */
	Gsasl_session *session;
	struct scram_verifier scram;
	struct credential cred;
	bool known;			/* cred is somebody's, with a verifier */
	enum err lookup;		/* why the exchange cannot go on */

	/* What the next turn tells. */
	enum err e;
	char *challenge;		/* base64; NULL: the end */
	bool has_result;
	struct login_result result;
};

struct mech {
	const char *name;
	bool clear, plus;		/* needs TLS; needs an exporter */
	/* Read one message and decide what is told; false: an answer will come
	 * from login_verify(). */
	bool (*read)(struct sasl *s, char *msg, size_t n);
	bool client_first;		/* an initial response is expected */
};

static bool read_plain(struct sasl *s, char *msg, size_t n);
static bool read_login(struct sasl *s, char *msg, size_t n);
static bool read_scram(struct sasl *s, char *msg, size_t n);

static const struct mech mechs[] = {
	{ "SCRAM-SHA-256-PLUS", false, true, read_scram, true },
	{ "SCRAM-SHA-256", false, false, read_scram, true },
	{ "PLAIN", true, false, read_plain, true },
	{ "LOGIN", true, false, read_login, false },
};

static bool is_offered(const struct mech *m, const struct sasl_conf *conf)
{
	return !(m->clear && !conf->tls && !conf->allow_plain) && !(m->plus && !conf->exporter);
}

const char *sasl_mechanisms(const struct sasl_conf *conf)
{
	bool clear = conf->tls || conf->allow_plain;

	if (conf->exporter)
		return clear ? "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"
			     : "SCRAM-SHA-256-PLUS SCRAM-SHA-256";
	return clear ? "SCRAM-SHA-256 PLAIN LOGIN" : "SCRAM-SHA-256";
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
	if (s->session)
		gsasl_finish(s->session);
	if (s->gsasl)
		gsasl_done(s->gsasl);
	s->session = NULL;
	s->gsasl = NULL;
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

/* All return true: there is something to tell. */
static bool fail(struct sasl *s, enum err e)
{
	s->e = e;
	return true;
}

static bool challenge(struct sasl *s, const char *bytes, size_t n)
{
	size_t cap = sodium_base64_ENCODED_LEN(n, VARIANT);

	s->e = ERR_OK;
	s->challenge = xcalloc(1, cap);
	sodium_bin2base64(s->challenge, cap, (const unsigned char *)bytes, n, VARIANT);
	return true;
}

/* ---- PLAIN and LOGIN --------------------------------------------------------------------- */

static void on_login(void *ctx, enum err e, const struct login_result *r)
{
	struct sasl *s = ctx;

	CHECK_OBJ(s, MAGIC);
	s->call = NULL;
	s->e = e;
	if (r)
		s->result = *r;
	tell(s);
}

static struct login_try attempt(const struct sasl *s, const char *user)
{
	return (struct login_try){ .user = user, .source = s->conf.source,
				   .protocol = s->conf.protocol, .now_ms = s->conf.now_ms };
}

static bool verify(struct sasl *s, const char *user, const char *password, size_t len)
{
	struct login_try t = attempt(s, user);

	t.password = password;
	t.password_len = len;
	s->call = login_verify(s->login, &t, on_login, s);
	return false;
}

/* RFC 4616: [authzid] NUL authcid NUL passwd. */
static bool read_plain(struct sasl *s, char *msg, size_t n)
{
	char *authcid = memchr(msg, '\0', n), *passwd;
	size_t left, len;

	if (authcid == NULL)
		return fail(s, ERR_INVALID);
	authcid++;
	left = n - (size_t)(authcid - msg);
	passwd = memchr(authcid, '\0', left);
	if (passwd == NULL || passwd == authcid)
		return fail(s, ERR_INVALID);
	passwd++;
	len = n - (size_t)(passwd - msg);
	if (len == 0 || len > PASSWORD_MAX || memchr(passwd, '\0', len) ||
	    strlen(authcid) > FIELD_MAX)
		return fail(s, ERR_INVALID);
	if (msg[0] != '\0' && strcmp(msg, authcid) != 0)
		return fail(s, ERR_DENIED);	/* nobody acts for somebody else here */
	return verify(s, authcid, passwd, len);
}

/* draft-murchison-sasl-login: the prompts are these by long habit. */
static bool read_login(struct sasl *s, char *msg, size_t n)
{
	if (s->step == 0 && n == 0)
		return challenge(s, "Username:", 9);
	if (s->user == NULL) {
		if (n == 0 || n > FIELD_MAX || memchr(msg, '\0', n))
			return fail(s, ERR_INVALID);
		s->user = xstrndup(msg, n);
		return challenge(s, "Password:", 9);
	}
	if (n == 0 || n > PASSWORD_MAX || memchr(msg, '\0', n))
		return fail(s, ERR_INVALID);
	return verify(s, s->user, msg, n);
}

/* ---- SCRAM --------------------------------------------------------------------------------- */

/* libgsasl has read the client's first message: whose keys? */
static enum err find_keys(struct sasl *s)
{
	const char *user = gsasl_property_fast(s->session, GSASL_AUTHID);
	const char *zid = gsasl_property_fast(s->session, GSASL_AUTHZID);
	struct login_try t = attempt(s, user);
	enum err e;

	if (user == NULL || user[0] == '\0' || strlen(user) > FIELD_MAX)
		return ERR_INVALID;
	if (zid && zid[0] && strcmp(zid, user) != 0)
		return ERR_DENIED;
	e = login_begin(s->login, &t, &s->cred);
	if (e && e != ERR_NOTFOUND)
		return e;
	s->known = e == ERR_OK && s->cred.scram.n > 0;
	if (s->known && scram_open(&s->cred.scram, login_pepper(s->login), &s->scram)) {
		log_error(NULL, "verifier-damaged account=%s", s->cred.user);
		return ERR_AGAIN;
	}
	if (!s->known)
		scram_fake(user, login_scram_iterations(s->login), login_pepper(s->login), &s->scram);
	s->user = xstrdup(user);
	return ERR_OK;
}

static int on_property(Gsasl *g, Gsasl_session *session, Gsasl_property prop)
{
	struct sasl *s = gsasl_session_hook_get(session);
	char number[16];

	(void)g;
	if (s->user == NULL && s->lookup == ERR_OK &&
	    (prop == GSASL_SCRAM_ITER || prop == GSASL_SCRAM_SALT))
		s->lookup = find_keys(s);
	if (s->lookup || s->user == NULL)
		return GSASL_NO_CALLBACK;
	switch (prop) {
	case GSASL_SCRAM_ITER:
		snprintf(number, sizeof(number), "%u", s->scram.iterations);
		return gsasl_property_set(session, prop, number);
	case GSASL_SCRAM_SALT:
		return gsasl_property_set(session, prop, s->scram.salt);
	case GSASL_SCRAM_STOREDKEY:
		return gsasl_property_set(session, prop, s->scram.stored_key);
	case GSASL_SCRAM_SERVERKEY:
		return gsasl_property_set(session, prop, s->scram.server_key);
	default:
		return GSASL_NO_CALLBACK;
	}
}

static void scram_begin(struct sasl *s)
{
	char binding[sodium_base64_ENCODED_LEN(EXPORTER, VARIANT)];

	CHECK(gsasl_init(&s->gsasl) == GSASL_OK);
	gsasl_callback_set(s->gsasl, on_property);
	CHECK(gsasl_server_start(s->gsasl, s->mech->name, &s->session) == GSASL_OK);
	gsasl_session_hook_set(s->session, s);
	if (s->conf.exporter == NULL)
		return;
	/* Also for the mechanism without -PLUS: then a client that could have bound
	 * but was made to believe it cannot ("y,,") is refused. */
	sodium_bin2base64(binding, sizeof(binding), s->exporter, EXPORTER, VARIANT);
	CHECK(gsasl_property_set(s->session, GSASL_CB_TLS_EXPORTER, binding) == GSASL_OK);
}

/* The proof was right. */
static bool scram_over(struct sasl *s, const char *last, size_t len)
{
	struct login_try t = attempt(s, s->user);

	login_note(s->login, &t, s->known);
	if (!s->known)			/* nobody has those keys; but be sure */
		return fail(s, ERR_DENIED);
	s->result = (struct login_result){ .principal = s->cred.principal, .usn = s->cred.usn };
	memcpy(s->result.user, s->cred.user, sizeof(s->result.user));
	s->has_result = true;
	return challenge(s, last, len);	/* "v=...": the client checks us */
}

static bool scram_failed(struct sasl *s, int r)
{
	struct login_try t = attempt(s, s->user);

	if (s->lookup)
		return fail(s, s->lookup);
	/* Before the proof it is a broken message; the proof itself is a try. */
	if (s->user == NULL || r == GSASL_MECHANISM_PARSE_ERROR)
		return fail(s, ERR_INVALID);
	login_note(s->login, &t, false);
	return fail(s, ERR_DENIED);
}

static bool read_scram(struct sasl *s, char *msg, size_t n)
{
	char *out = NULL;
	size_t len = 0;
	bool told;
	int r;

	if (s->has_result)		/* the empty answer to our last message */
		return n == 0 ? true : fail(s, ERR_INVALID);
	if (s->session == NULL)
		scram_begin(s);
	r = gsasl_step(s->session, msg, n, &out, &len);
	if (r == GSASL_NEEDS_MORE)
		told = challenge(s, out, len);
	else if (r == GSASL_OK)
		told = scram_over(s, out, len);
	else
		told = scram_failed(s, r);
	if (out)
		gsasl_free(out);
	return told;
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
		(void)fail(s, ERR_INVALID);
		tell_later(s);
		return;
	}
	msg = xcalloc(1, n + 1);
	if (sodium_base642bin((unsigned char *)msg, n, line, n, NULL, &len, NULL, VARIANT) == 0) {
		msg[len] = '\0';
		take(s, msg, len);
	} else {
		(void)fail(s, ERR_INVALID);
		tell_later(s);
	}
	sodium_memzero(msg, n + 1);
	free(msg);
}

static const struct mech *find_mech(const char *name, const struct sasl_conf *conf)
{
	for (size_t i = 0; i < N_ELEMS(mechs); i++)
		if (strcasecmp(mechs[i].name, name) == 0)
			return is_offered(&mechs[i], conf) ? &mechs[i] : NULL;
	return NULL;
}

struct sasl *sasl_start(struct login *l, uv_loop_t *loop, const struct sasl_conf *conf,
			const char *mechanism, const char *initial, sasl_cb *cb, void *ctx)
{
	struct sasl *s = xcalloc(1, sizeof(*s));
	char empty[1] = "";

	CHECK(sodium_init() >= 0);
	s->magic = MAGIC;
	s->login = l;
	s->conf = *conf;
	s->cb = cb;
	s->ctx = ctx;
	if (conf->exporter)
		memcpy(s->exporter, conf->exporter, EXPORTER);
	uv_idle_init(loop, &s->turn);
	s->turn.data = s;
	s->mech = find_mech(mechanism, conf);
	if (s->mech == NULL) {
		(void)fail(s, ERR_NOTFOUND);
		tell_later(s);
	} else if (initial && strcmp(initial, "=") == 0) {	/* RFC 4954 section 4 */
		take(s, empty, 0);
	} else if (initial) {
		sasl_line(s, initial, strlen(initial));
	} else if (s->mech->client_first) {
		(void)challenge(s, "", 0);
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
