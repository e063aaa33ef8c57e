#ifndef EDGE_EDGE_H
#define EDGE_EDGE_H
/* edge - what the files of bourse-edge share */
#include "common/dns/resolver.h"
#include "common/relay/front.h"
#include "common/relay/give.h"
#include "common/relay/low.h"
#include "common/relay/outbound.h"
#include "common/relay/report.h"
#include "common/relay/retry.h"
#include "common/relay/rounds.h"
#include "common/relay/route.h"
#include "common/relay/rpc.h"
#include "common/svc/metric.h"
#include "common/svc/work.h"
#include "roles/edge-transport/conf.h"
#include "roles/edge-transport/harvest.h"
#include "roles/edge-transport/hubs.h"

enum edge_metric {
	EDGE_ACCEPTED, EDGE_PASSED, EDGE_QUEUED, EDGE_UNKNOWN, EDGE_SENT, EDGE_FAILED,
	EDGE_REPORTS, EDGE_QUEUE_MESSAGES, EDGE_QUEUE_BYTES, EDGE_SESSIONS, EDGE_METRICS
};

#define EDGE_PASSING_MAX       4000	/* messages accepted and not answered */
#define EDGE_PASSING_MAX_BYTES (128u * 1024 * 1024)

struct edge {
	struct relay relay;		/* first */
	struct edge_conf *conf;
	uv_loop_t *loop;
	struct net *net;
	struct tls_ctx *tls, *client_tls;
	struct work_pool *pool;
	struct resolver *dns;
	struct outbound *outbound;
	struct give *give;
	struct report *report;
	struct rounds *rounds;
	struct hubs *hubs;
	struct harvest *harvest;
	struct smtp_server_conf smtp;
	struct conn_limits *limits;
	struct front *front;
	struct route route;
	bool route_stale;
	struct retry_conf retry;
	struct metric_set *metrics;
	uv_timer_t *tick;
	struct low low;
	struct list passes;		/* pass.c */
	size_t passing, passing_bytes;
};

bool edge_is_low(const struct edge *e);
const struct route *edge_route(struct edge *e);
void edge_due(void *ctx, const struct queue_hop *hop);
#endif
