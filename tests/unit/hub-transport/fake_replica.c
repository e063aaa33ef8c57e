#include "tests/unit/hub-transport/fake_replica.h"

#include "common/base/check.h"

#include <stdlib.h>
#include <string.h>

void fake_fini(struct replica *r)
{
	arena_fini(&r->arena);
	*r = (struct replica){ 0 };
}

struct object *fake_add(struct replica *r, unsigned klass, const char *name, const char *address)
{
	struct object *o = object_new(&r->arena, klass);

	CHECK(r->n < N_ELEMS(r->o));
	o->guid = guid_make();
	object_set_text(o, OBJ_NAME, name);
	if (address)
		object_set_text(o, OBJ_EMAIL, address);
	r->o[r->n++] = o;
	return o;
}

static struct object *by_name(struct replica *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(object_text(r->o[i], OBJ_NAME), name) == 0)
			return r->o[i];
	return NULL;
}

struct guid *fake_guid(struct replica *r, const char *name)
{
	struct object *o = by_name(r, name);

	CHECK(o);
	return &o->guid;
}

void fake_domain(struct replica *r, const char *domain, enum domain_kind kind)
{
	r->domain[r->n_domains] = domain;
	r->kind[r->n_domains++] = kind;
}

enum err replica_by_address(struct replica *r, const char *address, struct arena *a,
			    struct object **out)
{
	(void)a;
	r->lookups++;
	if (r->away)
		return ERR_AGAIN;
	for (size_t i = 0; i < r->n; i++) {
		const char *e = object_text(r->o[i], OBJ_EMAIL);

		if (e && strcasecmp(e, address) == 0) {
			*out = r->o[i];
			return ERR_OK;
		}
	}
	return ERR_NOTFOUND;
}

enum err replica_by_guid(struct replica *r, const struct guid *g, struct arena *a,
			 struct object **out)
{
	(void)a;
	for (size_t i = 0; i < r->n; i++)
		if (guid_eq(&r->o[i]->guid, g)) {
			*out = r->o[i];
			return ERR_OK;
		}
	return ERR_NOTFOUND;
}

enum domain_kind replica_domain(struct replica *r, const char *domain)
{
	for (size_t i = 0; i < r->n_domains; i++)
		if (strcasecmp(r->domain[i], domain) == 0)
			return r->kind[i];
	return DOMAIN_NONE;
}

enum recipient_kind replica_recipient(struct replica *r, const char *address)
{
	const char *at = strrchr(address, '@');
	struct object *o;

	if (r->away)
		return RCPT_AGAIN;
	if (replica_by_address(r, address, NULL, &o) == ERR_OK)
		return RCPT_KNOWN;
	switch (replica_domain(r, at ? at + 1 : "")) {
	case DOMAIN_NONE:
		return RCPT_OUTSIDE;
	case DOMAIN_AUTHORITATIVE:
		return RCPT_UNKNOWN;
	default:
		return RCPT_RELAY;
	}
}

bool replica_is_member(struct replica *r, const struct guid *group, const struct guid *who)
{
	struct object *o;

	if (replica_by_guid(r, group, NULL, &o))
		return false;
	for (const struct object_value *v = object_values(o, OBJ_MEMBER); v; v = v->next) {
		struct guid g;

		if (guid_from(v->bytes.p, v->bytes.n, &g) == ERR_OK && guid_eq(&g, who))
			return true;
	}
	return false;
}

enum err replica_transport(struct replica *r, struct arena *a, struct object **out)
{
	(void)a;
	for (size_t i = 0; i < r->n; i++)
		if (r->o[i]->klass == CLASS_TRANSPORT) {
			*out = r->o[i];
			return ERR_OK;
		}
	return ERR_NOTFOUND;
}

struct replica_iter {
	struct replica *r;
	unsigned klass;
	size_t i;
};

struct replica_iter *replica_each(struct replica *r, unsigned klass)
{
	struct replica_iter *it = xcalloc(1, sizeof(*it));

	it->r = r;
	it->klass = klass;
	return it;
}

struct object *replica_each_next(struct replica_iter *it, struct arena *a)
{
	(void)a;
	while (it->i < it->r->n)
		if (it->r->o[it->i++]->klass == it->klass)
			return it->r->o[it->i - 1];
	return NULL;
}

void replica_each_end(struct replica_iter **it)
{
	free(*it);
	*it = NULL;
}

bool replica_is_ready(const struct replica *r)
{
	return r->n > 0;
}
