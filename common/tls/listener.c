/* Listening sockets and the limits of what they let in. */
#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/tls/conn_priv.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG 1024

/* ---- limits -------------------------------------------------------------------- */

#define SOURCE_KEY 17		/* family and address of struct addr, which begin it */

struct source {
	struct hash_node node;
	struct addr addr;
	size_t n;
};

struct conn_limits {
	size_t total, per_source;	/* 0: none */
	size_t n;
	struct hash sources;
};

struct conn_limits *conn_limits_new(size_t total, size_t per_source)
{
	struct conn_limits *l = xcalloc(1, sizeof(*l));

	conn_limits_set(l, total, per_source);
	hash_init(&l->sources);
	return l;
}

void conn_limits_set(struct conn_limits *l, size_t total, size_t per_source)
{
	l->total = total;
	l->per_source = per_source;
}

size_t conn_limits_total(const struct conn_limits *l)
{
	return l->n;
}

void conn_limits_free(struct conn_limits **lp)
{
	struct conn_limits *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	CHECK(l->n == 0);
	hash_fini(&l->sources);
	free(l);
}

bool conn_limits_enter(struct conn_limits *l, const struct addr *source)
{
	struct hash_node *node = hash_find(&l->sources, source, SOURCE_KEY);
	struct source *s = node ? CONTAINER_OF(node, struct source, node) : NULL;

	if ((l->total && l->n >= l->total) || (l->per_source && s && s->n >= l->per_source))
		return false;
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s));
		s->addr = *source;
		hash_add(&l->sources, &s->node, &s->addr, SOURCE_KEY);
	}
	s->n++;
	l->n++;
	return true;
}

void conn_limits_leave(struct conn_limits *l, const struct addr *source)
{
	struct hash_node *node = hash_find(&l->sources, source, SOURCE_KEY);
	struct source *s;

	CHECK(node != NULL && l->n > 0);
	s = CONTAINER_OF(node, struct source, node);
	l->n--;
	if (--s->n > 0)
		return;
	hash_del(&l->sources, node);
	free(s);
}

/* ---- listeners ------------------------------------------------------------------- */

struct port {
	uv_tcp_t tcp;
	struct listener *owner;
};

struct listener {
	struct listener_conf conf;
	struct net *net;
	struct port *ports;
	size_t n_ports, n_open;		/* handles not yet closed */
	uint64_t refused;
};

static void listener_free(struct listener *l)
{
	net_release(l->net);
	tls_ctx_unref(&l->conf.tls);
	free(l->ports);
	free(l);
}

static void on_port_closed(uv_handle_t *h)
{
	struct port *p = h->data;

	if (--p->owner->n_open == 0)
		listener_free(p->owner);
}

/* Over a limit: a word if the protocol has one, and goodbye. */
static void refuse(struct listener *l, struct conn *c)
{
	uv_buf_t text;

	l->refused++;
	if (l->conf.busy_text && l->conf.tls == NULL) {
		text = uv_buf_init((char *)l->conf.busy_text, (unsigned)strlen(l->conf.busy_text));
		(void)uv_try_write(conn_stream(c), &text, 1);
	}
	conn_drop(c);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct port *p = server->data;
	struct listener *l = p->owner;
	struct sockaddr_storage ss;
	int len = sizeof(ss);
	struct addr peer, source;
	struct conn *c;

	if (status < 0)
		return;
	c = conn_new(l->net);
	if (uv_accept(server, conn_stream(c)) ||
	    uv_tcp_getpeername((uv_tcp_t *)conn_stream(c), (struct sockaddr *)&ss, &len)) {
		conn_drop(c);		/* gone before we came to it */
		return;
	}
	addr_from_sockaddr((struct sockaddr *)&ss, &peer);
	source = addr_source(&peer);
	if (l->conf.limits && !conn_limits_enter(l->conf.limits, &source)) {
		refuse(l, c);
		return;
	}
	conn_accepted(c, l->conf.tls, l->conf.limits, &peer);
	l->conf.on_accept(l->conf.ctx, c);	/* attached or aborted now */
}

static enum err listen_error(struct errbuf *eb, int r, const char *where)
{
	enum err e = r == UV_EADDRINUSE ? ERR_EXISTS
		     : r == UV_EACCES   ? ERR_DENIED
		     : r == UV_EMFILE   ? ERR_AGAIN
					: ERR_INVALID;

	return err_set(eb, e, "listen on %s: %s", where, uv_strerror(r));
}

static enum err port_open(struct port *p, const char *where, struct errbuf *eb)
{
	const struct listener_conf *conf = &p->owner->conf;
	struct sockaddr_storage ss;
	struct addr a;
	int r;

	if (addr_parse(where, conf->default_port, &a))
		return err_set(eb, ERR_INVALID, "listen: not an address: %.60s", where);
	addr_to_sockaddr(&a, &ss);
	uv_tcp_init(p->owner->net->loop, &p->tcp);
	p->tcp.data = p;
	p->owner->n_open++;
	p->owner->n_ports++;
	r = uv_tcp_bind(&p->tcp, (struct sockaddr *)&ss, 0);	/* SO_REUSEADDR is libuv's default */
	if (r == UV_EAFNOSUPPORT && where[0] == '*') {		/* a host without IPv6 */
		a.family = 4;
		addr_to_sockaddr(&a, &ss);
		r = uv_tcp_bind(&p->tcp, (struct sockaddr *)&ss, 0);
	}
	if (r == 0) {
		conn_tune(&p->tcp);	/* what is accepted inherits it: five calls less */
		r = uv_listen((uv_stream_t *)&p->tcp, conf->backlog ? conf->backlog : BACKLOG,
			      on_connection);
	}
	return r ? listen_error(eb, r, where) : ERR_OK;
}

enum err listener_open(struct net *n, const struct listener_conf *conf, struct listener **out,
		       struct errbuf *eb)
{
	struct listener *l = xcalloc(1, sizeof(*l));
	enum err e = ERR_OK;
	size_t n_addrs = 0;

	*out = NULL;
	while (conf->addrs[n_addrs])
		n_addrs++;
	l->conf = *conf;
	l->conf.addrs = NULL;
	l->conf.tls = conf->tls ? tls_ctx_ref(conf->tls) : NULL;
	l->net = n;
	n->refs++;
	l->ports = xcalloc(n_addrs + 1, sizeof(*l->ports));
	for (size_t i = 0; e == ERR_OK && i < n_addrs; i++) {
		l->ports[i].owner = l;
		e = port_open(&l->ports[i], conf->addrs[i], eb);
	}
	if (e)
		listener_close(&l);
	*out = l;
	return e;
}

void listener_set_tls(struct listener *l, struct tls_ctx *tls)
{
	struct tls_ctx *old = l->conf.tls;

	l->conf.tls = tls_ctx_ref(tls);
	tls_ctx_unref(&old);
}

void listener_close(struct listener **lp)
{
	struct listener *l = *lp;
	size_t n;

	*lp = NULL;
	if (l == NULL)
		return;
	n = l->n_ports;
	if (n == 0)			/* nothing whose closing would free it */
		listener_free(l);
	for (size_t i = 0; i < n; i++)
		uv_close((uv_handle_t *)&l->ports[i].tcp, on_port_closed);
}

uint16_t listener_port(const struct listener *l, size_t i)
{
	struct sockaddr_storage ss;
	int len = sizeof(ss);
	struct addr a = { 0 };

	if (i < l->n_ports && uv_tcp_getsockname(&l->ports[i].tcp, (struct sockaddr *)&ss, &len) == 0)
		addr_from_sockaddr((struct sockaddr *)&ss, &a);
	return a.port;
}

uint64_t listener_refused(const struct listener *l)
{
	return l->refused;
}
