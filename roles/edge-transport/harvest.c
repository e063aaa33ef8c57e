#include "roles/edge-transport/harvest.h"

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/list.h"

#include <stdlib.h>

struct source {
	struct hash_node node;
	struct list age;	/* oldest first */
	struct addr addr;
	unsigned unknown;
	int64_t began_ms;
};

struct harvest {
	struct hash table;
	struct list ages;
	size_t max;
	unsigned budget;
	int64_t window_ms;
};

struct harvest *harvest_new(size_t max_sources, unsigned budget, int64_t window_ms)
{
	struct harvest *h = xcalloc(1, sizeof(*h));

	CHECK(max_sources > 0);
	hash_init(&h->table);
	list_init(&h->ages);
	h->max = max_sources;
	h->budget = budget;
	h->window_ms = window_ms;
	return h;
}

static void forget(struct harvest *h, struct source *s)
{
	hash_del(&h->table, &s->node);
	list_del(&s->age);
	free(s);
}

void harvest_free(struct harvest **hp)
{
	struct harvest *h = *hp;

	*hp = NULL;
	if (!h)
		return;
	LIST_EACH (&h->ages, n)
		forget(h, CONTAINER_OF(n, struct source, age));
	hash_fini(&h->table);
	free(h);
}

/* addr_source() is zeroed beyond what counts, so its bytes are the key; padding is
 * not part of it. */
static struct source *find(struct harvest *h, const struct addr *a, int64_t mono_ms)
{
	struct addr key = addr_source(a);
	struct hash_node *n = hash_find(&h->table, key.ip, sizeof(key.ip));
	struct source *s = n ? CONTAINER_OF(n, struct source, node) : NULL;

	if (s && mono_ms - s->began_ms >= h->window_ms) {
		forget(h, s);
		return NULL;
	}
	return s;
}

bool harvest_is_over(struct harvest *h, const struct addr *source, int64_t mono_ms)
{
	struct source *s = find(h, source, mono_ms);

	return h->budget > 0 && s && s->unknown >= h->budget;
}

bool harvest_unknown(struct harvest *h, const struct addr *source, int64_t mono_ms)
{
	struct source *s;

	if (h->budget == 0)
		return true;
	s = find(h, source, mono_ms);
	if (!s) {
		if (h->table.n >= h->max)
			forget(h, CONTAINER_OF(h->ages.next, struct source, age));
		s = xcalloc(1, sizeof(*s));
		s->addr = addr_source(source);
		s->began_ms = mono_ms;
		hash_add(&h->table, &s->node, s->addr.ip, sizeof(s->addr.ip));
		list_init(&s->age);
		list_add_tail(&h->ages, &s->age);
	}
	if (s->unknown >= h->budget)
		return false;
	s->unknown++;
	return true;
}
