/* store_change - the store's stubs that change something, and those that follow changes */
#include "common/api/store.h"

#include "common/api/store_priv.h"
#include "common/base/check.h"

/* ---- putting in ------------------------------------------------------------------------ */

size_t store_append_room(const struct api_call *c)
{
	size_t n = c->rpc ? rpc_call_credit(c->rpc) : 0;

	if (n > RPC_CHUNK)
		n = RPC_CHUNK;
	return n < c->left ? n : (size_t)c->left;
}

void store_append_data(struct api_call *c, const void *p, size_t n)
{
	CHECK(n <= store_append_room(c));
	if (n == 0)
		return;
	c->left -= n;
	rpc_call_send(c->rpc, p, n, c->left == 0);
}

void store_append_keep(struct api_call *c, const void *p, size_t n)
{
	CHECK(n > 0 && n == c->left && n <= store_append_room(c));
	c->left = 0;
	rpc_call_send(c->rpc, p, n, false);
	rpc_call_send(c->rpc, "", 0, true);
}

static void append_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__AppendRep *rep = REP(Store__AppendRep, m);
	bool ok = e == ERR_OK;

	((store_append_cb *)c->cb)(c->ctx, e, ok ? rep->uidvalidity : 0, ok ? rep->uid : 0,
				   ok ? rep->modseq : 0);
}

struct api_call *store_append(const struct store_at *at, const struct store_append *a,
			      void (*writable)(void *ctx), store_append_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(append_finish, (api_any_fn *)cb, ctx);
	Store__AppendReq rq = STORE__APPEND_REQ__INIT;

	c->writable = writable;
	c->left = a->size;
	rq.mailbox = store_guid(&at->mailbox);
	rq.fid = a->fid;
	rq.flags = a->flags;
	rq.keywords = (char **)(uintptr_t)a->keywords;
	rq.n_keywords = store_count(a->keywords);
	rq.internal_ms = a->internal_ms;
	rq.size = a->size;
	if (!guid_is_null(&a->batch))
		rq.batch = store_guid(&a->batch);
	return store_call_start(c, at, &(struct api_start){
		.method = "store.append", .body = &rq.base,
		.rep = &store__append_rep__descriptor, .timeout_ms = STORE_LONG_MS,
		.upload = a->size > 0 });
}

static void stage_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__StageRep *rep = REP(Store__StageRep, m);

	((store_done_cb *)c->cb)(c->ctx, e, e == ERR_OK ? rep->size : 0);
}

struct api_call *store_stage(const struct store_at *at, const struct store_stage *s,
			     void (*writable)(void *ctx), store_done_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(stage_finish, (api_any_fn *)cb, ctx);
	Store__StageReq rq = STORE__STAGE_REQ__INIT;

	c->writable = writable;
	c->left = s->open ? UINT64_MAX : s->size;
	rq.mailbox = store_guid(&at->mailbox);
	rq.fid = s->fid;
	rq.batch = store_guid(&s->batch);
	rq.ord = s->ord;
	rq.flags = s->flags;
	rq.keywords = (char **)(uintptr_t)s->keywords;
	rq.n_keywords = store_count(s->keywords);
	rq.internal_ms = s->internal_ms;
	rq.size = s->size;
	rq.open = s->open;
	return store_call_start(c, at, &(struct api_start){
		.method = "store.stage", .body = &rq.base,
		.rep = &store__stage_rep__descriptor, .timeout_ms = STORE_LONG_MS,
		.upload = c->left > 0 });
}

void store_append_end(struct api_call *c)
{
	if (c->left == 0)
		return;
	c->left = 0;
	if (c->rpc)
		rpc_call_send(c->rpc, "", 0, true);
}

static void place_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__PlaceRep *rep = REP(Store__PlaceRep, m);
	bool ok = e == ERR_OK;

	((store_append_cb *)c->cb)(c->ctx, e, ok ? rep->uidvalidity : 0, ok ? rep->uid : 0,
				   ok ? rep->modseq : 0);
}

struct api_call *store_place(const struct store_at *at, const struct store_place *p,
			     store_append_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(place_finish, (api_any_fn *)cb, ctx);
	Store__PlaceReq rq = STORE__PLACE_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.fid = p->fid;
	rq.batch = store_guid(&p->batch);
	rq.n = p->n;
	rq.replace_fid = p->replace_fid;
	rq.replace_uid = p->replace_uid;
	return store_call_start(c, at, &(struct api_start){
		.method = "store.place", .body = &rq.base,
		.rep = &store__place_rep__descriptor, .timeout_ms = STORE_LONG_MS });
}

static void deliver_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__DeliverRep *rep = REP(Store__DeliverRep, m);
	struct store_delivered *out = NULL;
	size_t n = 0;

	if (e == ERR_OK) {
		n = rep->n_results;
		out = arena_alloc(&c->arena, (n + 1) * sizeof(*out));
	}
	for (size_t i = 0; i < n; i++) {
		const Store__DeliverResult *r = rep->results[i];

		out[i] = (struct store_delivered){
			.status = err_from_wire(r->status), .repeat = r->repeat, .fid = r->fid,
			.mid = r->mid, .uid = r->uid, .detail = r->detail };
	}
	((store_deliver_cb *)c->cb)(c->ctx, e, out, n);
}

static void recipients(struct api_call *c, const struct store_deliver *d, Store__DeliverReq *rq)
{
	Store__DeliverTo *to = arena_alloc(&c->arena, (d->n_to + 1) * sizeof(*to));

	rq->to = arena_alloc(&c->arena, (d->n_to + 1) * sizeof(*rq->to));
	rq->n_to = d->n_to;
	for (size_t i = 0; i < d->n_to; i++) {
		store__deliver_to__init(&to[i]);
		to[i].mailbox = store_guid(&d->to[i].mailbox);
		to[i].fid = d->to[i].fid;
		to[i].flags = d->to[i].flags;
		to[i].role = store_str(d->to[i].role);
		rq->to[i] = &to[i];
	}
}

struct api_call *store_deliver(const struct store_at *at, const struct store_deliver *d,
			       const void *content, unsigned timeout_ms,
			       void (*writable)(void *ctx), store_deliver_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(deliver_finish, (api_any_fn *)cb, ctx);
	Store__DeliverReq rq = STORE__DELIVER_REQ__INIT;

	CHECK(content == NULL || d->size <= RPC_CHUNK);
	c->writable = writable;
	c->left = content ? 0 : d->size;
	rq.origin = store_guid(&d->origin);
	rq.seq = d->seq;
	rq.return_path = store_str(d->return_path);
	rq.received_ms = d->received_ms;
	rq.size = d->size;
	rq.prefix = store_str(d->prefix);
	recipients(c, d, &rq);
	return store_call_start(c, at, &(struct api_start){
		.method = "store.deliver", .body = &rq.base,
		.rep = &store__deliver_rep__descriptor, .timeout_ms = timeout_ms,
		.payload = content, .payload_len = content ? (size_t)d->size : 0,
		.upload = c->left > 0 });
}

struct api_call *store_done_below(struct rpc_peer *peer, const struct guid *origin,
				  uint64_t seq, store_done_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(store_done_finish, (api_any_fn *)cb, ctx);
	Store__DoneBelowReq rq = STORE__DONE_BELOW_REQ__INIT;

	rq.origin = store_guid(origin);
	rq.seq = seq;
	return store_start_done(c, &(struct store_at){ .peer = peer }, "store.done-below",
				&rq.base);
}

/* ---- changing ---------------------------------------------------------------------------- */

static void flags_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__FlagsRep *rep = REP(Store__FlagsRep, m);
	struct uid_ranges modified = { NULL, 0 };

	if (e == ERR_OK)
		modified = store_from_pb(c, rep->modified, rep->n_modified);
	((store_flags_cb *)c->cb)(c->ctx, e, modified, e == ERR_OK ? rep->highestmodseq : 0);
}

struct api_call *store_flags(const struct store_at *at, const struct store_flags *f,
			     store_rows_cb *rows, store_flags_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(flags_finish, (api_any_fn *)cb, ctx);
	Store__FlagsReq rq = STORE__FLAGS_REQ__INIT;

	c->rows = rows;
	rq.mailbox = store_guid(&at->mailbox);
	rq.fid = f->fid;
	rq.uids = store_to_pb(c, f->uids, &rq.n_uids);
	rq.mode = (Store__FlagsReq__Mode)f->mode;
	rq.flags = f->flags;
	rq.keywords = (char **)(uintptr_t)f->keywords;
	rq.n_keywords = store_count(f->keywords);
	rq.check_unchanged = f->check_unchanged;
	rq.unchanged_since = f->unchanged_since;
	return store_call_start(c, at, &(struct api_start){
		.method = "store.flags", .body = &rq.base,
		.rep = &store__flags_rep__descriptor, .timeout_ms = STORE_LONG_MS });
}

static void copy_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__CopyRep *rep = REP(Store__CopyRep, m);
	struct uid_ranges from = { NULL, 0 }, to = { NULL, 0 };

	if (e == ERR_OK) {
		from = store_from_pb(c, rep->from, rep->n_from);
		to = store_from_pb(c, rep->to, rep->n_to);
	}
	((store_copy_cb *)c->cb)(c->ctx, e, e == ERR_OK ? rep->uidvalidity : 0, from, to);
}

struct api_call *store_copy(const struct store_at *at, uint64_t fid, struct uid_ranges uids,
			    const struct guid *to, const char *to_path, bool move,
			    store_copy_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(copy_finish, (api_any_fn *)cb, ctx);
	Store__CopyReq rq = STORE__COPY_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.fid = fid;
	rq.uids = store_to_pb(c, uids, &rq.n_uids);
	if (to)
		rq.to_mailbox = store_guid(to);
	rq.to_path = store_str(to_path);
	rq.move = move;
	return store_call_start(c, at, &(struct api_start){
		.method = "store.copy", .body = &rq.base,
		.rep = &store__copy_rep__descriptor, .timeout_ms = STORE_LONG_MS });
}

static void expunge_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__ExpungeRep *rep = REP(Store__ExpungeRep, m);
	struct uid_ranges gone = { NULL, 0 };

	if (e == ERR_OK)
		gone = store_from_pb(c, rep->gone, rep->n_gone);
	((store_expunge_cb *)c->cb)(c->ctx, e, gone, e == ERR_OK ? rep->modseq : 0);
}

struct api_call *store_expunge(const struct store_at *at, uint64_t fid, struct uid_ranges uids,
			       bool any_flag, store_expunge_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(expunge_finish, (api_any_fn *)cb, ctx);
	Store__ExpungeReq rq = STORE__EXPUNGE_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.fid = fid;
	rq.uids = store_to_pb(c, uids, &rq.n_uids);
	rq.any_flag = any_flag;
	return store_call_start(c, at, &(struct api_start){
		.method = "store.expunge", .body = &rq.base,
		.rep = &store__expunge_rep__descriptor, .timeout_ms = STORE_LONG_MS });
}

/* ---- changes ------------------------------------------------------------------------------- */

struct feed_ask {
	uint64_t fid, since;
	uint32_t limit;
	store_rows_cb *rows;		/* NULL: only what went away */
};

static void changes_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__ChangesRep *rep = REP(Store__ChangesRep, m);
	struct store_changes out = { .until = 0 };

	if (e == ERR_OK)
		out = (struct store_changes){
			.until = rep->until, .gone = store_from_pb(c, rep->gone, rep->n_gone),
			.more = rep->more, .reset = rep->reset, .uidnext = rep->uidnext,
			.total = rep->total, .unread = rep->unread,
			.highestmodseq = rep->highestmodseq,
		};
	((store_changes_cb *)c->cb)(c->ctx, e, &out);
}

static struct api_call *changes_start(const struct store_at *at, const struct feed_ask *ask,
				      store_changes_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(changes_finish, (api_any_fn *)cb, ctx);
	Store__ChangesReq rq = STORE__CHANGES_REQ__INIT;

	c->rows = ask->rows;
	rq.mailbox = store_guid(&at->mailbox);
	rq.fid = ask->fid;
	rq.since = ask->since;
	rq.limit = ask->limit;
	rq.gone_only = ask->rows == NULL;
	return store_call_start(c, at, &(struct api_start){
		.method = "store.changes", .body = &rq.base,
		.rep = &store__changes_rep__descriptor, .timeout_ms = STORE_LONG_MS });
}

struct api_call *store_changes(const struct store_at *at, uint64_t fid, uint64_t since,
			       uint32_t limit, store_rows_cb *rows, store_changes_cb *cb,
			       void *ctx)
{
	return changes_start(at, &(struct feed_ask){ fid, since, limit, rows }, cb, ctx);
}

struct api_call *store_gone(const struct store_at *at, uint64_t fid, uint64_t since,
			    uint32_t limit, store_changes_cb *cb, void *ctx)
{
	return changes_start(at, &(struct feed_ask){ fid, since, limit, NULL }, cb, ctx);
}
