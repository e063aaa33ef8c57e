#include "common/rpc/parts.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 30000

/* ---- life ------------------------------------------------------------------ */

static void detach(struct rpc_call *c)
{
	struct rpc_peer *p = c->peer;

	wheel_del(&c->rpc->wheel, &c->deadline.entry);
	list_del(&c->out.node);
	if (p == NULL)
		return;
	hash_del(&p->calls, &c->by_id);
	p->granted -= c->in.window;
	c->rpc->stats.inflight_out--;
	c->peer = NULL;
}

void rpc_call_free(struct rpc_call *c)
{
	CHECK_OBJ(c, CALL_MAGIC);
	detach(c);
	list_del(&c->failed);
	c->magic = 0;
	free(c);
}

static void answer(struct rpc_call *c, enum err e, const ProtobufCMessage *rep,
		   struct span payload, const char *detail)
{
	struct rpc *r = c->rpc;
	rpc_reply_cb *on_reply = c->on_reply;
	void *ctx = c->ctx;

	r->stats.failed_out += e != ERR_OK;
	rpc_call_free(c);
	if (on_reply)
		on_reply(ctx, e, rep, payload.p, payload.n, detail);
}

void rpc_call_fail(struct rpc_call *c, enum err e, const char *detail)
{
	answer(c, e, NULL, (struct span){ NULL, 0 }, detail);
}

/* The callback must not come from inside rpc_call(). */
static void fail_soon(struct rpc_call *c, enum err e, const char *detail)
{
	detach(c);
	c->why = e;
	snprintf(c->detail, sizeof(c->detail), "%s", detail);
	list_add_tail(&c->rpc->failed, &c->failed);
	rpc_soon(c->rpc);
}

static void send_cancel(struct rpc_peer *p, uint64_t id)
{
	Rpc__Envelope env = RPC__ENVELOPE__INIT;

	env.kind = RPC__KIND__CANCEL;
	env.call = id;
	rpc_must_send(p, &env, NULL, SPAN(""));
}

static void deadline_passed(struct deadline *d)
{
	struct rpc_call *c = CONTAINER_OF(d, struct rpc_call, deadline);

	send_cancel(c->peer, c->id);
	rpc_call_fail(c, ERR_AGAIN, "deadline passed");
}

/* ---- calling --------------------------------------------------------------- */

static enum err send_call(struct rpc_call *c, const struct rpc_args *a, unsigned timeout_ms)
{
	Rpc__Envelope env = RPC__ENVELOPE__INIT;
	struct guid principal;

	env.kind = RPC__KIND__CALL;
	env.call = c->id;
	env.method = (char *)(uintptr_t)a->method;	/* packing only reads */
	env.left_ms = timeout_ms;
	env.trace = a->trace;
	env.idem.data = (uint8_t *)(uintptr_t)a->idem;
	env.idem.len = a->idem_len;
	env.credit = c->in.left;
	env.last = !a->upload;
	if (a->principal) {
		principal = *a->principal;
		env.principal.data = principal.b;
		env.principal.len = sizeof(principal.b);
	}
	return rpc_send(c->peer, &env, a->body, (struct span){ a->payload, a->payload_len });
}

static void start(struct rpc_call *c, struct rpc_peer *p, const struct rpc_args *a)
{
	struct rpc *r = c->rpc;
	unsigned timeout_ms = a->timeout_ms ? a->timeout_ms : DEFAULT_TIMEOUT_MS;
	enum err e;

	if (!rpc_peer_is_up(p)) {
		fail_soon(c, ERR_AGAIN, "peer is not up");
		return;
	}
	if (bus_link_queued(p->link) >= r->conf.max_bytes) {
		fail_soon(c, ERR_AGAIN, "queue to peer is full");
		return;
	}
	c->peer = p;
	c->id = ++r->next_call;
	hash_add(&p->calls, &c->by_id, &c->id, sizeof(c->id));
	r->stats.inflight_out++;
	if (c->on_chunk)
		c->in.left = c->in.window = rpc_peer_window(p, a->window ? a->window : RPC_WINDOW);
	if (a->upload) {
		c->out.credit = RPC_CHUNK;
		list_add_tail(&p->streams, &c->out.node);
	}
	e = send_call(c, a, timeout_ms);
	if (e)
		fail_soon(c, e, e == ERR_LIMIT ? "request is too large" : "queue to peer is full");
	else
		wheel_add(&r->wheel, &c->deadline.entry, clock_mono_ms() + timeout_ms);
}

struct rpc_call *rpc_call(struct rpc_peer *p, const struct rpc_args *args)
{
	struct rpc_call *c = xcalloc(1, sizeof(*c));

	CHECK_OBJ(p, PEER_MAGIC);
	CHECK(args->payload_len <= RPC_CHUNK && args->idem_len <= RPC_IDEM);
	CHECK(strlen(args->method) < 128);
	c->magic = CALL_MAGIC;
	c->rpc = p->rpc;
	c->rep = args->rep;
	c->on_reply = args->on_reply;
	c->on_chunk = args->on_chunk;
	c->on_credit = args->on_credit;
	c->ctx = args->ctx;
	c->deadline.passed = deadline_passed;
	wheel_entry_init(&c->deadline.entry);
	list_init(&c->failed);
	list_init(&c->out.node);
	c->out.upload = true;
	p->rpc->stats.calls_out++;
	start(c, p, args);
	return c;
}

void rpc_call_cancel(struct rpc_call **cp)
{
	struct rpc_call *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	CHECK_OBJ(c, CALL_MAGIC);
	if (c->peer && c->peer->up)
		send_cancel(c->peer, c->id);
	rpc_call_free(c);
}

size_t rpc_call_credit(const struct rpc_call *c)
{
	CHECK_OBJ(c, CALL_MAGIC);
	if (c->peer == NULL || list_empty(&c->out.node) ||
	    bus_link_queued(c->peer->link) >= BUS_ROOM)
		return 0;
	return c->out.credit < SIZE_MAX ? (size_t)c->out.credit : SIZE_MAX;
}

void rpc_call_send(struct rpc_call *c, const void *p, size_t n, bool last)
{
	Rpc__Envelope env = RPC__ENVELOPE__INIT;

	CHECK_OBJ(c, CALL_MAGIC);
	if (c->peer == NULL)
		return;		/* on_reply is on its way */
	CHECK(n <= RPC_CHUNK && n <= c->out.credit && !list_empty(&c->out.node));
	c->out.credit -= n;
	if (last)
		list_del(&c->out.node);
	env.kind = RPC__KIND__CHUNK;
	env.call = c->id;
	env.last = last;
	rpc_must_send(c->peer, &env, NULL, (struct span){ p, n });
}

void rpc_call_grant(struct rpc_call *c, size_t n)
{
	Rpc__Envelope env = RPC__ENVELOPE__INIT;

	CHECK_OBJ(c, CALL_MAGIC);
	if (c->peer == NULL)
		return;
	CHECK(n <= c->in.undigested);
	env.credit = stream_digest(&c->in, n);
	if (env.credit == 0)
		return;
	env.kind = RPC__KIND__CREDIT;
	env.call = c->id;
	rpc_must_send(c->peer, &env, NULL, SPAN(""));
}

/* ---- what comes back ------------------------------------------------------- */

static struct rpc_call *find(struct rpc_peer *p, uint64_t id)
{
	struct hash_node *n = hash_find(&p->calls, &id, sizeof(id));

	return n ? CONTAINER_OF(n, struct rpc_call, by_id) : NULL;
}

void rpc_on_reply(struct rpc_peer *p, const Rpc__Envelope *env, const struct bus_msg *m)
{
	struct rpc_call *c = find(p, env->call);
	ProtobufCMessage *rep = NULL;
	enum err e = err_from_wire(env->status);
	struct span payload = m->n > 2 ? m->part[2] : (struct span){ NULL, 0 };

	if (c == NULL)
		return;		/* cancelled, or out of time */
	if (e == ERR_OK && c->rep) {
		rep = rpc_unpack(&p->rpc->scratch, c->rep,
				 m->n > 1 ? m->part[1] : (struct span){ NULL, 0 });
		if (rep == NULL) {
			rpc_call_fail(c, ERR_INTERNAL, "malformed reply");
			return;
		}
	}
	answer(c, e, rep, payload, env->detail);
}

bool rpc_on_reply_chunk(struct rpc_peer *p, const Rpc__Envelope *env, const struct bus_msg *m)
{
	struct rpc_call *c = find(p, env->call);
	struct span chunk = m->n > 2 ? m->part[2] : (struct span){ NULL, 0 };

	if (c == NULL)
		return true;
	if (chunk.n == 0)
		return true;
	if (!stream_take(&c->in, chunk.n)) {
		rpc_peer_cut_soon(p, "it sent more than its credit");
		return false;
	}
	c->on_chunk(c->ctx, chunk.p, chunk.n);
	return true;
}

void rpc_call_credit_cb(struct stream_out *s)
{
	struct rpc_call *c = CONTAINER_OF(s, struct rpc_call, out);

	if (c->on_credit && rpc_call_credit(c) > 0)
		c->on_credit(c->ctx);
}

void rpc_on_call_credit(struct rpc_peer *p, const Rpc__Envelope *env)
{
	struct rpc_call *c = find(p, env->call);

	if (c == NULL || list_empty(&c->out.node))
		return;
	c->out.credit += env->credit < UINT32_MAX ? env->credit : UINT32_MAX;
	rpc_call_credit_cb(&c->out);
}
