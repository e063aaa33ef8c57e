/* What bourse-hub answers on the bus. */
#include "roles/hub-transport/rpc.h"

#include "gen/hub.pb-c.h"
#include "roles/hub-transport/done.h"
#include "roles/hub-transport/edges.h"
#include "roles/hub-transport/hub.h"

static void serve_accept(struct rpc_request *rq, const ProtobufCMessage *body)
{
	edges_accept(rq->role, rq, body);
}

RPC_HANDLER(serve_done, Hub__DoneReq)

/* Identities of an edge that nobody holds any more. */
static void serve_done(struct rpc_request *rq, const Hub__DoneReq *in)
{
	struct hub *h = rq->role;
	Hub__Done rep = HUB__DONE__INIT;
	struct guid root;

	if (guid_from(in->root.data, in->root.len, &root) || in->seq > INT64_MAX) {
		rpc_fail(rq, ERR_INVALID);
		return;
	}
	done_below(h, &root, in->seq);
	rpc_reply(rq, &rep.base, NULL, 0);
}

const struct rpc_method hub_methods[] = {
	{ "hub.accept", serve_accept, &hub__hand__descriptor, RPC_EDGE | RPC_UM, RPC_UPLOAD, 2 << 20 },
	{ "relay.done", serve_done_thunk, &hub__done_req__descriptor, RPC_EDGE | RPC_UM, 0, 256 },
	RELAY_METHODS,
};
const size_t hub_n_methods = N_ELEMS(hub_methods);
