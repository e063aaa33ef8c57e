#ifndef AUTH_CACHE_H
#define AUTH_CACHE_H
/*
 * cache - which logins were good a while ago (private to common/auth)
 *
 * Holds keyed hashes only, under a key that is made at start and never leaves
 * the process: neither users nor passwords can be read from it.  Bounded; the
 * entry that was used longest ago makes room.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_KEY 32

struct cache;

struct cache *cache_new(size_t max, int64_t lifetime_ms);
void cache_free(struct cache **c);
/* The USN is part of the key: a changed credential is another key. */
void cache_key(const struct cache *c, const uint8_t principal[16], uint64_t usn,
	       const char *password, size_t len, uint8_t out[CACHE_KEY]);
void cache_add(struct cache *c, const uint8_t key[CACHE_KEY], bool old, int64_t now_ms);
bool cache_has(struct cache *c, const uint8_t key[CACHE_KEY], bool *old, int64_t now_ms);
size_t cache_size(const struct cache *c);
#endif
