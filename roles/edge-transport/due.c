/* What is due goes to whom it concerns. */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "roles/edge-transport/edge.h"

#include <stdlib.h>

#define AT_ONCE 16

/* An administrator had it routed anew. */
static void reroute(struct edge *e, struct queue_item *it, int64_t now)
{
	struct mail *m = it->mail;
	enum queue_verdict *v = xcalloc(m->n_rcpts, sizeof(*v));
	const struct queue_result res = { .state = QUEUE_HOP_ASIS, .verdicts = v };
	struct mail_id before;

	before = poison_begin(e->relay.poison, &m->id);
	edge_route_mail(e, m, false, now);
	poison_end(e->relay.poison, &before);
	for (size_t i = 0; i < m->n_rcpts; i++)
		v[i] = QUEUE_MOVE;
	queue_finish(e->relay.queue, it, &res, now, NULL, NULL);
	free(v);
}

static void took_submit(void *ctx, struct queue_item **items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		reroute(ctx, items[i], clock_wall_ms());
}

void edge_due(void *ctx, const struct queue_hop *hop)
{
	struct edge *e = ctx;
	int64_t now = clock_wall_ms();

	if (hop->expired || hop->late || hop->kind == HOP_REPORT) {
		report_due(e->report, hop);
		return;
	}
	switch (hop->kind) {
	case HOP_HUB:
		/* With nobody to give it to it stays due: nothing is written of that. */
		if (hubs_take_any(e->hubs))
			give_due(e->give, hop);
		break;
	case HOP_DOMAIN:
	case HOP_SMART:
		outbound_due(e->outbound, hop);
		break;
	case HOP_SUBMIT:
		if (replica_is_ready(member_replica(e->relay.member)))
			queue_take(e->relay.queue, hop, AT_ONCE, now, took_submit, e);
		break;
	case HOP_REPORT:
	case HOP_DATABASE:
	case HOP_EDGE:		/* these are a hub's */
	case HOP_POISON:
		break;
	}
}
