#include "common/relay/outbound.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/relay/outbound_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAKE_AT_ONCE 20
#define PER_CONN     4		/* another connection for so many that wait */
#define MX_FRESH_MS  300000

int64_t outbound_now(void)
{
	return clock_wall_ms();
}

/* ---- lanes ----------------------------------------------------------------------- */

static struct lane *lane_get(struct outbound *o, const struct queue_hop *hop)
{
	struct hash_node *n = hash_find(&o->lanes, &hop->id, sizeof(hop->id));
	struct lane *l;

	if (n) {
		l = CONTAINER_OF(n, struct lane, node);
		l->hop.tries = hop->tries;
		return l;
	}
	l = xcalloc(1, sizeof(*l));
	l->out = o;
	l->hop = *hop;
	snprintf(l->name, sizeof(l->name), "%s", hop->name);
	l->hop.name = l->name;
	list_init(&l->waiting);
	list_init(&l->conns);
	hash_add(&o->lanes, &l->node, &l->hop.id, sizeof(l->hop.id));
	if (o->conf.route)
		o->conf.route(o->conf.ctx, &l->hop, &l->route);
	return l;
}

static void lane_put(struct lane *l)
{
	if (l->out->closing || l->pinned || l->taking || l->resolving || l->n_conns > 0 || l->n_waiting > 0)
		return;
	hash_del(&l->out->lanes, &l->node);
	free(l);
}

static void finish(struct lane *l, struct job *j, const struct queue_result *res)
{
	struct queue_result r = *res;

	r.verdicts = j->verdicts;
	queue_finish(l->out->conf.queue, j->item, &r, outbound_now(), NULL, NULL);
	free(j->verdicts);
	free(j);
}

struct job *lane_next(struct lane *l)
{
	struct list *n = list_pop(&l->waiting);

	if (!n)
		return NULL;
	l->n_waiting--;
	return CONTAINER_OF(n, struct job, node);
}

/* Recipients that had no turn are due as they were. */
void lane_job_done(struct lane *l, struct job **jp, bool up)
{
	struct job *j = *jp;
	const struct queue_result res = { .state = up ? QUEUE_HOP_UP : QUEUE_HOP_ASIS,
					  .error = j->why };

	*jp = NULL;
	for (size_t i = j->first; i < j->item->mail->n_rcpts; i++)
		j->verdicts[i] = QUEUE_RETRY;
	finish(l, j, &res);
}

/* ---- a hop that cannot be reached ----------------------------------------------------- */

/* Nobody there now: everything that waits goes back, and the hop waits. */
static void lane_down(struct lane *l, const char *status, const char *why)
{
	struct outbound *o = l->out;
	int64_t now = outbound_now();
	struct queue_result res = {
		.state = QUEUE_HOP_DOWN, .error = why,
		.hop_due_ms = retry_hop(o->conf.retry, l->hop.tries, now),
	};
	struct job *j;
	bool first = true;

	log_info(NULL, "outbound down hop=%s tries=%u why=%s", l->name, l->hop.tries, why);
	l->hop.tries++;
	l->n_hosts = 0;
	while ((j = lane_next(l))) {
		struct mail *m = j->item->mail;

		for (size_t i = j->first; i < m->n_rcpts; i++) {
			m->rcpts[i].status = arena_str(&m->arena, status);
			m->rcpts[i].diag = arena_str(&m->arena, why);
			m->rcpts[i].tries++;
			j->verdicts[i] = QUEUE_RETRY;
		}
		/* One failure of the hop, however many messages waited for it. */
		res.state = first ? QUEUE_HOP_DOWN : QUEUE_HOP_ASIS;
		first = false;
		finish(l, j, &res);
	}
}

/* It will never be there: what waits fails. */
static void lane_fail(struct lane *l, const char *status, const char *why)
{
	const struct queue_result res = { .state = QUEUE_HOP_ASIS, .error = why };
	int64_t now = outbound_now();
	struct job *j;

	while ((j = lane_next(l))) {
		struct mail *m = j->item->mail;

		for (size_t i = j->first; i < m->n_rcpts; i++) {
			mail_report(m, &m->rcpts[i], ACTION_FAILED, status, why, "");
			m->rcpts[i].due_ms = now;
			j->verdicts[i] = QUEUE_MOVE;
		}
		finish(l, j, &res);
	}
}

static bool is_working(const struct lane *l)
{
	LIST_EACH (&l->conns, n)
		if (CONTAINER_OF(n, struct out_conn, node)->ready)
			return true;
	return false;
}

void lane_host_failed(struct lane *l, size_t host, const struct smtp_result *r)
{
	char why[300];

	if (host + 1 < l->n_hosts && l->n_waiting > 0) {
		out_conn_open(l, host + 1, false);
		return;
	}
	/* Others of its connections may work on: a limit of the host's, likely. */
	if (is_working(l))
		return;
	snprintf(why, sizeof(why), "%.290s", r->text);
	lane_down(l, r->enhanced[0] == '4' ? r->enhanced : "4.4.1", why);
}

/* ---- connections ------------------------------------------------------------------------ */

static void connect_more(struct lane *l)
{
	struct outbound *o = l->out;
	size_t want = (l->n_waiting + PER_CONN - 1) / PER_CONN;

	if (want > o->conf.per_hop)
		want = o->conf.per_hop;
	while (l->n_conns < want && o->n_conns < o->conf.total)
		out_conn_open(l, 0, false);
}

static void work(struct lane *l);

void lane_conn_gone(struct lane *l)
{
	if (l->out->closing)
		return;
	if (l->n_waiting > 0 && l->n_conns == 0)
		work(l);
	lane_put(l);
}

/* ---- where it is ------------------------------------------------------------------------- */

static void add_host(struct lane *l, const struct dns_host *h, uint16_t port)
{
	for (size_t i = 0; i < h->n_addrs && l->n_hosts < OUTBOUND_HOSTS; i++) {
		struct lane_host *to = &l->hosts[l->n_hosts++];

		snprintf(to->name, sizeof(to->name), "%s", h->name);
		to->addr = h->addrs[i];
		to->addr.port = port;
	}
}

/* The question is answered; hosts are in the lane, unless e. */
static void resolved(struct lane *l, enum err e)
{
	l->resolving = false;
	l->query = NULL;
	l->resolved_ms = clock_mono_ms();
	if (!e && l->n_hosts == 0)
		e = ERR_AGAIN;
	switch (e) {
	case ERR_OK:
		connect_more(l);
		break;
	case ERR_NOTFOUND:
		lane_fail(l, "5.1.2", "no such domain, or no host takes its mail");
		break;
	case ERR_DENIED:
		lane_fail(l, "5.1.10", "the domain takes no mail");
		break;
	case ERR_INVALID:
		lane_fail(l, "5.1.2", "not a domain name");
		break;
	default:
		lane_down(l, "4.4.3", "DNS does not answer");
	}
	lane_put(l);
}

static uint16_t port_of(const struct lane *l)
{
	return l->route.port ? l->route.port : 25;
}

static void on_mx(void *ctx, enum err e, const struct dns_mx *mx, const char *detail)
{
	struct lane *l = ctx;

	(void)detail;
	l->n_hosts = 0;
	for (size_t i = 0; !e && i < mx->n_hosts; i++)
		add_host(l, &mx->hosts[i], port_of(l));
	resolved(l, e);
}

/* A smart host that does not exist is the administrator's mistake, not the
 * sender's: mail waits. */
static void on_host(void *ctx, enum err e, const struct dns_host *host)
{
	struct lane *l = ctx;
	const char *colon = strrchr(l->name, ':');
	long port = colon ? strtol(colon + 1, NULL, 10) : 0;

	l->n_hosts = 0;
	if (!e)
		add_host(l, host, port > 0 && port < 65536 ? (uint16_t)port : port_of(l));
	resolved(l, e ? ERR_AGAIN : ERR_OK);
}

static bool is_literal(struct lane *l)
{
	struct lane_host *h = &l->hosts[0];
	const char *text = l->name;
	char inner[128];
	size_t n = strlen(text);

	/* user@[192.0.2.1] or user@[ipv6:2001:db8::1], or a smart host by address */
	if (l->hop.kind == HOP_DOMAIN) {
		if (n < 4 || n >= sizeof(inner) || text[0] != '[' || text[n - 1] != ']')
			return false;
		if (strncasecmp(text, "[ipv6:", 6) == 0)
			snprintf(inner, sizeof(inner), "[%s", text + 6);
		else
			snprintf(inner, sizeof(inner), "%.*s", (int)(n - 2), text + 1);
		text = inner;
	}
	if (addr_parse(text, port_of(l), &h->addr))
		return false;
	snprintf(h->name, sizeof(h->name), "%.255s", l->name);
	l->n_hosts = 1;
	return true;
}

static void resolve(struct lane *l)
{
	char host[256];

	l->n_hosts = 0;
	if (is_literal(l)) {
		l->resolved_ms = clock_mono_ms();
		connect_more(l);
		return;
	}
	l->resolving = true;
	if (l->hop.kind == HOP_DOMAIN) {
		l->query = dns_mx(l->out->conf.dns, l->name, on_mx, l);
		return;
	}
	snprintf(host, sizeof(host), "%.*s", (int)strcspn(l->name, ":"), l->name);
	l->query = dns_host(l->out->conf.dns, host, on_host, l);
}

/* ---- work ---------------------------------------------------------------------------------- */

static void work(struct lane *l)
{
	LIST_EACH (&l->conns, n)
		out_conn_work(CONTAINER_OF(n, struct out_conn, node));
	if (l->n_waiting == 0 || l->resolving)
		return;
	if (l->n_hosts == 0 || clock_mono_ms() - l->resolved_ms > MX_FRESH_MS)
		resolve(l);
	else
		connect_more(l);
}

static void took(void *ctx, struct queue_item **items, size_t n)
{
	struct lane *l = ctx;

	l->taking = false;
	for (size_t i = 0; i < n; i++) {
		struct job *j = xcalloc(1, sizeof(*j));

		j->item = items[i];
		j->verdicts = xcalloc(items[i]->mail->n_rcpts, sizeof(*j->verdicts));
		list_init(&j->node);
		list_add_tail(&l->waiting, &j->node);
		l->n_waiting++;
	}
	if (n > 0 && !l->out->closing)
		work(l);
	lane_put(l);
}

void outbound_due(struct outbound *o, const struct queue_hop *hop)
{
	struct lane *l = lane_get(o, hop);

	if (l->taking || l->n_waiting >= TAKE_AT_ONCE)
		return;
	l->taking = true;
	queue_take(o->conf.queue, &l->hop, TAKE_AT_ONCE, outbound_now(), took, l);
}

void outbound_tick(struct outbound *o, int64_t mono_ms)
{
	struct hash_node *n, *next;

	for (n = hash_next(&o->lanes, NULL); n; n = next) {
		struct lane *l = CONTAINER_OF(n, struct lane, node);

		next = hash_next(&o->lanes, n);
		l->pinned = true;	/* nothing that ends now takes the lane along */
		LIST_EACH (&l->conns, c)
			out_conn_tick(CONTAINER_OF(c, struct out_conn, node), mono_ms);
		l->pinned = false;
		lane_put(l);
	}
}

size_t outbound_connections(const struct outbound *o)
{
	return o->n_conns;
}

struct outbound *outbound_new(const struct outbound_conf *conf)
{
	struct outbound *o = xcalloc(1, sizeof(*o));

	o->conf = *conf;
	hash_init(&o->lanes);
	return o;
}

static void lane_free(struct lane *l)
{
	struct job *j;

	dns_cancel(&l->query);
	LIST_EACH (&l->conns, n)
		out_conn_free(CONTAINER_OF(n, struct out_conn, node));
	while ((j = lane_next(l))) {
		queue_item_free(&j->item);
		free(j->verdicts);
		free(j);
	}
	free(l);
}

void outbound_free(struct outbound **op)
{
	struct outbound *o = *op;
	struct hash_node *n, *next;

	*op = NULL;
	if (!o)
		return;
	o->closing = true;
	for (n = hash_next(&o->lanes, NULL); n; n = next) {
		next = hash_next(&o->lanes, n);
		hash_del(&o->lanes, n);
		lane_free(CONTAINER_OF(n, struct lane, node));
	}
	hash_fini(&o->lanes);
	free(o);
}
