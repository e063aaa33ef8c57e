#include "common/api/store.h"

#include "common/api/store_priv.h"
#include "common/base/check.h"

/* ---- opening ------------------------------------------------------------------------ */

static void open_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__OpenRep *rep = REP(Store__OpenRep, m);
	struct store_info info = { .cn = 0 };

	if (e == ERR_OK) {
		e = guid_from(rep->database.data, rep->database.len, &info.database);
		info.epoch = rep->epoch;
		info.cn = rep->cn;
		info.size = rep->size;
		info.quota_warn = rep->quota_warn;
		info.quota_send = rep->quota_send;
		info.quota_recv = rep->quota_recv;
		info.items = rep->items;
	}
	((store_open_cb *)c->cb)(c->ctx, e, &info);
}

struct api_call *store_open(const struct store_at *at, store_open_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(open_finish, (api_any_fn *)cb, ctx);
	Store__OpenReq rq = STORE__OPEN_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	return store_call_start(c, at, &(struct api_start){
		.method = "store.open", .body = &rq.base,
		.rep = &store__open_rep__descriptor });
}

/* ---- folders --------------------------------------------------------------------------- */

static struct store_folder folder_of(const Store__Folder *f)
{
	return (struct store_folder){
		.fid = f->fid, .parent = f->parent, .name = f->name, .path = f->path,
		.role = f->role, .container_class = f->container_class,
		.uidvalidity = f->uidvalidity, .uidnext = f->uidnext, .total = f->total,
		.unread = f->unread, .recent_uid = f->recent_uid, .deleted = f->deleted,
		.highestmodseq = f->highestmodseq, .size = f->size,
		.deleted_size = f->deleted_size,
		.subscribed = f->subscribed, .has_children = f->has_children,
		.rights = f->rights,
	};
}

static void list_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__FolderListRep *rep = REP(Store__FolderListRep, m);
	struct store_folders out = { .n = 0 };
	Store__FolderListRep *large = NULL;
	struct store_folder *f;

	if (e == ERR_OK && c->partial.len > 0) {
		rep = large = store__folder_list_rep__unpack(NULL, c->partial.len,
							     (uint8_t *)c->partial.data);
		e = large ? ERR_OK : ERR_INVALID;
	}
	if (e == ERR_OK) {
		f = arena_alloc(&c->arena, (rep->n_folders + 1) * sizeof(*f));
		for (size_t i = 0; i < rep->n_folders; i++)
			f[i] = folder_of(rep->folders[i]);
		out = (struct store_folders){
			.f = f, .n = rep->n_folders, .n_gone = rep->n_gone_subscribed,
			.gone_subscribed = (const char *const *)rep->gone_subscribed,
			.cn = rep->cn,
		};
	}
	((store_folders_cb *)c->cb)(c->ctx, e, &out);
	if (large)
		store__folder_list_rep__free_unpacked(large, NULL);
}

static struct api_call *list_start(const struct store_at *at, const char *path, bool deleted,
				   store_folders_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(list_finish, (api_any_fn *)cb, ctx);
	Store__FolderListReq rq = STORE__FOLDER_LIST_REQ__INIT;

	c->whole = true;
	rq.mailbox = store_guid(&at->mailbox);
	rq.path = store_str(path);
	rq.subscribed_paths = true;
	rq.deleted_size = deleted;
	return store_call_start(c, at, &(struct api_start){
		.method = "store.folder-list", .body = &rq.base,
		.rep = &store__folder_list_rep__descriptor });
}

struct api_call *store_folder_list(const struct store_at *at, const char *path,
				   store_folders_cb *cb, void *ctx)
{
	return list_start(at, path, false, cb, ctx);
}

struct api_call *store_folder_list_deleted(const struct store_at *at, const char *path,
					   store_folders_cb *cb, void *ctx)
{
	return list_start(at, path, true, cb, ctx);
}

static void create_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__FolderCreateRep *rep = REP(Store__FolderCreateRep, m);
	struct store_folders out = { .n = 0 };
	struct store_folder f;

	if (e == ERR_OK && rep->folder == NULL)
		e = ERR_INVALID;
	if (e == ERR_OK) {
		f = folder_of(rep->folder);
		out.f = &f;
		out.n = 1;
	}
	((store_folders_cb *)c->cb)(c->ctx, e, &out);
}

struct api_call *store_folder_create(const struct store_at *at, const char *path,
				     const char *role, store_folders_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(create_finish, (api_any_fn *)cb, ctx);
	Store__FolderCreateReq rq = STORE__FOLDER_CREATE_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.path = store_str(path);
	rq.role = store_str(role);
	return store_call_start(c, at, &(struct api_start){
		.method = "store.folder-create", .body = &rq.base,
		.rep = &store__folder_create_rep__descriptor });
}

void store_done_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__Done *rep = REP(Store__Done, m);

	((store_done_cb *)c->cb)(c->ctx, e, e == ERR_OK && rep ? rep->cn : 0);
}

struct api_call *store_start_done(struct api_call *c, const struct store_at *at,
				  const char *method, const ProtobufCMessage *rq)
{
	return store_call_start(c, at, &(struct api_start){
		.method = method, .body = rq, .rep = &store__done__descriptor });
}

struct api_call *store_folder_rename(const struct store_at *at, const char *from,
				     const char *to, store_done_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(store_done_finish, (api_any_fn *)cb, ctx);
	Store__FolderRenameReq rq = STORE__FOLDER_RENAME_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.from = store_str(from);
	rq.to = store_str(to);
	return store_start_done(c, at, "store.folder-rename", &rq.base);
}

struct api_call *store_folder_delete(const struct store_at *at, const char *path,
				     store_done_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(store_done_finish, (api_any_fn *)cb, ctx);
	Store__FolderDeleteReq rq = STORE__FOLDER_DELETE_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.path = store_str(path);
	return store_start_done(c, at, "store.folder-delete", &rq.base);
}

struct api_call *store_folder_subscribe(const struct store_at *at, const char *path, bool on,
					bool elsewhere, store_done_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(store_done_finish, (api_any_fn *)cb, ctx);
	Store__FolderSubscribeReq rq = STORE__FOLDER_SUBSCRIBE_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.path = store_str(path);
	rq.on = on;
	rq.elsewhere = elsewhere;
	return store_start_done(c, at, "store.folder-subscribe", &rq.base);
}

static void select_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__UidsRep *rep = REP(Store__UidsRep, m);
	struct store_selected s = { .uidnext = 0 };

	if (e == ERR_OK)
		s = (struct store_selected){
			.runs = store_from_pairs(c, rep->runs, rep->n_runs),
			.uidnext = rep->uidnext, .uidvalidity = rep->uidvalidity,
			.total = rep->total, .unread = rep->unread,
			.first_unseen_uid = rep->first_unseen_uid,
			.recent_uid = rep->recent_uid, .highestmodseq = rep->highestmodseq,
			.epoch = rep->epoch,
			.keywords = (const char *const *)rep->keywords,
			.n_keywords = rep->n_keywords, .rights = rep->rights,
			.own_seen = rep->own_seen, .more_runs = rep->more_runs,
		};
	((store_select_cb *)c->cb)(c->ctx, e, &s);
}

static struct api_call *select_start(const struct store_at *at, Store__SelectReq *rq,
				     store_select_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(select_finish, (api_any_fn *)cb, ctx);

	rq->mailbox = store_guid(&at->mailbox);
	return store_call_start(c, at, &(struct api_start){
		.method = "store.select", .body = &rq->base,
		.rep = &store__uids_rep__descriptor });
}

struct api_call *store_select(const struct store_at *at, uint64_t fid, bool read_write,
			      bool with_runs, store_select_cb *cb, void *ctx)
{
	Store__SelectReq rq = STORE__SELECT_REQ__INIT;

	rq.fid = fid;
	rq.read_write = read_write;
	rq.with_runs = with_runs;
	return select_start(at, &rq, cb, ctx);
}

struct api_call *store_select_runs(const struct store_at *at, uint64_t fid, bool read_write,
				   uint32_t from, store_select_cb *cb, void *ctx)
{
	Store__SelectReq rq = STORE__SELECT_REQ__INIT;

	rq.fid = fid;
	rq.read_write = read_write;
	rq.with_runs = rq.paged = true;
	rq.runs_from = from;
	return select_start(at, &rq, cb, ctx);
}

/* ---- reading ------------------------------------------------------------------------------ */

static void fetch_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__FetchRep *rep = REP(Store__FetchRep, m);
	struct uid_ranges gone = { NULL, 0 };

	if (e == ERR_OK)
		gone = store_from_pb(c, rep->vanished, rep->n_vanished);
	((store_fetch_cb *)c->cb)(c->ctx, e, e == ERR_OK ? rep->highestmodseq : 0, gone);
}

struct api_call *store_fetch(const struct store_at *at, const struct store_fetch *f,
			     store_rows_cb *rows, store_fetch_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(fetch_finish, (api_any_fn *)cb, ctx);
	Store__FetchReq rq = STORE__FETCH_REQ__INIT;

	c->rows = rows;
	rq.mailbox = store_guid(&at->mailbox);
	rq.fid = f->fid;
	rq.uids = store_to_pb(c, f->uids, &rq.n_uids);
	rq.columns = f->columns;
	rq.changed_since = f->changed_since;
	rq.vanished = f->vanished;
	return store_call_start(c, at, &(struct api_start){
		.method = "store.fetch", .body = &rq.base,
		.rep = &store__fetch_rep__descriptor, .timeout_ms = STORE_LONG_MS });
}

static void content_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__ContentRep *rep = REP(Store__ContentRep, m);
	bool ok = e == ERR_OK;

	((store_content_cb *)c->cb)(c->ctx, e, ok ? rep->size : 0, ok ? rep->flags : 0,
				    ok ? rep->modseq : 0);
}

struct api_call *store_content(const struct store_at *at, uint64_t fid, uint32_t uid,
			       uint64_t offset, uint64_t length, bool set_seen,
			       store_bytes_cb *bytes, store_content_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(content_finish, (api_any_fn *)cb, ctx);
	Store__ContentReq rq = STORE__CONTENT_REQ__INIT;

	c->bytes = bytes;
	rq.mailbox = store_guid(&at->mailbox);
	rq.fid = fid;
	rq.uid = uid;
	rq.offset = offset;
	rq.length = length;
	rq.set_seen = set_seen;
	return store_call_start(c, at, &(struct api_start){
		.method = "store.content", .body = &rq.base,
		.rep = &store__content_rep__descriptor, .timeout_ms = STORE_LONG_MS });
}

static void query_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__QueryRep *rep = REP(Store__QueryRep, m);
	struct uid_ranges runs = { NULL, 0 };

	if (e == ERR_OK)
		runs = store_from_pairs(c, rep->runs, rep->n_runs);
	((store_query_cb *)c->cb)(c->ctx, e, runs, e == ERR_OK ? rep->highestmodseq : 0,
				  e == ERR_OK && rep->more);
}

struct api_call *store_query(const struct store_at *at, const struct store_query *q,
			     store_query_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(query_finish, (api_any_fn *)cb, ctx);
	Store__QueryReq rq = STORE__QUERY_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.fid = q->fid;
	rq.flags_set = q->flags_set;
	rq.flags_clear = q->flags_clear;
	rq.keywords_set = (char **)(uintptr_t)q->keywords_set;
	rq.n_keywords_set = store_count(q->keywords_set);
	rq.keywords_clear = (char **)(uintptr_t)q->keywords_clear;
	rq.n_keywords_clear = store_count(q->keywords_clear);
	rq.since_ms = q->since_ms;
	rq.before_ms = q->before_ms;
	rq.sent_since_ms = q->sent_since_ms;
	rq.sent_before_ms = q->sent_before_ms;
	rq.larger = q->larger;
	rq.smaller = q->smaller;
	rq.modseq = q->modseq;
	rq.uids = store_to_pb(c, q->uids, &rq.n_uids);
	rq.limit = q->limit;
	rq.newest_first = q->newest_first;
	return store_call_start(c, at, &(struct api_start){
		.method = "store.query", .body = &rq.base,
		.rep = &store__query_rep__descriptor, .timeout_ms = STORE_LONG_MS });
}

/* ---- administration -------------------------------------------------------------------------- */

static void provision_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	(void)m;
	((store_done_cb *)c->cb)(c->ctx, e, 0);
}

struct api_call *store_provision(const struct store_at *at, const struct guid *database,
				 store_done_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(provision_finish, (api_any_fn *)cb, ctx);
	Store__ProvisionReq rq = STORE__PROVISION_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.database = store_guid(database);
	return store_call_start(c, at, &(struct api_start){
		.method = "store.provision", .body = &rq.base,
		.rep = &store__provision_rep__descriptor });
}

struct api_call *store_disconnect(const struct store_at *at, store_done_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(store_done_finish, (api_any_fn *)cb, ctx);
	Store__DisconnectReq rq = STORE__DISCONNECT_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	return store_start_done(c, at, "store.disconnect", &rq.base);
}

struct api_call *store_reconnect(const struct store_at *at, const struct guid *as,
				 store_done_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(store_done_finish, (api_any_fn *)cb, ctx);
	Store__ReconnectReq rq = STORE__RECONNECT_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.as = store_guid(as);
	return store_start_done(c, at, "store.reconnect", &rq.base);
}
