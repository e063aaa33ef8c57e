#include "common/replica/member.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/replica/member_priv.h"
#include "common/replica/seal.h"
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	REPORT_SOON_MS = 100,		/* after a change, so that `status` is current */
	REPORT_MS = 30000,
};

struct introduction {
	struct list node;
	struct member *m;
	struct rpc_peer *peer;
	struct guid edge;
	struct directory_call call, seen;
};

struct rpc *member_rpc(const struct member *m) { return m->rpc; }
struct replica *member_replica(const struct member *m) { return m->replica; }
struct links *member_links(const struct member *m) { return m->links; }
const struct identity *member_identity(const struct member *m) { return m->id; }
const struct guid *member_server(const struct member *m) { return &m->id->server; }
const char *member_name(const struct member *m) { return m->id->name; }
const struct pepper *member_pepper(const struct member *m) { return &m->pepper; }

/* ---- who is calling ----------------------------------------------------------------------- */

static bool same_key(const uint8_t a[RPC_KEY], const uint8_t b[RPC_KEY])
{
	return !sodium_is_zero(a, RPC_KEY) && memcmp(a, b, RPC_KEY) == 0;
}

static bool who(void *ctx, const uint8_t key[RPC_KEY], struct rpc_ident *out)
{
	const struct member *m = ctx;

	if (m->replica && replica_who(m->replica, key, out))
		return true;
	if (same_key(m->id->directory_key, key)) {
		*out = (struct rpc_ident){ .role = RPC_DIRECTORY, .name = "directory" };
		return true;
	}
	/* The hub that proved the subscription, until its object has arrived. */
	if (m->conf.role == RPC_EDGE && m->replica && !replica_is_ready(m->replica) &&
	    same_key(m->id->hub_key, key)) {
		*out = (struct rpc_ident){ .role = RPC_HUB, .name = "hub" };
		return true;
	}
	return false;
}

/* ---- reports to the directory --------------------------------------------------------------- */

static void on_report(uv_timer_t *t);
static void introduce_to(struct member *m, struct rpc_peer *p);
static bool is_introducing(const struct member *m, const struct rpc_peer *p);

static void on_seen(void *ctx, enum err e, uint64_t usn)
{
	struct member *m = ctx;

	/* The answer is a hint as good as a push. */
	if (!e && usn > replica_usn(m->replica))
		replica_pull(m->replica);
	if (m->pin_changed || m->reported_usn != replica_usn(m->replica))
		uv_timer_start(m->report, on_report, REPORT_SOON_MS, 0);
}

static void report(struct member *m)
{
	struct directory_seen s = {
		.usn = replica_usn(m->replica), .started_ms = m->started_ms,
		.version = VERSION, .endpoint = m->endpoint,
		.tls_pin = m->has_pin ? m->pin : NULL,
	};

	uv_timer_start(m->report, on_report, REPORT_MS, 0);
	if (!m->directory || m->seen.call || !rpc_peer_is_up(m->directory))
		return;
	m->reported_usn = s.usn;
	m->pin_changed = false;
	directory_seen(&m->seen, m->directory, &s, on_seen, m);
}

/* hub: what edges have seen is reported for them; asking is introducing again. */
static void ask_edges(struct member *m)
{
	for (struct rpc_peer *p = rpc_next(m->rpc, NULL); p; p = rpc_next(m->rpc, p))
		if (rpc_peer_ident(p)->role == RPC_EDGE && !is_introducing(m, p))
			introduce_to(m, p);
}

/* edge: a hub that hears of news asks for them. */
static void tell_hubs(struct member *m)
{
	m->pin_changed = false;
	for (struct rpc_peer *p = rpc_next(m->rpc, NULL); p; p = rpc_next(m->rpc, p))
		if (rpc_peer_ident(p)->role == RPC_HUB)
			directory_push(p, replica_usn(m->replica));
}

static void on_report(uv_timer_t *t)
{
	struct member *m = t->data;

	report(m);
	if (m->conf.role == RPC_EDGE && m->pin_changed)
		tell_hubs(m);
	if (m->conf.role == RPC_HUB)
		ask_edges(m);
}

void member_set_cert(struct member *m, const uint8_t pin[DIRECTORY_PIN], int64_t not_after)
{
	m->cert_end = not_after;
	if (m->has_pin && memcmp(m->pin, pin, sizeof(m->pin)) == 0)
		return;
	memcpy(m->pin, pin, sizeof(m->pin));
	m->has_pin = m->pin_changed = true;
	uv_timer_start(m->report, on_report, 0, 0);
}

/* ---- edges: hubs introduce themselves --------------------------------------------------------- */

/* hub side */
static void drop_introduction(struct introduction *i)
{
	directory_cancel(&i->call);
	directory_cancel(&i->seen);
	list_del(&i->node);
	free(i);
}

static void edge_reported(void *ctx, enum err e, uint64_t usn)
{
	(void)e;
	(void)usn;
	drop_introduction(ctx);
}

static void on_introduced(void *ctx, enum err e, const struct directory_introduced *r)
{
	struct introduction *i = ctx;
	struct member *m = i->m;
	struct directory_seen s = { .server = i->edge };

	if (e)
		log_warn(NULL, "edge refuses us edge=%s err=%s",
			 rpc_peer_ident(i->peer)->name, err_text(e));
	if (e || !m->directory || !rpc_peer_is_up(m->directory)) {
		drop_introduction(i);
		return;
	}
	s.usn = r->usn;
	s.version = r->version;
	s.started_ms = r->started_ms;
	s.tls_pin = r->tls_pin;
	s.key = r->key;
	directory_seen(&i->seen, m->directory, &s, edge_reported, i);
}

static void introduce_to(struct member *m, struct rpc_peer *p)
{
	struct introduction *i = xcalloc(1, sizeof(*i));
	struct directory_introduction in = { .organisation = m->id->organisation };
	uint8_t secret[IDENTITY_SECRET];
	struct arena a = { 0 };
	struct object *o;

	i->m = m;
	i->peer = p;
	i->edge = in.edge = rpc_peer_ident(p)->guid;
	list_init(&i->node);
	list_add_tail(&m->introductions, &i->node);
	if (replica_by_guid(m->replica, &in.edge, &a, &o) == ERR_OK) {
		in.name = object_text(o, OBJ_NAME);
		if (seal_open(&m->pepper, "subscription", object_bytes(o, OBJ_SUBSCRIPTION),
			      secret, sizeof(secret)) == ERR_OK) {
			in.secret = secret;
			in.secret_len = sizeof(secret);
		}
	}
	directory_introduce(&i->call, p, &in, on_introduced, i);
	sodium_memzero(secret, sizeof(secret));
	arena_fini(&a);
}

static bool is_introducing(const struct member *m, const struct rpc_peer *p)
{
	LIST_EACH (&m->introductions, n)
		if (CONTAINER_OF(n, struct introduction, node)->peer == p)
			return true;
	return false;
}

void member_edge_news(struct member *m, struct rpc_peer *p)
{
	if (m->conf.role == RPC_HUB && rpc_peer_ident(p)->role == RPC_EDGE &&
	    !is_introducing(m, p))
		introduce_to(m, p);
}

static void forget_introductions(struct member *m, const struct rpc_peer *p)
{
	LIST_EACH (&m->introductions, n) {
		struct introduction *i = CONTAINER_OF(n, struct introduction, node);

		if (!p || i->peer == p)
			drop_introduction(i);
	}
}

enum err member_edge_key(struct member *m, const struct guid *edge, uint8_t key[RPC_KEY],
			 struct errbuf *eb)
{
	struct arena a = { 0 };
	struct object *o;
	enum err e = replica_by_guid(m->replica, edge, &a, &o);

	if (!e)
		e = seal_open(&m->pepper, "feed key", object_bytes(o, OBJ_FEED_KEY), key, RPC_KEY);
	if (e)
		err_set(eb, e, "no feed key for this edge");
	arena_fini(&a);
	return e;
}

/* edge side */
static void use_source(struct member *m, struct rpc_peer *p)
{
	m->source = p;
	replica_set_source(m->replica, p);
}

static enum err prove(struct member *m, struct rpc_peer *p,
		      const struct directory_introduction *in, struct errbuf *eb)
{
	struct identity *id = m->id;

	if (sodium_is_zero(id->secret, sizeof(id->secret)) ||
	    in->secret_len != sizeof(id->secret) ||
	    sodium_memcmp(in->secret, id->secret, sizeof(id->secret)) != 0)
		return err_set(eb, ERR_DENIED, "not the secret of this edge's subscription");
	if (clock_wall_ms() > id->secret_expires_ms)
		return err_set(eb, ERR_DENIED, "the subscription has expired; enrol again");
	id->server = in->edge;
	id->organisation = in->organisation;
	free(id->name);
	id->name = xstrdup(in->name);
	memcpy(id->hub_key, rpc_peer_key(p), RPC_KEY);
	sodium_memzero(id->secret, sizeof(id->secret));
	log_info(NULL, "subscribed name=%s", id->name);
	return identity_save(id, eb);
}

enum err member_introduced(struct member *m, struct rpc_peer *p,
			   const struct directory_introduction *in, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (m->conf.role != RPC_EDGE)
		return err_set(eb, ERR_DENIED, "only edges are introduced to");
	if (rpc_peer_ident(p)->role != RPC_HUB)
		e = prove(m, p, in, eb);
	if (!e && (!m->source || !rpc_peer_is_up(m->source)))
		use_source(m, p);
	else if (!e)
		replica_pull(m->replica);
	return e;
}

static struct rpc_peer *any_hub(const struct member *m, const struct rpc_peer *but)
{
	for (struct rpc_peer *p = rpc_next(m->rpc, NULL); p; p = rpc_next(m->rpc, p))
		if (p != but && rpc_peer_ident(p)->role == RPC_HUB)
			return p;
	return NULL;
}

/* ---- connections ---------------------------------------------------------------------------- */

static void edge_peer(struct member *m, struct rpc_peer *p, bool up)
{
	if (up && !m->source && rpc_peer_ident(p)->role == RPC_HUB)
		use_source(m, p);
	else if (!up && p == m->source)
		use_source(m, any_hub(m, p));
}

static void on_peer(void *ctx, struct rpc_peer *p, bool up)
{
	struct member *m = ctx;

	if (p == m->directory) {
		log_info(NULL, "directory %s", up ? "connected" : "lost");
		if (!up)
			directory_cancel(&m->seen);
		replica_set_source(m->replica, up ? p : NULL);
		if (up)
			report(m);
		/* It has forgotten which edges are up, or never knew. */
		if (up && m->conf.role == RPC_HUB)
			ask_edges(m);
	} else if (m->conf.role == RPC_EDGE) {
		edge_peer(m, p, up);
	} else if (m->conf.role == RPC_HUB && rpc_peer_ident(p)->role == RPC_EDGE) {
		forget_introductions(m, p);
		if (up)
			introduce_to(m, p);
	}
	if (m->conf.on_peer)
		m->conf.on_peer(m->conf.ctx, p, up);
}

/* ---- changes ----------------------------------------------------------------------------------- */

/* The directory has a new key or stands elsewhere: that news came from itself. */
static void follow_directory(struct member *m)
{
	struct replica_iter *it = replica_each(m->replica, CLASS_SERVER);
	struct arena a = { 0 };
	struct object *o;

	while ((o = replica_each_next(it, &a))) {
		struct span key = object_bytes(o, OBJ_KEY);
		struct rpc_ident expect = { .role = RPC_DIRECTORY, .name = "directory" };
		struct errbuf eb = { "" };

		if (object_number(o, OBJ_ROLE, 0) != RPC_DIRECTORY || key.n != RPC_KEY ||
		    memcmp(key.p, m->id->directory_key, RPC_KEY) == 0)
			continue;
		memcpy(m->id->directory_key, key.p, RPC_KEY);
		if (identity_save(m->id, &eb) != ERR_OK)
			log_error(NULL, "cannot keep the directory's new key detail=%s", eb.text);
		replica_set_source(m->replica, NULL);
		directory_cancel(&m->seen);
		rpc_hangup(&m->directory);
		m->directory = rpc_dial(m->rpc, m->id->directory_endpoint,
					m->id->directory_key, &expect);
		break;
	}
	replica_each_end(&it);
	arena_fini(&a);
}

static void push_to_edges(struct member *m)
{
	for (struct rpc_peer *p = rpc_next(m->rpc, NULL); p; p = rpc_next(m->rpc, p))
		if (rpc_peer_ident(p)->role == RPC_EDGE)
			directory_push(p, replica_usn(m->replica));
}

static void on_settle(uv_timer_t *t)
{
	struct member *m = t->data;

	if (m->servers_changed) {
		m->servers_changed = false;
		if (m->directory)
			follow_directory(m);
		links_update(m->links);
		rpc_recheck(m->rpc);
	}
	if (m->feed_changed) {
		m->feed_changed = false;
		if (m->conf.role == RPC_HUB)
			push_to_edges(m);
		uv_timer_start(m->report, on_report, REPORT_SOON_MS, 0);
	}
}

static void on_change(void *ctx, const struct object *o)
{
	struct member *m = ctx;

	m->feed_changed = true;
	m->servers_changed |= !o || o->klass == CLASS_SERVER || o->klass == CLASS_ADMIN ||
			      o->klass == CLASS_DATABASE;
	/* Connections are made and closed from the loop, not from inside a reply. */
	uv_timer_start(m->settle, on_settle, 0, 0);
	if (m->conf.on_change)
		m->conf.on_change(m->conf.ctx, o);
}

static void on_rotated(void *ctx, enum err e)
{
	(void)ctx;
	if (e)
		log_error(NULL, "the directory did not take the next key err=%s", err_text(e));
	else
		log_info(NULL, "next key known to the directory, used from the next start on");
}

enum err member_rotate(struct member *m, struct errbuf *eb)
{
	struct identity next = *m->id;
	bool edge = m->conf.role == RPC_EDGE;
	enum err e;

	/* An edge's hubs learn its next key when they meet it, having dialled the old. */
	if (!edge && (!m->directory || !rpc_peer_is_up(m->directory)))
		return err_set(eb, ERR_AGAIN, "keys change only while the directory is there");
	if (m->rotate.call)
		return err_set(eb, ERR_AGAIN, "it is being done");
	/* The running daemon keeps its keys; the file has the next ones. */
	identity_rotate(&next);
	e = identity_save(&next, eb);
	if (!e && !edge)
		directory_rotate(&m->rotate, m->directory, next.public_key, on_rotated, m);
	sodium_memzero(&next, sizeof(next));
	return e;
}

/* ---- opening ------------------------------------------------------------------------------------- */

/* Where others reach us: said, enrolled with, or made from where we listen. */
static char *make_endpoint(const struct member_conf *c, const struct identity *id)
{
	if (c->endpoint && c->endpoint[0])
		return xstrdup(c->endpoint);
	if (id->endpoint)
		return xstrdup(id->endpoint);
	return c->listen && c->listen[0] ? identity_reachable(c->listen) : NULL;
}

static enum err load_identity(struct member *m, struct errbuf *eb)
{
	const struct member_conf *c = &m->conf;
	enum err e = identity_load(c->config_dir, c->daemon, &m->id, eb);

	if (e == ERR_NOTFOUND || (!e && c->role != RPC_EDGE && !identity_is_enrolled(m->id)))
		return err_set(eb, ERR_NOTFOUND, "not enrolled: run `%s enrol%s`", c->daemon,
			       c->role == RPC_EDGE ? " --endpoint tcp://HOST:PORT" : " TOKEN");
	if (!e && m->id->role != c->role)
		e = err_set(eb, ERR_INVALID, "%s is not of this role", m->id->path);
	if (!e)
		memcpy(m->pepper.key, m->id->pepper, sizeof(m->pepper.key));
	return e;
}

static enum err open_rpc(struct member *m, struct errbuf *eb)
{
	const struct member_conf *c = &m->conf;
	struct rpc_conf rc = {
		.loop = c->loop, .who = who, .on_peer = on_peer, .ctx = m,
		.role = c->owner, .n_methods = member_n_methods + c->n_methods,
		.self = { .role = c->role, .guid = m->id->server },
	};
	enum err e;

	m->methods = xcalloc(rc.n_methods, sizeof(*m->methods));
	memcpy(m->methods, member_methods, member_n_methods * sizeof(*m->methods));
	if (c->n_methods)
		memcpy(m->methods + member_n_methods, c->methods,
		       c->n_methods * sizeof(*m->methods));
	rc.methods = m->methods;
	snprintf(rc.self.name, sizeof(rc.self.name), "%s", m->id->name);
	memcpy(rc.public_key, m->id->public_key, RPC_KEY);
	memcpy(rc.secret_key, m->id->secret_key, RPC_KEY);
	memcpy(rc.old_public_key, m->id->old_public_key, RPC_KEY);
	memcpy(rc.old_secret_key, m->id->old_secret_key, RPC_KEY);
	e = rpc_open(&rc, &m->rpc, eb);
	sodium_memzero(&rc, sizeof(rc));
	return e;
}

static enum err open_replica(struct member *m, struct errbuf *eb)
{
	char *path = xasprintf("%s/replica.db", m->conf.data_dir);
	const struct replica_conf rc = {
		.path = path, .loop = m->conf.loop, .on_change = on_change, .ctx = m,
		.feed_key = m->conf.role == RPC_EDGE ? m->id->pepper : NULL,
	};
	enum err e = replica_open(&rc, &m->replica, eb);

	free(path);
	return e;
}

/* Strangers are let in only while an edge waits for the hub that proves its
 * subscription. */
static enum err start_listening(struct member *m, struct errbuf *eb)
{
	const struct member_conf *c = &m->conf;
	bool waits = c->role == RPC_EDGE && !identity_is_enrolled(m->id);

	if (!c->listen || !c->listen[0])
		return ERR_OK;
	return rpc_listen(m->rpc, c->listen, waits ? RPC_LISTEN_ENROL : RPC_LISTEN_SERVERS, 0, eb);
}

static uv_timer_t *new_timer(struct member *m)
{
	uv_timer_t *t = xcalloc(1, sizeof(*t));

	uv_timer_init(m->conf.loop, t);
	t->data = m;
	return t;
}

enum err member_open(const struct member_conf *conf, struct errbuf *eb)
{
	struct member *m = xcalloc(1, sizeof(*m));
	struct rpc_ident expect = { .role = RPC_DIRECTORY, .name = "directory" };
	enum err e;

	CHECK(sodium_init() >= 0);
	m->conf = *conf;
	m->started_ms = clock_wall_ms();
	list_init(&m->introductions);
	e = load_identity(m, eb);
	if (!e) {
		m->endpoint = make_endpoint(conf, m->id);
		m->settle = new_timer(m);
		m->report = new_timer(m);
		e = open_rpc(m, eb);
	}
	if (!e)
		e = open_replica(m, eb);
	if (!e)
		e = start_listening(m, eb);
	if (e) {
		member_close(&m);
		return e;
	}
	*conf->owner = m;
	m->links = links_new(m->rpc, m->replica, conf->dial, &m->id->server);
	if (conf->role != RPC_EDGE)
		m->directory = rpc_dial(m->rpc, m->id->directory_endpoint, m->id->directory_key,
					&expect);
	return ERR_OK;
}

static void timer_closed(uv_handle_t *h)
{
	free(h);
}

static void close_timer(uv_timer_t **t)
{
	if (*t)
		uv_close((uv_handle_t *)*t, timer_closed);
	*t = NULL;
}

void member_close(struct member **mp)
{
	struct member *m = *mp;

	if (!m)
		return;
	*mp = NULL;
	if (m->replica)
		replica_set_source(m->replica, NULL);
	forget_introductions(m, NULL);
	directory_cancel(&m->seen);
	directory_cancel(&m->rotate);
	links_free(&m->links);
	if (m->directory)
		rpc_hangup(&m->directory);
	rpc_close(&m->rpc);
	replica_close(&m->replica);
	close_timer(&m->settle);
	close_timer(&m->report);
	free(m->methods);
	free(m->endpoint);
	identity_free(&m->id);
	sodium_memzero(&m->pepper, sizeof(m->pepper));
	free(m);
}
