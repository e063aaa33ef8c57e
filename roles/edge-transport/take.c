/* Mail for outside, from a hub: it is in our queue before the hub may forget it. */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/relay/stamp.h"
#include "common/smtp/address.h"
#include "roles/edge-transport/edge.h"

#include <stdlib.h>

static void route_one(struct edge *e, struct mail *m, struct mail_rcpt *r, bool from_hub)
{
	struct smtp_address to;
	struct route_hop hop;

	if (smtp_address_parse(span_of(r->address), &to, NULL) || to.domain[0] == '\0') {
		mail_report(m, r, ACTION_FAILED, "5.1.3", "not an address", "");
		return;
	}
	/* Mail for one of our domains goes to a hub; from a hub it is for a relay domain. */
	if (!from_hub &&
	    replica_domain(member_replica(e->relay.member), to.domain) != DOMAIN_NONE) {
		mail_route(m, r, HOP_HUB, "");
		return;
	}
	route_domain(edge_route(e), to.domain, m->size, &hop);
	mail_route(m, r, hop.kind, hop.name);
}

void edge_route_mail(struct edge *e, struct mail *m, bool from_hub, int64_t now_ms)
{
	for (size_t i = 0; i < m->n_rcpts; i++) {
		m->rcpts[i].due_ms = now_ms;
		route_one(e, m, &m->rcpts[i], from_hub);
	}
}

struct taking {
	struct edge *edge;
	struct relay_hand *hand;
	struct mail *mail;
};

static void committed(void *ctx, enum err err)
{
	struct taking *t = ctx;
	bool held = err == ERR_OK || err == ERR_EXISTS;

	if (err == ERR_OK) {
		metric_add(t->edge->metrics, EDGE_TAKEN, 1);
		poison_forget(t->edge->relay.poison, &t->mail->id);
		track_add(t->edge->relay.track, clock_wall_ms(), "receive", t->mail, NULL, "hub");
	}
	relay_hand_answer(t->hand, held ? HAND_HELD : HAND_NOT_HELD, NULL);
	mail_unref(&t->mail);
	free(t);
}

static void arrived(void *ctx, struct relay_hand *rh, struct mail *m)
{
	struct edge *e = ctx;
	struct taking *t = xcalloc(1, sizeof(*t));
	int64_t now = clock_wall_ms();
	const struct stamp_trace trace = { .helo = "hub", .by = e->conf->hostname,
					   .protocol = "BUS", .now_ms = now };
	struct mail_id before;

	m->flags &= ~(unsigned)MAIL_SUSPENDED;
	before = poison_begin(e->relay.poison, &m->id);
	stamp_received(m, &trace);
	edge_route_mail(e, m, true, now);
	poison_end(e->relay.poison, &before);
	(void)poison_divert(e->relay.poison, m);
	t->edge = e;
	t->hand = rh;
	t->mail = m;
	queue_add(e->relay.queue, m, now, committed, t);
}

void edge_take(struct edge *e, struct rpc_request *rq, const ProtobufCMessage *body)
{
	uint64_t max = (uint64_t)edge_route(e)->max_message;

	if (e->draining || edge_is_low(e)) {
		relay_hand_decline(rq);
		return;
	}
	/* The hub has its own limit; what its fields and reports add is not the
	 * sender's fault. */
	relay_hand_take(rq, body, e->relay.spool, max * 2, arrived, e);
}
