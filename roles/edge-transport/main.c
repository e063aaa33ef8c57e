/* bourse-edge - SMTP at the perimeter: mail in for the organisation's recipients, mail
 * out for its hubs */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/relay/open.h"
#include "common/svc/svc.h"
#include "roles/edge-transport/edge.h"
#include "roles/edge-transport/pass.h"
#include "roles/edge-transport/inbound.h"
#include "roles/edge-transport/rpc.h"

#include <stdlib.h>

#define KNOWN_MAX  50000
#define WORKERS	   1
#define MAX_WORK   256
#define DRAIN_MS   50

static const struct metric_def metrics[EDGE_METRICS] = {
	[EDGE_RECEIVED] = { "bourse_edge_received_total", METRIC_COUNTER,
			    "messages received from outside" },
	[EDGE_PASSED] = { "bourse_edge_passed_total", METRIC_COUNTER,
			  "messages a hub committed without our queue" },
	[EDGE_QUEUED] = { "bourse_edge_queued_total", METRIC_COUNTER,
			  "messages from outside written to the queue" },
	[EDGE_HANDED] = { "bourse_edge_handed_total", METRIC_COUNTER,
			  "messages handed to hubs from the queue" },
	[EDGE_NOT_TAKEN] = { "bourse_edge_not_taken_total", METRIC_COUNTER,
			     "messages refused after their content" },
	[EDGE_UNKNOWN] = { "bourse_edge_unknown_total", METRIC_COUNTER,
			   "recipients refused: unknown" },
	[EDGE_RELAYING] = { "bourse_edge_relaying_total", METRIC_COUNTER,
			    "recipients refused: not of this organisation" },
	[EDGE_BLOCKED] = { "bourse_edge_blocked_total", METRIC_COUNTER,
			   "connections cut off for too many unknown recipients" },
	[EDGE_TAKEN] = { "bourse_edge_taken_total", METRIC_COUNTER,
			 "messages taken from hubs" },
	[EDGE_SENT] = { "bourse_edge_sent_total", METRIC_COUNTER,
			"recipients delivered to hosts outside" },
	[EDGE_FAILED] = { "bourse_edge_failed_total", METRIC_COUNTER, "recipients given up" },
	[EDGE_REPORTS] = { "bourse_edge_reports_total", METRIC_COUNTER,
			   "reports made for senders" },
	[EDGE_PASS_MS] = { "bourse_edge_pass_ms", METRIC_HISTOGRAM,
			   "until a hub held a message" },
	[EDGE_QUEUE_MESSAGES] = { "bourse_edge_queue_messages", METRIC_GAUGE,
				  "messages in the queue" },
	[EDGE_QUEUE_BYTES] = { "bourse_edge_queue_bytes", METRIC_GAUGE, "their content" },
	[EDGE_SESSIONS] = { "bourse_edge_smtp_sessions", METRIC_GAUGE, "SMTP sessions open" },
	[EDGE_HUBS] = { "bourse_edge_hubs", METRIC_GAUGE, "hubs connected" },
};

struct running {
	struct edge *edge;
	struct svc *svc;
};

/* ---- what the directory says ----------------------------------------------------- */

const struct route *edge_route(struct edge *e)
{
	if (e->route_stale) {
		e->route_stale = false;
		route_load(&e->route, member_replica(e->relay.member), e->conf->hostname, true);
		queue_set_ages(e->relay.queue, e->route.expire_ms, e->route.notice_ms);
		e->retry = retry_edge;
		if (e->route.retry_ms > 0)
			e->retry.outbound_ms = e->route.retry_ms;
	}
	return &e->route;
}

bool edge_is_low(const struct edge *e)
{
	return e->low.is_low || e->passing >= EDGE_PASS_MAX ||
	       e->passing_bytes >= EDGE_PASS_MAX_BYTES;
}

static void on_change(void *ctx, const struct object *o)
{
	struct edge *e = ctx;

	reroute_note(&e->reroute, o, clock_mono_ms());
	e->route_stale = true;
	known_clear(e->known);
}

static void on_peer(void *ctx, struct rpc_peer *p, bool up)
{
	struct edge *e = ctx;

	/* It is used from its first offer on. */
	if (!up)
		hubs_lost(e->hubs, p);
}

static void facts(void *ctx, struct member_facts *f)
{
	struct edge *e = ctx;
	char text[ADDR_TEXT];
	struct queue_stats s;
	struct addr a;

	if (!e->relay.queue)
		return;
	queue_get_stats(e->relay.queue, &s);
	if (e->front && !addr_parse(e->conf->smtp[0], 25, &a)) {
		a.port = front_port(e->front);
		member_fact(f, "smtp", "%s", addr_text(&a, text));
	}
	member_fact(f, "queued", "%llu", (unsigned long long)s.messages);
	member_fact(f, "hubs", "%zu", hubs_count(e->hubs));
	if (s.poison)
		member_note(f, "%llu messages are poison, see: bourse queue list",
			    (unsigned long long)s.poison);
	if (edge_is_low(e)) {
		member_fact(f, "resources", "low");
		member_note(f, "no mail is taken: disk space, queue or load is beyond its bound");
	}
}

/* ---- running ------------------------------------------------------------------------ */

static void tell_metrics(struct edge *e)
{
	struct queue_stats s;

	queue_get_stats(e->relay.queue, &s);
	metric_set(e->metrics, EDGE_QUEUE_MESSAGES, (int64_t)s.messages);
	metric_set(e->metrics, EDGE_QUEUE_BYTES, (int64_t)s.bytes);
	metric_set(e->metrics, EDGE_SESSIONS, (int64_t)front_sessions(e->front));
	metric_set(e->metrics, EDGE_HUBS, (int64_t)hubs_count(e->hubs));
}

static void check_drained(struct running *r)
{
	const struct edge *e = r->edge;

	if (e->draining && e->passing == 0 && front_sessions(e->front) == 0)
		svc_drained(r->svc);
}

static void on_tick(uv_timer_t *t)
{
	struct running *r = t->data;
	struct edge *e = r->edge;
	int64_t wall = clock_wall_ms(), mono = clock_mono_ms();
	const struct low_conf lc = { e->conf->data_dir, e->conf->disk_low, e->conf->disk_high,
				     e->conf->max_queue };

	edge_route(e);
	low_tick(&e->low, &lc, e->relay.queue, mono);
	queue_tick(e->relay.queue, wall);
	track_tick(e->relay.track, wall);
	outbound_tick(e->outbound, mono);
	rounds_tick(e->rounds, mono);
	reroute_tick(&e->reroute, e->relay.queue, mono);
	tell_metrics(e);
	check_drained(r);
}

static struct sources_conf sources_conf(const struct edge_conf *c)
{
	return (struct sources_conf){ c->unknowns, c->unknown_window_ms, c->unknown_block_ms,
				      c->message_rate };
}

/* Hubs know us by the certificate that we show them. */
static void tell_cert(struct edge *e)
{
	struct tls_cert_info info;

	if (tls_ctx_cert(e->smart_tls, 0, &info) == ERR_OK)
		member_set_cert(e->relay.member, info.pin, info.not_after);
}

static void on_reload(void *ctx)
{
	struct edge *e = ((struct running *)ctx)->edge;
	const struct sources_conf sc = sources_conf(e->conf);
	struct errbuf eb = { "" };

	conn_limits_set(e->limits, e->conf->connections, e->conf->per_source);
	sources_set(e->sources, &sc);
	if (tls_ctx_reload(e->tls, &eb) || tls_ctx_reload(e->smart_tls, &eb))
		log_error(NULL, "certificate not reloaded detail=%s", eb.text);
	tell_cert(e);
}

static void on_drain(void *ctx)
{
	struct running *r = ctx;

	r->edge->draining = true;
	front_drain(r->edge->front);
	uv_timer_start(r->edge->tick, on_tick, DRAIN_MS, DRAIN_MS);
	check_drained(r);
}

static void on_sent(void *ctx)
{
	metric_add(((struct edge *)ctx)->metrics, EDGE_SENT, 1);
}

static void outbound_settings(void *ctx, const struct queue_hop *hop, struct outbound_route *out)
{
	route_settings(edge_route(ctx), hop->kind, hop->name, &out->port, &out->require_tls);
}

static const struct route *report_route(void *ctx)
{
	return edge_route(ctx);
}

/* Reports for our users go to a hub; those for senders outside leave from here. */
static void report_reroute(void *ctx, struct mail *report, int64_t now_ms)
{
	edge_route_mail(ctx, report, false, now_ms);
}

static void on_report(void *ctx)
{
	metric_add(((struct edge *)ctx)->metrics, EDGE_REPORTS, 1);
}

static void on_failed(void *ctx)
{
	metric_add(((struct edge *)ctx)->metrics, EDGE_FAILED, 1);
}

/* For what is in the queue. */
static struct rpc_peer *pick(void *ctx, const struct mail *m)
{
	struct hubs_choice to;

	return hubs_choose(((struct edge *)ctx)->hubs, m, NULL, &to) ? to.peer : NULL;
}

static void on_handed(void *ctx, const struct mail *m)
{
	(void)m;
	metric_add(((struct edge *)ctx)->metrics, EDGE_HANDED, 1);
}

/* ---- opening -------------------------------------------------------------------------- */

static void smtp_settings(struct edge *e)
{
	const struct edge_conf *c = e->conf;
	struct smtp_server_conf *s = &e->smtp;

	smtp_server_conf_edge(s);
	s->hostname = c->hostname;
	s->max_size = UINT64_C(1) << 40;	/* the organisation's limit is set per session */
	s->max_header = c->max_header;
	s->max_rcpts = c->recipients;
	s->max_protocol_errors = c->protocol_errors;
	s->max_messages_minute = 0;		/* counted per source: sources.h */
	s->tarpit_ms = (unsigned)c->tarpit_ms;
	s->inactivity_s = (unsigned)(c->inactivity_ms / 1000);
	s->connection_s = (unsigned)(c->connection_ms / 1000);
}

/* Binding may need privilege. */
static enum err open_front(struct edge *e, struct errbuf *eb)
{
	const struct front_conf fc = {
		.loop = e->loop, .net = e->net, .addrs = (const char *const *)e->conf->smtp,
		.default_port = 25, .limits = e->limits, .smtp = &e->smtp,
		.policy = &inbound_policy, .role = e,
	};

	return front_open(&fc, &e->front, eb);
}

static enum err open_tls(struct edge *e, struct errbuf *eb)
{
	const struct relay_tls tc = { e->conf->data_dir, e->conf->certificate, e->conf->key,
				      e->conf->hostname, false, NULL };
	enum err err = relay_open_tls(&tc, &e->tls, &e->client_tls, eb);

	return err ? err : relay_open_smart_tls(&tc, &e->smart_tls, eb);
}

static enum err open_storage(struct edge *e, struct errbuf *eb)
{
	const struct relay_storage sc = {
		.loop = e->loop, .pool = e->pool, .data_dir = e->conf->data_dir,
		.cache_bytes = e->conf->cache, .poison = e->conf->poison,
		.track_bytes = e->conf->track_size,
		.track_ms = e->conf->track_ms, .on_due = edge_due, .ctx = e,
	};

	return relay_open_storage(&e->relay, &sc, eb);
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
		.track = e->relay.track, .poison = e->relay.poison, .tls = e->client_tls, .smart_tls = e->smart_tls,
		.hostname = e->conf->hostname,
		.retry = &e->retry, .total = e->conf->outbound, .per_hop = e->conf->per_domain,
		.route = outbound_settings, .on_sent = on_sent, .ctx = e,
	};
	const struct give_conf gc = { .relay = &e->relay, .role = RPC_HUB, .call = hub_accept,
				      .retry = &e->retry, .pick = pick, .on_held = on_handed,
				      .ctx = e };
	const struct report_conf pc = { .relay = &e->relay, .hostname = e->conf->hostname,
					.to = HOP_HUB, .route = report_route,
					.reroute = report_reroute, .on_report = on_report,
					.on_failed = on_failed, .ctx = e };
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
					  .servers = (const char *const *)e->conf->nameservers,
					  .cache = e->conf->dns_cache };
	enum err err;

	e->conf->data_dir = svc_data(svc);
	e->pool = work_pool_open(&wc);
	err = open_tls(e, eb);
	if (!err)
		err = resolver_open(&rc, &e->dns, eb);
	if (!err)
		err = open_storage(e, eb);
	if (!err)
		err = open_member(e, svc, eb);
	if (err)
		return err;
	tell_cert(e);
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
	poison_close(&e->relay.poison);
	spool_close(&e->relay.spool);
	resolver_close(&e->dns);
	tls_ctx_unref(&e->tls);
	tls_ctx_unref(&e->client_tls);
	tls_ctx_unref(&e->smart_tls);
	net_close(&e->net);
	conn_limits_free(&e->limits);
	route_fini(&e->route);
	hubs_free(&e->hubs);
	known_free(&e->known);
	sources_free(&e->sources);
	metric_leave(&e->metrics);
}

static void tick_closed(uv_handle_t *t)
{
	free(t);
}

static void init(struct edge *e, struct edge_conf *conf, struct running *r)
{
	const struct sources_conf sc = sources_conf(conf);

	relay_name_host(&conf->hostname);
	e->conf = conf;
	e->loop = svc_loop(r->svc);
	e->net = net_open(e->loop);
	e->limits = conn_limits_new(conf->connections, conf->per_source);
	e->hubs = hubs_new();
	e->known = known_new(KNOWN_MAX);
	e->sources = sources_new(&sc);
	e->retry = retry_edge;
	e->metrics = metric_join(svc_metrics(r->svc), metrics, EDGE_METRICS, NULL);
	hold_init(&e->relay.hold);
	list_init(&e->passes);
	e->tick = xcalloc(1, sizeof(*e->tick));
	CHECK(uv_timer_init(e->loop, e->tick) == 0);
	e->tick->data = r;
	smtp_settings(e);
}

static enum err run(struct running *r, struct edge_conf *conf, struct errbuf *eb)
{
	struct edge edge = { 0 };
	const struct svc_hooks hooks = { .drain = on_drain, .reload = on_reload, .ctx = r };
	enum err e;

	r->edge = &edge;
	init(&edge, conf, r);
	e = open_front(&edge, eb);
	if (!e)
		e = svc_enter(r->svc, eb);
	if (!e)
		e = open_state(&edge, r->svc, eb);
	if (!e)
		svc_run(r->svc, &hooks);
	uv_close((uv_handle_t *)edge.tick, tick_closed);
	close_all(&edge);
	return e;
}

int main(int argc, char **argv)
{
	struct edge_conf conf = { 0 };
	const struct svc_spec spec = {
		.name = "bourse-edge", .what = "SMTP at the perimeter",
		.args = "[enrol --endpoint tcp://HOST:PORT]",
		.items = edge_items, .n_items = edge_n_items, .conf = &conf,
	};
	struct running running = { NULL, NULL };
	struct errbuf eb = { "" };
	enum err e;

	if (identity_wants_enrol(argc, argv))
		return identity_enrol_main(argc, argv, "bourse-edge", RPC_EDGE);
	e = svc_open(argc, argv, &spec, &running.svc, &eb);
	if (!e)
		e = run(&running, &conf, &eb);
	if (e)
		log_error(NULL, "cannot start err=\"%s\" detail=\"%s\"", err_text(e), eb.text);
	svc_close(&running.svc);
	return e ? 1 : 0;
}
