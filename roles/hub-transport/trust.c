#include "roles/hub-transport/trust.h"

#include "common/base/check.h"

#include <stdlib.h>
#include <string.h>

struct trust_pin {
	uint8_t pin[TLS_PIN];
	bool edge;
};

const char *trust_text(enum trust_level t)
{
	static const char *const text[] = {
		[TRUST_NONE] = "anonymous", [TRUST_RANGE] = "trusted", [TRUST_EDGE] = "edge",
		[TRUST_SERVER] = "server",
	};

	return text[t];
}

void trust_note(struct trust *t, const struct object *o)
{
	/* A tombstone may be a server's: the class of what is gone is not relied on. */
	if (!o || o->deleted || o->klass == CLASS_SERVER)
		t->is_read = false;
}

void trust_fini(struct trust *t)
{
	free(t->pins);
	*t = (struct trust){ 0 };
}

static void add(struct trust *t, struct span pin, bool edge)
{
	if (pin.n != TLS_PIN)
		return;
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 16;
		t->pins = xrealloc(t->pins, t->cap * sizeof(*t->pins));
	}
	memcpy(t->pins[t->n].pin, pin.p, TLS_PIN);
	t->pins[t->n++].edge = edge;
}

static void read_pins(struct trust *t, struct replica *r)
{
	struct replica_iter *it = replica_each(r, CLASS_SERVER);
	struct arena a = { NULL, NULL };
	struct object *o;

	t->n = 0;
	while ((o = replica_each_next(it, &a))) {
		bool edge = object_number(o, OBJ_ROLE, 0) == RPC_EDGE;

		for (const struct object_value *v = object_values(o, OBJ_TLS_PIN); v; v = v->next)
			add(t, v->bytes, edge);
		arena_reset(&a);
	}
	replica_each_end(&it);
	arena_fini(&a);
	t->is_read = true;
}

/* Where an edge and another server share a certificate it could be the edge. */
static enum trust_level by_pin(const struct trust *t, const uint8_t pin[TLS_PIN])
{
	enum trust_level level = TRUST_NONE;

	for (size_t i = 0; i < t->n; i++) {
		if (memcmp(t->pins[i].pin, pin, TLS_PIN) != 0)
			continue;
		if (t->pins[i].edge)
			return TRUST_EDGE;
		level = TRUST_SERVER;
	}
	return level;
}

enum trust_level trust_of(struct trust *t, struct replica *r, const struct route *route,
			  const struct addr *peer, const struct conn_tls *tls)
{
	enum trust_level level = TRUST_NONE;

	if (tls->has_peer_cert) {
		if (!t->is_read)
			read_pins(t, r);
		level = by_pin(t, tls->peer_pin);
	}
	if (level == TRUST_NONE && route_is_trusted(route, peer))
		level = TRUST_RANGE;
	return level;
}
