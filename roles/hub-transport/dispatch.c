/* What is due goes to whom it concerns. */
#include "common/base/clock.h"
#include "roles/hub-transport/carry.h"
#include "roles/hub-transport/deliver.h"
#include "roles/hub-transport/hub.h"

#define AT_ONCE 16

static void took_submit(void *ctx, struct queue_item **items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		carry_item(ctx, items[i]);
}

void hub_due(void *ctx, const struct queue_hop *hop)
{
	struct hub *h = ctx;

	if (hop->expired || hop->late) {
		report_due(h->report, hop);
		return;
	}
	switch (hop->kind) {
	case HOP_SUBMIT:
		if (replica_is_ready(member_replica(h->relay.member)))
			queue_take(h->relay.queue, hop, AT_ONCE, clock_wall_ms(), took_submit, h);
		break;
	case HOP_DATABASE:
		deliver_due(h->deliver, hop);
		break;
	case HOP_EDGE:
		give_due(h->give, hop);
		break;
	case HOP_DOMAIN:
	case HOP_SMART:
		outbound_due(h->outbound, hop);
		break;
	case HOP_REPORT:
		report_due(h->report, hop);
		break;
	case HOP_HUB:		/* an edge's */
	case HOP_POISON:
		break;
	}
}
