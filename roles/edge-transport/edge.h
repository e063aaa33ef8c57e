#ifndef EDGE_EDGE_H
#define EDGE_EDGE_H
/* edge - what the files of bourse-edge share */
#include "common/dns/resolver.h"
#include "common/relay/front.h"
#include "common/relay/give.h"
#include "common/relay/low.h"
#include "common/relay/outbound.h"
#include "common/relay/report.h"
#include "common/relay/reroute.h"
#include "common/relay/retry.h"
#include "common/relay/rounds.h"
#include "common/relay/route.h"
#include "common/relay/rpc.h"
#include "common/svc/metric.h"
#include "common/svc/work.h"
#include "roles/edge-transport/conf.h"
#include "roles/edge-transport/hubs.h"
#include "roles/edge-transport/known.h"
#include "roles/edge-transport/sources.h"

enum edge_metric {
	EDGE_RECEIVED, EDGE_PASSED, EDGE_QUEUED, EDGE_HANDED, EDGE_NOT_TAKEN, EDGE_UNKNOWN,
	EDGE_RELAYING, EDGE_BLOCKED, EDGE_TAKEN, EDGE_SENT, EDGE_FAILED, EDGE_REPORTS,
	EDGE_PASS_MS, EDGE_QUEUE_MESSAGES, EDGE_QUEUE_BYTES, EDGE_SESSIONS, EDGE_HUBS,
	EDGE_METRICS
};

struct edge {
	struct relay relay;		/* first */
	struct edge_conf *conf;
	uv_loop_t *loop;
	struct net *net;
	struct tls_ctx *tls, *client_tls;
	struct tls_ctx *smart_tls;	/* client that shows our certificate */
	struct work_pool *pool;
	struct resolver *dns;
	struct outbound *outbound;
	struct rounds *rounds;
	struct give *give;
	struct report *report;
	struct hubs *hubs;
	struct smtp_server_conf smtp;
	struct conn_limits *limits;
	struct front *front;
	struct sources *sources;
	struct known *known;
	struct route route;
	bool route_stale;
	struct reroute reroute;
	struct retry_conf retry;
	struct metric_set *metrics;
	uv_timer_t *tick;
	struct low low;
	struct list passes;		/* pass.c */
	size_t passing, passing_bytes;	/* messages received and not answered */
	bool draining;
};

#define EDGE_PASS_MAX	    4000	/* received and not answered */
#define EDGE_PASS_MAX_BYTES (128u * 1024 * 1024)

/* No room for another message?  Then 452 4.3.1. */
bool edge_is_low(const struct edge *e);
/* The replica's settings, read again if it changed. */
const struct route *edge_route(struct edge *e);
/* Something is due: due.c. */
void edge_due(void *ctx, const struct queue_hop *hop);
/* Where each recipient of a queued mail goes, one of a hub's or any. */
void edge_route_mail(struct edge *e, struct mail *m, bool from_hub, int64_t now_ms);
/* A hub's edge.send; body is its Hand. */
void edge_take(struct edge *e, struct rpc_request *rq, const ProtobufCMessage *body);
#endif
