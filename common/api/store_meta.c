#include "common/api/store_meta.h"

#include "common/api/store_priv.h"

/* ---- annotations ----------------------------------------------------------------------- */

static void get_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__MetaGetRep *rep = REP(Store__MetaGetRep, m);
	size_t n = e == ERR_OK ? rep->n_entries : 0;
	struct store_meta *list = arena_alloc(&c->arena, (n + 1) * sizeof(*list));
	const char *more = NULL;

	for (size_t i = 0; i < n; i++) {
		const Store__MetaEntry *en = rep->entries[i];

		list[i] = (struct store_meta){
			.path = en->path, .entry = en->entry,
			.value = { (const char *)en->value.data, en->value.len } };
		if (list[i].value.p == NULL)
			list[i].value.p = "";
	}
	if (e == ERR_OK && *rep->more)
		more = rep->more;
	((store_meta_cb *)c->cb)(c->ctx, e, list, n, more);
}

struct api_call *store_meta_get(const struct store_at *at, const struct store_meta_ask *a,
				store_meta_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(get_finish, (api_any_fn *)cb, ctx);
	Store__MetaGetReq rq = STORE__META_GET_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.path = store_str(a->path);
	rq.all = a->path == NULL;
	rq.after = store_str(a->after);
	rq.entries = (char **)(uintptr_t)a->entries;
	rq.n_entries = store_count(a->entries);
	rq.depth = a->depth;
	return store_call_start(c, at, &(struct api_start){
		.method = "store.meta-get", .body = &rq.base,
		.rep = &store__meta_get_rep__descriptor });
}

struct api_call *store_meta_set(const struct store_at *at, const char *path,
				const struct store_meta *m, size_t n, store_done_cb *cb,
				void *ctx)
{
	struct api_call *c = store_call_new(store_done_finish, (api_any_fn *)cb, ctx);
	Store__MetaEntry *e = arena_alloc(&c->arena, (n + 1) * sizeof(*e));
	Store__MetaSetReq rq = STORE__META_SET_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.path = store_str(path);
	rq.entries = arena_alloc(&c->arena, (n + 1) * sizeof(*rq.entries));
	rq.n_entries = n;
	for (size_t i = 0; i < n; i++) {
		store__meta_entry__init(&e[i]);
		e[i].entry = store_str(m[i].entry);
		e[i].gone = m[i].value.p == NULL;
		e[i].value = (ProtobufCBinaryData){ m[i].value.n,
						    (uint8_t *)(uintptr_t)m[i].value.p };
		rq.entries[i] = &e[i];
	}
	return store_start_done(c, at, "store.meta-set", &rq.base);
}

/* ---- usage ---------------------------------------------------------------------------------- */

static void usage_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__UsageRep *rep = REP(Store__UsageRep, m);
	struct store_usage u = { .size = 0 };

	if (e == ERR_OK)
		u = (struct store_usage){
			.size = rep->size, .quota_warn = rep->quota_warn,
			.quota_send = rep->quota_send, .quota_recv = rep->quota_recv,
			.items = rep->items, .folders = rep->folders,
			.folders_max = rep->folders_max, .meta = rep->meta,
			.meta_max = rep->meta_max,
		};
	((store_usage_cb *)c->cb)(c->ctx, e, &u);
}

struct api_call *store_usage(const struct store_at *at, store_usage_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(usage_finish, (api_any_fn *)cb, ctx);
	Store__UsageReq rq = STORE__USAGE_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	return store_call_start(c, at, &(struct api_start){
		.method = "store.usage", .body = &rq.base, .rep = &store__usage_rep__descriptor });
}

/* ---- signed URLs -------------------------------------------------------------------------- */

static void sign_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__UrlSignRep *rep = REP(Store__UrlSignRep, m);
	static const uint8_t none[URL_TOKEN];

	if (e == ERR_OK && rep->token.len != URL_TOKEN)
		e = ERR_INVALID;
	((store_url_cb *)c->cb)(c->ctx, e, e == ERR_OK ? rep->token.data : none);
}

struct api_call *store_url_sign(const struct store_at *at, const char *path, const char *text,
				store_url_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(sign_finish, (api_any_fn *)cb, ctx);
	Store__UrlSignReq rq = STORE__URL_SIGN_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.path = store_str(path);
	rq.text = store_str(text);
	return store_call_start(c, at, &(struct api_start){
		.method = "store.url-sign", .body = &rq.base,
		.rep = &store__url_sign_rep__descriptor });
}

struct api_call *store_url_check(const struct store_at *at, const char *path, const char *text,
				 const uint8_t token[URL_TOKEN], store_done_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(store_done_finish, (api_any_fn *)cb, ctx);
	Store__UrlCheckReq rq = STORE__URL_CHECK_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.path = store_str(path);
	rq.text = store_str(text);
	rq.token = (ProtobufCBinaryData){ URL_TOKEN, (uint8_t *)(uintptr_t)token };
	return store_start_done(c, at, "store.url-check", &rq.base);
}

struct api_call *store_url_reset(const struct store_at *at, const char *path,
				 store_done_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(store_done_finish, (api_any_fn *)cb, ctx);
	Store__UrlResetReq rq = STORE__URL_RESET_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.path = store_str(path);
	rq.all = path == NULL;
	return store_start_done(c, at, "store.url-reset", &rq.base);
}
