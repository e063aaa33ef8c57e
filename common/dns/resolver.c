#include "common/dns/resolver.h"

#include "common/base/check.h"
#include "common/base/list.h"
#include "common/dns/cache.h"
#include "common/dns/parse.h"
#include <ares.h>
#include <arpa/nameser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS  3000
#define TRIES	    3
#define MAX_QUERIES 4096
#define TYPE_AAAA   28

/* One socket of c-ares, watched. */
struct sock {
	uv_poll_t poll;
	struct list node;
	struct resolver *r;
	ares_socket_t fd;
};

struct resolver {
	uv_loop_t *loop;
	ares_channel channel;
	uv_timer_t timer;
	struct list socks, queries;
	size_t n_queries, max_queries;
	unsigned tick_ms;
	bool no_ipv6, closed;
	struct dns_cache *cache;	/* NULL: none */
	unsigned refs;			/* the timer, sockets not yet closed, questions */
};

enum kind { ASK_MX, ASK_HOST, ASK_PTR, ASK_TXT };

/*
 * A question of the owner.  It may take several questions to the server: `open`
 * counts those under way.  The object lives until the last of them is answered,
 * also when the owner cancelled (cb is then NULL).
 */
struct dns_query {
	struct list node;
	struct resolver *r;
	enum kind kind;
	union {
		dns_mx_cb *mx;
		dns_host_cb *host;
		dns_text_cb *text;
	} cb;
	void *ctx;
	bool cancelled;
	unsigned open;
	enum err early;			/* decided without asking; told by `later` */
	uv_timer_t later;
	struct dns_mx mx;
	struct target *targets;		/* hosts whose addresses are asked for */
	size_t n_targets;
	struct dns_texts texts;
	char detail[160];
	char name[256];
};

#define HALF (DNS_MAX_ADDRS / 2)

/* A host and its two questions. */
struct target {
	struct dns_query *q;
	struct dns_host host;
	struct addr addrs[DNS_MAX_ADDRS];	/* n_v6 of IPv6, then those of IPv4 */
	struct addr v4[HALF];
	size_t n_v6, n_v4;			/* each at most HALF */
	enum err worst;			/* AGAIN if any question failed temporarily */
};

static void release(struct resolver *r)
{
	if (--r->refs > 0)
		return;
	dns_cache_free(&r->cache);
	free(r);
}

/* ---- c-ares on the loop ----------------------------------------------------------- */

static void on_timer(uv_timer_t *t)
{
	struct resolver *r = t->data;

	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	struct sock *s = CONTAINER_OF(p, struct sock, poll);
	ares_socket_t fd = s->fd;

	if (status < 0)
		events = UV_READABLE | UV_WRITABLE;
	/* s may be gone after this. */
	ares_process_fd(s->r->channel, events & UV_READABLE ? fd : ARES_SOCKET_BAD,
			events & UV_WRITABLE ? fd : ARES_SOCKET_BAD);
}

static void on_sock_closed(uv_handle_t *h)
{
	struct sock *s = CONTAINER_OF((uv_poll_t *)(void *)h, struct sock, poll);

	release(s->r);
	free(s);
}

static struct sock *find_sock(struct resolver *r, ares_socket_t fd)
{
	LIST_EACH (&r->socks, n) {
		struct sock *s = CONTAINER_OF(n, struct sock, node);

		if (s->fd == fd)
			return s;
	}
	return NULL;
}

static void on_sock_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
	struct resolver *r = ctx;
	struct sock *s = find_sock(r, fd);

	if (!readable && !writable) {
		if (s) {
			list_del(&s->node);
			uv_close((uv_handle_t *)&s->poll, on_sock_closed);
		}
		return;
	}
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s));
		s->r = r;
		s->fd = fd;
		CHECK(uv_poll_init(r->loop, &s->poll, fd) == 0);
		list_add_tail(&r->socks, &s->node);
		r->refs++;
	}
	uv_poll_start(&s->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_poll);
}

/* ---- life ---------------------------------------------------------------------------- */

static enum err ares_error(struct errbuf *eb, const char *what, int status)
{
	return err_set(eb, status == ARES_ENOMEM ? ERR_AGAIN : ERR_INVALID, "%s: %s", what,
		       ares_strerror(status));
}

static enum err set_servers(struct resolver *r, const char *const *servers, struct errbuf *eb)
{
	struct ares_addr_port_node *nodes, *at;
	enum err e = ERR_OK;
	struct addr a;
	size_t n = 0;
	int status;

	while (servers && servers[n])
		n++;
	if (n == 0)
		return ERR_OK;
	nodes = xcalloc(n, sizeof(*nodes));
	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		if (addr_parse(servers[i], 53, &a)) {
			e = err_set(eb, ERR_INVALID, "nameserver: not an address: %.60s", servers[i]);
			break;
		}
		at = &nodes[i];
		at->next = i + 1 < n ? at + 1 : NULL;
		at->family = a.family == 4 ? AF_INET : AF_INET6;
		memcpy(&at->addr, a.ip, a.family == 4 ? 4 : 16);
		at->udp_port = at->tcp_port = a.port;
	}
	if (e == ERR_OK) {
		status = ares_set_servers_ports(r->channel, nodes);
		if (status != ARES_SUCCESS)
			e = ares_error(eb, "nameserver", status);
	}
	free(nodes);
	return e;
}

enum err resolver_open(const struct resolver_conf *conf, struct resolver **out, struct errbuf *eb)
{
	struct resolver *r = xcalloc(1, sizeof(*r));
	struct ares_options o = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
		.timeout = (int)(conf->timeout_ms ? conf->timeout_ms : TIMEOUT_MS),
		.tries = (int)(conf->tries ? conf->tries : TRIES),
		.sock_state_cb = on_sock_state,
		.sock_state_cb_data = r,
		.ednspsz = 1232,
	};
	int status;
	enum err e;

	*out = NULL;
	CHECK(ares_library_init(ARES_LIB_INIT_NONE) == ARES_SUCCESS);
	status = ares_init_options(&r->channel, &o,
				   ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
					   ARES_OPT_SOCK_STATE_CB | ARES_OPT_EDNSPSZ);
	if (status != ARES_SUCCESS) {
		free(r);
		return ares_error(eb, "resolver", status);
	}
	r->loop = conf->loop;
	r->no_ipv6 = conf->no_ipv6;
	r->max_queries = conf->max_queries ? conf->max_queries : MAX_QUERIES;
	r->cache = conf->cache ? dns_cache_new(conf->cache) : NULL;
	/* How late a time-out may be noticed. */
	r->tick_ms = (unsigned)o.timeout < 400 ? (unsigned)o.timeout / 4 + 1 : 100;
	list_init(&r->socks);
	list_init(&r->queries);
	r->refs = 1;
	e = set_servers(r, conf->servers, eb);
	if (e) {
		ares_destroy(r->channel);
		dns_cache_free(&r->cache);
		free(r);
		return e;
	}
	uv_timer_init(r->loop, &r->timer);
	r->timer.data = r;
	*out = r;
	return ERR_OK;
}

static void on_resolver_closed(uv_handle_t *h)
{
	release(h->data);
}

void resolver_close(struct resolver **rp)
{
	struct resolver *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	r->closed = true;
	LIST_EACH (&r->queries, n) {
		struct dns_query *q = CONTAINER_OF(n, struct dns_query, node);

		dns_cancel(&q);
	}
	ares_destroy(r->channel);	/* answers what is open; nobody listens */
	ares_library_cleanup();
	uv_close((uv_handle_t *)&r->timer, on_resolver_closed);
}

/* ---- questions ------------------------------------------------------------------------ */

static void query_free(struct dns_query *q)
{
	struct resolver *r = q->r;

	list_del(&q->node);
	if (--r->n_queries == 0 && !r->closed)
		uv_timer_stop(&r->timer);
	dns_texts_fini(&q->texts);
	free((void *)q->mx.hosts);
	free(q->targets);
	free(q);
	release(r);
}

static void tell(struct dns_query *q, enum err e)
{
	static const struct dns_mx no_mx;
	static const struct dns_host no_host;

	if (q->cancelled)
		return;
	q->cancelled = true;		/* exactly once */
	switch (q->kind) {
	case ASK_MX:
		q->cb.mx(q->ctx, e, e && q->n_targets == 0 ? &no_mx : &q->mx, q->detail);
		break;
	case ASK_HOST:
		q->cb.host(q->ctx, e, q->targets ? &q->targets[0].host : &no_host);
		break;
	case ASK_PTR:
	case ASK_TXT:
		q->cb.text(q->ctx, e, e ? NULL : (const char *const *)q->texts.s,
			   e ? 0 : q->texts.n);
		break;
	}
}

static void on_later_closed(uv_handle_t *h)
{
	query_free(h->data);
}

/* Answers never come from inside the call that asked. */
static void on_later(uv_timer_t *t)
{
	struct dns_query *q = t->data;

	tell(q, q->early);
	uv_close((uv_handle_t *)t, on_later_closed);
}

static void decide_later(struct dns_query *q, enum err e, const char *why)
{
	q->early = e;
	snprintf(q->detail, sizeof(q->detail), "%s", why);
	uv_timer_init(q->r->loop, &q->later);
	q->later.data = q;
	uv_timer_start(&q->later, on_later, 0, 0);
}

static struct dns_query *query_new(struct resolver *r, enum kind kind, void *ctx)
{
	struct dns_query *q = xcalloc(1, sizeof(*q));

	CHECK(!r->closed);
	q->r = r;
	q->kind = kind;
	q->ctx = ctx;
	list_init(&q->node);
	list_add_tail(&r->queries, &q->node);
	r->refs++;
	if (r->n_queries++ == 0)
		uv_timer_start(&r->timer, on_timer, r->tick_ms, r->tick_ms);
	return q;
}

/* False: the question is answered already (later). */
static bool admit(struct dns_query *q, const char *name)
{
	if (q->r->n_queries > q->r->max_queries) {
		decide_later(q, ERR_LIMIT, "too many questions");
		return false;
	}
	if (dns_name_copy(name, q->name, sizeof(q->name))) {
		decide_later(q, ERR_INVALID, "not a name");
		return false;
	}
	return true;
}

void dns_cancel(struct dns_query **qp)
{
	struct dns_query *q = *qp;

	*qp = NULL;
	if (q)
		q->cancelled = true;
}

/* ---- one question to the server, or to what it said before --------------------------------- */

struct question {
	struct resolver *r;
	ares_callback cb;
	void *arg;
	int type;
	char name[256];
};

static void on_answer(void *arg, int status, int timeouts, unsigned char *reply, int len)
{
	struct question *k = arg;

	/* When the channel is closed the resolver is only memory. */
	if (!k->r->closed && k->r->cache)
		dns_cache_put(k->r->cache, k->name, k->type, (int64_t)uv_now(k->r->loop), status,
			      reply, len);
	k->cb(k->arg, status, timeouts, reply, len);
	free(k);
}

/* cb may be called from inside. */
static void ask(struct resolver *r, const char *name, int type, ares_callback cb, void *arg)
{
	const unsigned char *reply;
	struct question *k;
	int status, len;

	if (r->cache && dns_cache_get(r->cache, name, type, (int64_t)uv_now(r->loop), &status,
				      &reply, &len)) {
		cb(arg, status, 0, (unsigned char *)(uintptr_t)reply, len);
		return;
	}
	k = xcalloc(1, sizeof(*k));
	*k = (struct question){ .r = r, .cb = cb, .arg = arg, .type = type };
	strcpy(k->name, name);
	ares_query(r->channel, name, ns_c_in, type, on_answer, k);
}

/* ---- hosts ------------------------------------------------------------------------------- */

/* All questions of q are answered. */
static void finish_hosts(struct dns_query *q)
{
	bool any = false, temporary = false;

	for (size_t i = 0; i < q->n_targets; i++) {
		struct target *t = &q->targets[i];

		memcpy(t->addrs + t->n_v6, t->v4, t->n_v4 * sizeof(t->v4[0]));
		t->host.n_addrs = t->n_v6 + t->n_v4;
		t->host.addrs = t->addrs;
		t->host.e = t->host.n_addrs ? ERR_OK : t->worst;
		any = any || t->host.n_addrs > 0;
		temporary = temporary || t->host.e == ERR_AGAIN;
	}
	if (q->kind == ASK_MX) {
		struct dns_host *hosts = xcalloc(q->n_targets + 1, sizeof(*hosts));

		for (size_t i = 0; i < q->n_targets; i++)
			hosts[i] = q->targets[i].host;
		q->mx.hosts = hosts;
		q->mx.n_hosts = q->n_targets;
	}
	if (!any && q->detail[0] == '\0')
		snprintf(q->detail, sizeof(q->detail), "no address");
	tell(q, any ? ERR_OK : temporary ? ERR_AGAIN : ERR_NOTFOUND);
	query_free(q);
}

static void got_addrs(struct target *t, int status, const unsigned char *reply, int len, bool v6)
{
	struct dns_query *q = t->q;
	enum err e = dns_status(status, reply, len);

	if (e == ERR_OK)
		e = v6 ? dns_parse_addrs(reply, len, TYPE_AAAA, t->addrs, &t->n_v6, HALF)
		       : dns_parse_addrs(reply, len, ns_t_a, t->v4, &t->n_v4, HALF);
	if (e == ERR_OK && !dns_is_authentic(reply, len))
		q->mx.authentic = false;
	if (e == ERR_AGAIN)
		t->worst = ERR_AGAIN;
	if (--q->open == 0)
		finish_hosts(q);
}

static void on_v4(void *arg, int status, int timeouts, unsigned char *reply, int len)
{
	(void)timeouts;
	got_addrs(arg, status, reply, len, false);
}

static void on_v6(void *arg, int status, int timeouts, unsigned char *reply, int len)
{
	(void)timeouts;
	got_addrs(arg, status, reply, len, true);
}

/* c-ares may answer from inside ares_query(); one question of our own holds the
 * others until all are asked. */
static void ask_hosts(struct dns_query *q)
{
	struct resolver *r = q->r;

	q->open++;
	for (size_t i = 0; i < q->n_targets; i++) {
		struct target *t = &q->targets[i];

		t->q = q;
		t->worst = ERR_NOTFOUND;
		q->open++;
		ask(r, t->host.name, ns_t_a, on_v4, t);
		if (r->no_ipv6)
			continue;
		q->open++;
		ask(r, t->host.name, TYPE_AAAA, on_v6, t);
	}
	if (--q->open == 0)
		finish_hosts(q);
}

static void on_ask_closed(uv_handle_t *h)
{
	struct dns_query *q = h->data;

	if (q->cancelled)
		query_free(q);
	else
		ask_hosts(q);
}

static void on_ask_hosts(uv_timer_t *t)
{
	uv_close((uv_handle_t *)t, on_ask_closed);
}

/* Begin from the loop, so that even an answer given at once comes from there. */
static void begin(struct dns_query *q, uv_timer_cb cb)
{
	uv_timer_init(q->r->loop, &q->later);
	q->later.data = q;
	uv_timer_start(&q->later, cb, 0, 0);
}

struct dns_query *dns_host(struct resolver *r, const char *name, dns_host_cb *cb, void *ctx)
{
	struct dns_query *q = query_new(r, ASK_HOST, ctx);

	q->cb.host = cb;
	if (!admit(q, name))
		return q;
	q->targets = xcalloc(1, sizeof(*q->targets));
	q->n_targets = 1;
	strcpy(q->targets[0].host.name, q->name);
	begin(q, on_ask_hosts);
	return q;
}

/* ---- MX ------------------------------------------------------------------------------------ */

static void ask_implicit(struct dns_query *q)
{
	q->mx.implicit = true;
	q->targets = xcalloc(1, sizeof(*q->targets));
	q->n_targets = 1;
	strcpy(q->targets[0].host.name, q->name);
	ask_hosts(q);
}

static void on_mx(void *arg, int status, int timeouts, unsigned char *reply, int len)
{
	struct dns_mx_record records[DNS_MAX_HOSTS];
	struct dns_query *q = arg;
	enum err e = dns_status(status, reply, len);
	size_t n = 0;

	(void)timeouts;
	q->open--;
	if (e == ERR_OK)
		e = dns_parse_mx(reply, len, records, &n, DNS_MAX_HOSTS);
	q->mx.authentic = reply && dns_is_authentic(reply, len);
	if (e == ERR_NOTFOUND && status != ARES_ENOTFOUND && !q->cancelled) {
		ask_implicit(q);	/* the name is there, without an MX */
		return;
	}
	if (e || q->cancelled) {
		snprintf(q->detail, sizeof(q->detail), "MX: %s",
			 e == ERR_DENIED    ? "the domain accepts no mail"
			 : e == ERR_INVALID ? "no host in it is usable"
					    : ares_strerror(status));
		tell(q, e == ERR_INVALID ? ERR_NOTFOUND : e);
		query_free(q);
		return;
	}
	q->targets = xcalloc(n, sizeof(*q->targets));
	q->n_targets = n;
	for (size_t i = 0; i < n; i++) {
		q->targets[i].host.preference = records[i].preference;
		strcpy(q->targets[i].host.name, records[i].name);
	}
	ask_hosts(q);
}

static void on_mx_closed(uv_handle_t *h)
{
	struct dns_query *q = h->data;

	if (q->cancelled) {
		query_free(q);
		return;
	}
	q->open++;
	ask(q->r, q->name, ns_t_mx, on_mx, q);
}

static void on_ask_mx(uv_timer_t *t)
{
	uv_close((uv_handle_t *)t, on_mx_closed);
}

struct dns_query *dns_mx(struct resolver *r, const char *domain, dns_mx_cb *cb, void *ctx)
{
	struct dns_query *q = query_new(r, ASK_MX, ctx);

	q->cb.mx = cb;
	if (admit(q, domain))
		begin(q, on_ask_mx);
	return q;
}

/* ---- texts --------------------------------------------------------------------------------- */

static void on_text(void *arg, int status, int timeouts, unsigned char *reply, int len)
{
	struct dns_query *q = arg;
	enum err e = dns_status(status, reply, len);

	(void)timeouts;
	q->open--;
	if (e == ERR_OK && !q->cancelled)
		e = dns_parse_texts(reply, len, q->kind == ASK_PTR ? ns_t_ptr : ns_t_txt, &q->texts);
	tell(q, e);
	query_free(q);
}

static void on_text_closed(uv_handle_t *h)
{
	struct dns_query *q = h->data;

	if (q->cancelled) {
		query_free(q);
		return;
	}
	q->open++;
	ask(q->r, q->name, q->kind == ASK_PTR ? ns_t_ptr : ns_t_txt, on_text, q);
}

static void on_ask_text(uv_timer_t *t)
{
	uv_close((uv_handle_t *)t, on_text_closed);
}

struct dns_query *dns_txt(struct resolver *r, const char *name, dns_text_cb *cb, void *ctx)
{
	struct dns_query *q = query_new(r, ASK_TXT, ctx);

	q->cb.text = cb;
	if (admit(q, name))
		begin(q, on_ask_text);
	return q;
}

struct dns_query *dns_ptr(struct resolver *r, const struct addr *a, dns_text_cb *cb, void *ctx)
{
	struct dns_query *q = query_new(r, ASK_PTR, ctx);
	char name[80];

	q->cb.text = cb;
	dns_reverse_name(a, name);
	if (admit(q, name))
		begin(q, on_ask_text);
	return q;
}
