/* rpc - changes that users make: folders, flags, copies, expunging, restoring */
#include "common/rpc/rpc.h"

#include "gen/store.pb-c.h"
#include "roles/mailbox/call.h"
#include "roles/mailbox/copy.h"
#include "roles/mailbox/expunge.h"
#include "roles/mailbox/flags.h"
#include "roles/mailbox/folder.h"
#include "roles/mailbox/methods.h"
#include "roles/mailbox/pb.h"

enum { SMALL = 16 * 1024, WITH_UIDS = 256 * 1024 };

/* ---- folders ----------------------------------------------------------------------------- */

static struct call *folder_call(struct rpc_request *rq, ProtobufCBinaryData mailbox,
				size_t op_size)
{
	struct call *c = call_begin(rq, mailbox.data, mailbox.len, op_size);

	if (c)
		((struct folder_op *)c->op)->who = call_who(c);
	return c;
}

static void cn_done(struct call *c, enum err e)
{
	struct folder_op *op = c->op;
	Store__Done rep = STORE__DONE__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.cn = op->cn;
	call_reply(c, &rep.base);
}

struct creating {
	struct folder_op op;		/* first: the writer's argument */
	struct folder_list_op list;
	uint64_t fid;
};

static enum err list_created(struct db *db, void *arg, struct errbuf *eb)
{
	return folder_list(db, &((struct creating *)arg)->list, eb);
}

static void created_listed(struct call *c, enum err e)
{
	struct creating *op = c->op;
	Store__FolderCreateRep rep = STORE__FOLDER_CREATE_REP__INIT;
	Store__Folder f;

	if (e == ERR_OK && op->list.result.n != 1)
		e = ERR_NOTFOUND;
	if (e) {
		call_fail(c, e);
		return;
	}
	pb_folder(&f, &op->list.result.f[0]);
	rep.folder = &f;
	call_reply(c, &rep.base);
}

static void created(struct call *c, enum err e)
{
	struct creating *op = c->op;

	if (e) {
		call_fail(c, e);
		return;
	}
	op->fid = (uint64_t)op->op.fid;
	op->list.who = op->op.who;
	op->list.arena = &c->arena;
	op->list.fids = &op->fid;
	op->list.n_fids = 1;
	c->on_job = created_listed;
	call_read(c, list_created);
}

RPC_HANDLER(create_call, Store__FolderCreateReq)
static void create_call(struct rpc_request *rq, const Store__FolderCreateReq *in)
{
	struct call *c = folder_call(rq, in->mailbox, sizeof(struct creating));
	struct folder_op *op;

	if (c == NULL)
		return;
	op = c->op;
	op->path = arena_str(&c->arena, in->path);
	op->role = arena_str(&c->arena, in->role);
	c->on_job = created;
	call_write(c, folder_create, LANE_INTERACTIVE, 0);
}

RPC_HANDLER(rename_call, Store__FolderRenameReq)
static void rename_call(struct rpc_request *rq, const Store__FolderRenameReq *in)
{
	struct call *c = folder_call(rq, in->mailbox, sizeof(struct folder_op));
	struct folder_op *op;

	if (c == NULL)
		return;
	op = c->op;
	op->path = arena_str(&c->arena, in->from);
	op->to = arena_str(&c->arena, in->to);
	c->on_job = cn_done;
	call_write(c, folder_rename, LANE_INTERACTIVE, 0);
}

RPC_HANDLER(delete_call, Store__FolderDeleteReq)
static void delete_call(struct rpc_request *rq, const Store__FolderDeleteReq *in)
{
	struct call *c = folder_call(rq, in->mailbox, sizeof(struct folder_op));

	if (c == NULL)
		return;
	((struct folder_op *)c->op)->path = arena_str(&c->arena, in->path);
	c->on_job = cn_done;
	call_write(c, folder_delete, LANE_INTERACTIVE, 0);
}

RPC_HANDLER(subscribe_call, Store__FolderSubscribeReq)
static void subscribe_call(struct rpc_request *rq, const Store__FolderSubscribeReq *in)
{
	struct call *c = folder_call(rq, in->mailbox, sizeof(struct folder_op));
	struct folder_op *op;

	if (c == NULL)
		return;
	op = c->op;
	op->path = arena_str(&c->arena, in->path);
	op->on = in->on;
	op->elsewhere = in->elsewhere;
	c->on_job = cn_done;
	call_write(c, folder_subscribe, LANE_INTERACTIVE, 0);
}

/* ---- flags -------------------------------------------------------------------------------- */

static void flags_fini(struct call *c)
{
	struct flags_op *op = c->op;

	buf_fini(&op->rows);
	runs_fini(&op->modified);
}

/* The step's rows are sent: the next one, or the answer. */
static void flags_more(struct call *c)
{
	struct flags_op *op = c->op;
	Store__FlagsRep rep = STORE__FLAGS_REP__INIT;

	if (flags_stand(op)) {
		call_write(c, flags_set, LANE_INTERACTIVE, 0);
		return;
	}
	runs_normalise(&op->modified);
	rep.modified = pb_from_runs(c, &op->modified, &rep.n_modified);
	rep.highestmodseq = op->highestmodseq;
	call_reply(c, &rep.base);
}

static void flags_step(struct call *c, enum err e)
{
	struct flags_op *op = c->op;

	if (e)
		call_fail(c, e);
	else
		call_stream(c, &op->rows, flags_more);
}

RPC_HANDLER(flags_call, Store__FlagsReq)
static void flags_call(struct rpc_request *rq, const Store__FlagsReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct flags_op));
	struct flags_op *op;

	if (c == NULL)
		return;
	op = c->op;
	op->who = call_who(c);
	op->fid = in->fid;
	op->mode = in->mode == STORE__FLAGS_REQ__MODE__ADD	? FLAGS_ADD
		   : in->mode == STORE__FLAGS_REQ__MODE__REMOVE ? FLAGS_REMOVE
								: FLAGS_REPLACE;
	op->flags = in->flags;
	op->keywords = call_strings(c, in->keywords, in->n_keywords);
	op->check_unchanged = in->check_unchanged;
	op->unchanged_since = in->unchanged_since;
	buf_init(&op->rows, 64u << 20);
	c->fini = flags_fini;
	c->on_job = flags_step;
	if (pb_ranges(c, in->uids, in->n_uids, &op->uids, &op->n_uids))
		call_write(c, flags_set, LANE_INTERACTIVE, 0);
	else
		call_fail(c, ERR_LIMIT);
}

/* ---- changes of any size (bulk.h) -------------------------------------------------------------- */

/* A step is over; if the change has happened, it was answered.  It goes on to its end
 * even when nobody waits for it. */
static void bulk_go_on(struct call *c, bool more, tx_fn *fn)
{
	struct bulk *b = c->op;

	if (more && !c->st->draining) {
		call_write(c, fn, LANE_INTERACTIVE, BULK_STEP * 500);
	} else if (c->rq) {
		c->job.e = b->e;
		c->job.eb = b->eb;
		call_fail(c, b->e ? b->e : ERR_AGAIN);
	} else {
		call_drop(c);
	}
}

static void bulk_start(struct call *c, tx_fn *fn)
{
	c->hold = &((struct bulk *)c->op)->hold;
	c->even_if_gone = true;
	call_write(c, fn, LANE_INTERACTIVE, 0);
}

/* ---- copy and move -------------------------------------------------------------------------- */

static void copy_fini(struct call *c)
{
	struct copy_op *op = c->op;

	runs_fini(&op->from);
	runs_fini(&op->to_uids);
}

static void copy_answer(struct call *c)
{
	struct copy_op *op = c->op;
	Store__CopyRep rep = STORE__COPY_REP__INIT;

	rep.uidvalidity = op->uidvalidity;
	rep.modseq = op->modseq;
	rep.from = pb_from_runs(c, &op->from, &rep.n_from);
	rep.to = pb_from_runs(c, &op->to_uids, &rep.n_to);
	call_answer(c, &rep.base);
}

static void copy_step(struct call *c, enum err e)
{
	struct copy_op *op = c->op;
	bool more = bulk_stands(&op->bulk, e, &c->job.eb);

	if (op->bulk.has_happened && c->rq)
		copy_answer(c);
	bulk_go_on(c, more, copy);
}

/* Into another mailbox of the same database. */
static enum err copy_target(struct call *c, const Store__CopyReq *in)
{
	struct copy_op *op = c->op;
	struct mref *m;
	struct guid g;
	enum err e = guid_from(in->to_mailbox.data, in->to_mailbox.len, &g);

	if (e == ERR_OK)
		e = role_route(c->st, &g, &m, &c->rq->eb);
	if (e)
		return e;
	if (m->sdb->mdb != c->mdb)
		return err_set(&c->rq->eb, ERR_INVALID, "the target is in another database");
	op->to = call_who_in(c, m);
	if (m->mbx != c->mbx)
		c->other_mbx = m->mbx;
	return ERR_OK;
}

RPC_HANDLER(copy_call, Store__CopyReq)
static void copy_call(struct rpc_request *rq, const Store__CopyReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct copy_op));
	struct copy_op *op;
	enum err e = ERR_OK;

	if (c == NULL)
		return;
	op = c->op;
	op->who = call_who(c);
	op->fid = in->fid;
	op->to_fid = in->to_fid;
	op->to_path = arena_str(&c->arena, in->to_path);
	op->move = in->move;
	c->fini = copy_fini;
	c->on_job = copy_step;
	if (in->to_mailbox.len)
		e = copy_target(c, in);
	if (e == ERR_OK && in->n_uids == 0)
		e = ERR_INVALID;
	if (e == ERR_OK && !pb_ranges(c, in->uids, in->n_uids, &op->uids, &op->n_uids))
		e = ERR_LIMIT;
	if (e)
		call_fail(c, e);
	else
		bulk_start(c, copy);
}

/* ---- expunge ---------------------------------------------------------------------------------- */

static void expunge_fini(struct call *c)
{
	runs_fini(&((struct expunge_op *)c->op)->gone);
}

static void expunge_answer(struct call *c)
{
	struct expunge_op *op = c->op;
	Store__ExpungeRep rep = STORE__EXPUNGE_REP__INIT;

	rep.gone = pb_from_runs(c, &op->gone, &rep.n_gone);
	rep.modseq = op->modseq;
	call_answer(c, &rep.base);
}

static void expunge_step(struct call *c, enum err e)
{
	struct expunge_op *op = c->op;
	bool more = bulk_stands(&op->bulk, e, &c->job.eb);

	if (op->bulk.has_happened && c->rq)
		expunge_answer(c);
	bulk_go_on(c, more, expunge);
}

RPC_HANDLER(expunge_call, Store__ExpungeReq)
static void expunge_call(struct rpc_request *rq, const Store__ExpungeReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct expunge_op));
	struct expunge_op *op;

	if (c == NULL)
		return;
	op = c->op;
	op->who = call_who(c);
	op->fid = in->fid;
	op->any_flag = in->any_flag;
	c->fini = expunge_fini;
	c->on_job = expunge_step;
	if (pb_ranges(c, in->uids, in->n_uids, &op->uids, &op->n_uids))
		bulk_start(c, expunge);
	else
		call_fail(c, ERR_LIMIT);
}

#define CHANGERS (RPC_CAS | RPC_UM)

const struct rpc_method change_methods[] = {
	{ "store.folder-create", create_call_thunk, &store__folder_create_req__descriptor, CHANGERS,
	  RPC_FOR_USER, SMALL },
	{ "store.folder-rename", rename_call_thunk, &store__folder_rename_req__descriptor, CHANGERS,
	  RPC_FOR_USER, 2 * SMALL },
	{ "store.folder-delete", delete_call_thunk, &store__folder_delete_req__descriptor, CHANGERS,
	  RPC_FOR_USER, SMALL },
	{ "store.folder-subscribe", subscribe_call_thunk, &store__folder_subscribe_req__descriptor,
	  CHANGERS, RPC_FOR_USER, SMALL },
	{ "store.flags", flags_call_thunk, &store__flags_req__descriptor, CHANGERS, RPC_FOR_USER,
	  WITH_UIDS },
	{ "store.copy", copy_call_thunk, &store__copy_req__descriptor, CHANGERS, RPC_FOR_USER,
	  WITH_UIDS },
	{ "store.expunge", expunge_call_thunk, &store__expunge_req__descriptor, CHANGERS,
	  RPC_FOR_USER, WITH_UIDS },
};
const size_t change_n_methods = sizeof(change_methods) / sizeof(change_methods[0]);
