#include "roles/hub-transport/edges.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/relay/stamp.h"
#include "roles/hub-transport/aside.h"
#include "roles/hub-transport/carry.h"
#include "roles/hub-transport/hub.h"

#include <string.h>

static void offer(struct hub *h, struct rpc_peer *p)
{
	size_t bytes = h->carried_bytes < HUB_CARRY_MAX_BYTES
		? HUB_CARRY_MAX_BYTES - h->carried_bytes : 0;
	size_t n = h->carried < HUB_CARRY_MAX ? HUB_CARRY_MAX - h->carried : 0;

	if (hub_is_low(h))
		n = bytes = 0;
	aside_offer(h, p, (unsigned)n, bytes);
}

static bool is_edge(const struct rpc_peer *p)
{
	return rpc_peer_ident(p)->role == RPC_EDGE;
}

void edges_tick(struct hub *h)
{
	struct rpc *rpc = member_rpc(h->relay.member);

	for (struct rpc_peer *p = rpc_next(rpc, NULL); p; p = rpc_next(rpc, p))
		if (is_edge(p))
			offer(h, p);
}

void edges_peer(struct hub *h, struct rpc_peer *p, bool up)
{
	if (!up || !is_edge(p))
		return;
	offer(h, p);
	queue_kick(h->relay.queue, HOP_EDGE, NULL, clock_wall_ms());
}

static void carried(void *ctx, enum carry_outcome o)
{
	relay_hand_answer(ctx, o == CARRY_DONE ? HAND_HELD : HAND_NOT_HELD, NULL);
}

static void take(struct hub *h, struct relay_hand *rh, struct mail *m, bool is_um)
{
	const struct stamp_trace t = { .helo = is_um ? "um" : "edge", .by = h->conf->hostname,
				       .protocol = "BUS", .now_ms = clock_wall_ms() };
	char id[64], from[256], clean[256];

	/* Our own numbers are ours to give: with one of them a store would take a message
	 * of ours for a repeat. */
	if (guid_eq(&m->id.origin, queue_instance(h->relay.queue))) {
		relay_hand_answer(rh, HAND_REFUSED, "5.7.1 not an identity of yours");
		mail_unref(&m);
		return;
	}
	m->flags &= ~(unsigned)(MAIL_AUTHENTICATED | MAIL_SUSPENDED);
	if (is_um)	/* a server of ours speaks for callers that it has heard */
		m->flags |= MAIL_AUTHENTICATED;
	stamp_received(m, &t);
	log_info(NULL, "accepted id=%s from=<%s> rcpts=%zu size=%llu msgid=%s by=%s",
		 mail_id_text(&m->id, id), log_clean(m->sender, strlen(m->sender), from, sizeof(from)),
		 m->n_rcpts, (unsigned long long)m->size,
		 log_clean(m->message_id, strlen(m->message_id), clean, sizeof(clean)), t.helo);
	track_add(h->relay.track, t.now_ms, "receive", m, NULL, t.helo);
	metric_add(h->metrics, HUB_ACCEPTED, 1);
	carry(h, m, is_um, carried, rh);
}

static void from_edge(void *ctx, struct relay_hand *rh, struct mail *m)
{
	take(ctx, rh, m, false);
}

static void from_um(void *ctx, struct relay_hand *rh, struct mail *m)
{
	take(ctx, rh, m, true);
}

void edges_accept(struct hub *h, struct rpc_request *rq, const void *body)
{
	if (hub_is_low(h)) {
		relay_hand_decline(rq);
		return;
	}
	relay_hand_take(rq, body, h->relay.spool, (uint64_t)hub_route(h)->max_message * 2,
			rq->caller->role == RPC_UM ? from_um : from_edge, h);
}
