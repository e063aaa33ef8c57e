/* bourse-cas - client access: IMAP and POP3 for the users of the organisation */
#include "roles/client-access/cas.h"
#include "roles/client-access/listeners.h"

#include "common/auth/login.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/replica/issuers.h"
#include "common/replica/member.h"
#include "common/svc/metric.h"
#include "common/svc/svc.h"
#include "common/svc/work.h"
#include "common/tls/conn.h"
#include "common/tls/ctx.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CERT_DAYS   3650	/* of a self-signed certificate */
#define FAREWELL_MS 20		/* between looks at connections that are closing */

struct daemon {
	struct cas cas;			/* first: its first field is what member.h needs */
	struct svc *svc;
	struct net *net;
	struct conn_limits *limits;
	struct tls_ctx *tls;
	struct listeners *listeners;
	struct work_pool *pool;
	bool ready;			/* sessions have all they need */
	uv_timer_t *farewell;		/* while goodbyes are on their way */
	char host[256];
};

/* ---- what the organisation tells us ------------------------------------------------- */

static void on_peer(void *ctx, struct rpc_peer *p, bool up)
{
	struct daemon *d = ctx;

	(void)p;
	if (up && d->ready)
		watches_retry(&d->cas.watches);
}

static void on_change(void *ctx, const struct object *o)
{
	struct daemon *d = ctx;

	if (!d->ready)
		return;
	if (replica_is_about_logins(o))
		replica_tell_login(member_replica(d->cas.member), d->cas.login);
	if (o == NULL)
		listeners_recheck(d->listeners, NULL);
	else if (class_has_mailbox(o->klass) || o->deleted)
		listeners_recheck(d->listeners, &o->guid);
}

static void facts(void *ctx, struct member_facts *f)
{
	struct daemon *d = ctx;

	if (!d->ready)
		return;
	member_fact(f, "imap-sessions", "%zu", listeners_sessions(d->listeners, "imap"));
	member_fact(f, "pop3-sessions", "%zu", listeners_sessions(d->listeners, "pop3"));
	member_fact(f, "mailboxes-watched", "%zu", watches_count(&d->cas.watches));
}

/* ---- what the supervisor tells us ---------------------------------------------------- */

static void timer_closed(uv_handle_t *h)
{
	free(h);
}

static void stop_farewell(struct daemon *d)
{
	if (d->farewell)
		uv_close((uv_handle_t *)d->farewell, timer_closed);
	d->farewell = NULL;
}

/* Sessions are gone; what they said last may not be. */
static void look_again(uv_timer_t *t)
{
	struct daemon *d = t->data;

	if (net_conns(d->net) > 0)
		return;
	stop_farewell(d);
	svc_drained(d->svc);
}

static void all_gone(void *ctx)
{
	struct daemon *d = ctx;

	d->farewell = xcalloc(1, sizeof(*d->farewell));
	d->farewell->data = d;
	uv_timer_init(d->cas.loop, d->farewell);
	uv_timer_start(d->farewell, look_again, 0, FAREWELL_MS);
}

static void drain(void *ctx)
{
	struct daemon *d = ctx;

	listeners_drain(d->listeners, all_gone, d);
}

/* The organisation knows its servers' certificates. */
static void tell_cert(struct daemon *d)
{
	struct tls_cert_info info;

	if (tls_ctx_cert(d->tls, 0, &info) == ERR_OK)
		member_set_cert(d->cas.member, info.pin, info.not_after);
}

static void reload(void *ctx)
{
	struct daemon *d = ctx;
	struct errbuf eb = { "" };

	listeners_reload(d->listeners);
	if (tls_ctx_reload(d->tls, &eb))
		log_error(NULL, "certificate-not-reloaded detail=\"%s\"", eb.text);
	tell_cert(d);
}

/* ---- opening -------------------------------------------------------------------------- */

/* The folder of a file that is going to be made. */
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

static enum err open_tls(struct daemon *d, struct errbuf *eb)
{
	const struct cas_conf *c = &d->cas.conf;
	const struct tls_cert cert = { c->cert, c->key };
	const struct tls_server_conf conf = {
		.certs = &cert, .n_certs = 1,
		.client = c->client_certs ? TLS_CLIENT_ASK : TLS_CLIENT_NONE,
		.client_ca = *c->client_ca ? c->client_ca : NULL,
	};
	const char *const names[] = { c->hostname, "localhost", "127.0.0.1" };
	enum err e;

	make_folder_of(c->cert);
	make_folder_of(c->key);
	e = tls_self_signed(c->cert, c->key, names, N_ELEMS(names), CERT_DAYS, eb);
	return e ? e : tls_server_new(&conf, &d->tls, eb);
}

static enum err open_login(struct daemon *d)
{
	struct login_conf conf = {
		.source = replica_credentials(member_replica(d->cas.member)),
		.pepper = *member_pepper(d->cas.member),
		.params = PASSWORD_DEFAULTS,
	};
	const struct work_conf work = {
		.loop = d->cas.loop,
		.threads = d->cas.conf.auth_threads,
		.max_queue = d->cas.conf.auth_queue,
	};

	d->pool = work_pool_open(&work);
	conf.pool = d->pool;
	d->cas.login = login_new(&conf);
	explicit_bzero(&conf.pepper, sizeof(conf.pepper));
	replica_tell_login(member_replica(d->cas.member), d->cas.login);
	return ERR_OK;
}

static enum err open_member(struct daemon *d, struct errbuf *eb)
{
	const struct member_conf conf = {
		.daemon = "bourse-cas", .role = RPC_CAS, .loop = d->cas.loop,
		.config_dir = svc_conf_dir(d->svc), .data_dir = svc_data(d->svc),
		.metrics = svc_metrics(d->svc),
		.owner = &d->cas.member, .dial = RPC_MAILBOX,
		.on_peer = on_peer, .on_change = on_change, .facts = facts, .ctx = d,
	};

	return member_open(&conf, eb);
}

static void name_host(struct daemon *d)
{
	if (*d->cas.conf.hostname)
		return;
	if (gethostname(d->host, sizeof(d->host) - 1) || *d->host == '\0')
		snprintf(d->host, sizeof(d->host), "localhost");
	free(d->cas.conf.hostname);
	d->cas.conf.hostname = xstrdup(d->host);
}

static enum err open_all(struct daemon *d, struct errbuf *eb)
{
	struct cas *cas = &d->cas;
	enum err e;

	cas->loop = svc_loop(d->svc);
	name_host(d);
	cas_metrics_open(cas, svc_metrics(d->svc));
	d->net = net_open(cas->loop);
	d->limits = conn_limits_new(cas->conf.max_connections, cas->conf.per_source);
	/* While we may still bind ports below 1024. */
	e = listeners_open(cas, d->net, d->limits, &d->listeners, eb);
	if (!e)
		e = svc_enter(d->svc, eb);
	if (!e)
		e = open_tls(d, eb);
	if (!e)
		e = open_member(d, eb);
	if (!e)
		e = open_login(d);
	if (e)
		return e;
	tell_cert(d);
	listeners_ready(d->listeners, d->tls);
	d->ready = true;
	return ERR_OK;
}

static void close_all(struct daemon *d)
{
	stop_farewell(d);
	d->ready = false;
	listeners_close(&d->listeners);
	if (d->net)
		net_close(&d->net);
	conn_limits_free(&d->limits);
	login_free(&d->cas.login);
	work_pool_close(&d->pool);
	watches_fini(&d->cas.watches);
	uid_maps_fini(&d->cas.uid_maps);
	users_fini(&d->cas.users);
	cas_metrics_close(&d->cas);
	member_close(&d->cas.member);
	tls_ctx_unref(&d->tls);
}

int main(int argc, char **argv)
{
	struct daemon d = { 0 };
	const struct svc_spec spec = {
		.name = "bourse-cas",
		.what = "client access: IMAP and POP3",
		.args = "[enrol TOKEN]",
		.items = cas_conf_items, .n_items = cas_conf_n_items,
		.conf = &d.cas.conf, .check = cas_conf_check,
	};
	const struct svc_hooks hooks = { drain, reload, &d };
	struct errbuf eb = { "" };
	enum err e;

	if (identity_wants_enrol(argc, argv))
		return identity_enrol_main(argc, argv, "bourse-cas", RPC_CAS);
	watches_init(&d.cas.watches, &d.cas);
	uid_maps_init(&d.cas.uid_maps);
	users_init(&d.cas.users);
	e = svc_open(argc, argv, &spec, &d.svc, &eb);
	if (!e)
		e = open_all(&d, &eb);
	if (!e)
		svc_run(d.svc, &hooks);
	else
		log_error(NULL, "cannot-start err=\"%s\" detail=\"%s\"", err_text(e), eb.text);
	close_all(&d);
	svc_close(&d.svc);
	return e ? 1 : 0;
}
