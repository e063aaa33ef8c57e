#include "roles/unified-messaging/gateway.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/replica/replica.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gateway_lookup {
	struct gateway_lookup *next;
	struct gateways *of;		/* NULL: nobody waits */
	struct guid gateway;
	uv_getaddrinfo_t rq;
};

void gateways_init(struct gateways *g, uv_loop_t *loop)
{
	memset(g, 0, sizeof(*g));
	g->loop = loop;
}

void gateways_fini(struct gateways *g)
{
	for (struct gateway_lookup *l = g->lookups; l; l = l->next) {
		l->of = NULL;
		uv_cancel((uv_req_t *)&l->rq);
	}
	free(g->list);
	g->list = NULL;
	g->n = g->cap = 0;
}

/* ---- names ---------------------------------------------------------------------------- */

static struct gateway *by_guid(struct gateways *g, const struct guid *guid)
{
	for (size_t i = 0; i < g->n; i++)
		if (guid_eq(&g->list[i].guid, guid))
			return &g->list[i];
	return NULL;
}

static void take_addresses(struct gateway *w, const struct addrinfo *ai)
{
	w->n_addrs = 0;
	for (; ai && w->n_addrs < GATEWAY_ADDRS; ai = ai->ai_next)
		addr_from_sockaddr(ai->ai_addr, &w->addr[w->n_addrs++]);
}

static void resolved(uv_getaddrinfo_t *rq, int status, struct addrinfo *ai)
{
	struct gateway_lookup *l = CONTAINER_OF(rq, struct gateway_lookup, rq);
	struct gateways *g = l->of;
	struct gateway *w = g ? by_guid(g, &l->gateway) : NULL;

	for (struct gateway_lookup **at = g ? &g->lookups : NULL; at && *at; at = &(*at)->next)
		if (*at == l) {
			*at = l->next;
			break;
		}
	if (w && status == 0)
		take_addresses(w, ai);
	else if (w)
		log_warn(NULL, "gateway-not-resolved gateway=\"%s\" host=%s detail=\"%s\"", w->name,
			 w->host, uv_strerror(status));
	if (status == 0)
		uv_freeaddrinfo(ai);
	free(l);
}

static void look_up(struct gateways *g, struct gateway *w)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct gateway_lookup *l;

	if (addr_parse(w->host, 0, &w->addr[0]) == ERR_OK) {
		w->n_addrs = 1;
		return;
	}
	l = xcalloc(1, sizeof(*l));
	l->of = g;
	l->gateway = w->guid;
	if (uv_getaddrinfo(g->loop, &l->rq, resolved, w->host, NULL, &hints)) {
		free(l);
		return;
	}
	l->next = g->lookups;
	g->lookups = l;
}

void gateways_resolve(struct gateways *g)
{
	for (size_t i = 0; i < g->n; i++)
		look_up(g, &g->list[i]);
}

/* ---- the directory's ---------------------------------------------------------------------- */

/* host, host:port, v6, [v6]:port; as the directory has checked it. */
static void split_host(const char *text, struct gateway *w)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : NULL;
	const char *colon = end ? (end[1] == ':' ? end + 1 : NULL) :
			    strchr(text, ':') == strrchr(text, ':') ? strchr(text, ':') : NULL;
	size_t n = end ? (size_t)(end - text - 1) : colon ? (size_t)(colon - text) : strlen(text);

	snprintf(w->host, sizeof(w->host), "%.*s", (int)n, text + (end != NULL));
	w->port = colon ? (uint16_t)atoi(colon + 1) : 0;
}

static void read_gateway(struct gateways *g, const struct object *o, struct gateway *w)
{
	const char *status = object_text(o, OBJ_UM_STATUS);
	const struct gateway *was = by_guid(g, &o->guid);

	memset(w, 0, sizeof(*w));
	w->guid = o->guid;
	snprintf(w->name, sizeof(w->name), "%s", object_text(o, OBJ_NAME));
	split_host(object_text(o, OBJ_HOST), w);
	w->outbound = object_bool(o, OBJ_OUTBOUND, true);
	if (status && strcmp(status, "disabled") == 0)
		w->status = GATEWAY_DISABLED;
	else if (status && strcmp(status, "no-new-calls") == 0)
		w->status = GATEWAY_NO_NEW_CALLS;
	if (was && strcmp(was->host, w->host) == 0) {
		memcpy(w->addr, was->addr, sizeof(w->addr));
		w->n_addrs = was->n_addrs;
	}
}

void gateways_load(struct gateways *g, struct replica *r)
{
	struct replica_iter *it = replica_each(r, CLASS_IP_GATEWAY);
	struct gateway *list = NULL;
	size_t n = 0, cap = 0;
	struct arena a = { 0 };
	struct object *o;

	while ((o = replica_each_next(it, &a)) != NULL) {
		if (!object_has(o, OBJ_HOST))
			continue;
		if (n == cap) {
			cap = cap ? cap * 2 : 8;
			list = xrealloc(list, cap * sizeof(*list));
		}
		read_gateway(g, o, &list[n++]);
	}
	replica_each_end(&it);
	arena_fini(&a);
	free(g->list);
	g->list = list;
	g->n = n;
	g->cap = cap;
	gateways_resolve(g);
}

const struct gateway *gateways_find(const struct gateways *g, const struct addr *source)
{
	for (size_t i = 0; i < g->n; i++)
		for (size_t k = 0; k < g->list[i].n_addrs; k++)
			if (g->list[i].status != GATEWAY_DISABLED &&
			    addr_eq_host(&g->list[i].addr[k], source))
				return &g->list[i];
	return NULL;
}
