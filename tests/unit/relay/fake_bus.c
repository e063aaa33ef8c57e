#include "tests/unit/relay/fake_bus.h"

#include "common/base/check.h"
#include "common/replica/member.h"

#include <stdlib.h>

struct fake_bus *fake_bus(void)
{
	static struct fake_bus b;

	return &b;
}

struct rpc_peer *fake_server(unsigned role)
{
	struct rpc_peer *p = &fake_bus()->server[fake_bus()->n++];

	p->ident.role = role;
	p->ident.guid = guid_make();
	p->up = true;
	return p;
}

struct hub_call *fake_call(void)
{
	for (size_t i = 0; i < fake_bus()->n_calls; i++)
		if (fake_bus()->call[i].live)
			return &fake_bus()->call[i];
	return NULL;
}

void fake_held(struct hub_call *c, enum err e, uint64_t lowest)
{
	CHECK(c && c->live && c->held);
	c->live = false;
	c->held(c->ctx, e, lowest);
}

void fake_done(struct hub_call *c, enum err e)
{
	CHECK(c && c->live && c->done);
	c->live = false;
	c->done(c->ctx, e);
}

void fake_hand(struct hub_call *c, enum err e, enum hand_verdict v)
{
	CHECK(c && c->live && c->hand);
	c->live = false;
	c->hand(c->ctx, e, v, "why");
}

/* ---- in the real ones' place ------------------------------------------------------ */

static struct hub_call *start(struct rpc_peer *p, void *ctx)
{
	struct hub_call *c = &fake_bus()->call[fake_bus()->n_calls++];

	CHECK(fake_bus()->n_calls <= N_ELEMS(fake_bus()->call));
	*c = (struct hub_call){ .peer = p, .ctx = ctx, .live = true };
	return c;
}

struct hub_call *relay_held(struct rpc_peer *p, const struct guid *root, hub_held_cb *cb, void *ctx)
{
	struct hub_call *c = start(p, ctx);

	(void)root;
	c->held = cb;
	return c;
}

struct hub_call *relay_done(struct rpc_peer *p, const struct guid *root, uint64_t seq,
			    hub_done_cb *cb, void *ctx)
{
	struct hub_call *c = start(p, ctx);

	(void)root;
	c->done = cb;
	c->seq = seq;
	return c;
}

struct hub_call *hub_accept(struct rpc_peer *p, const struct hand *h,
			    const struct hand_content *content, unsigned timeout_ms, hand_cb *cb,
			    void *ctx)
{
	struct hub_call *c = start(p, ctx);

	(void)content;
	(void)timeout_ms;
	c->hand = cb;
	c->origin = h->origin;
	c->seq = h->seq;
	c->n_rcpts = h->n_rcpts;
	return c;
}

void hub_cancel(struct hub_call **c)
{
	if (*c)
		(*c)->live = false;
	*c = NULL;
}

struct rpc *member_rpc(const struct member *m)
{
	(void)m;
	return NULL;
}

struct replica *member_replica(const struct member *m)
{
	(void)m;
	return NULL;
}

struct rpc_peer *rpc_find(struct rpc *r, const struct guid *server)
{
	(void)r;
	for (size_t i = 0; i < fake_bus()->n; i++)
		if (guid_eq(&fake_bus()->server[i].ident.guid, server))
			return fake_bus()->server[i].up ? &fake_bus()->server[i] : NULL;
	return NULL;
}

struct rpc_peer *rpc_next(struct rpc *r, const struct rpc_peer *after)
{
	size_t i = after ? (size_t)(after - fake_bus()->server) + 1 : 0;

	(void)r;
	while (i < fake_bus()->n && !fake_bus()->server[i].up)
		i++;
	return i < fake_bus()->n ? &fake_bus()->server[i] : NULL;
}

const struct rpc_ident *rpc_peer_ident(const struct rpc_peer *p)
{
	return &p->ident;
}

const char *rpc_role_name(unsigned role)
{
	(void)role;
	return "role";
}

bool replica_is_ready(const struct replica *r)
{
	(void)r;
	return true;
}

struct replica_iter {
	size_t i;
};

struct replica_iter *replica_each(struct replica *r, unsigned klass)
{
	(void)r;
	CHECK(klass == CLASS_SERVER);
	return xcalloc(1, sizeof(struct replica_iter));
}

struct object *replica_each_next(struct replica_iter *it, struct arena *a)
{
	struct object *o;

	if (it->i == fake_bus()->n)
		return NULL;
	o = object_new(a, CLASS_SERVER);
	o->guid = fake_bus()->server[it->i].ident.guid;
	object_set_number(o, OBJ_ROLE, fake_bus()->server[it->i].ident.role);
	it->i++;
	return o;
}

void replica_each_end(struct replica_iter **it)
{
	free(*it);
	*it = NULL;
}
