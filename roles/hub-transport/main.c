/* bourse-hub - takes, categorises, queues and delivers the organisation's mail */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/relay/open.h"
#include "common/replica/issuers.h"
#include "common/svc/svc.h"
#include "roles/hub-transport/aside.h"
#include "roles/hub-transport/carry.h"
#include "roles/hub-transport/deliver.h"
#include "roles/hub-transport/done.h"
#include "roles/hub-transport/edges.h"
#include "roles/hub-transport/hub.h"
#include "roles/hub-transport/rpc.h"
#include "roles/hub-transport/submit.h"

#include <stdlib.h>
#include <string.h>

#define CACHED_RCPTS  50000
#define WORKERS	      2
#define MAX_WORK      1024
#define DRAIN_MS      50

static const struct metric_def metrics[HUB_METRICS] = {
	[HUB_ACCEPTED] = { "bourse_hub_accepted_total", METRIC_COUNTER,
			   "messages taken from clients and edges" },
	[HUB_PASSED] = { "bourse_hub_passed_total", METRIC_COUNTER,
			 "messages committed by the stores without our queue" },
	[HUB_QUEUED] = { "bourse_hub_queued_total", METRIC_COUNTER, "messages written to the queue" },
	[HUB_DELIVERED] = { "bourse_hub_delivered_total", METRIC_COUNTER,
			    "recipients delivered to mailboxes" },
	[HUB_REFUSED] = { "bourse_hub_refused_total", METRIC_COUNTER,
			  "messages not taken: resources, errors" },
	[HUB_FAILED] = { "bourse_hub_failed_total", METRIC_COUNTER, "recipients given up" },
	[HUB_SENT] = { "bourse_hub_sent_total", METRIC_COUNTER,
		       "messages or recipients handed to edges and hosts outside" },
	[HUB_REPORTS] = { "bourse_hub_reports_total", METRIC_COUNTER, "reports made for senders" },
	[HUB_QUEUE_MESSAGES] = { "bourse_hub_queue_messages", METRIC_GAUGE,
				 "messages in the queue" },
	[HUB_QUEUE_BYTES] = { "bourse_hub_queue_bytes", METRIC_GAUGE, "their content" },
	[HUB_SESSIONS] = { "bourse_hub_smtp_sessions", METRIC_GAUGE, "SMTP sessions open" },
};

/* ---- what the directory says ----------------------------------------------------- */

const struct route *hub_route(struct hub *h)
{
	if (h->route_stale) {
		h->route_stale = false;
		route_load(&h->route, member_replica(h->relay.member), h->conf->hostname, false);
		queue_set_ages(h->relay.queue, h->route.expire_ms, h->route.notice_ms);
		if (h->route.retry_ms > 0)
			h->retry.outbound_ms = h->route.retry_ms;
	}
	return &h->route;
}

bool hub_is_low(const struct hub *h)
{
	return h->draining || h->low.is_low || h->carried >= 2 * HUB_CARRY_MAX ||
	       h->carried_bytes >= 2 * (size_t)HUB_CARRY_MAX_BYTES;
}

static void on_change(void *ctx, const struct object *o)
{
	struct hub *h = ctx;

	reroute_note(&h->reroute, o, clock_mono_ms());
	h->route_stale = true;
	rcptcache_clear(h->cache);
	trust_note(&h->trust, o);
	if (h->login && replica_is_about_logins(o))
		replica_tell_login(member_replica(h->relay.member), h->login);
}

static void on_peer(void *ctx, struct rpc_peer *p, bool up)
{
	struct hub *h = ctx;

	/* member_open() may report peers before the rest of the hub is there. */
	if (!h->relay.queue)
		return;
	edges_peer(h, p, up);
	if (up && rpc_peer_ident(p)->role == RPC_MAILBOX)
		queue_kick(h->relay.queue, HOP_DATABASE, NULL, clock_wall_ms());
}

static void address_fact(struct member_facts *f, const char *key, char **addrs,
			 const struct front *front)
{
	struct addr a;
	char text[ADDR_TEXT];

	if (!front || !addrs[0] || addr_parse(addrs[0], 25, &a))
		return;
	a.port = front_port(front);
	member_fact(f, key, "%s", addr_text(&a, text));
}

static void facts(void *ctx, struct member_facts *f)
{
	struct hub *h = ctx;
	struct queue_stats s;

	if (!h->relay.queue)
		return;
	queue_get_stats(h->relay.queue, &s);
	member_fact(f, "queued", "%llu", (unsigned long long)s.messages);
	address_fact(f, "smtp", h->conf->internal, h->internal);
	address_fact(f, "submission", h->conf->submission, h->submission);
	if (s.poison)
		member_note(f, "%llu messages are poison, see: bourse queue list",
			    (unsigned long long)s.poison);
	if (hub_is_low(h)) {
		member_fact(f, "resources", "low");
		member_note(f, "no mail is taken: disk space, queue or load is beyond its bound");
	}
}

/* ---- running ------------------------------------------------------------------------ */

static void check_drained(struct hub *h)
{
	if (h->draining && h->carried == 0 && front_sessions(h->submission) == 0 &&
	    front_sessions(h->internal) == 0)
		svc_drained(h->svc);
}

static void on_tick(uv_timer_t *t)
{
	struct hub *h = t->data;
	int64_t wall = clock_wall_ms(), mono = clock_mono_ms();
	const struct low_conf lc = { h->conf->data_dir, h->conf->disk_low, h->conf->disk_high,
				     h->conf->max_queue };
	struct queue_stats s;

	hub_route(h);
	low_tick(&h->low, &lc, h->relay.queue, mono);
	queue_tick(h->relay.queue, wall);
	track_tick(h->relay.track, wall);
	outbound_tick(h->outbound, mono);
	edges_tick(h);
	rounds_tick(h->rounds, mono);
	reroute_tick(&h->reroute, h->relay.queue, mono);
	queue_get_stats(h->relay.queue, &s);
	metric_set(h->metrics, HUB_QUEUE_MESSAGES, (int64_t)s.messages);
	metric_set(h->metrics, HUB_QUEUE_BYTES, (int64_t)s.bytes);
	metric_set(h->metrics, HUB_SESSIONS,
		   (int64_t)(front_sessions(h->submission) + front_sessions(h->internal)));
	check_drained(h);
}

/* Others know us by the certificate that we show them. */
static void tell_cert(struct hub *h)
{
	struct tls_cert_info info;

	if (tls_ctx_cert(h->smart_tls, 0, &info) == ERR_OK)
		member_set_cert(h->relay.member, info.pin, info.not_after);
}

static void on_reload(void *ctx)
{
	struct hub *h = ctx;
	struct errbuf eb = { "" };

	conn_limits_set(h->limits, h->conf->connections, h->conf->per_source);
	if (tls_ctx_reload(h->tls, &eb) || tls_ctx_reload(h->internal_tls, &eb) ||
	    tls_ctx_reload(h->smart_tls, &eb))
		log_error(NULL, "certificate not reloaded detail=%s", eb.text);
	tell_cert(h);
}

/* No new sessions; those that are open end between messages, and edges are told
 * to give to others. */
static void on_drain(void *ctx)
{
	struct hub *h = ctx;

	h->draining = true;
	front_drain(h->submission);
	front_drain(h->internal);
	edges_tick(h);
	uv_timer_start(h->tick, on_tick, DRAIN_MS, DRAIN_MS);
	check_drained(h);
}

static void on_done(void *ctx, uint64_t seq)
{
	struct hub *h = ctx;

	done_below(h, queue_instance(h->relay.queue), seq);
}

static void on_sent(void *ctx)
{
	metric_add(((struct hub *)ctx)->metrics, HUB_SENT, 1);
}

static void on_held(void *ctx, const struct mail *m)
{
	metric_add(((struct hub *)ctx)->metrics, HUB_SENT, (int64_t)m->n_rcpts);
}

static const struct route *report_route(void *ctx)
{
	return hub_route(ctx);
}

static void on_report(void *ctx)
{
	metric_add(((struct hub *)ctx)->metrics, HUB_REPORTS, 1);
}

static void on_failed(void *ctx)
{
	metric_add(((struct hub *)ctx)->metrics, HUB_FAILED, 1);
}

static void outbound_settings(void *ctx, const struct queue_hop *hop, struct outbound_route *out)
{
	route_settings(hub_route(ctx), hop->kind, hop->name, &out->port, &out->require_tls);
}

/* ---- opening -------------------------------------------------------------------------- */

static void smtp_settings(struct hub *h)
{
	const struct hub_conf *c = h->conf;
	struct smtp_server_conf *s = &h->smtp_submission;

	smtp_server_conf_hub(s);
	s->hostname = c->hostname;
	s->auth_needs_tls = c->require_tls;
	s->max_size = UINT64_C(1) << 40;	/* the organisation's limit is set per session */
	s->max_rcpts = c->submit_rcpts;
	s->max_messages_minute = c->message_rate;
	s->tarpit_ms = (unsigned)c->tarpit_ms;
	s->inactivity_s = (unsigned)(c->inactivity_ms / 1000);
	s->connection_s = (unsigned)(c->connection_ms / 1000);
	h->smtp_internal = *s;
}

/* Binding may need privilege. */
static enum err open_fronts(struct hub *h, struct errbuf *eb)
{
	struct front_conf fc = {
		.loop = h->loop, .net = h->net, .limits = h->limits, .role = h,
		.addrs = (const char *const *)h->conf->submission, .default_port = 587,
		.smtp = &h->smtp_submission, .policy = &submit_policy,
	};
	enum err e = front_open(&fc, &h->submission, eb);

	if (e)
		return e;
	fc.addrs = (const char *const *)h->conf->internal;
	fc.default_port = 25;
	fc.smtp = &h->smtp_internal;
	fc.policy = &internal_policy;
	return front_open(&fc, &h->internal, eb);
}

static enum err open_tls(struct hub *h, struct errbuf *eb)
{
	const struct relay_tls tc = { h->conf->data_dir, h->conf->certificate, h->conf->key,
				      h->conf->hostname, h->conf->client_certs,
				      h->conf->client_ca };
	const struct tls_cert cert = { h->conf->certificate, h->conf->key };
	const struct tls_server_conf ic = { .certs = &cert, .n_certs = 1,
					    .client = TLS_CLIENT_ASK };
	enum err e = relay_open_tls(&tc, &h->tls, &h->client_tls, eb);

	if (!e)
		e = relay_open_smart_tls(&tc, &h->smart_tls, eb);
	return e ? e : tls_server_new(&ic, &h->internal_tls, eb);
}

static enum err open_storage(struct hub *h, struct errbuf *eb)
{
	const struct relay_storage sc = {
		.loop = h->loop, .pool = h->pool, .data_dir = h->conf->data_dir,
		.cache_bytes = h->conf->cache, .poison = h->conf->poison,
		.track_bytes = h->conf->track_size,
		.track_ms = h->conf->track_ms, .on_due = hub_due, .ctx = h,
	};

	return relay_open_storage(&h->relay, &sc, eb);
}

static enum err open_member(struct hub *h, struct svc *svc, struct errbuf *eb)
{
	const struct member_conf mc = {
		.daemon = "bourse-hub", .role = RPC_HUB, .loop = h->loop,
		.config_dir = svc_conf_dir(svc), .data_dir = svc_data(svc),
		.metrics = svc_metrics(svc), .listen = h->conf->listen,
		.endpoint = h->conf->endpoint, .methods = hub_methods, .n_methods = hub_n_methods,
		.owner = &h->relay.member, .dial = RPC_MAILBOX | RPC_EDGE, .on_peer = on_peer,
		.on_change = on_change, .facts = facts, .ctx = h,
	};

	return member_open(&mc, eb);
}

static void open_workers(struct hub *h)
{
	const struct outbound_conf oc = {
		.loop = h->loop, .net = h->net, .dns = h->dns, .queue = h->relay.queue,
		.track = h->relay.track, .poison = h->relay.poison, .tls = h->client_tls, .smart_tls = h->smart_tls,
		.hostname = h->conf->hostname,
		.retry = &h->retry, .total = h->conf->outbound, .per_hop = h->conf->per_domain,
		.route = outbound_settings, .on_sent = on_sent, .ctx = h,
	};
	const struct rounds_conf rc = { .relay = &h->relay, .roles = RPC_EDGE,
					.on_done = on_done, .ctx = h };
	const struct give_conf gc = { .relay = &h->relay, .role = RPC_EDGE, .call = edge_send,
				      .by_parts = true, .retry = &h->retry, .on_held = on_held,
				      .ctx = h };
	const struct report_conf pc = { .relay = &h->relay, .hostname = h->conf->hostname,
					.to = HOP_SUBMIT, .route = report_route,
					.on_report = on_report, .on_failed = on_failed, .ctx = h };
	struct login_conf lc = {
		.pool = h->pool, .source = replica_credentials(member_replica(h->relay.member)),
		.pepper = *member_pepper(h->relay.member), .params = PASSWORD_DEFAULTS,
	};

	h->login = login_new(&lc);
	replica_tell_login(member_replica(h->relay.member), h->login);
	memset(&lc.pepper, 0, sizeof(lc.pepper));
	h->outbound = outbound_new(&oc);
	h->deliver = deliver_new(h);
	h->give = give_new(&gc);
	h->report = report_new(&pc);
	h->rounds = rounds_new(&rc);
}

static enum err open_state(struct hub *h, struct svc *svc, struct errbuf *eb)
{
	const struct work_conf wc = { .loop = h->loop, .threads = WORKERS, .max_queue = MAX_WORK };
	const struct resolver_conf rc = { .loop = h->loop,
					  .servers = (const char *const *)h->conf->nameservers,
					  .cache = h->conf->dns_cache };
	enum err e;

	h->conf->data_dir = svc_data(svc);
	h->pool = work_pool_open(&wc);
	e = open_tls(h, eb);
	if (!e)
		e = resolver_open(&rc, &h->dns, eb);
	if (!e)
		e = open_storage(h, eb);
	if (!e)
		e = open_member(h, svc, eb);
	if (e)
		return e;
	tell_cert(h);
	open_workers(h);
	front_ready(h->submission, h->relay.spool, h->tls);
	front_ready(h->internal, h->relay.spool, h->internal_tls);
	h->route_stale = true;
	hub_route(h);
	uv_timer_start(h->tick, on_tick, 200, 1000);
	return ERR_OK;
}

/* Sessions first, then what waits for stores, then the queue with all it still has
 * to say, and the bus last: answers go out on it. */
static void close_all(struct hub *h)
{
	front_close(&h->submission);
	front_close(&h->internal);
	if (h->relay.queue)
		carry_close(h);
	queue_close(&h->relay.queue);
	rounds_free(&h->rounds);
	give_free(&h->give);
	report_free(&h->report);
	deliver_free(&h->deliver);
	outbound_free(&h->outbound);
	login_free(&h->login);
	work_pool_close(&h->pool);
	track_close(&h->relay.track);
	aside_close(h);
	member_close(&h->relay.member);
	poison_close(&h->relay.poison);
	spool_close(&h->relay.spool);
	resolver_close(&h->dns);
	tls_ctx_unref(&h->tls);
	tls_ctx_unref(&h->internal_tls);
	tls_ctx_unref(&h->client_tls);
	tls_ctx_unref(&h->smart_tls);
	trust_fini(&h->trust);
	net_close(&h->net);
	conn_limits_free(&h->limits);
	route_fini(&h->route);
	rcptcache_free(&h->cache);
	metric_leave(&h->metrics);
}

static void tick_closed(uv_handle_t *t)
{
	free(t);
}

static void init(struct hub *h, struct hub_conf *conf, struct svc *svc)
{
	h->conf = conf;
	relay_name_host(&conf->hostname);
	h->loop = svc_loop(svc);
	h->net = net_open(h->loop);
	h->limits = conn_limits_new(conf->connections, conf->per_source);
	h->cache = rcptcache_new(CACHED_RCPTS);
	h->retry = retry_hub;
	h->metrics = metric_join(svc_metrics(svc), metrics, HUB_METRICS, NULL);
	hold_init(&h->relay.hold);
	list_init(&h->carries);
	list_init(&h->agains);
	list_init(&h->asides);
	h->tick = xcalloc(1, sizeof(*h->tick));
	CHECK(uv_timer_init(h->loop, h->tick) == 0);
	h->tick->data = h;
	smtp_settings(h);
}

int main(int argc, char **argv)
{
	struct hub_conf conf = { 0 };
	const struct svc_spec spec = {
		.name = "bourse-hub", .what = "takes, categorises and delivers mail",
		.items = hub_items, .n_items = hub_n_items, .conf = &conf,
	};
	struct hub hub = { 0 };
	const struct svc_hooks hooks = { .drain = on_drain, .reload = on_reload, .ctx = &hub };
	struct svc *svc = NULL;
	struct errbuf eb = { "" };
	enum err e;

	if (identity_wants_enrol(argc, argv))
		return identity_enrol_main(argc, argv, "bourse-hub", RPC_HUB);
	e = svc_open(argc, argv, &spec, &svc, &eb);
	if (e)
		goto out;
	hub.svc = svc;
	init(&hub, &conf, svc);
	e = open_fronts(&hub, &eb);
	if (!e)
		e = svc_enter(svc, &eb);
	if (!e)
		e = open_state(&hub, svc, &eb);
	if (!e)
		svc_run(svc, &hooks);
	uv_close((uv_handle_t *)hub.tick, tick_closed);
	close_all(&hub);
out:
	if (e)
		log_error(NULL, "cannot start err=\"%s\" detail=\"%s\"", err_text(e), eb.text);
	svc_close(&svc);
	return e ? 1 : 0;
}
