#include "common/rpc/parts.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define DEFAULT_INFLIGHT 4096
#define DEFAULT_BYTES	 (64u * 1024 * 1024)
#define MAX_ACCEPTED	 4096
#define ENROL_RATE	 10	/* strangers' handshakes per second */
#define ENROL_BURST	 20

const char *rpc_role_name(unsigned role)
{
	switch (role) {
	case RPC_DIRECTORY: return "directory";
	case RPC_MAILBOX: return "mailbox";
	case RPC_HUB: return "hub";
	case RPC_EDGE: return "edge";
	case RPC_CAS: return "cas";
	case RPC_UM: return "um";
	case RPC_ADMIN: return "admin";
	case RPC_STRANGER: return "stranger";
	default: return "?";
	}
}

/* ---- later, from the loop -------------------------------------------------- */

static void fail_due_calls(struct rpc *r)
{
	struct list now, *n;

	/* Those that fail while we work wait for the next turn. */
	list_init(&now);
	while ((n = list_pop(&r->failed)) != NULL)
		list_add_tail(&now, n);
	while ((n = list_pop(&now)) != NULL) {
		struct rpc_call *c = CONTAINER_OF(n, struct rpc_call, failed);
		char detail[sizeof(c->detail)];

		if (r->closing) {
			rpc_call_free(c);
			continue;
		}
		memcpy(detail, c->detail, sizeof(detail));
		rpc_call_fail(c, c->why, detail);
	}
}

static struct rpc_peer *due_for_cut(struct rpc *r)
{
	LIST_EACH (&r->peers, n) {
		struct rpc_peer *p = CONTAINER_OF(n, struct rpc_peer, node);

		if (p->cut_why || p->hung_up)
			return p;
	}
	return NULL;
}

static void recheck_all(struct rpc *r)
{
	LIST_EACH (&r->peers, n) {
		struct rpc_peer *p = CONTAINER_OF(n, struct rpc_peer, node);

		if (p->up && !rpc_peer_recheck(p))
			rpc_peer_cut_soon(p, NOBODYS_KEY);
	}
	r->recheck = false;
}

static void end_dialled(struct rpc_peer *p)
{
	bus_undial(&p->link);
	list_del(&p->node);
	rpc_peer_down(p, "hung up");
	rpc_peer_unref(p);
}

static void on_soon(uv_timer_t *t)
{
	struct rpc *r = t->data;
	struct rpc_peer *p;

	if (r->recheck)
		recheck_all(r);
	while (!r->closing && (p = due_for_cut(r)) != NULL) {
		const char *why = p->cut_why;

		p->cut_why = NULL;
		if (p->hung_up)
			end_dialled(p);
		else
			rpc_peer_cut(p, true, why);
	}
	fail_due_calls(r);
}

void rpc_soon(struct rpc *r)
{
	if (!r->closing && !uv_is_active((uv_handle_t *)&r->soon))
		uv_timer_start(&r->soon, on_soon, 0, 0);
}

static void on_tick(uv_timer_t *t)
{
	struct rpc *r = t->data;
	int64_t now = clock_mono_ms();
	bool we_slept = now - r->ticked_ms > TICK_MS + TICK_MS / 2;

	r->ticked_ms = now;
	if (r->enrol_tokens < ENROL_BURST)
		r->enrol_tokens += ENROL_RATE;
	LIST_EACH (&r->peers, n)
		rpc_peer_tick(CONTAINER_OF(n, struct rpc_peer, node), now, we_slept);
}

static void on_deadline(struct wheel *w, struct wheel_entry *e)
{
	struct deadline *d = CONTAINER_OF(e, struct deadline, entry);

	(void)w;
	d->passed(d);
}

/* ---- opening --------------------------------------------------------------- */

static void index_methods(struct rpc *r)
{
	hash_init(&r->methods);
	r->method_nodes = xcalloc(r->conf.n_methods + 1, sizeof(*r->method_nodes));
	for (size_t i = 0; i < r->conf.n_methods; i++) {
		struct method_node *n = &r->method_nodes[i];

		n->m = &r->conf.methods[i];
		CHECK(hash_find(&r->methods, n->m->name, strlen(n->m->name)) == NULL);
		hash_add(&r->methods, &n->by_name, n->m->name, strlen(n->m->name));
	}
}

/* Later boots of a server get greater ones, and no two the same. */
static uint64_t boot_epoch(void)
{
	uint16_t r = 0;

	CHECK(getrandom(&r, sizeof(r), 0) == (ssize_t)sizeof(r));
	return (uint64_t)clock_wall_ms() << 12 | (r & 0xfff);
}

static void on_handle_closed(struct rpc *r)
{
	if (--r->n_handles > 0)
		return;
	hash_fini(&r->methods);
	free(r->method_nodes);
	arena_fini(&r->scratch);
	buf_fini(&r->pack);
	explicit_bzero(&r->conf, sizeof(r->conf));
	free(r);
}

static void on_timer_closed(uv_handle_t *h)
{
	on_handle_closed(h->data);
}

static void on_wheel_closed(uv_handle_t *h)
{
	struct wheel *w = h->data;

	on_handle_closed(CONTAINER_OF(w, struct rpc, wheel));
}

static void start_handles(struct rpc *r)
{
	CHECK(uv_timer_init(r->conf.loop, &r->tick) == 0);
	CHECK(uv_timer_init(r->conf.loop, &r->soon) == 0);
	r->tick.data = r->soon.data = r;
	wheel_init(&r->wheel, r->conf.loop, clock_mono_ms(), on_deadline);
	r->n_handles = 3;
	r->ticked_ms = clock_mono_ms();
	uv_timer_start(&r->tick, on_tick, TICK_MS, TICK_MS);
}

enum err rpc_open(const struct rpc_conf *conf, struct rpc **out, struct errbuf *eb)
{
	struct bus_conf bc = { .loop = conf->loop, .max_links = MAX_ACCEPTED };
	struct rpc *r = xcalloc(1, sizeof(*r));
	enum err e;

	r->conf = *conf;
	if (r->conf.max_inflight == 0)
		r->conf.max_inflight = DEFAULT_INFLIGHT;
	if (r->conf.max_bytes == 0)
		r->conf.max_bytes = DEFAULT_BYTES;
	list_init(&r->peers);
	list_init(&r->failed);
	list_init(&r->orphans);
	buf_init(&r->pack, BUS_MAX_FRAME);
	index_methods(r);
	r->epoch = boot_epoch();
	r->enrol_tokens = ENROL_BURST;
	start_handles(r);

	memcpy(bc.public_key, conf->public_key, RPC_KEY);
	memcpy(bc.secret_key, conf->secret_key, RPC_KEY);
	memcpy(bc.old_public_key, conf->old_public_key, RPC_KEY);
	memcpy(bc.old_secret_key, conf->old_secret_key, RPC_KEY);
	/* Calls stop at max_bytes; answers to what came in have room beyond. */
	bc.max_bytes = r->conf.max_bytes * 2;
	rpc_bus_hooks(r, &bc.hooks);
	e = bus_open(&bc, &r->bus, eb);
	explicit_bzero(&bc, sizeof(bc));
	if (e) {
		rpc_close(&r);
		return e;
	}
	*out = r;
	return ERR_OK;
}

static void close_peer(struct rpc_peer *p)
{
	struct hash_node *n;

	list_del(&p->node);
	p->up = false;
	while ((n = hash_next(&p->calls, NULL)) != NULL)
		rpc_call_free(CONTAINER_OF(n, struct rpc_call, by_id));
	while ((n = hash_next(&p->served, NULL)) != NULL)
		rpc_request_gone(CONTAINER_OF(n, struct request, by_id));
	p->link = NULL;
	rpc_peer_unref(p);
}

void rpc_close(struct rpc **rp)
{
	struct rpc *r = *rp;
	struct list *n;

	*rp = NULL;
	if (r == NULL || r->closing)
		return;
	r->closing = true;
	while (!list_empty(&r->peers))
		close_peer(CONTAINER_OF(r->peers.next, struct rpc_peer, node));
	while ((n = list_pop(&r->failed)) != NULL)
		rpc_call_free(CONTAINER_OF(n, struct rpc_call, failed));
	rpc_drop_orphans(r);
	bus_close(&r->bus);
	uv_close((uv_handle_t *)&r->tick, on_timer_closed);
	uv_close((uv_handle_t *)&r->soon, on_timer_closed);
	wheel_close(&r->wheel, on_wheel_closed);
}

/* ---- listening and dialling ------------------------------------------------ */

static void name_of_uid(unsigned uid, char *out, size_t cap)
{
	struct passwd pw, *found = NULL;
	char text[1024];

	if (getpwuid_r(uid, &pw, text, sizeof(text), &found) == 0 && found)
		snprintf(out, cap, "%s", pw.pw_name);
	else
		snprintf(out, cap, "uid:%u", uid);
}

enum err rpc_listen(struct rpc *r, const char *endpoint, enum rpc_listen_kind kind,
		    unsigned uid, struct errbuf *eb)
{
	struct rpc_listener *l = &r->listeners[r->n_listeners];
	enum err e;

	if (r->n_listeners == MAX_LISTENERS)
		return err_set(eb, ERR_LIMIT, "more than %u listeners", MAX_LISTENERS);
	memset(l, 0, sizeof(*l));
	l->kind = kind;
	if (kind == RPC_LISTEN_LOCAL) {
		l->ident.role = RPC_ADMIN;
		name_of_uid(uid, l->ident.name, sizeof(l->ident.name));
	}
	/* The bus may ask about it as soon as it is bound. */
	r->n_listeners++;
	e = bus_listen(r->bus, endpoint, r->n_listeners - 1,
		       kind == RPC_LISTEN_LOCAL ? uid : BUS_ANY_UID, eb);
	if (e)
		r->n_listeners--;
	return e;
}

struct rpc_peer *rpc_dial(struct rpc *r, const char *endpoint,
			  const uint8_t server_key[RPC_KEY], const struct rpc_ident *expect)
{
	struct rpc_peer *p = rpc_peer_new(r);

	p->dialled = true;
	p->last_in = 0;
	memcpy(p->key, server_key, RPC_KEY);
	if (expect) {
		p->ident = *expect;
		p->expected = true;
	}
	p->link = bus_dial(r->bus, endpoint, server_key, p);
	return p;
}

void rpc_hangup(struct rpc_peer **pp)
{
	struct rpc_peer *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	CHECK(p->magic == PEER_MAGIC && p->dialled);
	p->hung_up = true;
	rpc_soon(p->rpc);
}

void **rpc_peer_slot(struct rpc_peer *p)
{
	return &p->slot;
}

bool rpc_peer_is_up(const struct rpc_peer *p)
{
	return p->up && !p->hung_up;
}

const struct rpc_ident *rpc_peer_ident(const struct rpc_peer *p)
{
	return &p->ident;
}

const uint8_t *rpc_peer_key(const struct rpc_peer *p)
{
	return p->key;
}

struct rpc_peer *rpc_next(struct rpc *r, const struct rpc_peer *after)
{
	struct list *n = after ? after->node.next : r->peers.next;

	for (; n != &r->peers; n = n->next) {
		struct rpc_peer *p = CONTAINER_OF(n, struct rpc_peer, node);

		if (rpc_peer_is_up(p))
			return p;
	}
	return NULL;
}

struct rpc_peer *rpc_find(struct rpc *r, const struct guid *server)
{
	struct rpc_peer *p = NULL;

	while ((p = rpc_next(r, p)) != NULL) {
		if (guid_eq(&p->ident.guid, server))
			return p;
	}
	return NULL;
}

void rpc_recheck(struct rpc *r)
{
	r->recheck = true;
	rpc_soon(r);
}

void rpc_get_stats(const struct rpc *r, struct rpc_stats *out)
{
	*out = r->stats;
}
