#include "roles/client-access/sharing.h"

#include "common/api/rights.h"
#include "common/replica/member.h"
#include "roles/client-access/cas.h"
#include <string.h>
#include <strings.h>

enum { GROUPS_MAX = 256, PUBLIC_MAX = 1000 };

static struct replica *replica_of(struct cas *cas)
{
	return member_replica(cas->member);
}

/* ---- mailboxes ------------------------------------------------------------------------ */

static bool fits_a_path(const char *name)
{
	return name && *name && strpbrk(name, "/%*\r\n") == NULL;
}

static bool describe(const struct object *o, struct shared *out)
{
	const char *name = object_text(o, OBJ_NAME);

	if (!class_has_mailbox(o->klass) || object_bool(o, OBJ_DISCONNECTED, false))
		return false;
	out->guid = o->guid;
	out->kind = o->klass == CLASS_PUBLIC_FOLDER ? SHARING_PUBLIC : SHARING_USER;
	if (!fits_a_path(name))
		name = object_text(o, OBJ_EMAIL);
	out->name = name;
	return fits_a_path(name);
}

enum err sharing_find(struct cas *cas, enum sharing_kind kind, const char *name,
		      struct arena *a, struct shared *out)
{
	struct object *o;
	enum err e = kind == SHARING_PUBLIC
			     ? replica_by_name(replica_of(cas), CLASS_PUBLIC_FOLDER, name, a, &o)
			     : replica_by_login(replica_of(cas), name, a, &o);

	if (e == ERR_OK && (!describe(o, out) || out->kind != kind))
		e = ERR_NOTFOUND;
	return e;
}

bool sharing_name(struct cas *cas, const struct guid *g, struct arena *a, struct shared *out)
{
	struct object *o;

	return replica_by_guid(replica_of(cas), g, a, &o) == ERR_OK && describe(o, out);
}

size_t sharing_full(struct cas *cas, const struct guid *who, struct guid *out, size_t cap)
{
	struct guid as[1 + GROUPS_MAX];
	size_t n_as = replica_principals(replica_of(cas), who, as, N_ELEMS(as)), n = 0;

	for (size_t i = 0; i < n_as && n < cap; i++)
		n += replica_linked(replica_of(cas), &as[i], OBJ_FULL_ACCESS, out + n, cap - n);
	return n;
}

size_t sharing_public(struct cas *cas, struct arena *a, struct shared **out)
{
	struct replica_iter *it = replica_each(replica_of(cas), CLASS_PUBLIC_FOLDER);
	struct object *o;
	size_t n = 0, cap = 16;

	*out = arena_alloc(a, cap * sizeof(**out));
	while (n < PUBLIC_MAX && (o = replica_each_next(it, a)) != NULL) {
		if (n == cap) {
			struct shared *bigger = arena_alloc(a, 2 * cap * sizeof(*bigger));

			memcpy(bigger, *out, n * sizeof(*bigger));
			*out = bigger;
			cap *= 2;
		}
		n += describe(o, &(*out)[n]);
	}
	replica_each_end(&it);
	return n;
}

struct stores {
	struct links *links;
	struct rpc_peer **out;
	size_t n, cap;
};

static void add_store(void *ctx, const struct guid *server, const char *name, unsigned role,
		      bool up)
{
	struct stores *s = ctx;
	struct rpc_peer *p = up && role == RPC_MAILBOX ? links_to_server(s->links, server) : NULL;

	(void)name;
	if (p && s->n < s->cap)
		s->out[s->n++] = p;
}

size_t sharing_stores(struct cas *cas, struct rpc_peer **out, size_t cap)
{
	struct stores s = { .links = member_links(cas->member), .out = out, .cap = cap };

	links_each(s.links, add_store, &s);
	return s.n;
}

/* ---- identifiers ------------------------------------------------------------------------ */

static enum err group(struct cas *cas, const char *name, struct arena *a, struct object **o)
{
	enum err e = replica_by_name(replica_of(cas), CLASS_GROUP, name, a, o);

	if (e == ERR_NOTFOUND && strchr(name, '@'))
		e = replica_by_address(replica_of(cas), name, a, o);
	return e == ERR_OK && (*o)->klass != CLASS_GROUP ? ERR_NOTFOUND : e;
}

enum err sharing_identify(struct cas *cas, const char *identifier, struct guid *out)
{
	struct arena a = { 0 };
	struct object *o;
	enum err e;

	if (strcasecmp(identifier, "anyone") == 0) {
		*out = rights_anyone;
		return ERR_OK;
	}
	if (strcasecmp(identifier, "authenticated") == 0) {
		*out = rights_authenticated;
		return ERR_OK;
	}
	if (guid_parse(identifier, out) == ERR_OK)	/* whose object may be gone */
		return ERR_OK;
	e = *identifier == '$' ? group(cas, identifier + 1, &a, &o)
			       : replica_by_login(replica_of(cas), identifier, &a, &o);
	if (e == ERR_NOTFOUND && *identifier != '$')
		e = group(cas, identifier, &a, &o);
	if (e == ERR_OK)
		*out = o->guid;
	arena_fini(&a);
	return e;
}

const char *sharing_identifier(struct cas *cas, const struct guid *g, struct arena *a)
{
	char text[GUID_TEXT];
	struct object *o;

	if (guid_eq(g, &rights_anyone))
		return "anyone";
	if (guid_eq(g, &rights_authenticated))
		return "authenticated";
	if (replica_by_guid(replica_of(cas), g, a, &o) != ERR_OK)
		return arena_str(a, guid_text(g, text));
	return o->klass == CLASS_GROUP ? arena_printf(a, "$%s", object_text(o, OBJ_NAME))
				       : object_text(o, OBJ_NAME);
}
