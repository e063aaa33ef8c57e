#include "common/rpc/parts.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include <stdlib.h>

/* ---- unpacking: into an arena, with a ceiling ------------------------------ */

/* Many empty submessages cost two bytes each on the wire and a hundred here. */
#define UNPACK_FACTOR 64
#define UNPACK_MIN    (16 * 1024)

struct ceiling {
	struct arena *a;
	size_t left;
};

static void *ceiling_alloc(void *ctx, size_t n)
{
	struct ceiling *c = ctx;

	if (n > c->left)
		return NULL;
	c->left -= n;
	return arena_alloc(c->a, n);
}

static void ceiling_free(void *ctx, void *p)
{
	(void)ctx;
	(void)p;
}

ProtobufCMessage *rpc_unpack(struct arena *a, const ProtobufCMessageDescriptor *d,
			     struct span bytes)
{
	struct ceiling c = { a, UNPACK_MIN + UNPACK_FACTOR * bytes.n };
	ProtobufCAllocator alloc = { ceiling_alloc, ceiling_free, &c };

	return protobuf_c_message_unpack(d, &alloc, bytes.n,
					 (const uint8_t *)(bytes.p ? bytes.p : ""));
}

/* ---- sending --------------------------------------------------------------- */

static enum err pack_body(struct rpc *r, const ProtobufCMessage *body, struct span *out)
{
	size_t n = body ? protobuf_c_message_get_packed_size(body) : 0;

	*out = (struct span){ NULL, 0 };
	if (n == 0)
		return ERR_OK;
	if (n > MAX_BODY)
		return ERR_LIMIT;
	buf_clear(&r->pack);
	if (buf_reserve(&r->pack, n) != ERR_OK)
		return ERR_LIMIT;
	CHECK(protobuf_c_message_pack(body, (uint8_t *)r->pack.data) == n);
	*out = (struct span){ r->pack.data, n };
	return ERR_OK;
}

enum err rpc_send(struct rpc_peer *p, Rpc__Envelope *env, const ProtobufCMessage *body,
		  struct span payload)
{
	struct rpc *r = p->rpc;
	uint8_t head[MAX_ENVELOPE];
	struct span part[3];
	unsigned n = 1;
	enum err e;

	if (p->link == NULL)
		return ERR_AGAIN;
	env->epoch = r->epoch;
	part[0] = (struct span){ (const char *)head, rpc__envelope__get_packed_size(env) };
	CHECK(part[0].n <= sizeof(head));
	rpc__envelope__pack(env, head);
	e = pack_body(r, body, &part[1]);
	if (e)
		return e;
	part[2] = payload;
	/* Each frame is a box of its own under CURVE: send no empty ones behind. */
	if (payload.n > 0)
		n = 3;
	else if (part[1].n > 0)
		n = 2;
	e = bus_send(p->link, part, n);
	if (e == ERR_OK) {
		p->last_out = clock_mono_ms();
		r->stats.bytes_out += part[0].n + part[1].n + part[2].n;
	}
	if (r->pack.cap > 64 * 1024) {
		buf_clear(&r->pack);
		buf_release(&r->pack);
	}
	return e;
}

void rpc_must_send(struct rpc_peer *p, Rpc__Envelope *env, const ProtobufCMessage *body,
		   struct span payload)
{
	if (rpc_send(p, env, body, payload) != ERR_OK && p->up)
		rpc_peer_cut_soon(p, "it does not read");
}

void rpc_send_bye(struct bus_link *l, uint64_t epoch)
{
	Rpc__Envelope env = RPC__ENVELOPE__INIT;
	uint8_t head[64];
	struct span part;

	env.kind = RPC__KIND__BYE;
	env.epoch = epoch;
	part = (struct span){ (const char *)head, rpc__envelope__get_packed_size(&env) };
	CHECK(part.n <= sizeof(head));
	rpc__envelope__pack(&env, head);
	/* If it does not get through, silence tells the other end as well. */
	if (bus_send(l, &part, 1) != ERR_OK)
		return;
}
