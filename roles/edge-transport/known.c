#include "roles/edge-transport/known.h"

#include "common/base/check.h"
#include "common/base/hash.h"

#include <stdlib.h>
#include <string.h>

struct known {
	struct hash table;
	size_t max;
};

struct entry {
	struct hash_node node;
	char address[];
};

struct known *known_new(size_t max)
{
	struct known *k = xcalloc(1, sizeof(*k));

	hash_init(&k->table);
	k->max = max;
	return k;
}

void known_clear(struct known *k)
{
	struct hash_node *n, *next;

	for (n = hash_next(&k->table, NULL); n; n = next) {
		next = hash_next(&k->table, n);
		hash_del(&k->table, n);
		free(CONTAINER_OF(n, struct entry, node));
	}
}

void known_free(struct known **kp)
{
	struct known *k = *kp;

	*kp = NULL;
	if (!k)
		return;
	known_clear(k);
	hash_fini(&k->table);
	free(k);
}

bool known_has(const struct known *k, const char *address)
{
	return hash_find(&k->table, address, strlen(address)) != NULL;
}

void known_put(struct known *k, const char *address)
{
	size_t n = strlen(address);
	struct entry *e;

	if (known_has(k, address))
		return;
	if (k->table.n >= k->max)
		known_clear(k);
	e = xcalloc(1, sizeof(*e) + n + 1);
	memcpy(e->address, address, n + 1);
	hash_add(&k->table, &e->node, e->address, n);
}
