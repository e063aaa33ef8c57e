#include "common/rpc/parts.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRANGER_INFLIGHT 4

static struct request *of(const struct rpc_request *rq)
{
	struct request *q = CONTAINER_OF(rq, struct request, pub);

	CHECK_OBJ(q, REQUEST_MAGIC);
	return q;
}

/* ---- life ------------------------------------------------------------------ */

static struct request *request_new(struct rpc_peer *p, const Rpc__Envelope *env,
				   const struct rpc_method *method, struct bus_msg *m)
{
	struct request *q = xcalloc(1, sizeof(*q));
	struct rpc_request *rq = &q->pub;

	q->magic = REQUEST_MAGIC;
	q->id = env->call;
	q->method = method;
	q->msg = m;
	rq->peer = rpc_peer_ref(p);
	rq->caller = &p->ident;
	rq->role = p->rpc->conf.role;
	rq->trace = env->trace;
	rq->upload = !env->last;
	if (env->principal.len == sizeof(rq->principal.b))
		memcpy(rq->principal.b, env->principal.data, sizeof(rq->principal.b));
	if (env->idem.len > 0) {
		rq->idem = arena_dup(&rq->arena, env->idem.data, env->idem.len);
		rq->idem_len = env->idem.len;
	}
	if (m->n > 2) {
		rq->payload = m->part[2].p;
		rq->payload_len = m->part[2].n;
	}
	rq->deadline_ms = clock_mono_ms() +
			  (env->left_ms < MAX_LEFT_MS ? env->left_ms : MAX_LEFT_MS);
	snprintf(rq->log.tags, sizeof(rq->log.tags), "rpc=%.32s peer=%.24s trace=%llx",
		 method->name, p->ident.name, (unsigned long long)rq->trace);
	list_init(&q->out.node);
	list_init(&q->orphan);
	wheel_entry_init(&q->deadline.entry);
	p->n_served++;
	p->served_bytes += m->bytes;
	p->rpc->stats.inflight_in++;
	return q;
}

/* Out of all tables: nobody waits for it any more. */
static void detach(struct request *q)
{
	struct rpc_peer *p = q->pub.peer;

	if (q->gone)
		return;
	q->gone = true;
	hash_del(&p->served, &q->by_id);
	wheel_del(&p->rpc->wheel, &q->deadline.entry);
	list_del(&q->out.node);
	p->granted -= q->in.window;
}

static void request_free(struct request *q)
{
	struct rpc_peer *p = q->pub.peer;

	detach(q);
	list_del(&q->orphan);
	p->n_served--;
	p->served_bytes -= q->msg->bytes;
	p->rpc->stats.inflight_in--;
	bus_msg_free(&q->msg);
	arena_fini(&q->pub.arena);
	q->magic = 0;
	free(q);
	rpc_peer_unref(p);
}

void rpc_request_gone(struct request *q)
{
	struct rpc *r = q->pub.peer->rpc;

	detach(q);
	r->stats.failed_in++;
	if (q->pub.on_gone) {
		q->pub.on_gone(&q->pub);
		request_free(q);
	} else {
		/* Freed by its answer, which goes nowhere. */
		list_add_tail(&r->orphans, &q->orphan);
	}
}

void rpc_drop_orphans(struct rpc *r)
{
	struct list *n;

	while ((n = list_pop(&r->orphans)) != NULL)
		request_free(CONTAINER_OF(n, struct request, orphan));
}

static void deadline_passed(struct deadline *d)
{
	rpc_request_gone(CONTAINER_OF(d, struct request, deadline));
}

/* ---- answering ------------------------------------------------------------- */

static enum err send_reply(struct rpc_peer *p, uint64_t id, enum err status, const char *detail,
			   const ProtobufCMessage *rep, struct span payload)
{
	Rpc__Envelope env = RPC__ENVELOPE__INIT;

	env.kind = RPC__KIND__REPLY;
	env.call = id;
	env.status = (uint32_t)status;
	env.detail = (char *)(uintptr_t)detail;		/* packing only reads */
	return rpc_send(p, &env, rep, payload);
}

static void must_reply(struct rpc_peer *p, uint64_t id, enum err status, const char *detail,
		       const ProtobufCMessage *rep, struct span payload)
{
	enum err e = send_reply(p, id, status, detail, rep, payload);

	if (e == ERR_LIMIT)
		e = send_reply(p, id, ERR_LIMIT, "reply is too large", NULL, SPAN(""));
	if (e && p->up)
		rpc_peer_cut_soon(p, "it does not read");
}

void rpc_reply(struct rpc_request *rq, const ProtobufCMessage *rep, const void *payload,
	       size_t payload_len)
{
	struct request *q = of(rq);

	CHECK(payload_len <= RPC_CHUNK);
	if (!q->gone)
		must_reply(rq->peer, q->id, ERR_OK, "", rep, (struct span){ payload, payload_len });
	request_free(q);
}

void rpc_fail(struct rpc_request *rq, enum err e)
{
	struct request *q = of(rq);

	CHECK(e != ERR_OK);
	if (!q->gone) {
		rq->peer->rpc->stats.failed_in++;
		must_reply(rq->peer, q->id, e, rq->eb.text, NULL, SPAN(""));
	}
	request_free(q);
}

void rpc_finish(struct rpc_request *rq, enum err e, const ProtobufCMessage *rep)
{
	if (e)
		rpc_fail(rq, e);
	else
		rpc_reply(rq, rep, NULL, 0);
}

/* ---- streams --------------------------------------------------------------- */

size_t rpc_credit(const struct rpc_request *rq)
{
	const struct request *q = of(rq);

	if (q->gone || bus_link_queued(rq->peer->link) >= BUS_ROOM)
		return 0;
	return q->out.credit < SIZE_MAX ? (size_t)q->out.credit : SIZE_MAX;
}

void rpc_send_chunk(struct rpc_request *rq, const void *p, size_t n)
{
	struct request *q = of(rq);
	Rpc__Envelope env = RPC__ENVELOPE__INIT;

	if (q->gone)
		return;
	CHECK(n <= RPC_CHUNK && n <= q->out.credit);
	q->out.credit -= n;
	env.kind = RPC__KIND__CHUNK;
	env.call = q->id;
	env.callee = true;
	rpc_must_send(rq->peer, &env, NULL, (struct span){ p, n });
}

static void send_credit(struct request *q, size_t n)
{
	Rpc__Envelope env = RPC__ENVELOPE__INIT;

	env.kind = RPC__KIND__CREDIT;
	env.call = q->id;
	env.callee = true;
	env.credit = n;
	rpc_must_send(q->pub.peer, &env, NULL, SPAN(""));
}

void rpc_grant(struct rpc_request *rq, size_t n)
{
	struct request *q = of(rq);
	size_t give;

	if (q->gone)
		return;
	CHECK(n <= q->in.undigested);
	give = stream_digest(&q->in, n);
	if (give > 0 && q->upload_open)
		send_credit(q, give);
}

static struct request *find(struct rpc_peer *p, uint64_t id)
{
	struct hash_node *n = hash_find(&p->served, &id, sizeof(id));

	return n ? CONTAINER_OF(n, struct request, by_id) : NULL;
}

bool rpc_on_upload_chunk(struct rpc_peer *p, const Rpc__Envelope *env, const struct bus_msg *m)
{
	struct request *q = find(p, env->call);
	struct span chunk = m->n > 2 ? m->part[2] : (struct span){ NULL, 0 };

	if (q == NULL)
		return true;	/* answered before the upload was over */
	if (!q->upload_open)
		return false;
	if (!stream_take(&q->in, chunk.n)) {
		rpc_peer_cut_soon(p, "it sent more than its credit");
		return false;
	}
	q->upload_open = !env->last;
	if (q->pub.on_chunk)
		q->pub.on_chunk(&q->pub, chunk.p, chunk.n, env->last);
	else
		rpc_grant(&q->pub, chunk.n);
	return true;
}

void rpc_request_credit_cb(struct stream_out *s)
{
	struct request *q = CONTAINER_OF(s, struct request, out);

	if (q->pub.on_credit && rpc_credit(&q->pub) > 0)
		q->pub.on_credit(&q->pub);
}

void rpc_on_request_credit(struct rpc_peer *p, const Rpc__Envelope *env)
{
	struct request *q = find(p, env->call);

	if (q == NULL)
		return;
	q->out.credit += env->credit < UINT32_MAX ? env->credit : UINT32_MAX;
	rpc_request_credit_cb(&q->out);
}

void rpc_on_cancel(struct rpc_peer *p, const Rpc__Envelope *env)
{
	struct request *q = find(p, env->call);

	if (q)
		rpc_request_gone(q);
}

/* ---- dispatch -------------------------------------------------------------- */

static const struct rpc_method *find_method(const struct rpc *r, const char *name)
{
	struct hash_node *n = hash_find(&r->methods, name, strlen(name));

	return n ? CONTAINER_OF(n, struct method_node, by_name)->m : NULL;
}

/* May this peer make this call?  What is wrong with it goes into why. */
static enum err admit(const struct rpc_peer *p, const struct rpc_method *m,
		      const Rpc__Envelope *env, const struct bus_msg *msg, const char **why)
{
	size_t body = msg->n > 1 ? msg->part[1].n : 0;
	bool speaks = env->principal.len > 0;

	*why = "unknown method";
	if (m == NULL)
		return ERR_INVALID;
	*why = "not for this role";
	if ((m->callers & p->ident.role) == 0)
		return ERR_DENIED;
	*why = "this role speaks for nobody";
	if (speaks && (p->ident.role & (RPC_EDGE | RPC_STRANGER)))
		return ERR_DENIED;
	*why = "malformed principal or key";
	if ((speaks && env->principal.len != sizeof(struct guid)) || env->idem.len > RPC_IDEM)
		return ERR_INVALID;
	*why = "no principal";
	if (!speaks && (m->flags & RPC_FOR_USER))
		return ERR_INVALID;
	*why = "takes no upload";
	if (!env->last && !(m->flags & RPC_UPLOAD))
		return ERR_INVALID;
	*why = "request is too large";
	if (body > m->max_body || (msg->n > 2 && msg->part[2].n > RPC_CHUNK))
		return ERR_LIMIT;
	*why = "no time left";
	if (env->left_ms == 0)
		return ERR_AGAIN;
	return ERR_OK;
}

static enum err has_room(const struct rpc_peer *p, const struct bus_msg *m, const char **why)
{
	const struct rpc_conf *c = &p->rpc->conf;
	size_t max = p->ident.role == RPC_STRANGER ? STRANGER_INFLIGHT : c->max_inflight;

	*why = "too many calls in flight";
	if (p->n_served >= max || p->served_bytes + m->bytes > c->max_bytes)
		return ERR_AGAIN;
	return ERR_OK;
}

static void serve(struct rpc_peer *p, const Rpc__Envelope *env, const struct rpc_method *method,
		  struct bus_msg *m)
{
	struct rpc *r = p->rpc;
	struct request *q = request_new(p, env, method, m);
	ProtobufCMessage *body;

	hash_add(&p->served, &q->by_id, &q->id, sizeof(q->id));
	body = rpc_unpack(&q->pub.arena, method->req,
			  m->n > 1 ? m->part[1] : (struct span){ NULL, 0 });
	if (body == NULL) {
		r->stats.refused++;
		err_set(&q->pub.eb, ERR_INVALID, "malformed request");
		rpc_fail(&q->pub, ERR_INVALID);
		return;
	}
	q->out.credit = env->credit < UINT32_MAX ? env->credit : UINT32_MAX;
	if (q->out.credit > 0)
		list_add_tail(&p->streams, &q->out.node);
	q->deadline.passed = deadline_passed;
	wheel_add(&r->wheel, &q->deadline.entry, q->pub.deadline_ms);
	if (q->pub.upload) {
		q->upload_open = true;
		q->in.left = q->in.window = rpc_peer_window(p, RPC_WINDOW);
		if (q->in.window < RPC_CHUNK) {
			/* What it starts with by itself. */
			p->granted += RPC_CHUNK - q->in.window;
			q->in.left = q->in.window = RPC_CHUNK;
		} else if (q->in.window > RPC_CHUNK) {
			send_credit(q, q->in.window - RPC_CHUNK);
		}
	}
	method->serve(&q->pub, body);
}

void rpc_on_call(struct rpc_peer *p, const Rpc__Envelope *env, struct bus_msg *m)
{
	struct rpc *r = p->rpc;
	const struct rpc_method *method = find_method(r, env->method);
	const char *why;
	enum err e;

	r->stats.calls_in++;
	e = admit(p, method, env, m, &why);
	if (e == ERR_OK)
		e = has_room(p, m, &why);
	if (find(p, env->call)) {
		/* An answer could only be taken for that of the first. */
		r->stats.refused++;
		bus_msg_free(&m);
	} else if (e) {
		r->stats.refused++;
		r->stats.failed_in++;
		log_debug(NULL, "call-refused peer=%s why=\"%s\"", p->ident.name, why);
		must_reply(p, env->call, e, why, NULL, SPAN(""));
		bus_msg_free(&m);
	} else {
		serve(p, env, method, m);
	}
}
