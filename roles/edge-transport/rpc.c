/* What bourse-edge answers on the bus: to hubs, and to administrators through them. */
#include "roles/edge-transport/rpc.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "gen/hub.pb-c.h"
#include "roles/edge-transport/edge.h"

#include <stdlib.h>
#include <string.h>

/* ---- edge.send ------------------------------------------------------------------------ */


static void queued(void *ctx, enum err e)
{
	relay_hand_answer(ctx, e == ERR_OK || e == ERR_EXISTS ? HAND_HELD : HAND_NOT_HELD, NULL);
}

/* Outside is where all of them go; which way, our connectors say. */
static void route_all(struct edge *e, struct mail *m, int64_t now)
{
	for (size_t i = 0; i < m->n_rcpts; i++) {
		struct mail_rcpt *r = &m->rcpts[i];
		const char *at = strrchr(r->address, '@');
		struct route_hop hop;

		r->due_ms = now;
		route_domain(edge_route(e), at ? at + 1 : "invalid", m->size, &hop);
		mail_route(m, r, hop.kind, hop.name);
	}
}

static void taken(void *ctx, struct relay_hand *rh, struct mail *m)
{
	struct edge *e = ctx;
	int64_t now = clock_wall_ms();

	route_all(e, m, now);
	track_add(e->relay.track, now, "receive", m, NULL, "hub");
	queue_add(e->relay.queue, m, now, queued, rh);
	mail_unref(&m);
}

static void serve_send(struct rpc_request *rq, const ProtobufCMessage *body)
{
	struct edge *e = rq->role;

	if (edge_is_low(e))
		rpc_fail(rq, ERR_LIMIT);
	else
		relay_hand_take(rq, body, e->relay.spool, (uint64_t)edge_route(e)->max_message * 2,
				taken, e);
}

/* ---- edge.offer, relay.done --------------------------------------------------------------- */

RPC_HANDLER(serve_offer, Hub__Offer)

static void serve_offer(struct rpc_request *rq, const Hub__Offer *in)
{
	struct edge *e = rq->role;
	Hub__Done rep = HUB__DONE__INIT;

	hubs_offer(e->hubs, &rq->caller->guid, in->messages, in->bytes);
	rpc_reply(rq, &rep.base, NULL, 0);
}

RPC_HANDLER(serve_done, Hub__DoneReq)

static void serve_done(struct rpc_request *rq, const Hub__DoneReq *in)
{
	struct edge *e = rq->role;
	Hub__Done rep = HUB__DONE__INIT;
	struct guid root;

	if (guid_from(in->root.data, in->root.len, &root) || in->seq > INT64_MAX) {
		rpc_fail(rq, ERR_INVALID);
		return;
	}
	queue_done_below(e->relay.queue, &root, in->seq);
	rpc_reply(rq, &rep.base, NULL, 0);
}

const struct rpc_method edge_methods[] = {
	{ "edge.send", serve_send, &hub__hand__descriptor, RPC_HUB, RPC_UPLOAD, 2 << 20 },
	{ "edge.offer", serve_offer_thunk, &hub__offer__descriptor, RPC_HUB, 0, 256 },
	{ "relay.done", serve_done_thunk, &hub__done_req__descriptor, RPC_HUB, 0, 256 },
	RELAY_METHODS,
};
const size_t edge_n_methods = N_ELEMS(edge_methods);
