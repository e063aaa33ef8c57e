#include "roles/client-access/listeners.h"

#include "common/base/check.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include "roles/client-access/cas.h"
#include "roles/client-access/imap/session.h"
#include "roles/client-access/pop3/session.h"
#include <stdio.h>
#include <stdlib.h>

struct port {
	struct listeners *all;
	const struct front_protocol *protocol;
	struct listener *listener;
};

struct front {				/* one connection and its session */
	struct list node;
	struct listeners *all;
	const struct front_protocol *protocol;
	struct conn *conn;
	void *session;
	struct log_ctx log;
};

enum { PORT_IMAP, PORT_IMAPS, PORT_POP3, PORT_POP3S, N_PORTS };

struct listeners {
	struct cas *cas;
	struct tls_ctx *tls;
	struct conn_limits *limits;
	struct port ports[N_PORTS];
	struct list fronts;
	uint64_t last_sid;
	void (*empty)(void *ctx);	/* draining: told when the last one left */
	void *empty_ctx;
};

static const struct {
	const char *name;
	const struct front_protocol *protocol;
	size_t addrs;			/* offset of the setting */
	uint16_t port;
	bool tls;
} port_specs[N_PORTS] = {
	[PORT_IMAP] = { "imap", &imap_protocol, offsetof(struct cas_conf, imap), 143, false },
	[PORT_IMAPS] = { "imaps", &imap_protocol, offsetof(struct cas_conf, imaps), 993, true },
	[PORT_POP3] = { "pop3", &pop3_protocol, offsetof(struct cas_conf, pop3), 110, false },
	[PORT_POP3S] = { "pop3s", &pop3_protocol, offsetof(struct cas_conf, pop3s), 995, true },
};

/* ---- what a session sees ---------------------------------------------------------- */

static void io_send(void *ctx, const void *p, size_t n)
{
	struct front *f = ctx;

	conn_send(f->conn, p, n);
}

static bool io_is_full(void *ctx)
{
	struct front *f = ctx;

	return conn_is_full(f->conn);
}

static void io_pause(void *ctx, bool on)
{
	struct front *f = ctx;

	if (on)
		conn_pause(f->conn);
	else
		conn_resume(f->conn);
}

static void io_starttls(void *ctx)
{
	struct front *f = ctx;

	conn_starttls(f->conn, f->all->tls, NULL);
}

static void io_set_idle(void *ctx, int64_t ms)
{
	struct front *f = ctx;

	conn_set_idle(f->conn, ms);
}

static void io_proof(void *ctx, struct conn_proof *out)
{
	struct front *f = ctx;

	conn_proof(f->conn, out);
}

/* The last thing of a front, whoever ended it. */
static void front_free(struct front *f)
{
	struct listeners *l = f->all;

	f->protocol->close(&f->session);
	list_del(&f->node);
	cas_count(l->cas, CAS_SESSIONS, -1);
	free(f);
	if (l->empty && list_empty(&l->fronts))
		l->empty(l->empty_ctx);
}

static void io_hangup(void *ctx)
{
	struct front *f = ctx;

	conn_close(&f->conn);
	front_free(f);
}

/* ---- what a connection says ---------------------------------------------------------- */

static void open_session(struct front *f)
{
	const struct front_io io = { io_send, io_is_full, io_pause, io_starttls, io_set_idle,
				     io_proof, io_hangup, f };
	const struct front_peer peer = {
		.addr = *conn_peer(f->conn), .tls = conn_is_tls(f->conn), .log = f->log,
	};

	f->session = f->protocol->open(f->all->cas, &io, &peer);
}

/* Connected, or, with TLS from the first byte, after its handshake; and again after
 * the one of STARTTLS. */
static void on_ready(void *ctx)
{
	struct front *f = ctx;

	if (f->session)
		f->protocol->secured(f->session);
	else
		open_session(f);
}

static void on_data(void *ctx, const char *p, size_t n)
{
	struct front *f = ctx;

	if (f->session)
		f->protocol->feed(f->session, p, n);
}

static void on_drain(void *ctx)
{
	struct front *f = ctx;

	if (f->session)
		f->protocol->drained(f->session);
}

static void on_idle(void *ctx)
{
	struct front *f = ctx;

	if (f->session)
		f->protocol->idled(f->session);
	else
		io_hangup(f);
}

static void on_close(void *ctx, enum conn_end end, const char *detail)
{
	struct front *f = ctx;

	log_debug(&f->log, "disconnect why=%s detail=%s", conn_end_text(end),
		  detail ? detail : "");
	f->conn = NULL;
	front_free(f);
}

static const struct conn_events events = {
	.on_ready = on_ready,
	.on_data = on_data,
	.on_drain = on_drain,
	.on_idle = on_idle,
	.on_close = on_close,
};

static void on_accept(void *ctx, struct conn *c)
{
	struct port *p = ctx;
	struct listeners *l = p->all;
	struct front *f = xcalloc(1, sizeof(*f));
	char addr[ADDR_TEXT];

	f->all = l;
	f->protocol = p->protocol;
	f->conn = c;
	snprintf(f->log.tags, sizeof(f->log.tags), "proto=%s sid=%llu", f->protocol->name,
		 (unsigned long long)++l->last_sid);
	list_add_tail(&l->fronts, &f->node);
	cas_count(l->cas, CAS_SESSIONS, 1);
	log_debug(&f->log, "connect addr=%s", addr_text(conn_peer(c), addr));
	conn_attach(c, &events, f);
	conn_set_idle(c, l->cas->conf.login_ms);
}

/* ---- all of them ------------------------------------------------------------------------ */

static enum err port_open(struct listeners *l, struct net *net, size_t i, struct errbuf *eb)
{
	struct port *p = &l->ports[i];
	char *const *addrs = *(char **const *)(const void *)((const char *)&l->cas->conf +
						       port_specs[i].addrs);
	const struct listener_conf conf = {
		.addrs = (const char *const *)addrs,
		.default_port = port_specs[i].port,
		.limits = l->limits,
		.busy_text = port_specs[i].protocol->busy_text,
		.on_accept = on_accept,
		.ctx = p,
	};

	p->all = l;
	p->protocol = port_specs[i].protocol;
	if (addrs[0] == NULL || addrs[0][0] == '\0')
		return ERR_OK;
	return listener_open(net, &conf, &p->listener, eb);
}

enum err listeners_open(struct cas *cas, struct net *net, struct conn_limits *limits,
			struct listeners **out, struct errbuf *eb)
{
	struct listeners *l = xcalloc(1, sizeof(*l));
	enum err e = ERR_OK;

	l->cas = cas;
	l->limits = limits;
	list_init(&l->fronts);
	*out = l;
	for (size_t i = 0; i < N_PORTS && !e; i++)
		e = port_open(l, net, i, eb);
	if (e)
		listeners_close(out);
	return e;
}

void listeners_ready(struct listeners *l, struct tls_ctx *tls)
{
	l->tls = tls_ctx_ref(tls);
	for (size_t i = 0; i < N_PORTS; i++)
		if (port_specs[i].tls && l->ports[i].listener)
			listener_set_tls(l->ports[i].listener, tls);
}

static void stop_accepting(struct listeners *l)
{
	for (size_t i = 0; i < N_PORTS; i++)
		listener_close(&l->ports[i].listener);
}

void listeners_close(struct listeners **lp)
{
	struct listeners *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	stop_accepting(l);
	l->empty = NULL;
	LIST_EACH (&l->fronts, n) {
		struct front *f = CONTAINER_OF(n, struct front, node);

		conn_abort(&f->conn);
		front_free(f);
	}
	tls_ctx_unref(&l->tls);
	free(l);
}

void listeners_drain(struct listeners *l, void (*empty)(void *ctx), void *ctx)
{
	stop_accepting(l);
	LIST_EACH (&l->fronts, n) {
		struct front *f = CONTAINER_OF(n, struct front, node);

		if (f->session)
			f->protocol->shutdown(f->session);
		else
			io_hangup(f);
	}
	l->empty = empty;
	l->empty_ctx = ctx;
	if (list_empty(&l->fronts))
		empty(ctx);
}

void listeners_reload(struct listeners *l)
{
	conn_limits_set(l->limits, l->cas->conf.max_connections, l->cas->conf.per_source);
}

void listeners_recheck(struct listeners *l, const struct guid *who)
{
	LIST_EACH (&l->fronts, n) {
		struct front *f = CONTAINER_OF(n, struct front, node);

		if (f->session)
			f->protocol->recheck(f->session, who);
	}
}

size_t listeners_sessions(const struct listeners *l, const char *protocol)
{
	size_t sum = 0;

	LIST_EACH (&l->fronts, n)
		if (strcmp(CONTAINER_OF(n, struct front, node)->protocol->name, protocol) == 0)
			sum++;
	return sum;
}
