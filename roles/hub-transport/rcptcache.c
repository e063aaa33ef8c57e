#include "roles/hub-transport/rcptcache.h"

#include "common/base/check.h"
#include "common/base/hash.h"

#include <stdlib.h>
#include <string.h>

struct rcptcache {
	struct hash table;
	size_t max;
};

struct cached {
	struct hash_node node;
	struct rcptcache_entry entry;
	char address[];
};

struct rcptcache *rcptcache_new(size_t max)
{
	struct rcptcache *c = xcalloc(1, sizeof(*c));

	hash_init(&c->table);
	c->max = max;
	return c;
}

void rcptcache_clear(struct rcptcache *c)
{
	struct hash_node *n, *next;

	for (n = hash_next(&c->table, NULL); n; n = next) {
		next = hash_next(&c->table, n);
		hash_del(&c->table, n);
		free(CONTAINER_OF(n, struct cached, node));
	}
}

void rcptcache_free(struct rcptcache **cp)
{
	struct rcptcache *c = *cp;

	*cp = NULL;
	if (!c)
		return;
	rcptcache_clear(c);
	hash_fini(&c->table);
	free(c);
}

const struct rcptcache_entry *rcptcache_get(const struct rcptcache *c, const char *address)
{
	struct hash_node *n = hash_find(&c->table, address, strlen(address));

	return n ? &CONTAINER_OF(n, struct cached, node)->entry : NULL;
}

void rcptcache_put(struct rcptcache *c, const char *address, const struct object *o)
{
	size_t n = strlen(address);
	struct cached *e;
	struct guid db;

	if (o->klass != CLASS_MAILBOX || !object_guid(o, OBJ_DATABASE, &db) ||
	    object_bool(o, OBJ_DISCONNECTED, false) || object_has(o, OBJ_FORWARD_TO) ||
	    object_has(o, OBJ_ACCEPT_FROM) || object_has(o, OBJ_REJECT_FROM) ||
	    object_bool(o, OBJ_REQUIRE_AUTH, false) || object_number(o, OBJ_MAX_RECEIVE, 0) > 0 ||
	    hash_find(&c->table, address, n))
		return;
	if (c->table.n >= c->max)
		rcptcache_clear(c);
	e = xcalloc(1, sizeof(*e) + n + 1);
	memcpy(e->address, address, n + 1);
	e->entry.mailbox = o->guid;
	guid_text(&db, e->entry.database);
	hash_add(&c->table, &e->node, e->address, n);
}
