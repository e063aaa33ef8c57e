#include "roles/mailbox/call.h"

#include "common/base/check.h"
#include "roles/mailbox/principal.h"
#include <stdlib.h>

static void call_free(struct call *c)
{
	CHECK(!c->is_working);
	if (c->fini)
		c->fini(c);
	c->st->n_calls--;
	arena_fini(&c->arena);
	free(c);
}

static void on_gone(struct rpc_request *rq)
{
	struct call *c = rq->data;

	c->rq = NULL;
	if (!c->is_working)
		call_free(c);
}

struct call *call_new(struct rpc_request *rq, struct mref *ref, size_t op_size)
{
	struct call *c = xcalloc(1, sizeof(*c));

	c->st = rq->role;	/* where its first field is */
	c->rq = rq;
	c->ref = ref;
	c->mbx = ref ? ref->mbx : 0;
	c->mdb = ref ? ref->sdb->mdb : NULL;
	c->op = arena_alloc(&c->arena, op_size);
	c->st->n_calls++;
	rq->data = c;
	rq->on_gone = on_gone;
	return c;
}

struct call *call_begin(struct rpc_request *rq, const void *mailbox, size_t n, size_t op_size)
{
	struct mref *m = NULL;
	struct guid g;
	enum err e = guid_from(mailbox, n, &g);

	if (e == ERR_OK)
		e = role_route(rq->role, &g, &m, &rq->eb);
	if (e == ERR_OK)
		return call_new(rq, m, op_size);
	rpc_fail(rq, e);
	return NULL;
}

const char *const *call_strings(struct call *c, char *const *s, size_t n)
{
	const char **out;

	if (n == 0)
		return NULL;
	out = arena_alloc(&c->arena, (n + 1) * sizeof(*out));
	for (size_t i = 0; i < n; i++)
		out[i] = arena_str(&c->arena, s[i]);
	return out;
}

static void job_done(struct job *j)
{
	struct call *c = CONTAINER_OF(j, struct call, job);

	c->is_working = false;
	c->ref = NULL;		/* it may have gone meanwhile */
	if (c->rq == NULL && !c->even_if_gone)
		call_free(c);
	else
		c->on_job(c, j->e);
}

void call_write(struct call *c, tx_fn *fn, enum lane lane, size_t bytes)
{
	c->job = (struct job){ .write = fn, .arg = c->op, .lane = lane, .bytes = bytes,
			       .done = job_done };
	if (lane == LANE_INTERACTIVE && !c->passes_holds) {
		c->job.gate[0] = c->mbx;
		c->job.gate[1] = c->other_mbx;
		c->job.hold = c->hold;
	}
	c->is_working = true;
	mdb_write(c->mdb, &c->job);
}

void call_read(struct call *c, read_fn *fn)
{
	c->job = (struct job){ .read = fn, .arg = c->op, .done = job_done,
			       .mbx = c->mbx };
	c->is_working = true;
	mdb_read(c->mdb, &c->job);
}

void call_answer(struct call *c, const ProtobufCMessage *rep)
{
	if (c->rq)
		rpc_reply(c->rq, rep, NULL, 0);
	c->rq = NULL;
}

void call_reply(struct call *c, const ProtobufCMessage *rep)
{
	call_answer(c, rep);
	call_free(c);
}

void call_fail(struct call *c, enum err e)
{
	if (c->rq) {
		/* A mailbox whose data is damaged is for the operator; the caller can
		 * only come back later. */
		if (c->job.e == e)
			c->rq->eb = c->job.eb;
		rpc_fail(c->rq, e == ERR_CORRUPT ? ERR_AGAIN : e);
	}
	c->rq = NULL;
	call_free(c);
}

void call_drop(struct call *c)
{
	CHECK(c->rq == NULL);
	call_free(c);
}

/* ---- streaming ---------------------------------------------------------------------- */

static void pump(struct call *c)
{
	while (c->out->len > 0) {
		size_t n = rpc_credit(c->rq);

		if (n == 0)
			return;		/* on_credit goes on */
		if (n > RPC_CHUNK)
			n = RPC_CHUNK;
		if (n > c->out->len)
			n = c->out->len;
		rpc_send_chunk(c->rq, c->out->data, n);
		buf_drop(c->out, n);
	}
	c->is_pumping = false;
	c->more(c);
}

static void on_credit(struct rpc_request *rq)
{
	struct call *c = rq->data;

	if (c->is_pumping)
		pump(c);
}

void call_stream(struct call *c, struct buf *out, void (*more)(struct call *c))
{
	c->out = out;
	c->more = more;
	c->is_pumping = true;
	c->rq->on_credit = on_credit;
	pump(c);
}

struct who call_who_in(struct call *c, const struct mref *m)
{
	struct who w = { .mbx = m->mbx, .mailbox = m->guid, .principal = c->rq->principal };

	principal_resolve(c->st, &w, &c->arena);
	return w;
}

struct who call_who(struct call *c)
{
	return call_who_in(c, c->ref);
}
