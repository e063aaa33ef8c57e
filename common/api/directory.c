#include "common/api/directory.h"

#include "common/api/object_pb.h"
#include "common/base/check.h"
#include "gen/directory.pb-c.h"

typedef void any_fn(void);

static ProtobufCBinaryData bytes(const void *p, size_t n)
{
	return (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)p };
}

static ProtobufCBinaryData guid_bytes(const struct guid *g)
{
	return bytes(g->b, guid_is_null(g) ? 0 : sizeof(g->b));
}

static char *str(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

/* The call is over: take its callback out, so that it may start the next one. */
static any_fn *finish(struct directory_call *c)
{
	any_fn *cb = c->cb;

	c->call = NULL;
	c->cb = NULL;
	return cb;
}

static void start(struct directory_call *c, struct rpc_peer *p, const char *method,
		  const ProtobufCMessage *body, const ProtobufCMessageDescriptor *rep,
		  rpc_reply_cb *done, any_fn *cb, void *ctx)
{
	struct rpc_args args = {
		.method = method, .body = body, .rep = rep, .on_reply = done, .ctx = c,
	};

	CHECK(!c->call);
	c->cb = cb;
	c->ctx = ctx;
	c->call = rpc_call(p, &args);
}

void directory_cancel(struct directory_call *c)
{
	rpc_call_cancel(&c->call);
}

/* ---- changes ------------------------------------------------------------------- */

static enum err page_from(struct arena *a, const Directory__ChangesRep *m,
			  struct directory_page *p)
{
	if (guid_from(m->incarnation.data, m->incarnation.len, &p->incarnation) != ERR_OK)
		return ERR_INVALID;
	p->usn = m->usn;
	p->filter_version = m->filter_version;
	p->need_snapshot = m->need_snapshot;
	p->more = m->more;
	p->objects = arena_alloc(a, m->n_objects * sizeof(*p->objects) + 1);
	for (; p->n < m->n_objects; p->n++)
		if (object_from_pb(a, m->objects[p->n], &p->objects[p->n]) != ERR_OK)
			return ERR_INVALID;
	return ERR_OK;
}

static void changes_done(void *ctx, enum err e, const ProtobufCMessage *rep,
			 const void *payload, size_t n, const char *detail)
{
	struct directory_call *c = ctx;
	directory_page_cb *cb = (directory_page_cb *)finish(c);
	struct directory_page page = { 0 };
	struct arena a = { 0 };

	(void)payload;
	(void)n;
	(void)detail;
	if (!e)
		e = page_from(&a, (const Directory__ChangesRep *)(const void *)rep, &page);
	cb(c->ctx, e, e ? NULL : &page);
	arena_fini(&a);
}

void directory_changes(struct directory_call *c, struct rpc_peer *p,
		       const struct directory_ask *ask, directory_page_cb *cb, void *ctx)
{
	Directory__ChangesReq rq = DIRECTORY__CHANGES_REQ__INIT;

	rq.incarnation = guid_bytes(&ask->incarnation);
	rq.usn = ask->usn;
	rq.filter_version = ask->filter_version;
	rq.snapshot = ask->snapshot;
	rq.after = guid_bytes(&ask->after);
	rq.limit = ask->limit;
	start(c, p, "directory.changes", &rq.base, &directory__changes_rep__descriptor,
	      changes_done, (any_fn *)cb, ctx);
}

/* The serving side of the same. */
enum err directory_ask_from(const Directory__ChangesReq *m, struct directory_ask *out)
{
	*out = (struct directory_ask){ .usn = m->usn, .filter_version = m->filter_version,
				       .snapshot = m->snapshot, .limit = m->limit };
	if ((m->incarnation.len &&
	     guid_from(m->incarnation.data, m->incarnation.len, &out->incarnation) != ERR_OK) ||
	    (m->after.len && guid_from(m->after.data, m->after.len, &out->after) != ERR_OK))
		return ERR_INVALID;
	return ERR_OK;
}

void directory_page_reply(struct rpc_request *rq, const struct directory_page *p)
{
	Directory__ChangesRep rep = DIRECTORY__CHANGES_REP__INIT;

	rep.incarnation = guid_bytes(&p->incarnation);
	rep.usn = p->usn;
	rep.more = p->more;
	rep.need_snapshot = p->need_snapshot;
	rep.filter_version = p->filter_version;
	rep.n_objects = p->n;
	rep.objects = arena_alloc(&rq->arena, p->n * sizeof(*rep.objects) + 1);
	for (size_t i = 0; i < p->n; i++)
		rep.objects[i] = object_to_pb(&rq->arena, p->objects[i]);
	rpc_reply(rq, &rep.base, NULL, 0);
}

void directory_push(struct rpc_peer *p, uint64_t usn)
{
	Directory__PushReq rq = DIRECTORY__PUSH_REQ__INIT;
	struct rpc_args args = { .method = "directory.push", .body = &rq.base };

	rq.usn = usn;
	rpc_call(p, &args);
}

/* ---- joining --------------------------------------------------------------------- */

static enum err enrolled_from(const Directory__EnrolRep *m, struct directory_enrolled *r)
{
	if (guid_from(m->server.data, m->server.len, &r->server) != ERR_OK ||
	    guid_from(m->organisation.data, m->organisation.len, &r->organisation) != ERR_OK ||
	    (m->pepper.len != 0 && m->pepper.len != RPC_KEY))
		return ERR_INVALID;
	r->pepper = m->pepper.len ? m->pepper.data : NULL;
	r->org_name = m->org_name;
	r->directory = m->directory;
	return ERR_OK;
}

static void enrol_done(void *ctx, enum err e, const ProtobufCMessage *rep,
		       const void *payload, size_t n, const char *detail)
{
	struct directory_call *c = ctx;
	directory_enrol_cb *cb = (directory_enrol_cb *)finish(c);
	struct directory_enrolled r = { 0 };

	(void)payload;
	(void)n;
	if (!e)
		e = enrolled_from((const Directory__EnrolRep *)(const void *)rep, &r);
	cb(c->ctx, e, e ? NULL : &r, detail ? detail : "");
}

void directory_enrol(struct directory_call *c, struct rpc_peer *p,
		     const struct directory_enrolment *en, directory_enrol_cb *cb, void *ctx)
{
	Directory__EnrolReq rq = DIRECTORY__ENROL_REQ__INIT;

	rq.secret = bytes(en->secret, en->secret_len);
	rq.name = str(en->name);
	rq.role = en->role;
	rq.endpoint = str(en->endpoint);
	rq.key = bytes(en->key, RPC_KEY);
	rq.databases = (char **)(uintptr_t)en->databases;
	rq.n_databases = en->n_databases;
	start(c, p, "directory.enrol", &rq.base, &directory__enrol_rep__descriptor, enrol_done,
	      (any_fn *)cb, ctx);
}

static void introduce_done(void *ctx, enum err e, const ProtobufCMessage *rep,
			   const void *payload, size_t n, const char *detail)
{
	struct directory_call *c = ctx;
	directory_introduce_cb *cb = (directory_introduce_cb *)finish(c);
	const Directory__IntroduceRep *m = (const Directory__IntroduceRep *)(const void *)rep;
	struct directory_introduced r = { 0 };

	(void)payload;
	(void)n;
	(void)detail;
	if (!e) {
		r.usn = m->usn;
		r.started_ms = m->started_ms;
		r.version = m->version;
		r.tls_pin = m->tls_pin.len == DIRECTORY_PIN ? m->tls_pin.data : NULL;
		r.key = m->key.len == RPC_KEY ? m->key.data : NULL;
	}
	cb(c->ctx, e, e ? NULL : &r);
}

void directory_introduce(struct directory_call *c, struct rpc_peer *p,
			 const struct directory_introduction *in, directory_introduce_cb *cb,
			 void *ctx)
{
	Directory__IntroduceReq rq = DIRECTORY__INTRODUCE_REQ__INIT;

	rq.secret = bytes(in->secret, in->secret_len);
	rq.organisation = guid_bytes(&in->organisation);
	rq.edge = guid_bytes(&in->edge);
	rq.name = str(in->name);
	start(c, p, "directory.introduce", &rq.base, &directory__introduce_rep__descriptor,
	      introduce_done, (any_fn *)cb, ctx);
}

/* ---- reports ----------------------------------------------------------------------- */

static void seen_done(void *ctx, enum err e, const ProtobufCMessage *rep, const void *payload,
		      size_t n, const char *detail)
{
	struct directory_call *c = ctx;
	directory_seen_cb *cb = (directory_seen_cb *)finish(c);
	const Directory__SeenRep *m = (const Directory__SeenRep *)(const void *)rep;

	(void)payload;
	(void)n;
	(void)detail;
	cb(c->ctx, e, e ? 0 : m->usn);
}

void directory_seen(struct directory_call *c, struct rpc_peer *p,
		    const struct directory_seen *s, directory_seen_cb *cb, void *ctx)
{
	Directory__SeenReq rq = DIRECTORY__SEEN_REQ__INIT;

	rq.usn = s->usn;
	rq.started_ms = s->started_ms;
	rq.version = str(s->version);
	rq.endpoint = str(s->endpoint);
	rq.server = guid_bytes(&s->server);
	if (s->tls_pin)
		rq.tls_pin = bytes(s->tls_pin, DIRECTORY_PIN);
	if (s->key)
		rq.key = bytes(s->key, RPC_KEY);
	start(c, p, "directory.seen", &rq.base, &directory__seen_rep__descriptor, seen_done,
	      (any_fn *)cb, ctx);
}

static void rotate_done(void *ctx, enum err e, const ProtobufCMessage *rep,
			const void *payload, size_t n, const char *detail)
{
	struct directory_call *c = ctx;
	directory_done_cb *cb = (directory_done_cb *)finish(c);

	(void)rep;
	(void)payload;
	(void)n;
	(void)detail;
	cb(c->ctx, e);
}

void directory_rotate(struct directory_call *c, struct rpc_peer *p,
		      const uint8_t new_key[RPC_KEY], directory_done_cb *cb, void *ctx)
{
	Directory__RotateReq rq = DIRECTORY__ROTATE_REQ__INIT;

	rq.new_key = bytes(new_key, RPC_KEY);
	start(c, p, "directory.rotate", &rq.base, &directory__rotate_rep__descriptor,
	      rotate_done, (any_fn *)cb, ctx);
}
