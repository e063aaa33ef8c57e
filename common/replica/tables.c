#include "common/replica/tables.h"

#include "common/replica/objects.h"
#include "common/smtp/address.h"
#include <stdio.h>

enum { LIST_PAGE = 64 };

struct key {
	struct hash_node node;
	struct rpc_ident ident;
};

struct domain {
	struct hash_node node;
	enum domain_kind kind;
	bool plus;
};

void tables_init(struct tables *t)
{
	hash_init(&t->keys);
	hash_init(&t->domains);
	arena_init(&t->arena);
}

void tables_fini(struct tables *t)
{
	hash_fini(&t->keys);
	hash_fini(&t->domains);
	arena_fini(&t->arena);
}

bool tables_hold(unsigned klass)
{
	return klass == CLASS_SERVER || klass == CLASS_ADMIN || klass == CLASS_DOMAIN;
}

static void add_keys(struct tables *t, const struct object *o)
{
	unsigned role = o->klass == CLASS_ADMIN ? RPC_ADMIN :
		(unsigned)object_number(o, OBJ_ROLE, 0);

	for (const struct object_value *v = object_values(o, OBJ_KEY); v; v = v->next) {
		struct key *k;

		if (v->bytes.n != RPC_KEY || hash_find(&t->keys, v->bytes.p, v->bytes.n))
			continue;
		k = arena_alloc(&t->arena, sizeof(*k));
		k->ident.role = role;
		k->ident.guid = o->guid;
		snprintf(k->ident.name, sizeof(k->ident.name), "%s", object_text(o, OBJ_NAME));
		hash_add(&t->keys, &k->node, arena_dup(&t->arena, v->bytes.p, v->bytes.n),
			 v->bytes.n);
	}
}

static enum domain_kind kind_of(const struct object *o)
{
	const char *type = object_text(o, OBJ_DOMAIN_TYPE);

	if (type && strcmp(type, "internal-relay") == 0)
		return DOMAIN_INTERNAL_RELAY;
	if (type && strcmp(type, "external-relay") == 0)
		return DOMAIN_EXTERNAL_RELAY;
	return DOMAIN_AUTHORITATIVE;
}

static void add_domain(struct tables *t, const struct object *o)
{
	const char *name = object_text(o, OBJ_DOMAIN);
	struct domain *d;

	if (!name || hash_find(&t->domains, name, strlen(name)))
		return;
	d = arena_alloc(&t->arena, sizeof(*d));
	d->kind = kind_of(o);
	d->plus = object_bool(o, OBJ_PLUS_TAG, true);
	name = arena_str(&t->arena, name);
	hash_add(&t->domains, &d->node, name, strlen(name));
}

static void load(struct tables *t, struct db *db, unsigned klass,
		 void (*add)(struct tables *, const struct object *))
{
	struct object *page[LIST_PAGE];
	struct arena a = { 0 };
	const char *after = "";
	size_t n;

	do {
		n = objects_list(db, klass, after, page, LIST_PAGE, &a);
		for (size_t i = 0; i < n; i++)
			add(t, page[i]);
		if (n)
			after = object_name_key(&a, object_text(page[n - 1], OBJ_NAME));
	} while (n == LIST_PAGE && after);
	arena_fini(&a);
}

void tables_load(struct tables *t, struct db *db)
{
	tables_fini(t);
	tables_init(t);
	load(t, db, CLASS_SERVER, add_keys);
	load(t, db, CLASS_ADMIN, add_keys);
	load(t, db, CLASS_DOMAIN, add_domain);
}

bool tables_who(const struct tables *t, const uint8_t key[RPC_KEY], struct rpc_ident *out)
{
	struct hash_node *n = hash_find(&t->keys, key, RPC_KEY);

	if (!n)
		return false;
	*out = CONTAINER_OF(n, struct key, node)->ident;
	return true;
}

static const struct domain *find(const struct tables *t, const char *name)
{
	struct hash_node *n = hash_find(&t->domains, name, strlen(name));

	return n ? CONTAINER_OF(n, struct domain, node) : NULL;
}

enum domain_kind tables_domain(const struct tables *t, const char *domain, bool *plus)
{
	const struct domain *d = find(t, domain);
	char wild[SMTP_DOMAIN_MAX + 3];

	/* "*.example.org" stands for what is below it, not for itself. */
	for (const char *dot = domain; !d && (dot = strchr(dot, '.')); dot++) {
		snprintf(wild, sizeof(wild), "*%s", dot);
		d = find(t, wild);
	}
	*plus = d && d->plus;
	return d ? d->kind : DOMAIN_NONE;
}
