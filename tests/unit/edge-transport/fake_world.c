#include "tests/unit/edge-transport/fake_world.h"

#include "common/base/check.h"
#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct world *world;

/* ---- the bus -------------------------------------------------------------------- */

static struct hub_call *call_new(struct rpc_peer *p, void *ctx)
{
	struct hub_call *c = &world->calls[world->n_calls];

	assert_true(world->n_calls < WORLD_CALLS);
	world->n_calls++;
	*c = (struct hub_call){ .open = true, .peer = p, .ctx = ctx };
	return c;
}

void hub_cancel(struct hub_call **c)
{
	if (*c)
		(*c)->open = false;
	*c = NULL;
}

struct hub_call *hub_accept(struct rpc_peer *peer, const struct hand *h,
			    const struct hand_content *content, unsigned timeout_ms,
			    hand_cb *cb, void *ctx)
{
	struct hub_call *c = call_new(peer, ctx);

	assert_non_null(content->data);
	c->on_hand = cb;
	c->timeout_ms = timeout_ms;
	c->origin = h->origin;
	c->seq = h->seq;
	c->n_rcpts = h->n_rcpts;
	snprintf(c->sender, sizeof(c->sender), "%s", h->sender);
	snprintf(c->prefix, sizeof(c->prefix), "%s", h->prefix);
	return c;
}

struct hub_call *edge_send(struct rpc_peer *peer, const struct hand *h,
			   const struct hand_content *content, unsigned timeout_ms,
			   hand_cb *cb, void *ctx)
{
	return hub_accept(peer, h, content, timeout_ms, cb, ctx);
}

struct hub_call *edge_offer(struct rpc_peer *peer, unsigned messages, uint64_t bytes,
			    hub_done_cb *cb, void *ctx)
{
	(void)messages;
	(void)bytes;
	(void)cb;
	return call_new(peer, ctx);
}

struct hub_call *relay_held(struct rpc_peer *peer, const struct guid *root, hub_held_cb *cb,
			    void *ctx)
{
	struct hub_call *c = call_new(peer, ctx);

	c->on_held = cb;
	c->origin = *root;
	return c;
}

struct hub_call *relay_done(struct rpc_peer *peer, const struct guid *root, uint64_t seq,
			    hub_done_cb *cb, void *ctx)
{
	struct hub_call *c = call_new(peer, ctx);

	c->on_done = cb;
	c->origin = *root;
	c->seq = seq;
	return c;
}

const ProtobufCMessageDescriptor *const hand_descriptor;

enum err hand_read(const ProtobufCMessage *body, struct arena *a, struct hand *out,
		   struct errbuf *eb)
{
	(void)body;
	(void)a;
	(void)out;
	return err_set(eb, ERR_INVALID, "not here");
}

struct rpc_peer *rpc_find(struct rpc *r, const struct guid *server)
{
	(void)r;
	for (size_t i = 0; i < WORLD_HUBS; i++)
		if (world->peers[i].up && guid_eq(&world->peers[i].ident.guid, server))
			return &world->peers[i];
	return NULL;
}

struct rpc_peer *rpc_next(struct rpc *r, const struct rpc_peer *after)
{
	(void)r;
	for (size_t i = after ? (size_t)(after - world->peers) + 1 : 0; i < WORLD_HUBS; i++)
		if (world->peers[i].up)
			return &world->peers[i];
	return NULL;
}

const struct rpc_ident *rpc_peer_ident(const struct rpc_peer *p) { return &p->ident; }
bool rpc_peer_is_up(const struct rpc_peer *p) { return p->up; }
const char *rpc_role_name(unsigned role) { return role == RPC_HUB ? "hub" : "?"; }
struct rpc *member_rpc(const struct member *m) { (void)m; return NULL; }
struct replica *member_replica(const struct member *m) { (void)m; return NULL; }

void relay_hand_take(struct rpc_request *rq, const ProtobufCMessage *body, struct spool *spool,
		     uint64_t max_size, relay_hand_cb *cb, void *ctx)
{
	struct mail *m = world->handed;

	(void)rq;
	(void)body;
	(void)spool;
	assert_true(m && m->size <= max_size);
	world->handed = NULL;
	world->hand.answered = false;
	cb(ctx, &world->hand, m);
}

void relay_hand_answer(struct relay_hand *h, enum hand_verdict v, const char *detail)
{
	(void)detail;
	assert_false(h->answered);
	h->answered = true;
	h->v = v;
}

void relay_hand_decline(struct rpc_request *rq)
{
	(void)rq;
	world->declined = true;
}

void world_answer(size_t i, enum err e, enum hand_verdict v, const char *detail)
{
	assert_true(i < world->n_calls && world->calls[i].open && world->calls[i].on_hand);
	world->calls[i].open = false;
	world->calls[i].on_hand(world->calls[i].ctx, e, v, detail);
}

/* ---- the replica: example.test is ours, relay.test goes through --------------------- */

bool replica_is_ready(const struct replica *r)
{
	(void)r;
	return world->ready;
}

enum domain_kind replica_domain(struct replica *r, const char *domain)
{
	(void)r;
	if (strcmp(domain, "example.test") == 0)
		return DOMAIN_AUTHORITATIVE;
	return strcmp(domain, "relay.test") == 0 ? DOMAIN_EXTERNAL_RELAY : DOMAIN_NONE;
}

enum recipient_kind replica_recipient(struct replica *r, const char *address)
{
	const char *at = strchr(address, '@');

	world->look_ups++;
	if (strcmp(address, "later@example.test") == 0)
		return RCPT_AGAIN;
	switch (replica_domain(r, at ? at + 1 : "")) {
	case DOMAIN_NONE:
		return RCPT_OUTSIDE;
	case DOMAIN_AUTHORITATIVE:
		return strncmp(address, "ann", 3) == 0 || strncmp(address, "bob", 3) == 0
			? RCPT_KNOWN : RCPT_UNKNOWN;
	default:
		return RCPT_RELAY;
	}
}

enum err replica_by_guid(struct replica *r, const struct guid *g, struct arena *a,
			 struct object **out)
{
	(void)r;
	(void)g;
	(void)a;
	*out = NULL;
	return ERR_NOTFOUND;
}

enum err replica_transport(struct replica *r, struct arena *a, struct object **out)
{
	return replica_by_guid(r, NULL, a, out);
}

/* The three hubs, as server objects. */
struct replica_iter {
	size_t next;
};

struct replica_iter *replica_each(struct replica *r, unsigned klass)
{
	(void)r;
	assert_int_equal(klass, CLASS_SERVER);
	return xcalloc(1, sizeof(struct replica_iter));
}

struct object *replica_each_next(struct replica_iter *it, struct arena *a)
{
	struct object *o;

	if (it->next == WORLD_HUBS)
		return NULL;
	o = object_new(a, CLASS_SERVER);
	o->guid = world->peers[it->next++].ident.guid;
	object_set_number(o, OBJ_ROLE, RPC_HUB);
	return o;
}

void replica_each_end(struct replica_iter **it)
{
	free(*it);
	*it = NULL;
}

/* ---- what is in main.c ------------------------------------------------------------------ */

const struct route *edge_route(struct edge *e)
{
	return &e->route;
}

bool edge_is_low(const struct edge *e)
{
	return e->low.is_low;
}

/* ---- sockets, figures, logs --------------------------------------------------------------- */

void *front_role(const struct front_session *s) { return s->edge; }
void *front_session_get(const struct front_session *s) { return s->data; }
void front_session_set(struct front_session *s, void *data) { s->data = data; }
struct conn *front_session_conn(const struct front_session *s) { (void)s; return NULL; }
const struct addr *front_session_peer(const struct front_session *s) { return &s->peer; }
struct smtp_server *front_session_smtp(const struct front_session *s) { return s->smtp; }

void metric_add(struct metric_set *s, size_t which, int64_t n)
{
	(void)s;
	world->counts[which] += n;
}

void metric_observe(struct metric_set *s, size_t which, int64_t v)
{
	(void)v;
	metric_add(s, which, 1);
}

void track_add(struct track *t, int64_t now_ms, const char *event, const struct mail *m,
	       const struct mail_rcpt *r, const char *detail)
{
	(void)t;
	(void)now_ms;
	(void)r;
	(void)detail;
	assert_true(event[0] != '\0' && m->refs > 0);
}

static void on_log(enum log_level level, const char *line)
{
	if (!world || level > LOG_INFO)
		return;
	snprintf(world->logged, sizeof(world->logged), "%s", line);
	world->n_logged++;
}

/* ---- up and down ----------------------------------------------------------------------------- */

static void on_due(void *ctx, const struct queue_hop *hop)
{
	(void)ctx;
	world->due = *hop;
	snprintf(world->due_name, sizeof(world->due_name), "%s", hop->name);
	world->due.name = world->due_name;
	world->n_due++;
}

static void queue_begin(void)
{
	char *path = xasprintf("%s/queue.db", world->dir), *spool = xasprintf("%s/spool", world->dir);
	const struct spool_conf sc = { .dir = spool };
	struct queue_conf qc = { .loop = &world->loop, .path = path, .on_due = on_due };
	struct errbuf eb = { "" };

	if (spool_open(&sc, &world->edge.relay.spool, &eb))
		fail_msg("spool: %s", eb.text);
	qc.spool = world->edge.relay.spool;
	if (queue_open(&qc, &world->edge.relay.queue, &eb))
		fail_msg("queue: %s", eb.text);
	free(path);
	free(spool);
}

void world_shut(void)
{
	if (!world->edge.relay.queue)
		return;
	queue_close(&world->edge.relay.queue);
	uv_run(&world->loop, UV_RUN_DEFAULT);
	spool_close(&world->edge.relay.spool);
}

void world_reopen(void)
{
	world_shut();
	queue_begin();
}

int world_up(void **state)
{
	static const struct sources_conf budgets = { 3, 60000, 30000, 100 };
	static char hostname[] = "mail.example.test";

	(void)state;
	world = xcalloc(1, sizeof(*world));
	snprintf(world->dir, sizeof(world->dir), "/tmp/test_edge.XXXXXX");
	if (!mkdtemp(world->dir) || uv_loop_init(&world->loop) != 0)
		return -1;
	log_set_sink(on_log);
	for (size_t i = 0; i < WORLD_HUBS; i++) {
		struct rpc_ident *id = &world->peers[i].ident;

		id->role = RPC_HUB;
		id->guid.b[0] = (uint8_t)(i + 1);
		snprintf(id->name, sizeof(id->name), "hub%zu", i);
	}
	world->ready = true;
	world->conf.hostname = hostname;
	world->edge.conf = &world->conf;
	world->edge.loop = &world->loop;
	world->edge.route.max_message = 100000;
	world->edge.route.max_hops = 3;
	world->edge.route.postmaster = "ann@example.test";
	world->edge.hubs = hubs_new();
	world->edge.known = known_new(100);
	world->edge.sources = sources_new(&budgets);
	hold_init(&world->edge.relay.hold);
	list_init(&world->edge.passes);
	queue_begin();
	return 0;
}

int world_down(void **state)
{
	char *cmd = xasprintf("rm -rf '%s'", world->dir);
	int rc;

	(void)state;
	world_shut();
	hubs_free(&world->edge.hubs);
	known_free(&world->edge.known);
	sources_free(&world->edge.sources);
	log_set_sink(NULL);
	assert_int_equal(uv_loop_close(&world->loop), 0);
	rc = system(cmd);
	free(cmd);
	free(world);
	world = NULL;
	return rc;
}

void world_offer(unsigned hub, unsigned messages)
{
	struct rpc_peer *p = &world->peers[hub];
	const struct hubs_offer o = { p->ident.guid, p->ident.name, messages, 1 << 20 };

	p->up = true;
	(void)hubs_offer(world->edge.hubs, p, &o);
}

void world_lose(unsigned hub)
{
	world->peers[hub].up = false;
	hubs_lost(world->edge.hubs, &world->peers[hub]);
}

struct mail *world_mail(const char *to)
{
	struct mail *m = mail_new();
	struct queue *q = world->edge.relay.queue;

	m->id = (struct mail_id){ *queue_instance(q), queue_next_seq(q) };
	m->root = m->id.origin;
	m->sender = "you@outside.test";
	m->received_ms = clock_wall_ms();
	mail_route(m, mail_add(m, to), HOP_HUB, "");
	if (mail_fill_body(m, world->edge.relay.spool, "Subject: x\r\n\r\nhello\r\n", 21, NULL))
		fail_msg("no body");
	return m;
}

void world_wait(const bool *flag)
{
	while (!*flag)
		uv_run(&world->loop, UV_RUN_ONCE);
}

struct count {
	uint64_t n;
	bool done;
};

static void counted(void *ctx, enum err e, const struct queue_message *m, size_t n)
{
	struct count *c = ctx;

	(void)m;
	assert_int_equal(e, ERR_OK);
	c->n = n;
	c->done = true;
}

uint64_t world_queued(void)
{
	struct count c = { 0, false };

	queue_messages(world->edge.relay.queue, 0, 0, 500, counted, &c);
	world_wait(&c.done);
	return c.n;
}
