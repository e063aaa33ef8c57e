/* rpc - reading: open, folders, select, fetch, content, query, changes */
#include "common/rpc/rpc.h"

#include "common/base/check.h"
#include "gen/store.pb-c.h"
#include "roles/mailbox/assign.h"
#include "roles/mailbox/call.h"
#include "roles/mailbox/changes.h"
#include "roles/mailbox/flags.h"
#include "roles/mailbox/folder.h"
#include "roles/mailbox/message.h"
#include "roles/mailbox/methods.h"
#include "roles/mailbox/pb.h"
#include "roles/mailbox/query.h"
#include <stdlib.h>
#include <string.h>

enum { SMALL = 4096, WITH_UIDS = 256 * 1024, MAX_RANGES = 16384, MAX_FIDS = 10000 };

/* ---- what handlers share (pb.h) ---------------------------------------------------------- */

bool pb_ranges(struct call *c, Store__UidRange *const *in, size_t n,
	       const struct uid_range **out, size_t *n_out)
{
	struct uid_range *r = arena_alloc(&c->arena, (n + 1) * sizeof(*r));
	struct runs l = { NULL, 0, 0 };

	if (n > MAX_RANGES)
		return false;
	for (size_t i = 0; i < n; i++)
		r[i] = (struct uid_range){ in[i]->first, in[i]->last };
	runs_copy(&l, r, n);
	if (l.n)
		memcpy(r, l.r, l.n * sizeof(*r));
	*out = r;
	*n_out = l.n;
	runs_fini(&l);
	return true;
}

Store__UidRange **pb_from_runs(struct call *c, const struct runs *l, size_t *n)
{
	Store__UidRange **out = arena_alloc(&c->arena, (l->n + 1) * sizeof(*out));
	Store__UidRange *r = arena_alloc(&c->arena, (l->n + 1) * sizeof(*r));

	for (size_t i = 0; i < l->n; i++) {
		store__uid_range__init(&r[i]);
		r[i].first = l->r[i].first;
		r[i].last = l->r[i].last;
		out[i] = &r[i];
	}
	*n = l->n;
	return out;
}

static char *mutable(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

void pb_folder(Store__Folder *out, const struct store_folder *f)
{
	store__folder__init(out);
	out->fid = f->fid;
	out->parent = f->parent;
	out->name = mutable(f->name);
	out->path = mutable(f->path);
	out->role = mutable(f->role);
	out->container_class = mutable(f->container_class);
	out->uidvalidity = f->uidvalidity;
	out->uidnext = f->uidnext;
	out->highestmodseq = f->highestmodseq;
	out->total = f->total;
	out->unread = f->unread;
	out->recent_uid = f->recent_uid;
	out->subscribed = f->subscribed;
	out->has_children = f->has_children;
	out->size = f->size;
	out->deleted = f->deleted;
	out->deleted_size = f->deleted_size;
	out->rights = f->rights;
}

Store__Folder **pb_folders(struct call *c, const struct store_folders *f, size_t *n)
{
	Store__Folder **out = arena_alloc(&c->arena, (f->n + 1) * sizeof(*out));
	Store__Folder *all = arena_alloc(&c->arena, (f->n + 1) * sizeof(*all));

	for (size_t i = 0; i < f->n; i++) {
		pb_folder(&all[i], &f->f[i]);
		out[i] = &all[i];
	}
	*n = f->n;
	return out;
}

/* ---- open ---------------------------------------------------------------------------------- */

static void open_done(struct call *c, enum err e)
{
	struct open_op *op = c->op;
	Store__OpenRep rep = STORE__OPEN_REP__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.database = (ProtobufCBinaryData){ sizeof(op->info.database.b), op->info.database.b };
	rep.epoch = op->info.epoch;
	rep.cn = op->info.cn;
	rep.size = op->info.size;
	rep.quota_warn = op->info.quota_warn;
	rep.quota_send = op->info.quota_send;
	rep.quota_recv = op->info.quota_recv;
	rep.items = op->info.items;
	call_reply(c, &rep.base);
}

static void open_go(struct call *c, struct mref *m)
{
	struct open_op *op = c->op;

	c->mdb = m->sdb->mdb;
	op->mbx = m->mbx;
	op->policy = m->sdb->policy;
	op->principal = c->rq->principal;
	c->on_job = open_done;
	call_read(c, mailbox_open);
}

static void open_ready(void *ctx)
{
	struct call *c = ctx;
	struct open_op *op = c->op;
	struct mref *m;
	enum err e = role_route(c->st, &op->mailbox, &m, &c->rq->eb);

	if (e)
		call_fail(c, e);
	else
		open_go(c, m);
}

static void open_fini(struct call *c)
{
	assign_cancel(c->st, c);
}

RPC_HANDLER(open_call, Store__OpenReq)
static void open_call(struct rpc_request *rq, const Store__OpenReq *in)
{
	struct call *c = call_new(rq, NULL, sizeof(struct open_op));
	struct open_op *op = c->op;
	struct mref *m;
	enum err e;

	c->fini = open_fini;
	if (guid_from(in->mailbox.data, in->mailbox.len, &op->mailbox) != ERR_OK)
		call_fail(c, ERR_INVALID);
	else if (!assign_route(c->st, &op->mailbox, &m, &e, &rq->eb, open_ready, c))
		return;
	else if (e)
		call_fail(c, e);
	else
		open_go(c, m);
}

/* ---- folders -------------------------------------------------------------------------------- */

enum { LIST_FRAME = 128 * 1024, LIST_MAX = 8 << 20 };

struct listing {
	struct folder_list_op op;	/* first: the reader's argument */
	struct buf packed;		/* an answer too large for a frame */
};

static void listing_fini(struct call *c)
{
	buf_fini(&((struct listing *)c->op)->packed);
}

static void list_sent(struct call *c)
{
	Store__FolderListRep rep = STORE__FOLDER_LIST_REP__INIT;

	call_reply(c, &rep.base);
}

static void folders_done(struct call *c, enum err e)
{
	struct listing *l = c->op;
	Store__FolderListRep rep = STORE__FOLDER_LIST_REP__INIT;
	size_t n;

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.folders = pb_folders(c, &l->op.result, &rep.n_folders);
	rep.gone_subscribed = (char **)(uintptr_t)l->op.result.gone_subscribed;
	rep.n_gone_subscribed = l->op.result.n_gone;
	rep.cn = l->op.result.cn;
	n = store__folder_list_rep__get_packed_size(&rep);
	if (n <= LIST_FRAME) {
		call_reply(c, &rep.base);
	} else if (buf_reserve(&l->packed, n) != ERR_OK) {
		call_fail(c, ERR_LIMIT);
	} else {
		store__folder_list_rep__pack(&rep, (uint8_t *)l->packed.data);
		buf_grown(&l->packed, n);
		call_stream(c, &l->packed, list_sent);
	}
}

RPC_HANDLER(folders_call, Store__FolderListReq)
static void folders_call(struct rpc_request *rq, const Store__FolderListReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct listing));
	struct folder_list_op *op;

	if (c == NULL)
		return;
	op = &((struct listing *)c->op)->op;
	buf_init(&((struct listing *)c->op)->packed, LIST_MAX);
	c->fini = listing_fini;
	op->who = call_who(c);
	op->arena = &c->arena;
	op->path = *in->path ? arena_str(&c->arena, in->path) : NULL;
	op->gone_subscribed = in->subscribed_paths;
	op->deleted_size = in->deleted_size;
	op->n_fids = in->n_fids < MAX_FIDS ? in->n_fids : MAX_FIDS;
	op->fids = arena_dup(&c->arena, in->fids ? (void *)in->fids : "", op->n_fids * 8);
	c->on_job = folders_done;
	call_read(c, folder_list);
}

/* ---- select ------------------------------------------------------------------------------------ */

static void select_fini(struct call *c)
{
	runs_fini(&((struct select_op *)c->op)->runs);
}

static void select_answer(struct call *c, enum err e)
{
	struct select_op *op = c->op;
	const struct store_selected *s = &op->result;
	Store__UidsRep rep = STORE__UIDS_REP__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.n_runs = 2 * op->runs.n;
	rep.runs = (uint32_t *)op->runs.r;
	rep.uidnext = s->uidnext;
	rep.uidvalidity = s->uidvalidity;
	rep.highestmodseq = s->highestmodseq;
	rep.total = s->total;
	rep.unread = s->unread;
	rep.first_unseen_uid = s->first_unseen_uid;
	rep.recent_uid = s->recent_uid;
	rep.epoch = s->epoch;
	rep.keywords = (char **)(uintptr_t)s->keywords;
	rep.n_keywords = s->n_keywords;
	rep.rights = s->rights;
	rep.own_seen = s->own_seen;
	rep.more_runs = s->more_runs;
	call_reply(c, &rep.base);
}

static void select_done(struct call *c, enum err e)
{
	struct select_op *op = c->op;

	c->on_job = select_answer;
	c->passes_holds = true;
	if (e == ERR_OK && op->wants_claim)
		call_write(c, select_claim, LANE_INTERACTIVE, 0);
	else
		select_answer(c, e);
}

RPC_HANDLER(select_call, Store__SelectReq)
static void select_call(struct rpc_request *rq, const Store__SelectReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct select_op));
	struct select_op *op;

	if (c == NULL)
		return;
	op = c->op;
	op->who = call_who(c);
	op->fid = in->fid;
	op->read_write = in->read_write;
	op->with_runs = in->with_runs;
	op->paged = in->paged;
	op->runs_from = in->runs_from;
	op->arena = &c->arena;
	c->fini = select_fini;
	c->on_job = select_done;
	call_read(c, message_select);
}

/* ---- fetch --------------------------------------------------------------------------------------- */

static void fetch_fini(struct call *c)
{
	struct fetch_op *op = c->op;

	buf_fini(&op->rows);
	buf_fini(&op->raw);
	runs_fini(&op->gone);
}

static void fetch_more(struct call *c)
{
	struct fetch_op *op = c->op;
	Store__FetchRep rep = STORE__FETCH_REP__INIT;

	if (!op->done) {
		call_read(c, message_fetch);
		return;
	}
	rep.highestmodseq = op->highestmodseq;
	rep.rows = op->n_rows;
	rep.vanished = pb_from_runs(c, &op->gone, &rep.n_vanished);
	call_reply(c, &rep.base);
}

static void fetch_page(struct call *c, enum err e)
{
	struct fetch_op *op = c->op;

	if (e)
		call_fail(c, e);
	else
		call_stream(c, &op->rows, fetch_more);
}

RPC_HANDLER(fetch_call, Store__FetchReq)
static void fetch_call(struct rpc_request *rq, const Store__FetchReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct fetch_op));
	struct fetch_op *op;

	if (c == NULL)
		return;
	op = c->op;
	op->who = call_who(c);
	op->fid = in->fid;
	op->columns = in->columns & 0x1fff;
	op->zpool = c->st->zpool;
	op->changed_since = in->changed_since;
	op->vanished = in->vanished;
	buf_init(&op->rows, FETCH_PAGE + (6u << 20));	/* a page and one more row */
	buf_init(&op->raw, CONTENT_CHUNK);
	c->fini = fetch_fini;
	c->on_job = fetch_page;
	if (pb_ranges(c, in->uids, in->n_uids, &op->uids, &op->n_uids))
		call_read(c, message_fetch);
	else
		call_fail(c, ERR_LIMIT);
}

/* ---- content --------------------------------------------------------------------------------------- */

struct reading {
	struct content_op op;		/* first: the readers' argument */
	bool set_seen;
	struct flags_op flags;
	struct uid_range uid;
};

static void content_fini(struct call *c)
{
	struct reading *r = c->op;

	buf_fini(&r->op.bytes);
	buf_fini(&r->flags.rows);
	runs_fini(&r->flags.modified);
}

static void content_answer(struct call *c)
{
	struct reading *r = c->op;
	Store__ContentRep rep = STORE__CONTENT_REP__INIT;

	rep.size = r->op.size;
	rep.flags = r->op.flags;
	rep.modseq = r->op.modseq;
	call_reply(c, &rep.base);
}

static void seen_done(struct call *c, enum err e)
{
	struct reading *r = c->op;

	/* Who may only read does not fail for that. */
	if (e == ERR_OK && r->flags.rows.len > 0) {
		r->op.flags |= FLAG_SEEN;
		r->op.modseq = r->flags.highestmodseq;
	}
	content_answer(c);
}

static enum err set_seen(struct tx *tx, void *arg, struct errbuf *eb)
{
	return flags_set(tx, &((struct reading *)arg)->flags, eb);
}

static void content_more(struct call *c)
{
	struct reading *r = c->op;

	if (!r->op.done) {
		call_read(c, message_content);
	} else if (r->set_seen && !(r->op.flags & FLAG_SEEN)) {
		r->uid = (struct uid_range){ r->op.uid, r->op.uid };
		r->flags = (struct flags_op){ .who = r->op.who, .fid = r->op.fid,
					      .uids = &r->uid, .n_uids = 1, .mode = FLAGS_ADD,
					      .flags = FLAG_SEEN };
		buf_init(&r->flags.rows, SMALL + 65536);
		c->on_job = seen_done;
		call_write(c, set_seen, LANE_INTERACTIVE, 0);
	} else {
		content_answer(c);
	}
}

static void content_page(struct call *c, enum err e)
{
	struct reading *r = c->op;

	if (e)
		call_fail(c, e);
	else
		call_stream(c, &r->op.bytes, content_more);
}

RPC_HANDLER(content_call, Store__ContentReq)
static void content_call(struct rpc_request *rq, const Store__ContentReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct reading));
	struct reading *r;

	if (c == NULL)
		return;
	r = c->op;
	r->op.who = call_who(c);
	r->op.zpool = c->st->zpool;
	r->op.fid = in->fid;
	r->op.uid = in->uid;
	r->op.offset = in->offset;
	r->op.length = in->length;
	r->set_seen = in->set_seen;
	buf_init(&r->op.bytes, CONTENT_CHUNK);
	buf_init(&r->flags.rows, SMALL);
	c->fini = content_fini;
	c->on_job = content_page;
	call_read(c, message_content);
}

/* ---- query -------------------------------------------------------------------------------------------- */

static void query_fini(struct call *c)
{
	runs_fini(&((struct query_op *)c->op)->runs);
}

static void query_done(struct call *c, enum err e)
{
	struct query_op *op = c->op;
	Store__QueryRep rep = STORE__QUERY_REP__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.n_runs = 2 * op->runs.n;
	rep.runs = (uint32_t *)op->runs.r;
	rep.highestmodseq = op->highestmodseq;
	rep.more = op->more;
	call_reply(c, &rep.base);
}

RPC_HANDLER(query_call, Store__QueryReq)
static void query_call(struct rpc_request *rq, const Store__QueryReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct query_op));
	struct query_op *op;

	if (c == NULL)
		return;
	op = c->op;
	*op = (struct query_op){
		.who = call_who(c), .fid = in->fid, .flags_set = in->flags_set,
		.flags_clear = in->flags_clear, .since_ms = in->since_ms,
		.before_ms = in->before_ms, .sent_since_ms = in->sent_since_ms,
		.sent_before_ms = in->sent_before_ms, .larger = in->larger,
		.smaller = in->smaller, .modseq = in->modseq, .limit = in->limit,
		.newest_first = in->newest_first,
		.kw_set = call_strings(c, in->keywords_set, in->n_keywords_set),
		.kw_clear = call_strings(c, in->keywords_clear, in->n_keywords_clear),
	};
	c->fini = query_fini;
	c->on_job = query_done;
	if (pb_ranges(c, in->uids, in->n_uids, &op->uids, &op->n_uids))
		call_read(c, query);
	else
		call_fail(c, ERR_LIMIT);
}

/* ---- changes -------------------------------------------------------------------------------------------- */

static void changes_fini(struct call *c)
{
	struct changes_op *op = c->op;

	buf_fini(&op->rows);
	runs_fini(&op->gone);
}

static void changes_more(struct call *c)
{
	struct changes_op *op = c->op;
	Store__ChangesRep rep = STORE__CHANGES_REP__INIT;

	rep.until = op->until;
	rep.more = op->more;
	rep.reset = op->reset;
	rep.uidnext = op->uidnext;
	rep.total = op->total;
	rep.unread = op->unread;
	rep.highestmodseq = op->highestmodseq;
	rep.gone = pb_from_runs(c, &op->gone, &rep.n_gone);
	call_reply(c, &rep.base);
}

static void changes_done(struct call *c, enum err e)
{
	struct changes_op *op = c->op;

	if (e)
		call_fail(c, e);
	else
		call_stream(c, &op->rows, changes_more);
}

RPC_HANDLER(changes_call, Store__ChangesReq)
static void changes_call(struct rpc_request *rq, const Store__ChangesReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct changes_op));
	struct changes_op *op;

	if (c == NULL)
		return;
	op = c->op;
	op->who = call_who(c);
	op->fid = in->fid;
	op->since = in->since;
	op->limit = in->limit;
	op->gone_only = in->gone_only;
	buf_init(&op->rows, 64u << 20);
	c->fini = changes_fini;
	c->on_job = changes_done;
	call_read(c, changes_page);
}

#define READERS (RPC_CAS | RPC_UM)

const struct rpc_method read_methods[] = {
	{ "store.open", open_call_thunk, &store__open_req__descriptor, READERS | RPC_HUB, 0, 256 },
	{ "store.folder-list", folders_call_thunk, &store__folder_list_req__descriptor, READERS,
	  RPC_FOR_USER, WITH_UIDS },
	{ "store.select", select_call_thunk, &store__select_req__descriptor, READERS,
	  RPC_FOR_USER, SMALL },
	{ "store.fetch", fetch_call_thunk, &store__fetch_req__descriptor, READERS, RPC_FOR_USER,
	  WITH_UIDS },
	{ "store.content", content_call_thunk, &store__content_req__descriptor, READERS,
	  RPC_FOR_USER, SMALL },
	{ "store.query", query_call_thunk, &store__query_req__descriptor, READERS, RPC_FOR_USER,
	  WITH_UIDS },
	{ "store.changes", changes_call_thunk, &store__changes_req__descriptor, READERS,
	  RPC_FOR_USER, SMALL },
};
const size_t read_n_methods = sizeof(read_methods) / sizeof(read_methods[0]);
