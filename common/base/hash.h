#ifndef BASE_HASH_H
#define BASE_HASH_H
/*
 * hash - intrusive hash table with byte-string keys
 *
 * A node is embedded in its object; the key's bytes belong to the object and
 * must not change while it is in the table.  The table grows by itself and owns
 * nothing but its buckets.  Keys are mixed with a random seed per process, so a
 * peer who chooses keys cannot make the table slow.
 *
 * Not thread-safe.
 */
#include "common/base/attr.h"
#include <stdbool.h>
#include <stdint.h>

struct hash_node {
	struct hash_node *next;
	uint64_t h;
	const void *key;
	size_t key_len;
};

struct hash {
	struct hash_node **slot;
	size_t n_slots, n;	/* n: nodes in the table */
};

void hash_init(struct hash *t);
void hash_fini(struct hash *t);		/* nodes are left to their owners */
struct hash_node *hash_find(const struct hash *t, const void *key, size_t len);
/* The key must not be in the table. */
void hash_add(struct hash *t, struct hash_node *n, const void *key, size_t len);
void hash_del(struct hash *t, struct hash_node *n);	/* n must be in the table */

/* Visit all: start with NULL, end at NULL.  The current node may be removed
 * only after its successor was asked for. */
struct hash_node *hash_next(const struct hash *t, const struct hash_node *n);
uint64_t hash_bytes(const void *p, size_t n);	/* seeded per process: never store it */
#endif
