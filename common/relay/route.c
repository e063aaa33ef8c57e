#include "common/relay/route.h"

#include "common/base/check.h"

#include <stdlib.h>
#include <string.h>

#define MB (INT64_C(1024) * 1024)
#define HOUR INT64_C(3600000)
#define MAX_CONNECTORS 1000
#define MAX_VALUES 1000

static const char *const *texts(struct arena *a, const struct object *o, unsigned attr)
{
	const struct object_value *v = object_values(o, attr);
	const char **list;
	size_t n = 0;

	for (const struct object_value *i = v; i && n < MAX_VALUES; i = i->next)
		n++;
	list = arena_alloc(a, (n + 1) * sizeof(*list));
	for (size_t i = 0; i < n; i++, v = v->next)
		list[i] = arena_strn(a, v->bytes.p, v->bytes.n);
	return list;
}

/* ---- settings ----------------------------------------------------------------- */

static bool parse_range(const char *text, struct route_range *out)
{
	char host[80];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	bool v6;
	unsigned long bits;

	if (n == 0 || n + 8 > sizeof(host))
		return false;
	v6 = memchr(text, ':', n) != NULL && text[0] != '[';
	memcpy(host + v6, text, n);
	host[v6 + n] = '\0';
	if (v6) {
		host[0] = '[';
		memcpy(host + n + 1, "]", 2);
	}
	if (addr_parse(host, 25, &out->net))
		return false;
	bits = slash ? strtoul(slash + 1, NULL, 10) : 128;
	out->bits = (unsigned)(bits > 128 ? 128 : bits);
	if (out->net.family == 4 && out->bits > 32)
		out->bits = 32;
	return true;
}

/* postmaster at the default domain, else at our own name. */
static const char *default_postmaster(struct route *r, struct replica *replica,
				      const char *hostname)
{
	struct replica_iter *it = replica_each(replica, CLASS_DOMAIN);
	struct arena a = { NULL, NULL };
	const char *text = NULL, *domain;
	struct object *o;

	while ((o = replica_each_next(it, &a))) {
		domain = object_text(o, OBJ_DOMAIN);
		if (domain && (!text || object_bool(o, OBJ_DEFAULT, false)))
			text = arena_printf(&r->arena, "postmaster@%s", domain);
		arena_reset(&a);
	}
	replica_each_end(&it);
	arena_fini(&a);
	return text ? text : arena_printf(&r->arena, "postmaster@%s", hostname);
}

static void load_settings(struct route *r, struct replica *replica, const char *hostname)
{
	struct object *o = NULL;
	const char *const *ranges;
	size_t n = 0;

	r->max_message = 10 * MB;
	r->max_rcpts = MAIL_MAX_RCPTS;
	r->max_hops = 30;
	r->expire_ms = 48 * HOUR;
	r->notice_ms = 4 * HOUR;
	r->postmaster = default_postmaster(r, replica, hostname);
	if (replica_transport(replica, &r->arena, &o))
		return;
	r->max_message = object_number(o, OBJ_MAX_MESSAGE, r->max_message);
	r->max_send = object_number(o, OBJ_MAX_SEND, 0);
	r->max_receive = object_number(o, OBJ_MAX_RECEIVE, 0);
	r->max_rcpts = (unsigned)object_number(o, OBJ_RECIPIENT_LIMIT, r->max_rcpts);
	if (r->max_rcpts == 0 || r->max_rcpts > MAIL_MAX_RCPTS)
		r->max_rcpts = MAIL_MAX_RCPTS;
	r->max_hops = (unsigned)object_number(o, OBJ_MAX_HOPS, r->max_hops);
	r->expire_ms = object_number(o, OBJ_EXPIRE, r->expire_ms);
	r->notice_ms = object_number(o, OBJ_DELAY_NOTICE, r->notice_ms);
	r->retry_ms = object_number(o, OBJ_RETRY, 0);
	r->postmaster_set = object_text(o, OBJ_POSTMASTER) != NULL;
	if (r->postmaster_set)
		r->postmaster = object_text(o, OBJ_POSTMASTER);
	ranges = texts(&r->arena, o, OBJ_TRUSTED_RANGE);
	while (ranges[n])
		n++;
	r->trusted = arena_alloc(&r->arena, (n + 1) * sizeof(*r->trusted));
	for (size_t i = 0; i < n; i++)
		r->n_trusted += parse_range(ranges[i], &r->trusted[r->n_trusted]);
}

/* ---- connectors ------------------------------------------------------------------ */

/* An edge among its source servers takes it there; without any, whatever edge the
 * organisation has. */
static void load_source(struct route *r, struct replica *replica, const struct object *o,
			struct route_connector *c)
{
	const struct object_value *v = object_values(o, OBJ_SOURCE);
	struct arena a = { NULL, NULL };

	if (!v)
		c->by_edge = r->n_edges > 0;
	for (; v && !c->by_edge; v = v->next) {
		struct object *server;
		struct guid g;

		if (guid_from(v->bytes.p, v->bytes.n, &g) ||
		    replica_by_guid(replica, &g, &a, &server))
			continue;
		if (object_number(server, OBJ_ROLE, 0) == RPC_EDGE) {
			c->by_edge = true;
			c->edge = g;
		}
	}
	arena_fini(&a);
}

static int by_priority(const void *x, const void *y)
{
	const struct route_connector *a = x, *b = y;

	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void load_connectors(struct route *r, struct replica *replica)
{
	struct replica_iter *it = replica_each(replica, CLASS_CONNECTOR);
	struct object *o;

	r->connectors = arena_alloc(&r->arena, MAX_CONNECTORS * sizeof(*r->connectors));
	while (r->n_connectors < MAX_CONNECTORS && (o = replica_each_next(it, &r->arena))) {
		struct route_connector *c = &r->connectors[r->n_connectors++];
		const char *name = object_text(o, OBJ_NAME);

		if (!object_bool(o, OBJ_ENABLED, true)) {
			r->n_connectors--;
			continue;
		}
		c->name = name ? name : "";
		c->spaces = texts(&r->arena, o, OBJ_ADDRESS_SPACE);
		c->smart_hosts = texts(&r->arena, o, OBJ_SMART_HOST);
		c->priority = object_number(o, OBJ_PRIORITY, 0);
		c->max_size = object_number(o, OBJ_MAX_MESSAGE, 0);
		c->port = (uint16_t)object_number(o, OBJ_PORT, 0);
		c->require_tls = object_bool(o, OBJ_REQUIRE_TLS, false);
		load_source(r, replica, o, c);
	}
	replica_each_end(&it);
	qsort(r->connectors, r->n_connectors, sizeof(*r->connectors), by_priority);
}

static void count_edges(struct route *r, struct replica *replica)
{
	struct replica_iter *it = replica_each(replica, CLASS_SERVER);
	struct arena a = { NULL, NULL };
	struct object *o;

	while ((o = replica_each_next(it, &a))) {
		r->n_edges += object_number(o, OBJ_ROLE, 0) == RPC_EDGE;
		arena_reset(&a);
	}
	replica_each_end(&it);
	arena_fini(&a);
}

void route_load(struct route *r, struct replica *replica, const char *hostname, bool at_edge)
{
	route_fini(r);
	load_settings(r, replica, hostname);
	if (!at_edge)
		count_edges(r, replica);
	load_connectors(r, replica);
	for (size_t i = 0; at_edge && i < r->n_connectors; i++)
		r->connectors[i].by_edge = false;
}

void route_fini(struct route *r)
{
	arena_fini(&r->arena);
	*r = (struct route){ 0 };
}

/* ---- choosing -------------------------------------------------------------------- */

/* How well a space fits: 0 not, 1 "*", else more for a longer one; a name itself
 * beats the names below it. */
static size_t fits(const char *space, const char *domain)
{
	size_t n = strlen(space), d = strlen(domain);

	if (strcmp(space, "*") == 0)
		return 1;
	if (strcasecmp(space, domain) == 0)
		return 2 * n + 3;
	if (n > 2 && space[0] == '*' && space[1] == '.' && d >= n - 1 &&
	    strcasecmp(domain + d - (n - 1), space + 1) == 0)
		return 2 * n;
	return 0;
}

static const struct route_connector *choose(const struct route *r, const char *domain,
					    uint64_t size)
{
	const struct route_connector *best = NULL;
	size_t best_fit = 0;

	for (size_t i = 0; i < r->n_connectors; i++) {
		const struct route_connector *c = &r->connectors[i];

		if (c->max_size > 0 && size > (uint64_t)c->max_size)
			continue;
		for (size_t k = 0; c->spaces[k]; k++)
			if (fits(c->spaces[k], domain) > best_fit) {
				best_fit = fits(c->spaces[k], domain);
				best = c;
			}
	}
	return best;
}

void route_domain(const struct route *r, const char *domain, uint64_t size,
		  struct route_hop *out)
{
	const struct route_connector *c = choose(r, domain, size);

	out->connector = c;
	out->kind = HOP_DOMAIN;
	out->name = domain;
	if (c ? c->by_edge : r->n_edges > 0) {
		out->kind = HOP_EDGE;
		out->name = "";
		if (c && !guid_is_null(&c->edge))
			out->name = guid_text(&c->edge, out->text);
	} else if (c && c->smart_hosts[0]) {
		out->kind = HOP_SMART;
		out->name = c->smart_hosts[0];
	}
}

static const struct route_connector *by_smart_host(const struct route *r, const char *name)
{
	for (size_t i = 0; i < r->n_connectors; i++)
		for (size_t k = 0; r->connectors[i].smart_hosts[k]; k++)
			if (strcmp(r->connectors[i].smart_hosts[k], name) == 0)
				return &r->connectors[i];
	return NULL;
}

void route_settings(const struct route *r, enum hop_kind kind, const char *name, uint16_t *port,
		    bool *require_tls)
{
	const struct route_connector *c =
		kind == HOP_DOMAIN ? choose(r, name, 0) : by_smart_host(r, name);

	*port = c ? c->port : 0;
	*require_tls = c && c->require_tls;
}

const char *route_postmaster(const struct route *r, const char *address)
{
	const size_t n = strlen("postmaster@");

	if (!r->postmaster_set || strncasecmp(address, "postmaster@", n) != 0 ||
	    strcasecmp(address, r->postmaster) == 0)
		return NULL;
	return r->postmaster;
}

bool route_is_trusted(const struct route *r, const struct addr *a)
{
	for (size_t i = 0; i < r->n_trusted; i++) {
		const struct route_range *t = &r->trusted[i];
		unsigned whole = t->bits / 8, rest = t->bits % 8;
		uint8_t mask = (uint8_t)(0xff00 >> rest);

		if (t->net.family != a->family || memcmp(t->net.ip, a->ip, whole) != 0)
			continue;
		if (rest == 0 || ((t->net.ip[whole] ^ a->ip[whole]) & mask) == 0)
			return true;
	}
	return false;
}
