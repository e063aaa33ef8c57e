#include "common/api/store_search.h"

#include "common/api/store_priv.h"

static void find_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__FindRep *rep = REP(Store__FindRep, m);
	struct store_found *out = NULL;
	size_t n = 0;

	if (e == ERR_OK) {
		n = rep->n_found;
		out = arena_alloc(&c->arena, (n + 1) * sizeof(*out));
	}
	for (size_t i = 0; i < n; i++) {
		out[i].known = rep->found[i]->known;
		out[i].maybe = store_from_pairs(c, rep->found[i]->runs, rep->found[i]->n_runs);
	}
	((store_find_cb *)c->cb)(c->ctx, e, out, n);
}

struct api_call *store_find(const struct store_at *at, uint64_t fid,
			    const struct store_needle *needles, size_t n, store_find_cb *cb,
			    void *ctx)
{
	struct api_call *c = store_call_new(find_finish, (api_any_fn *)cb, ctx);
	Store__FindReq rq = STORE__FIND_REQ__INIT;
	Store__Needle **list = arena_alloc(&c->arena, (n + 1) * sizeof(*list));
	Store__Needle *pb = arena_alloc(&c->arena, (n + 1) * sizeof(*pb));

	for (size_t i = 0; i < n; i++) {
		store__needle__init(&pb[i]);
		pb[i].text.data = (uint8_t *)(uintptr_t)needles[i].text.p;
		pb[i].text.len = needles[i].text.n;
		pb[i].header = needles[i].header;
		pb[i].body = needles[i].body;
		list[i] = &pb[i];
	}
	rq.mailbox = store_guid(&at->mailbox);
	rq.fid = fid;
	rq.needles = list;
	rq.n_needles = n;
	return store_call_start(c, at, &(struct api_start){
		.method = "store.find", .body = &rq.base,
		.rep = &store__find_rep__descriptor, .timeout_ms = STORE_LONG_MS });
}

static void stream_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	(void)m;
	((store_done_cb *)c->cb)(c->ctx, e, 0);
}

struct api_call *store_sort(const struct store_at *at, uint64_t fid, struct uid_ranges uids,
			    const uint8_t *keys, size_t n_keys, store_bytes_cb *bytes,
			    store_done_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(stream_finish, (api_any_fn *)cb, ctx);
	Store__SortReq rq = STORE__SORT_REQ__INIT;

	c->bytes = bytes;
	rq.mailbox = store_guid(&at->mailbox);
	rq.fid = fid;
	rq.uids = store_to_pb(c, uids, &rq.n_uids);
	rq.keys.data = (uint8_t *)(uintptr_t)keys;
	rq.keys.len = n_keys;
	return store_call_start(c, at, &(struct api_start){
		.method = "store.sort", .body = &rq.base,
		.rep = &store__done__descriptor, .timeout_ms = STORE_LONG_MS });
}

struct api_call *store_refs(const struct store_at *at, uint64_t fid, struct uid_ranges uids,
			    store_bytes_cb *bytes, store_done_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(stream_finish, (api_any_fn *)cb, ctx);
	Store__RefsReq rq = STORE__REFS_REQ__INIT;

	c->bytes = bytes;
	rq.mailbox = store_guid(&at->mailbox);
	rq.fid = fid;
	rq.uids = store_to_pb(c, uids, &rq.n_uids);
	return store_call_start(c, at, &(struct api_start){
		.method = "store.refs", .body = &rq.base,
		.rep = &store__done__descriptor, .timeout_ms = STORE_LONG_MS });
}
