/* What bourse-edge answers on the bus. */
#include "roles/edge-transport/rpc.h"

#include "common/base/clock.h"
#include "gen/hub.pb-c.h"
#include "roles/edge-transport/edge.h"

static void serve_send(struct rpc_request *rq, const ProtobufCMessage *body)
{
	edge_take(rq->role, rq, body);
}

RPC_HANDLER(serve_offer, Hub__Offer)

static void serve_offer(struct rpc_request *rq, const Hub__Offer *in)
{
	struct edge *e = rq->role;
	Hub__Done rep = HUB__DONE__INIT;
	const struct hubs_offer o = { .hub = rq->caller->guid, .name = rq->caller->name,
				      .messages = in->messages, .bytes = in->bytes };

	if (hubs_offer(e->hubs, rq->peer, &o))
		queue_kick(e->relay.queue, HOP_HUB, NULL, clock_wall_ms());
	rpc_reply(rq, &rep.base, NULL, 0);
}

RPC_HANDLER(serve_done, Hub__DoneReq)

/* Identities of a hub that nobody holds any more. */
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
