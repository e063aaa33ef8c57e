#include "common/replica/links.h"

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include <stdio.h>
#include <stdlib.h>

struct link {
	struct hash_node node;		/* by server GUID */
	struct guid server;
	struct rpc_ident ident;
	char *endpoint;
	uint8_t key[RPC_KEY];
	struct rpc_peer *peer;
	bool seen;			/* by the update under way */
};

/* Where a database lives, from the replica: deliveries ask for each message. */
struct home {
	struct hash_node node;		/* by database GUID */
	struct guid database, server;
};

struct links {
	struct rpc *rpc;
	struct replica *replica;
	unsigned roles;
	struct guid self;
	struct hash servers, homes;
	bool homes_fresh;
};

struct links *links_new(struct rpc *rpc, struct replica *r, unsigned roles,
			const struct guid *self)
{
	struct links *l = xcalloc(1, sizeof(*l));

	if (self)
		l->self = *self;
	l->rpc = rpc;
	l->replica = r;
	l->roles = roles;
	hash_init(&l->servers);
	hash_init(&l->homes);
	links_update(l);
	return l;
}

static void drop_link(struct links *l, struct link *k)
{
	rpc_hangup(&k->peer);
	hash_del(&l->servers, &k->node);
	free(k->endpoint);
	free(k);
}

static void drop_homes(struct links *l)
{
	struct hash_node *n = hash_next(&l->homes, NULL), *next;

	for (; n; n = next) {
		next = hash_next(&l->homes, n);
		hash_del(&l->homes, n);
		free(CONTAINER_OF(n, struct home, node));
	}
	l->homes_fresh = false;
}

/* Links that the update did not see go; all of them when only_unseen is off. */
static void drop_links(struct links *l, bool only_unseen)
{
	struct hash_node *n = hash_next(&l->servers, NULL), *next;

	for (; n; n = next) {
		struct link *k = CONTAINER_OF(n, struct link, node);

		next = hash_next(&l->servers, n);
		if (!only_unseen || !k->seen)
			drop_link(l, k);
	}
}

void links_free(struct links **lp)
{
	struct links *l = *lp;

	if (!l)
		return;
	drop_links(l, false);
	drop_homes(l);
	hash_fini(&l->servers);
	hash_fini(&l->homes);
	free(l);
	*lp = NULL;
}

static void dial(struct links *l, const struct object *o, const char *endpoint,
		 const uint8_t *key)
{
	struct link *k = xcalloc(1, sizeof(*k));

	k->server = o->guid;
	k->ident.role = (unsigned)object_number(o, OBJ_ROLE, 0);
	k->ident.guid = o->guid;
	snprintf(k->ident.name, sizeof(k->ident.name), "%s", object_text(o, OBJ_NAME));
	k->endpoint = xstrdup(endpoint);
	k->seen = true;
	memcpy(k->key, key, RPC_KEY);
	hash_add(&l->servers, &k->node, k->server.b, sizeof(k->server.b));
	k->peer = rpc_dial(l->rpc, endpoint, key, &k->ident);
}

static void update_server(struct links *l, const struct object *o)
{
	const char *endpoint = object_text(o, OBJ_ENDPOINT);
	struct span key = object_bytes(o, OBJ_KEY);
	struct hash_node *n = hash_find(&l->servers, o->guid.b, sizeof(o->guid.b));
	struct link *k = n ? CONTAINER_OF(n, struct link, node) : NULL;

	if (!((unsigned)object_number(o, OBJ_ROLE, 0) & l->roles) || !endpoint ||
	    endpoint[0] == '\0' || key.n != RPC_KEY || guid_eq(&o->guid, &l->self))
		return;
	if (k && strcmp(k->endpoint, endpoint) == 0 && memcmp(k->key, key.p, RPC_KEY) == 0) {
		k->seen = true;
		return;
	}
	if (k)
		drop_link(l, k);
	dial(l, o, endpoint, (const uint8_t *)key.p);
}

void links_update(struct links *l)
{
	struct replica_iter *it = replica_each(l->replica, CLASS_SERVER);
	struct arena a = { 0 };
	struct object *o;

	for (struct hash_node *n = hash_next(&l->servers, NULL); n;
	     n = hash_next(&l->servers, n))
		CONTAINER_OF(n, struct link, node)->seen = false;
	while ((o = replica_each_next(it, &a)))
		update_server(l, o);
	replica_each_end(&it);
	arena_fini(&a);
	drop_links(l, true);
	drop_homes(l);
}

struct rpc_peer *links_to_server(struct links *l, const struct guid *server)
{
	struct hash_node *n = hash_find(&l->servers, server->b, sizeof(server->b));
	struct rpc_peer *p = n ? CONTAINER_OF(n, struct link, node)->peer : NULL;

	/* The server may have dialled us as well; either connection works both ways. */
	return p && rpc_peer_is_up(p) ? p : rpc_find(l->rpc, server);
}

void links_each(struct links *l, void (*fn)(void *ctx, const struct guid *server,
		const char *name, unsigned role, bool up), void *ctx)
{
	for (struct hash_node *n = hash_next(&l->servers, NULL); n;
	     n = hash_next(&l->servers, n)) {
		const struct link *k = CONTAINER_OF(n, struct link, node);

		fn(ctx, &k->server, k->ident.name, k->ident.role,
		   links_to_server(l, &k->server) != NULL);
	}
}

static void load_homes(struct links *l)
{
	struct replica_iter *it = replica_each(l->replica, CLASS_DATABASE);
	struct arena a = { 0 };
	struct object *o;

	while ((o = replica_each_next(it, &a))) {
		struct home *h;
		struct guid server;

		if (!object_guid(o, OBJ_SERVER, &server))
			continue;
		h = xcalloc(1, sizeof(*h));
		h->database = o->guid;
		h->server = server;
		hash_add(&l->homes, &h->node, h->database.b, sizeof(h->database.b));
	}
	replica_each_end(&it);
	arena_fini(&a);
	l->homes_fresh = true;
}

struct rpc_peer *links_to_database(struct links *l, const struct guid *database)
{
	struct hash_node *n;

	if (!l->homes_fresh)
		load_homes(l);
	n = hash_find(&l->homes, database->b, sizeof(database->b));
	return n ? links_to_server(l, &CONTAINER_OF(n, struct home, node)->server) : NULL;
}
