#include "common/base/hash.h"

#include "common/base/check.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_SLOTS 16

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

static uint64_t seed(void)
{
	static uint64_t s;

	/* Threads that race here store different seeds only before any table
	 * exists: main() makes the first one. */
	if (s == 0) {
		uint64_t r = 0;

		CHECK(getrandom(&r, sizeof(r), 0) == (ssize_t)sizeof(r));
		s = r | 1;
	}
	return s;
}

uint64_t hash_bytes(const void *p, size_t n)
{
	const unsigned char *b = p;
	uint64_t h = seed() ^ n, w;

	for (; n >= 8; b += 8, n -= 8) {
		memcpy(&w, b, 8);
		h = mix(h ^ w);
	}
	w = 0;
	if (n > 0)
		memcpy(&w, b, n);
	return mix(h ^ w);
}

void hash_init(struct hash *t)
{
	memset(t, 0, sizeof(*t));
}

void hash_fini(struct hash *t)
{
	free(t->slot);
	hash_init(t);
}

static void resize(struct hash *t, size_t n_slots)
{
	struct hash_node **slot = xcalloc(n_slots, sizeof(struct hash_node *));

	for (size_t i = 0; i < t->n_slots; i++) {
		struct hash_node *n = t->slot[i], *next;

		for (; n; n = next) {
			next = n->next;
			n->next = slot[n->h & (n_slots - 1)];
			slot[n->h & (n_slots - 1)] = n;
		}
	}
	free(t->slot);
	t->slot = slot;
	t->n_slots = n_slots;
}

struct hash_node *hash_find(const struct hash *t, const void *key, size_t len)
{
	uint64_t h = hash_bytes(key, len);
	struct hash_node *n = t->n_slots ? t->slot[h & (t->n_slots - 1)] : NULL;

	for (; n; n = n->next)
		if (n->h == h && n->key_len == len &&
		    (len == 0 || memcmp(n->key, key, len) == 0))
			return n;
	return NULL;
}

void hash_add(struct hash *t, struct hash_node *n, const void *key, size_t len)
{
	struct hash_node **at;

	if (t->n >= t->n_slots)
		resize(t, t->n_slots ? t->n_slots * 2 : FIRST_SLOTS);
	n->h = hash_bytes(key, len);
	n->key = key;
	n->key_len = len;
	at = &t->slot[n->h & (t->n_slots - 1)];
	n->next = *at;
	*at = n;
	t->n++;
}

void hash_del(struct hash *t, struct hash_node *n)
{
	struct hash_node **at;

	CHECK(t->n > 0);
	for (at = &t->slot[n->h & (t->n_slots - 1)]; *at != n; at = &(*at)->next)
		CHECK(*at != NULL);
	*at = n->next;
	n->next = NULL;
	t->n--;
}

struct hash_node *hash_next(const struct hash *t, const struct hash_node *n)
{
	size_t i = 0;

	if (n) {
		if (n->next)
			return n->next;
		i = (n->h & (t->n_slots - 1)) + 1;
	}
	for (; i < t->n_slots; i++)
		if (t->slot[i])
			return t->slot[i];
	return NULL;
}
