#include "common/auth/cache.h"

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/list.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct hash_node node;
	struct list used;		/* in cache.used, the oldest first */
	uint8_t key[CACHE_KEY];
	int64_t until_ms;
	bool old;
};

struct cache {
	struct hash entries;
	struct list used;
	size_t max;
	int64_t lifetime_ms;
	uint8_t secret[32];
};

struct cache *cache_new(size_t max, int64_t lifetime_ms)
{
	struct cache *c = xcalloc(1, sizeof(*c));

	CHECK(max > 0 && sodium_init() >= 0);
	hash_init(&c->entries);
	list_init(&c->used);
	c->max = max;
	c->lifetime_ms = lifetime_ms;
	randombytes_buf(c->secret, sizeof(c->secret));
	return c;
}

static void drop(struct cache *c, struct entry *en)
{
	hash_del(&c->entries, &en->node);
	list_del(&en->used);
	free(en);
}

void cache_free(struct cache **cp)
{
	struct cache *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	LIST_EACH (&c->used, n)
		drop(c, CONTAINER_OF(n, struct entry, used));
	hash_fini(&c->entries);
	sodium_memzero(c, sizeof(*c));
	free(c);
}

void cache_key(const struct cache *c, const uint8_t principal[16], uint64_t usn,
	       const char *password, size_t len, uint8_t out[CACHE_KEY])
{
	crypto_generichash_state st;

	crypto_generichash_init(&st, c->secret, sizeof(c->secret), CACHE_KEY);
	crypto_generichash_update(&st, principal, 16);
	crypto_generichash_update(&st, (const unsigned char *)&usn, sizeof(usn));
	crypto_generichash_update(&st, (const unsigned char *)password, len);
	crypto_generichash_final(&st, out, CACHE_KEY);
	sodium_memzero(&st, sizeof(st));
}

static struct entry *find(const struct cache *c, const uint8_t key[CACHE_KEY])
{
	struct hash_node *n = hash_find(&c->entries, key, CACHE_KEY);

	return n ? CONTAINER_OF(n, struct entry, node) : NULL;
}

void cache_add(struct cache *c, const uint8_t key[CACHE_KEY], bool old, int64_t now_ms)
{
	struct entry *en = find(c, key);

	if (en == NULL) {
		if (c->entries.n >= c->max)
			drop(c, CONTAINER_OF(c->used.next, struct entry, used));
		en = xcalloc(1, sizeof(*en));
		memcpy(en->key, key, CACHE_KEY);
		hash_add(&c->entries, &en->node, en->key, CACHE_KEY);
		list_init(&en->used);
	}
	en->old = old;
	en->until_ms = now_ms + c->lifetime_ms;
	list_del(&en->used);
	list_add_tail(&c->used, &en->used);
}

bool cache_has(struct cache *c, const uint8_t key[CACHE_KEY], bool *old, int64_t now_ms)
{
	struct entry *en = find(c, key);

	if (en && now_ms >= en->until_ms) {
		drop(c, en);
		en = NULL;
	}
	if (en == NULL)
		return false;
	*old = en->old;
	list_del(&en->used);
	list_add_tail(&c->used, &en->used);
	return true;
}

size_t cache_size(const struct cache *c)
{
	return c->entries.n;
}
