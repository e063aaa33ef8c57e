/*
 * A login_call's life: looked up, then either answered on the loop's next turn
 * (`ready`), or hashed on a worker and answered from there.  It is in exactly
 * one of the two places, so cancelling knows where to take it from.
 */
#include "common/auth/login.h"

#include "common/auth/cache.h"
#include "common/auth/throttle.h"
#include "common/base/check.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include <ctype.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CACHED    20000
#define CACHE_MS      (3600 * 1000)
#define ACCOUNT_TRIES 5
#define SOURCE_TRIES  20
#define FIRST_MS      1000
#define MAX_MS	      (5 * 60 * 1000)
#define FORGET_MS     (30 * 60 * 1000)
#define MAX_KEYS      10000
#define SOURCE_KEY    17		/* family and address of struct addr */

struct login {
	struct login_conf conf;
	struct throttle *accounts, *sources;
	struct cache *cache;
	struct oauth *oauth;
	bool sha1;
	uv_idle_t turn;
	struct list calls;		/* all */
	struct list ready;		/* answered when the loop turns */
	struct login_stats stats;
};

struct login_call {
	struct login *login;
	struct list node, ready;
	login_cb *cb;
	void *ctx;
	char *user;
	char *password;
	size_t password_len;
	struct addr source;
	enum login_protocol protocol;
	int64_t now_ms;
	bool known;			/* cred is somebody's */
	struct credential cred;
	enum err e;			/* the answer */
	bool old;
	struct work *work;
	/* What the worker needs, so that it touches nothing of the login's. */
	struct password_params params;
	struct pepper pepper;
	struct credential_source external;
};

/* ---- throttles -------------------------------------------------------------------- */

/* Failures are counted for the account, however its name was typed; for a name
 * that is nobody's, for the name. */
static size_t account_key(const char *user, const struct credential *cred, char out[256])
{
	size_t n = strlen(user);

	if (cred) {
		memcpy(out, cred->principal.b, sizeof(cred->principal.b));
		return sizeof(cred->principal.b);
	}
	n = n < 256 ? n : 256;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)tolower((unsigned char)user[i]);
	return n;
}

static bool must_wait(struct login *l, const char *user, const struct credential *cred,
		      const struct addr *from, int64_t now_ms)
{
	struct addr source = addr_source(from);
	char key[256];
	size_t n = account_key(user, cred, key);

	return throttle_wait(l->accounts, key, n, now_ms) > 0 ||
	       (from->family && throttle_wait(l->sources, &source, SOURCE_KEY, now_ms) > 0);
}

static void note(struct login *l, const char *user, const struct credential *cred,
		 const struct addr *from, int64_t now_ms, bool ok)
{
	struct addr source = addr_source(from);
	char key[256];
	size_t n = account_key(user, cred, key);

	if (ok) {
		/* Not the address: one good account must not pay for guessing others. */
		throttle_clear(l->accounts, key, n);
		return;
	}
	throttle_fail(l->accounts, key, n, now_ms);
	if (from->family)
		throttle_fail(l->sources, &source, SOURCE_KEY, now_ms);
}

/* ---- answers ------------------------------------------------------------------------ */

static void call_free(struct login_call *c)
{
	list_del(&c->node);
	list_del(&c->ready);
	sodium_memzero(c->password, c->password_len);
	free(c->password);
	free(c->user);
	sodium_memzero(c, sizeof(*c));
	free(c);
}

static void answer(struct login_call *c)
{
	struct login *l = c->login;
	struct login_result r = { c->cred.principal, c->cred.usn, "", c->old };
	login_cb *cb = c->cb;
	void *ctx = c->ctx;
	enum err e = c->e;

	memcpy(r.user, c->cred.user, sizeof(r.user));
	switch (e) {
	case ERR_OK:	 l->stats.ok++; break;
	case ERR_DENIED: l->stats.denied++; break;
	case ERR_LIMIT:	 l->stats.limited++; break;
	default:	 l->stats.busy++; break;
	}
	call_free(c);
	cb(ctx, e, e ? NULL : &r);	/* the login may be gone after this */
}

static void on_turn(uv_idle_t *h)
{
	struct login *l = h->data;
	struct list batch, *node;

	/* Stopped first: who is called back may free the login.  What is added
	 * meanwhile starts it again. */
	uv_idle_stop(h);
	list_init(&batch);
	while ((node = list_pop(&l->ready)) != NULL)
		list_add_tail(&batch, node);
	while ((node = list_pop(&batch)) != NULL)
		answer(CONTAINER_OF(node, struct login_call, ready));
}

static void answer_later(struct login_call *c, enum err e)
{
	c->e = e;
	list_add_tail(&c->login->ready, &c->ready);
	uv_idle_start(&c->login->turn, on_turn);
}

/* ---- verifying ------------------------------------------------------------------------- */

static bool may_use(const struct credential *c, enum login_protocol protocol)
{
	return c->enabled && (c->protocols & protocol);
}

/* On a worker. */
static void hash_password(void *ctx)
{
	struct login_call *c = ctx;
	static const struct sealed none;

	if (c->known && c->cred.external)
		c->e = c->external.bind ? c->external.bind(c->external.ctx, &c->cred, c->password)
					: ERR_AGAIN;
	else
		c->e = password_check(c->known ? &c->cred.argon : &none, c->password,
				      c->password_len, &c->params, &c->pepper, &c->old);
	sodium_memzero(&c->pepper, sizeof(c->pepper));
}

/* The account may have changed while we were hashing. */
static enum err still_the_same(struct login *l, const char *user, const struct credential *was)
{
	struct credential now;
	enum err e = l->conf.source.lookup(l->conf.source.ctx, user, &now);

	if (e == ERR_OK && (now.usn != was->usn || !guid_eq(&now.principal, &was->principal)))
		e = ERR_AGAIN;
	sodium_memzero(&now, sizeof(now));
	return e == ERR_NOTFOUND ? ERR_DENIED : e;
}

static void hash_done(void *ctx)
{
	struct login_call *c = ctx;
	struct login *l = c->login;
	const struct credential *cred = c->known ? &c->cred : NULL;
	uint8_t key[CACHE_KEY];

	c->work = NULL;
	if (c->e == ERR_CORRUPT)	/* not sealed with our pepper: for an operator */
		log_error(NULL, "verifier-damaged account=%s", c->cred.user);
	if (c->e == ERR_OK)
		c->e = still_the_same(l, c->user, &c->cred);
	if (c->e == ERR_OK || c->e == ERR_DENIED)
		note(l, c->user, cred, &c->source, c->now_ms, c->e == ERR_OK);
	if (c->e == ERR_OK) {
		cache_key(l->cache, c->cred.principal.b, c->cred.usn, c->password, c->password_len,
			  key);
		cache_add(l->cache, key, c->old, c->now_ms);
		if (!may_use(&c->cred, c->protocol))
			c->e = ERR_DENIED;
	}
	if (c->e == ERR_CORRUPT)
		c->e = ERR_AGAIN;
	answer(c);
}

static void hash_dropped(void *ctx)
{
	call_free(ctx);
}

static bool is_cached(struct login *l, struct login_call *c)
{
	uint8_t key[CACHE_KEY];

	cache_key(l->cache, c->cred.principal.b, c->cred.usn, c->password, c->password_len, key);
	return cache_has(l->cache, key, &c->old, c->now_ms);
}

static void begin(struct login *l, struct login_call *c)
{
	enum err e = l->conf.source.lookup(l->conf.source.ctx, c->user, &c->cred);

	c->known = e == ERR_OK;
	if (e && e != ERR_NOTFOUND) {
		answer_later(c, ERR_AGAIN);
		return;
	}
	if (c->known && is_cached(l, c)) {
		l->stats.cached++;
		answer_later(c, may_use(&c->cred, c->protocol) ? ERR_OK : ERR_DENIED);
		return;
	}
	if (must_wait(l, c->user, c->known ? &c->cred : NULL, &c->source, c->now_ms)) {
		answer_later(c, ERR_LIMIT);
		return;
	}
	c->params = l->conf.params;
	c->pepper = l->conf.pepper;
	c->external = l->conf.source;
	if (work_submit(l->conf.pool, hash_password, hash_done, c, &c->work))
		answer_later(c, ERR_AGAIN);
}

struct login_call *login_verify(struct login *l, const struct login_try *t, login_cb *cb, void *ctx)
{
	struct login_call *c = xcalloc(1, sizeof(*c));

	c->login = l;
	c->cb = cb;
	c->ctx = ctx;
	c->user = xstrdup(t->user);
	c->password = xmemdup(t->password, t->password_len);
	c->password_len = t->password_len;
	c->source = t->source;
	c->protocol = t->protocol;
	c->now_ms = t->now_ms;
	list_init(&c->ready);
	list_init(&c->node);
	list_add_tail(&l->calls, &c->node);
	if (t->password_len > PASSWORD_MAX)
		answer_later(c, ERR_DENIED);
	else
		begin(l, c);
	return c;
}

void login_cancel(struct login_call **cp)
{
	struct login_call *c = *cp;
	struct work *w;

	*cp = NULL;
	if (c == NULL)
		return;
	if (c->work == NULL) {
		call_free(c);
		return;
	}
	list_del(&c->node);		/* the worker may still have it */
	w = c->work;
	work_cancel(&w, hash_dropped);
}

/* ---- life ------------------------------------------------------------------------------- */

static struct throttle *make_throttle(unsigned tries, unsigned normal)
{
	struct throttle_conf conf = { MAX_KEYS, tries ? tries : normal, FIRST_MS, MAX_MS, FORGET_MS };

	return throttle_new(&conf);
}

struct login *login_new(const struct login_conf *conf)
{
	struct login *l = xcalloc(1, sizeof(*l));

	CHECK(sodium_init() >= 0);
	l->conf = *conf;
	l->accounts = make_throttle(conf->account_tries, ACCOUNT_TRIES);
	l->sources = make_throttle(conf->source_tries, SOURCE_TRIES);
	l->cache = cache_new(conf->max_cached ? conf->max_cached : MAX_CACHED,
			     conf->cache_ms ? conf->cache_ms : CACHE_MS);
	list_init(&l->calls);
	list_init(&l->ready);
	uv_idle_init(work_pool_loop(conf->pool), &l->turn);
	l->turn.data = l;
	return l;
}

static void on_closed(uv_handle_t *h)
{
	struct login *l = h->data;

	sodium_memzero(l, sizeof(*l));
	free(l);
}

void login_free(struct login **lp)
{
	struct login *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	LIST_EACH (&l->calls, n) {
		struct login_call *c = CONTAINER_OF(n, struct login_call, node);

		login_cancel(&c);
	}
	throttle_free(&l->accounts);
	throttle_free(&l->sources);
	cache_free(&l->cache);
	oauth_free(&l->oauth);
	uv_close((uv_handle_t *)&l->turn, on_closed);
}

/* ---- without a password ------------------------------------------------------------------- */

enum err login_begin(struct login *l, const struct login_try *t, struct credential *out)
{
	enum err e = l->conf.source.lookup(l->conf.source.ctx, t->user, out);

	if (e && e != ERR_NOTFOUND)
		return ERR_AGAIN;
	if (must_wait(l, t->user, e ? NULL : out, &t->source, t->now_ms)) {
		l->stats.limited++;
		return ERR_LIMIT;
	}
	return e == ERR_OK && !may_use(out, t->protocol) ? ERR_NOTFOUND : e;
}

void login_note(struct login *l, const struct login_try *t, bool ok)
{
	struct credential cred;
	bool known = l->conf.source.lookup(l->conf.source.ctx, t->user, &cred) == ERR_OK;

	note(l, t->user, known ? &cred : NULL, &t->source, t->now_ms, ok);
	if (ok)
		l->stats.ok++;
	else
		l->stats.denied++;
	sodium_memzero(&cred, sizeof(cred));
}

void login_note_source(struct login *l, const struct login_try *t)
{
	struct addr source = addr_source(&t->source);

	l->stats.denied++;
	if (t->source.family)
		throttle_fail(l->sources, &source, SOURCE_KEY, t->now_ms);
}

static bool has_cert(const struct credential *c, const uint8_t cert[32])
{
	for (size_t i = 0; i < c->n_certs; i++)
		if (sodium_memcmp(c->certs[i], cert, sizeof(c->certs[i])) == 0)
			return true;
	return false;
}

enum err login_admit(struct login *l, const struct login_try *t, struct login_result *out)
{
	struct addr source = addr_source(&t->source);
	struct credential cred;
	enum err e;

	if (t->source.family && throttle_wait(l->sources, &source, SOURCE_KEY, t->now_ms) > 0) {
		l->stats.limited++;
		return ERR_LIMIT;
	}
	e = l->conf.source.lookup(l->conf.source.ctx, t->user, &cred);
	if (e && e != ERR_NOTFOUND) {
		l->stats.busy++;
		e = ERR_AGAIN;
	} else if (e || !may_use(&cred, t->protocol) || (t->cert && !has_cert(&cred, t->cert))) {
		e = ERR_DENIED;
	} else {
		*out = (struct login_result){ .principal = cred.principal, .usn = cred.usn };
		memcpy(out->user, cred.user, sizeof(out->user));
	}
	sodium_memzero(&cred, sizeof(cred));
	return e;
}

void login_set_oauth(struct login *l, struct oauth *o)
{
	oauth_free(&l->oauth);
	l->oauth = o;
}

const struct oauth *login_oauth(const struct login *l)
{
	return l->oauth;
}

void login_set_sha1(struct login *l, bool on)
{
	l->sha1 = on;
}

bool login_has_sha1(const struct login *l)
{
	return l->sha1;
}

const struct pepper *login_pepper(const struct login *l)
{
	return &l->conf.pepper;
}

unsigned login_scram_iterations(const struct login *l)
{
	return l->conf.params.scram_iterations;
}

enum err login_still(struct login *l, const struct login_result *r, enum login_protocol protocol)
{
	struct credential now;
	enum err e = l->conf.source.lookup(l->conf.source.ctx, r->user, &now);

	if (e == ERR_OK && (now.usn != r->usn || !guid_eq(&now.principal, &r->principal) ||
			    !may_use(&now, protocol)))
		e = ERR_DENIED;
	sodium_memzero(&now, sizeof(now));
	return e == ERR_NOTFOUND ? ERR_DENIED : e;
}

void login_get_stats(const struct login *l, struct login_stats *out)
{
	*out = l->stats;
	out->in_cache = cache_size(l->cache);
}
