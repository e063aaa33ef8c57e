#include "common/auth/throttle.h"

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/list.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 16

struct rec {
	struct hash_node node;
	struct list age;		/* in throttle.oldest: by last failure */
	uint8_t key[KEY_BYTES];
	unsigned fails;
	int64_t last_ms;
};

struct throttle {
	struct throttle_conf conf;
	struct hash recs;
	struct list oldest;
};

struct throttle *throttle_new(const struct throttle_conf *conf)
{
	struct throttle *t = xcalloc(1, sizeof(*t));

	CHECK(conf->max_keys > 0 && sodium_init() >= 0);
	t->conf = *conf;
	hash_init(&t->recs);
	list_init(&t->oldest);
	return t;
}

static void rec_drop(struct throttle *t, struct rec *r)
{
	hash_del(&t->recs, &r->node);
	list_del(&r->age);
	free(r);
}

void throttle_free(struct throttle **tp)
{
	struct throttle *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	LIST_EACH (&t->oldest, n)
		rec_drop(t, CONTAINER_OF(n, struct rec, age));
	hash_fini(&t->recs);
	free(t);
}

static void digest(const void *key, size_t len, uint8_t out[KEY_BYTES])
{
	crypto_generichash(out, KEY_BYTES, key, len, NULL, 0);
}

static struct rec *find(struct throttle *t, const uint8_t id[KEY_BYTES])
{
	struct hash_node *n = hash_find(&t->recs, id, KEY_BYTES);

	return n ? CONTAINER_OF(n, struct rec, node) : NULL;
}

/* Like find(), but a record that has faded by now is dropped on sight. */
static struct rec *find_fresh(struct throttle *t, const uint8_t id[KEY_BYTES], int64_t now_ms)
{
	struct rec *r = find(t, id);

	if (r && now_ms - r->last_ms >= t->conf.forget_ms) {
		rec_drop(t, r);
		return NULL;
	}
	return r;
}

static struct rec *claim(struct throttle *t, const uint8_t id[KEY_BYTES])
{
	struct rec *r;

	if (t->recs.n >= t->conf.max_keys)
		rec_drop(t, CONTAINER_OF(t->oldest.next, struct rec, age));
	r = xcalloc(1, sizeof(*r));
	memcpy(r->key, id, KEY_BYTES);
	hash_add(&t->recs, &r->node, r->key, KEY_BYTES);
	list_init(&r->age);
	return r;
}

void throttle_fail(struct throttle *t, const void *key, size_t len, int64_t now_ms)
{
	uint8_t id[KEY_BYTES];
	struct rec *r;

	digest(key, len, id);
	r = find_fresh(t, id, now_ms);
	if (r == NULL)
		r = claim(t, id);
	if (r->fails < UINT32_MAX)
		r->fails++;
	r->last_ms = now_ms;
	list_del(&r->age);
	list_add_tail(&t->oldest, &r->age);
}

void throttle_clear(struct throttle *t, const void *key, size_t len)
{
	uint8_t id[KEY_BYTES];
	struct rec *r;

	digest(key, len, id);
	r = find(t, id);
	if (r)
		rec_drop(t, r);
}

int64_t throttle_wait(struct throttle *t, const void *key, size_t len, int64_t now_ms)
{
	uint8_t id[KEY_BYTES];
	int64_t delay, left;
	struct rec *r;
	unsigned over;

	digest(key, len, id);
	r = find_fresh(t, id, now_ms);
	if (r == NULL || r->fails <= t->conf.free_tries)
		return 0;
	over = r->fails - t->conf.free_tries - 1;
	delay = over < 32 && t->conf.first_ms <= t->conf.max_ms >> over ? t->conf.first_ms << over
									: t->conf.max_ms;
	left = r->last_ms + delay - now_ms;
	return left > 0 ? left : 0;
}

size_t throttle_keys(const struct throttle *t)
{
	return t->recs.n;
}
