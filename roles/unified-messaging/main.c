/* bourse-um - unified messaging: calls are answered, and what is said comes by mail */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/replica/member.h"
#include "common/svc/svc.h"
#include "common/svc/work.h"
#include "common/tls/ctx.h"
#include "roles/unified-messaging/call.h"
#include "roles/unified-messaging/media/ticker.h"
#include "roles/unified-messaging/rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CERT_DAYS = 3650,
	TICK_MS = 100,			/* calls look at the clock */
	RESOLVE_TICKS = 3000,		/* gateways' names, every five minutes */
	QUEUE = 4000,			/* pieces of recordings that wait for a worker */
	BEEP_HZ = 1000, BEEP_MS = 400,
};

struct daemon {
	struct um um;			/* first: its first field is what member.h needs */
	unsigned ticks;
	bool timer;
	char host[256];
};

static const struct metric_def defs[UM_METRICS] = {
	[UM_CALLS] = { "bourse_um_calls_total", METRIC_COUNTER, "calls answered" },
	[UM_CALLS_NOW] = { "bourse_um_calls", METRIC_GAUGE, "calls that run" },
	[UM_REFUSED] = { "bourse_um_refused_total", METRIC_COUNTER, "calls not taken" },
	[UM_MESSAGES] = { "bourse_um_messages_total", METRIC_COUNTER, "voice messages taken" },
	[UM_MISSED] = { "bourse_um_missed_total", METRIC_COUNTER, "missed calls mailed" },
	[UM_SENT] = { "bourse_um_sent_total", METRIC_COUNTER, "mails that a hub holds" },
	[UM_WAITING] = { "bourse_um_waiting", METRIC_GAUGE, "mails that wait for a hub" },
	[UM_LOST] = { "bourse_um_rtp_lost_total", METRIC_COUNTER, "RTP packets that never came" },
	[UM_LATE] = { "bourse_um_ticks_left_out", METRIC_GAUGE,
		      "times of 20 ms that were left out because the host was too slow" },
	[UM_UNKNOWN] = { "bourse_um_unknown_sources", METRIC_GAUGE,
			  "requests of peers that are no gateways" },
};

/* ---- what the organisation tells us --------------------------------------------------- */

static void on_peer(void *ctx, struct rpc_peer *p, bool up)
{
	struct daemon *d = ctx;

	if (up && d->um.post && rpc_peer_ident(p)->role == RPC_HUB)
		post_kick(d->um.post);
}

static void on_change(void *ctx, const struct object *o)
{
	struct daemon *d = ctx;

	if (d->um.member && (!o || o->klass == CLASS_IP_GATEWAY || o->deleted))
		gateways_load(&d->um.gateways, member_replica(d->um.member));
}

static void facts(void *ctx, struct member_facts *f)
{
	struct daemon *d = ctx;

	member_fact(f, "calls", "%zu", d->um.n_calls);
	member_fact(f, "telephones-told", "%zu", d->um.sip ? sip_stack_watched(d->um.sip) : 0);
	member_fact(f, "gateways", "%zu", d->um.gateways.n);
	if (d->um.post)
		member_fact(f, "mail-waiting", "%zu", post_waiting(d->um.post));
}

static void on_metrics(void *ctx, struct metric_set *s)
{
	struct daemon *d = ctx;
	struct sip_stack_stats st = { 0 };

	if (d->um.sip)
		sip_stack_get_stats(d->um.sip, &st);
	metric_set(s, UM_CALLS_NOW, (int64_t)d->um.n_calls);
	metric_set(s, UM_WAITING, d->um.post ? (int64_t)post_waiting(d->um.post) : 0);
	metric_set(s, UM_LATE, d->um.ticker ? (int64_t)ticker_late(d->um.ticker) : 0);
	metric_set(s, UM_UNKNOWN, (int64_t)st.unknown);
}

static bool known(void *ctx, const struct addr *source)
{
	struct um *um = ctx;

	return gateways_find(&um->gateways, source) != NULL;
}

static struct rpc *bus(void *ctx)
{
	struct um *um = ctx;

	return um->member ? member_rpc(um->member) : NULL;
}

static void note_down(void *ctx, const struct guid *server, const char *name, unsigned role, bool up)
{
	(void)server;
	(void)name;
	if (role == RPC_HUB && !up)
		*(bool *)ctx = false;
}

static bool all_hubs_up(void *ctx)
{
	struct um *um = ctx;
	bool up = true;

	links_each(member_links(um->member), note_down, &up);
	return up;
}

static void on_sent(void *ctx)
{
	um_count(ctx, UM_SENT, 1);
}

/* ---- time --------------------------------------------------------------------------------- */

static void on_tick(uv_timer_t *t)
{
	struct daemon *d = t->data;

	call_tick(&d->um, clock_mono_ms());
	mwi_tick(&d->um.mwi, clock_mono_ms());
	if (++d->ticks % RESOLVE_TICKS == 0)
		gateways_resolve(&d->um.gateways);
	if (d->um.draining && d->um.n_calls == 0)
		svc_drained(d->um.svc);
}

/* Calls that run may end; new ones are sent away. */
static void drain(void *ctx)
{
	struct daemon *d = ctx;

	d->um.draining = true;
	if (d->um.n_calls == 0)
		svc_drained(d->um.svc);
}

/* ---- opening -------------------------------------------------------------------------------- */

static void make_folder_of(const char *path)
{
	char *dir = xstrdup(path), *slash = strrchr(dir, '/');

	if (slash && slash != dir) {
		*slash = '\0';
		if (mkdir(dir, 0700) && errno != EEXIST)
			log_warn(NULL, "folder-not-made path=%s errno=%d", dir, errno);
	}
	free(dir);
}

static enum err open_cert(struct daemon *d, struct errbuf *eb)
{
	const struct um_conf *c = &d->um.conf;
	const char *const names[] = { c->hostname, "localhost", "127.0.0.1" };

	make_folder_of(c->cert);
	make_folder_of(c->key);
	return tls_self_signed(c->cert, c->key, names, N_ELEMS(names), CERT_DAYS, eb);
}

static enum err open_member(struct daemon *d, struct errbuf *eb)
{
	const struct member_conf conf = {
		.daemon = "bourse-um", .role = RPC_UM, .loop = d->um.loop,
		.config_dir = svc_conf_dir(d->um.svc), .data_dir = svc_data(d->um.svc),
		.metrics = svc_metrics(d->um.svc), .methods = um_methods,
		.n_methods = um_n_methods, .owner = &d->um.member,
		.dial = RPC_HUB | RPC_MAILBOX,
		.on_peer = on_peer, .on_change = on_change, .facts = facts, .ctx = d,
	};

	return member_open(&conf, eb);
}

static enum err open_post(struct daemon *d, struct errbuf *eb)
{
	char *dir = xasprintf("%s/messages", svc_data(d->um.svc));
	const struct post_conf conf = {
		.loop = d->um.loop, .pool = d->um.pool, .dir = dir,
		.hostname = d->um.conf.hostname, .rpc = bus, .all_hubs_up = all_hubs_up,
		.on_sent = on_sent, .ctx = &d->um,
	};
	enum err e = post_open(&conf, &d->um.post, eb);

	free(dir);
	return e;
}

static enum err open_sip(struct daemon *d, struct errbuf *eb)
{
	const struct um_conf *c = &d->um.conf;
	const struct sip_stack_conf conf = {
		.loop = d->um.loop, .udp = c->udp, .tcp = c->tcp, .tls = c->tls,
		.cert = c->cert, .key = c->key, .client_ca = c->client_ca,
		.per_second = c->per_second, .known = known, .on_invite = call_invite,
		.on_subscribe = mwi_subscribe,
		.ctx = &d->um,
	};

	return sip_stack_open(&conf, &d->um.sip, eb);
}

static void name_host(struct daemon *d)
{
	if (*d->um.conf.hostname)
		return;
	if (gethostname(d->host, sizeof(d->host) - 1) || *d->host == '\0')
		snprintf(d->host, sizeof(d->host), "localhost");
	free(d->um.conf.hostname);
	d->um.conf.hostname = xstrdup(d->host);
}

static enum err open_all(struct daemon *d, struct errbuf *eb)
{
	struct um *um = &d->um;
	struct work_conf wc = { .threads = um->conf.workers, .max_queue = QUEUE };
	enum err e;

	um->loop = wc.loop = svc_loop(um->svc);
	name_host(d);
	gateways_init(&um->gateways, um->loop);
	e = svc_enter(um->svc, eb);
	if (!e)
		e = open_cert(d, eb);
	if (!e)
		e = open_member(d, eb);
	if (e)
		return e;
	um->metrics = metric_join(svc_metrics(um->svc), defs, N_ELEMS(defs), NULL);
	metric_on_read(um->metrics, on_metrics, d);
	um->pool = work_pool_open(&wc);
	um->ticker = ticker_open(um->loop);
	um->beep = clip_tone(BEEP_HZ, BEEP_MS);
	gateways_load(&um->gateways, member_replica(um->member));
	e = voice_open(um->loop, &um->voice, eb);
	if (!e)
		e = open_post(d, eb);
	if (!e)
		e = open_sip(d, eb);
	uv_timer_init(um->loop, &um->second);
	um->second.data = d;
	d->timer = true;
	uv_timer_start(&um->second, on_tick, TICK_MS, TICK_MS);
	return e;
}

/* Calls first: what they recorded goes through the workers to disk. */
static void close_all(struct daemon *d)
{
	struct um *um = &d->um;

	if (um->sip)
		call_close_all(um);
	mwi_fini(&um->mwi);
	sip_stack_close(&um->sip);
	work_pool_close(&um->pool);
	post_close(&um->post);
	voice_close(&um->voice);
	ticker_close(&um->ticker);
	clip_unref(&um->beep);
	if (d->timer)
		uv_close((uv_handle_t *)&um->second, NULL);
	gateways_fini(&um->gateways);
	metric_leave(&um->metrics);
	member_close(&um->member);
}

int main(int argc, char **argv)
{
	struct daemon d = { .ticks = 0 };
	const struct svc_spec spec = {
		.name = "bourse-um",
		.what = "unified messaging: voice mail, telephone access",
		.args = "[enrol TOKEN]",
		.items = um_conf_items, .n_items = um_conf_n_items,
		.conf = &d.um.conf, .check = um_conf_check,
	};
	const struct svc_hooks hooks = { drain, NULL, &d };
	struct errbuf eb = { "" };
	enum err e;

	if (identity_wants_enrol(argc, argv))
		return identity_enrol_main(argc, argv, "bourse-um", RPC_UM);
	list_init(&d.um.calls);
	mwi_init(&d.um.mwi, &d.um);
	e = svc_open(argc, argv, &spec, &d.um.svc, &eb);
	if (!e)
		e = open_all(&d, &eb);
	if (!e)
		svc_run(d.um.svc, &hooks);
	else
		log_error(NULL, "cannot-start err=\"%s\" detail=\"%s\"", err_text(e), eb.text);
	close_all(&d);
	svc_close(&d.um.svc);
	return e ? 1 : 0;
}
