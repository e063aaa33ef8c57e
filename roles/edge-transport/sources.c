#include "roles/edge-transport/sources.h"

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/list.h"

#include <stdlib.h>
#include <string.h>

#define MINUTE INT64_C(60000)

struct sources {
	struct sources_conf conf;
	struct hash table;
	struct list order;		/* longest silent first */
};

struct source {
	struct hash_node node;
	struct list order;
	uint8_t key[17];		/* family, address */
	int64_t window_ms, minute_ms;	/* when these began */
	int64_t blocked_ms;		/* until then */
	unsigned unknowns, messages;
};

struct sources *sources_new(const struct sources_conf *conf)
{
	struct sources *s = xcalloc(1, sizeof(*s));

	s->conf = *conf;
	hash_init(&s->table);
	list_init(&s->order);
	return s;
}

void sources_set(struct sources *s, const struct sources_conf *conf)
{
	s->conf = *conf;
}

static void forget(struct sources *s, struct source *c)
{
	hash_del(&s->table, &c->node);
	list_del(&c->order);
	free(c);
}

void sources_free(struct sources **sp)
{
	struct sources *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	LIST_EACH (&s->order, n)
		forget(s, CONTAINER_OF(n, struct source, order));
	hash_fini(&s->table);
	free(s);
}

static void make_key(const struct addr *a, uint8_t key[17])
{
	struct addr src = addr_source(a);

	key[0] = src.family;
	memcpy(key + 1, src.ip, sizeof(src.ip));
}

static struct source *find(const struct sources *s, const struct addr *a)
{
	uint8_t key[17];
	struct hash_node *n;

	make_key(a, key);
	n = hash_find(&s->table, key, sizeof(key));
	return n ? CONTAINER_OF(n, struct source, node) : NULL;
}

static struct source *touch(struct sources *s, const struct addr *a, int64_t now_ms)
{
	struct source *c = find(s, a);

	if (c) {
		list_del(&c->order);
		list_add_tail(&s->order, &c->order);
		return c;
	}
	if (s->table.n >= SOURCES_MAX)
		forget(s, CONTAINER_OF(s->order.next, struct source, order));
	c = xcalloc(1, sizeof(*c));
	make_key(a, c->key);
	c->window_ms = c->minute_ms = now_ms;
	c->blocked_ms = INT64_MIN;
	list_init(&c->order);
	list_add_tail(&s->order, &c->order);
	hash_add(&s->table, &c->node, c->key, sizeof(c->key));
	return c;
}

bool sources_is_blocked(struct sources *s, const struct addr *a, int64_t now_ms)
{
	const struct source *c = s->conf.unknowns > 0 ? find(s, a) : NULL;

	return c && now_ms < c->blocked_ms;
}

bool sources_unknown(struct sources *s, const struct addr *a, int64_t now_ms)
{
	struct source *c;

	if (s->conf.unknowns == 0)
		return false;
	c = touch(s, a, now_ms);
	if (now_ms - c->window_ms >= s->conf.window_ms) {
		c->window_ms = now_ms;
		c->unknowns = 0;
	}
	if (++c->unknowns <= s->conf.unknowns)
		return false;
	c->unknowns = 0;
	c->window_ms = now_ms;
	c->blocked_ms = now_ms + s->conf.block_ms;
	return true;
}

bool sources_message(struct sources *s, const struct addr *a, int64_t now_ms)
{
	struct source *c;

	if (s->conf.rate == 0)
		return true;
	c = touch(s, a, now_ms);
	if (now_ms - c->minute_ms >= MINUTE) {
		c->minute_ms = now_ms;
		c->messages = 0;
	}
	if (c->messages >= s->conf.rate)
		return false;
	c->messages++;
	return true;
}

size_t sources_count(const struct sources *s)
{
	return s->table.n;
}
