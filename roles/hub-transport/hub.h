#ifndef HUB_HUB_H
#define HUB_HUB_H
/* hub - what the files of bourse-hub share */
#include "common/auth/login.h"
#include "common/dns/resolver.h"
#include "common/relay/front.h"
#include "common/relay/give.h"
#include "common/relay/outbound.h"
#include "common/relay/report.h"
#include "common/relay/reroute.h"
#include "common/relay/retry.h"
#include "common/relay/low.h"
#include "common/relay/rounds.h"
#include "common/relay/rpc.h"
#include "common/svc/metric.h"
#include "common/svc/work.h"
#include "roles/hub-transport/conf.h"
#include "roles/hub-transport/rcptcache.h"
#include "roles/hub-transport/trust.h"
#include "common/relay/route.h"

struct deliver;
struct svc;

enum hub_metric {
	HUB_ACCEPTED, HUB_PASSED, HUB_QUEUED, HUB_DELIVERED, HUB_REFUSED, HUB_FAILED, HUB_SENT,
	HUB_REPORTS, HUB_QUEUE_MESSAGES, HUB_QUEUE_BYTES, HUB_SESSIONS, HUB_METRICS
};

struct hub {
	struct relay relay;		/* first */
	struct hub_conf *conf;
	uv_loop_t *loop;
	struct net *net;
	struct tls_ctx *tls, *internal_tls;	/* internal: asks for the client's certificate */
	struct tls_ctx *client_tls, *smart_tls;	/* smart: shows our certificate */
	struct work_pool *pool;
	struct login *login;
	struct resolver *dns;
	struct outbound *outbound;
	struct deliver *deliver;
	struct give *give;
	struct report *report;
	struct rounds *rounds;
	struct smtp_server_conf smtp_submission, smtp_internal;
	struct conn_limits *limits;
	struct front *submission, *internal;
	struct route route;
	bool route_stale;
	struct reroute reroute;
	struct rcptcache *cache;
	struct trust trust;
	struct retry_conf retry;
	struct metric_set *metrics;
	uv_timer_t *tick;
	struct low low;
	struct svc *svc;
	bool draining;
	struct list asides;		/* aside.h */
	struct list carries, agains;	/* carry.c */
	size_t carried, carried_bytes;	/* messages accepted and not answered */
};

#define HUB_CARRY_MAX	    2000	/* accepted and not answered */
#define HUB_CARRY_MAX_BYTES (96u * 1024 * 1024)

/* Room for another message?  Else 452 4.3.1, and nothing is offered to edges. */
bool hub_is_low(const struct hub *h);
/* The replica's settings, read again if it changed. */
const struct route *hub_route(struct hub *h);
/* Something is due: dispatch.c. */
void hub_due(void *ctx, const struct queue_hop *hop);
#endif
