/* bourse-edge - mail in from, and out to, the Internet */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/svc/svc.h"
#include "roles/edge-transport/edge.h"
#include "roles/edge-transport/inbound.h"
#include "roles/edge-transport/pass.h"
#include "roles/edge-transport/rpc.h"

#include <stdlib.h>

#define MAX_SOURCES 50000
#define WORKERS	    1
#define MAX_WORK    256
#define CERT_DAYS   3650

static const struct metric_def metrics[EDGE_METRICS] = {
	[EDGE_ACCEPTED] = { "bourse_edge_accepted_total", METRIC_COUNTER, "messages taken in" },
	[EDGE_PASSED] = { "bourse_edge_passed_total", METRIC_COUNTER,
			  "messages committed by a hub without our queue" },
	[EDGE_QUEUED] = { "bourse_edge_queued_total", METRIC_COUNTER,
			  "messages written to the queue" },
	[EDGE_UNKNOWN] = { "bourse_edge_unknown_total", METRIC_COUNTER,
			   "recipients asked for that nobody is" },
	[EDGE_SENT] = { "bourse_edge_sent_total", METRIC_COUNTER,
			"recipients delivered to hosts outside" },
	[EDGE_FAILED] = { "bourse_edge_failed_total", METRIC_COUNTER, "recipients given up" },
	[EDGE_REPORTS] = { "bourse_edge_reports_total", METRIC_COUNTER, "reports made for senders" },
	[EDGE_QUEUE_MESSAGES] = { "bourse_edge_queue_messages", METRIC_GAUGE,
				  "messages in the queue" },
	[EDGE_QUEUE_BYTES] = { "bourse_edge_queue_bytes", METRIC_GAUGE, "their content" },
	[EDGE_SESSIONS] = { "bourse_edge_smtp_sessions", METRIC_GAUGE, "SMTP sessions open" },
};

struct running {
	struct edge *edge;
	struct svc *svc;
};

/* ---- what the organisation says ---------------------------------------------------- */

const struct route *edge_route(struct edge *e)
{
	if (e->route_stale) {
		e->route_stale = false;
		route_load(&e->route, member_replica(e->relay.member), e->conf->hostname, true);
		queue_set_ages(e->relay.queue, e->route.expire_ms, e->route.notice_ms);
		if (e->route.retry_ms > 0)
			e->retry.outbound_ms = e->route.retry_ms;
	}
	return &e->route;
}

bool edge_is_low(const struct edge *e)
{
	return e->low.is_low || e->passing >= EDGE_PASSING_MAX ||
	       e->passing_bytes >= EDGE_PASSING_MAX_BYTES;
}

static void on_change(void *ctx, const struct object *o)
{
	(void)o;
	((struct edge *)ctx)->route_stale = true;
}

static void on_peer(void *ctx, struct rpc_peer *p, bool up)
{
	struct edge *e = ctx;

	if (!e->relay.queue || rpc_peer_ident(p)->role != RPC_HUB)
		return;
	if (up)
		queue_kick(e->relay.queue, HOP_HUB, NULL, clock_wall_ms());
	else
		hubs_lost(e->hubs, &rpc_peer_ident(p)->guid);
}

static void facts(void *ctx, struct member_facts *f)
{
	struct edge *e = ctx;
	struct queue_stats s;
	struct addr a;
	char text[ADDR_TEXT];

	if (!e->relay.queue)
		return;
	queue_get_stats(e->relay.queue, &s);
	member_fact(f, "queued", "%llu", (unsigned long long)s.messages);
	if (e->front && e->conf->smtp[0] && addr_parse(e->conf->smtp[0], 25, &a) == ERR_OK) {
		a.port = front_port(e->front);
		member_fact(f, "smtp", "%s", addr_text(&a, text));
	}
	if (edge_is_low(e))
		member_fact(f, "resources", "low");
}

/* ---- what is due ----------------------------------------------------------------------- */

void edge_due(void *ctx, const struct queue_hop *hop)
{
	struct edge *e = ctx;

	if (hop->expired || hop->late) {
		report_due(e->report, hop);
		return;
	}
	switch (hop->kind) {
	case HOP_HUB:
		give_due(e->give, hop);
		break;
	case HOP_DOMAIN:
	case HOP_SMART:
		outbound_due(e->outbound, hop);
		break;
	case HOP_REPORT:
		report_due(e->report, hop);
		break;
	case HOP_SUBMIT:
	case HOP_DATABASE:
	case HOP_EDGE:
		break;		/* a hub's */
	}
}

static struct rpc_peer *pick(void *ctx, const struct mail *m)
{
	struct edge *e = ctx;

	return hubs_pick(e->hubs, member_rpc(e->relay.member), m->size);
}

static const struct route *report_route(void *ctx)
{
	return edge_route(ctx);
}

static void on_report(void *ctx)
{
	metric_add(((struct edge *)ctx)->metrics, EDGE_REPORTS, 1);
}

static void on_failed(void *ctx)
{
	metric_add(((struct edge *)ctx)->metrics, EDGE_FAILED, 1);
}

static void on_sent(void *ctx)
{
	metric_add(((struct edge *)ctx)->metrics, EDGE_SENT, 1);
}

static void outbound_settings(void *ctx, const struct queue_hop *hop, struct outbound_route *out)
{
	route_settings(edge_route(ctx), hop->kind, hop->name, &out->port, &out->require_tls);
}

/* ---- running ----------------------------------------------------------------------------- */

static void on_tick(uv_timer_t *t)
{
	struct edge *e = t->data;
	int64_t wall = clock_wall_ms(), mono = clock_mono_ms();
	const struct low_conf lc = { e->conf->data_dir, e->conf->disk_low, e->conf->disk_high,
				     e->conf->max_queue };
	struct queue_stats s;

	edge_route(e);
	low_tick(&e->low, &lc, e->relay.queue, mono);
	queue_tick(e->relay.queue, wall);
	track_tick(e->relay.track, wall);
	outbound_tick(e->outbound, mono);
	rounds_tick(e->rounds, mono);
	queue_get_stats(e->relay.queue, &s);
	metric_set(e->metrics, EDGE_QUEUE_MESSAGES, (int64_t)s.messages);
	metric_set(e->metrics, EDGE_QUEUE_BYTES, (int64_t)s.bytes);
	metric_set(e->metrics, EDGE_SESSIONS, (int64_t)front_sessions(e->front));
}

static void on_reload(void *ctx)
{
	struct edge *e = ((struct running *)ctx)->edge;
	struct errbuf eb = { "" };

	conn_limits_set(e->limits, e->conf->connections, e->conf->per_source);
	if (tls_ctx_reload(e->tls, &eb))
		log_error(NULL, "certificate not reloaded detail=%s", eb.text);
}

static void on_drain(void *ctx)
{
	struct running *r = ctx;

	front_drain(r->edge->front);
	if (r->edge->passing == 0)
		svc_drained(r->svc);
}

/* ---- opening ------------------------------------------------------------------------------- */

static void smtp_settings(struct edge *e)
{
	const struct edge_conf *c = e->conf;
	struct smtp_server_conf *s = &e->smtp;

	smtp_server_conf_edge(s);
	s->hostname = c->hostname;
	s->max_size = UINT64_C(1) << 40;	/* the organisation's limit is set per session */
	s->max_rcpts = c->recipients;
	s->max_messages_minute = c->message_rate;
	s->tarpit_ms = (unsigned)c->tarpit_ms;
	s->inactivity_s = (unsigned)(c->inactivity_ms / 1000);
	s->connection_s = (unsigned)(c->connection_ms / 1000);
}

static enum err open_front(struct edge *e, struct errbuf *eb)
{
	const struct front_conf fc = {
		.loop = e->loop, .net = e->net, .limits = e->limits, .role = e,
		.addrs = (const char *const *)e->conf->smtp, .default_port = 25,
		.smtp = &e->smtp, .policy = &inbound_policy,
	};

	return front_open(&fc, &e->front, eb);
}

static enum err open_tls(struct edge *e, struct errbuf *eb)
{
	const struct tls_cert cert = { e->conf->certificate, e->conf->key };
	const struct tls_server_conf sc = { .certs = &cert, .n_certs = 1 };
	const struct tls_client_conf cc = { .verify = TLS_VERIFY_NONE };
	const char *names[1] = { e->conf->hostname };
	enum err err = tls_self_signed(cert.cert, cert.key, names, 1, CERT_DAYS, eb);

	if (!err)
		err = tls_server_new(&sc, &e->tls, eb);
	return err ? err : tls_client_new(&cc, &e->client_tls, eb);
}

static enum err open_storage(struct edge *e, const char *data, struct errbuf *eb)
{
	char *spool = xasprintf("%s/spool", data), *db = xasprintf("%s/queue.db", data);
	char *track = xasprintf("%s/track", data);
	const struct spool_conf sc = { .dir = spool };
	const struct track_conf tc = { .dir = track, .max_bytes = e->conf->track_size,
				       .max_days = (unsigned)(e->conf->track_ms / 86400000),
				       .pool = e->pool };
	struct queue_conf qc = { .loop = e->loop, .path = db, .cache_bytes = e->conf->cache,
				 .on_due = edge_due, .ctx = e };
	enum err err = spool_open(&sc, &e->relay.spool, eb);

	qc.spool = e->relay.spool;
	if (!err)
		err = track_open(&tc, &e->relay.track, eb);
	if (!err)
		err = queue_open(&qc, &e->relay.queue, eb);
	free(spool);
	free(db);
	free(track);
	return err;
}

static enum err open_member(struct edge *e, struct svc *svc, struct errbuf *eb)
{
	const struct member_conf mc = {
		.daemon = "bourse-edge", .role = RPC_EDGE, .loop = e->loop,
		.config_dir = svc_conf_dir(svc), .data_dir = svc_data(svc),
		.metrics = svc_metrics(svc), .listen = e->conf->listen,
		.endpoint = e->conf->endpoint, .methods = edge_methods,
		.n_methods = edge_n_methods, .owner = &e->relay.member, .on_peer = on_peer,
		.on_change = on_change, .facts = facts, .ctx = e,
	};

	return member_open(&mc, eb);
}

static void open_workers(struct edge *e)
{
	const struct outbound_conf oc = {
		.loop = e->loop, .net = e->net, .dns = e->dns, .queue = e->relay.queue,
		.track = e->relay.track, .tls = e->client_tls, .hostname = e->conf->hostname,
		.retry = &e->retry, .total = e->conf->outbound, .per_hop = e->conf->per_domain,
		.route = outbound_settings, .on_sent = on_sent, .ctx = e,
	};
	const struct give_conf gc = { .relay = &e->relay, .role = RPC_HUB, .call = hub_accept,
				      .retry = &e->retry, .pick = pick, .ctx = e };
	const struct report_conf pc = { .relay = &e->relay, .hostname = e->conf->hostname,
					.to = HOP_HUB, .route = report_route,
					.on_report = on_report, .on_failed = on_failed, .ctx = e };
	const struct rounds_conf rc = { .relay = &e->relay, .roles = RPC_HUB };

	e->outbound = outbound_new(&oc);
	e->give = give_new(&gc);
	e->report = report_new(&pc);
	e->rounds = rounds_new(&rc);
}

static enum err open_state(struct edge *e, struct svc *svc, struct errbuf *eb)
{
	const struct work_conf wc = { .loop = e->loop, .threads = WORKERS, .max_queue = MAX_WORK };
	const struct resolver_conf rc = { .loop = e->loop,
					  .servers = (const char *const *)e->conf->nameservers };
	enum err err;

	e->conf->data_dir = svc_data(svc);
	e->pool = work_pool_open(&wc);
	err = open_tls(e, eb);
	if (!err)
		err = resolver_open(&rc, &e->dns, eb);
	if (!err)
		err = open_storage(e, svc_data(svc), eb);
	if (!err)
		err = open_member(e, svc, eb);
	if (err)
		return err;
	open_workers(e);
	front_ready(e->front, e->relay.spool, e->tls);
	e->route_stale = true;
	edge_route(e);
	uv_timer_start(e->tick, on_tick, 200, 1000);
	return ERR_OK;
}

/* Sessions first, then what waits for hubs, then the queue with all it still has to
 * say, and the bus last: answers go out on it. */
static void close_all(struct edge *e)
{
	front_close(&e->front);
	if (e->relay.queue)
		pass_close(e);
	queue_close(&e->relay.queue);
	rounds_free(&e->rounds);
	give_free(&e->give);
	report_free(&e->report);
	outbound_free(&e->outbound);
	work_pool_close(&e->pool);
	track_close(&e->relay.track);
	member_close(&e->relay.member);
	spool_close(&e->relay.spool);
	resolver_close(&e->dns);
	tls_ctx_unref(&e->tls);
	tls_ctx_unref(&e->client_tls);
	net_close(&e->net);
	conn_limits_free(&e->limits);
	route_fini(&e->route);
	harvest_free(&e->harvest);
	hubs_free(&e->hubs);
	metric_leave(&e->metrics);
}

static void tick_closed(uv_handle_t *t)
{
	free(t);
}

static void init(struct edge *e, struct edge_conf *conf, struct svc *svc)
{
	e->conf = conf;
	e->loop = svc_loop(svc);
	e->net = net_open(e->loop);
	e->limits = conn_limits_new(conf->connections, conf->per_source);
	e->hubs = hubs_new();
	e->harvest = harvest_new(MAX_SOURCES, conf->unknown_budget, conf->unknown_window_ms);
	e->retry = retry_edge;
	e->metrics = metric_join(svc_metrics(svc), metrics, EDGE_METRICS, NULL);
	hold_init(&e->relay.hold);
	list_init(&e->passes);
	e->tick = xcalloc(1, sizeof(*e->tick));
	CHECK(uv_timer_init(e->loop, e->tick) == 0);
	e->tick->data = e;
	smtp_settings(e);
}

int main(int argc, char **argv)
{
	struct edge_conf conf = { 0 };
	const struct svc_spec spec = {
		.name = "bourse-edge", .what = "mail in from, and out to, the Internet",
		.items = edge_items, .n_items = edge_n_items, .conf = &conf,
	};
	struct edge edge = { 0 };
	struct running running = { &edge, NULL };
	const struct svc_hooks hooks = { .drain = on_drain, .reload = on_reload, .ctx = &running };
	struct svc *svc = NULL;
	struct errbuf eb = { "" };
	enum err e;

	if (identity_wants_enrol(argc, argv))
		return identity_enrol_main(argc, argv, "bourse-edge", RPC_EDGE);
	e = svc_open(argc, argv, &spec, &svc, &eb);
	if (e)
		goto out;
	running.svc = svc;
	init(&edge, &conf, svc);
	e = open_front(&edge, &eb);
	if (!e)
		e = svc_enter(svc, &eb);
	if (!e)
		e = open_state(&edge, svc, &eb);
	if (!e)
		svc_run(svc, &hooks);
	uv_close((uv_handle_t *)edge.tick, tick_closed);
	close_all(&edge);
out:
	if (e)
		log_error(NULL, "cannot start err=\"%s\" detail=\"%s\"", err_text(e), eb.text);
	svc_close(&svc);
	return e ? 1 : 0;
}
