#include "common/relay/rounds.h"

#include "common/base/check.h"

#include <stdlib.h>

#define ROUND_MS 30000
#define MAX_ASKED 256

struct question {
	struct rounds *rounds;
	struct hub_call *call;
	struct guid server;
};

struct rounds {
	struct rounds_conf conf;
	int64_t due_ms;
	bool running, broken;
	uint64_t lowest, told;
	unsigned pending;
	struct question q[MAX_ASKED];
	size_t n;
};

struct rounds *rounds_new(const struct rounds_conf *conf)
{
	struct rounds *r = xcalloc(1, sizeof(*r));

	r->conf = *conf;
	return r;
}

void rounds_free(struct rounds **rp)
{
	struct rounds *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		hub_cancel(&r->q[i].call);
	free(r);
}

static void told(void *ctx, enum err e)
{
	struct question *q = ctx;

	q->call = NULL;
	if (e)		/* it remembers a little longer: the next round tells again */
		q->rounds->told = 0;
	if (--q->rounds->pending == 0)
		q->rounds->running = false;
}

static void tell(struct rounds *r)
{
	const struct guid *root = queue_instance(r->conf.relay->queue);

	if (r->broken || r->lowest <= r->told) {
		r->running = false;
		return;
	}
	r->told = r->lowest;
	if (r->conf.on_done)
		r->conf.on_done(r->conf.ctx, r->lowest);
	for (size_t i = 0; i < r->n; i++) {
		struct rpc_peer *p = rpc_find(member_rpc(r->conf.relay->member), &r->q[i].server);

		if (!p)
			continue;
		r->pending++;
		r->q[i].call = relay_done(p, root, r->lowest, told, &r->q[i]);
	}
	if (r->pending == 0)
		r->running = false;
}

static void answer(struct rounds *r, enum err e, uint64_t lowest)
{
	if (e)
		r->broken = true;
	else if (lowest < r->lowest)
		r->lowest = lowest;
	if (--r->pending == 0)
		tell(r);
}

static void asked(void *ctx, enum err e, uint64_t lowest)
{
	struct question *q = ctx;

	q->call = NULL;
	answer(q->rounds, e, lowest);
}

static void ask_servers(struct rounds *r)
{
	struct relay *relay = r->conf.relay;
	const struct guid *root = queue_instance(relay->queue);

	for (size_t i = 0; i < r->n; i++) {
		struct rpc_peer *p = rpc_find(member_rpc(relay->member), &r->q[i].server);

		if (!p) {
			r->broken = true;
			continue;
		}
		r->pending++;
		r->q[i].call = relay_held(p, root, asked, &r->q[i]);
	}
}

/* The answer of our own queue; only then are the others asked, so that what went
 * from the queue to one of them is seen by the one or the other. */
static void own_held(void *ctx, enum err e, uint64_t lowest)
{
	struct rounds *r = ctx;

	r->pending++;
	ask_servers(r);
	answer(r, e, lowest);
}

static void list_servers(struct rounds *r)
{
	struct replica_iter *it = replica_each(member_replica(r->conf.relay->member), CLASS_SERVER);
	struct arena a = { NULL, NULL };
	struct object *o;

	r->n = 0;
	while ((o = replica_each_next(it, &a))) {
		if (((uint64_t)object_number(o, OBJ_ROLE, 0) & r->conf.roles) == 0)
			continue;
		if (r->n == MAX_ASKED) {
			r->broken = true;
			break;
		}
		r->q[r->n++] = (struct question){ r, NULL, o->guid };
	}
	replica_each_end(&it);
	arena_fini(&a);
}

void rounds_tick(struct rounds *r, int64_t mono_ms)
{
	struct relay *relay = r->conf.relay;

	if (r->running || mono_ms < r->due_ms || !replica_is_ready(member_replica(relay->member)))
		return;
	r->due_ms = mono_ms + ROUND_MS;
	r->running = true;
	r->broken = false;
	r->pending = 0;
	list_servers(r);
	r->lowest = queue_seq_now(relay->queue);
	if (hold_lowest(&relay->hold) < r->lowest)
		r->lowest = hold_lowest(&relay->hold);
	queue_held(relay->queue, queue_instance(relay->queue), own_held, r);
}
