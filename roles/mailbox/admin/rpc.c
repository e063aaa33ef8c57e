/* rpc - administration: figures, provisioning, the dumpster, checks */
#include "common/rpc/rpc.h"

#include "common/base/check.h"
#include "gen/store.pb-c.h"
#include "roles/mailbox/call.h"
#include "roles/mailbox/check.h"
#include "roles/mailbox/dumpster.h"
#include "roles/mailbox/mailbox.h"
#include "roles/mailbox/methods.h"
#include "roles/mailbox/pb.h"
#include "roles/mailbox/stat.h"
#include "roles/mailbox/watch.h"

enum { SMALL = 4096, MANY = 128 * 1024 };

static ProtobufCBinaryData bytes_of(const struct guid *g)
{
	return (ProtobufCBinaryData){ sizeof(g->b), (uint8_t *)(uintptr_t)g->b };
}

static char *mutable(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

/* Like call_begin(), but an administrator also sees what is disconnected.  The
 * operation acts as the server. */
static struct call *begin_any(struct rpc_request *rq, ProtobufCBinaryData mailbox, size_t size)
{
	struct mref *m = NULL;
	struct guid g;
	enum err e = guid_from(mailbox.data, mailbox.len, &g);

	if (e == ERR_OK)
		m = role_mailbox(rq->role, &g);
	if (e == ERR_OK && m == NULL)
		e = err_set(&rq->eb, ERR_NOTFOUND, "no such mailbox on this server");
	if (e == ERR_OK && m->sdb->mdb == NULL)
		e = err_set(&rq->eb, ERR_AGAIN, "its database is not open");
	if (e == ERR_OK)
		return call_new(rq, m, size);
	rpc_fail(rq, e);
	return NULL;
}

static struct who as_server(const struct call *c)
{
	return (struct who){ .mbx = c->ref->mbx, .mailbox = c->ref->guid };
}

/* ---- a mailbox --------------------------------------------------------------------------- */

struct mailbox_stat {
	struct mailbox_stat_op op;	/* first: the readers' argument */
	struct guid mailbox, database;
};

static void mailbox_stat_done(struct call *c, enum err e)
{
	struct mailbox_stat *s = c->op;
	Store__MailboxStat rep = STORE__MAILBOX_STAT__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.mailbox = bytes_of(&s->mailbox);
	rep.database = bytes_of(&s->database);
	rep.size = (uint64_t)s->op.size;
	rep.items = (uint64_t)s->op.items;
	rep.dumpster_size = (uint64_t)s->op.dumpster_size;
	rep.disconnected_ms = s->op.disconnected_ms;
	rep.state = (uint32_t)s->op.state;
	rep.cn = (uint64_t)s->op.cn;
	rep.folders = pb_folders(c, &s->op.folders.result, &rep.n_folders);
	call_reply(c, &rep.base);
}

RPC_HANDLER(mailbox_stat_call, Store__MailboxStatReq)
static void mailbox_stat_call(struct rpc_request *rq, const Store__MailboxStatReq *in)
{
	struct call *c = begin_any(rq, in->mailbox, sizeof(struct mailbox_stat));
	struct mailbox_stat *s;

	if (c == NULL)
		return;
	s = c->op;
	s->mailbox = c->ref->guid;
	s->database = c->ref->sdb->guid;
	s->op.folders.who = as_server(c);
	s->op.folders.arena = &c->arena;
	c->on_job = mailbox_stat_done;
	call_read(c, stat_mailbox);
}

static void messages_done(struct call *c, enum err e)
{
	struct list_messages_op *op = c->op;
	Store__ListMessagesRep rep = STORE__LIST_MESSAGES_REP__INIT;
	Store__MessageLine *l;

	if (e) {
		call_fail(c, e);
		return;
	}
	l = arena_alloc(&c->arena, (op->n + 1) * sizeof(*l));
	rep.messages = arena_alloc(&c->arena, (op->n + 1) * sizeof(*rep.messages));
	rep.n_messages = op->n;
	for (size_t i = 0; i < op->n; i++) {
		const struct message_line *m = &op->lines[i];

		store__message_line__init(&l[i]);
		l[i].uid = m->uid;
		l[i].subject = mutable(m->subject);
		l[i].from = mutable(m->from);
		l[i].received_ms = m->received_ms;
		l[i].size = m->size;
		l[i].flags = m->flags;
		l[i].message_id = mutable(m->message_id);
		l[i].folder = mutable(m->folder);
		rep.messages[i] = &l[i];
	}
	call_reply(c, &rep.base);
}

RPC_HANDLER(messages_call, Store__ListMessagesReq)
static void messages_call(struct rpc_request *rq, const Store__ListMessagesReq *in)
{
	struct call *c = begin_any(rq, in->mailbox, sizeof(struct list_messages_op));
	struct list_messages_op *op;

	if (c == NULL)
		return;
	op = c->op;
	op->who = as_server(c);
	op->path = *in->path ? arena_str(&c->arena, in->path) : NULL;
	op->limit = in->limit;
	op->before_uid = in->before_uid;
	op->arena = &c->arena;
	c->on_job = messages_done;
	call_read(c, stat_messages);
}

static void peek_fini(struct call *c)
{
	buf_fini(&((struct peek_op *)c->op)->data);
}

static void peek_done(struct call *c, enum err e)
{
	struct peek_op *op = c->op;
	Store__PeekRep rep = STORE__PEEK_REP__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.data = (ProtobufCBinaryData){ op->data.len, (uint8_t *)op->data.data };
	rep.size = op->size;
	rep.uid = op->uid;
	rep.path = mutable(op->path);
	call_reply(c, &rep.base);
}

RPC_HANDLER(peek_call, Store__PeekReq)
static void peek_call(struct rpc_request *rq, const Store__PeekReq *in)
{
	struct call *c = begin_any(rq, in->mailbox, sizeof(struct peek_op));
	struct peek_op *op;

	if (c == NULL)
		return;
	op = c->op;
	op->who = as_server(c);
	op->zpool = c->st->zpool;
	op->path = *in->path ? arena_str(&c->arena, in->path) : NULL;
	op->uid = in->uid;
	op->offset = in->offset;
	op->length = in->length;
	buf_init(&op->data, 256 * 1024);
	c->fini = peek_fini;
	c->on_job = peek_done;
	call_read(c, stat_peek);
}

/* ---- the dumpster --------------------------------------------------------------------------- */

static void dumpster_done(struct call *c, enum err e)
{
	struct dumpster_op *op = c->op;
	Store__DumpsterRep rep = STORE__DUMPSTER_REP__INIT;
	Store__DumpsterItem *d;

	if (e) {
		call_fail(c, e);
		return;
	}
	d = arena_alloc(&c->arena, (op->n + 1) * sizeof(*d));
	rep.items = arena_alloc(&c->arena, (op->n + 1) * sizeof(*rep.items));
	rep.n_items = op->n;
	rep.more = op->more;
	for (size_t i = 0; i < op->n; i++) {
		const struct dumpster_item *x = &op->items[i];

		store__dumpster_item__init(&d[i]);
		d[i].mid = x->mid;
		d[i].fid = x->fid;
		d[i].deleted_ms = x->deleted_ms;
		d[i].size = x->size;
		d[i].subject = mutable(x->subject);
		d[i].from = mutable(x->from);
		d[i].received_ms = x->received_ms;
		d[i].folder = mutable(x->folder);
		rep.items[i] = &d[i];
	}
	call_reply(c, &rep.base);
}

/* Both for administrators, who act as the server, and for a mailbox's owner. */
static struct who dumpster_who(struct call *c)
{
	return c->rq->caller->role == RPC_DIRECTORY ? as_server(c) : call_who(c);
}

static bool must_speak_for_a_user(struct rpc_request *rq)
{
	if (rq->caller->role == RPC_DIRECTORY || !guid_is_null(&rq->principal))
		return true;
	rpc_fail(rq, ERR_DENIED);
	return false;
}

RPC_HANDLER(dumpster_call, Store__DumpsterReq)
static void dumpster_call(struct rpc_request *rq, const Store__DumpsterReq *in)
{
	struct call *c;
	struct dumpster_op *op;

	if (!must_speak_for_a_user(rq))
		return;
	c = call_begin(rq, in->mailbox.data, in->mailbox.len, sizeof(*op));
	if (c == NULL)
		return;
	op = c->op;
	op->who = dumpster_who(c);
	op->fid = in->fid;
	op->limit = in->limit;
	op->after_mid = in->after_mid;
	op->arena = &c->arena;
	c->on_job = dumpster_done;
	call_read(c, dumpster_list);
}

static void restore_done(struct call *c, enum err e)
{
	Store__RestoreRep rep = STORE__RESTORE_REP__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.restored = ((struct restore_op *)c->op)->restored;
	call_reply(c, &rep.base);
}

RPC_HANDLER(restore_call, Store__RestoreReq)
static void restore_call(struct rpc_request *rq, const Store__RestoreReq *in)
{
	struct call *c;
	struct restore_op *op;

	if (!must_speak_for_a_user(rq))
		return;
	c = call_begin(rq, in->mailbox.data, in->mailbox.len, sizeof(*op));
	if (c == NULL)
		return;
	op = c->op;
	op->who = dumpster_who(c);
	op->mids = arena_dup(&c->arena, in->mids ? (void *)in->mids : "",
			     in->n_mids * sizeof(*in->mids));
	op->n_mids = in->n_mids;
	op->to_fid = in->to_fid;
	c->on_job = restore_done;
	call_write(c, dumpster_restore, LANE_INTERACTIVE, 0);
}

/* ---- making, shutting, taking up --------------------------------------------------------------- */

struct provisioning {
	struct provision_op op;
	struct sdb *sdb;
};

static void provision_done(struct call *c, enum err e)
{
	struct provisioning *p = c->op;
	Store__ProvisionRep rep = STORE__PROVISION_REP__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	role_note(p->sdb, &p->op.guid, p->op.mbx, MAILBOX_LIVE);
	rep.made = p->op.made;
	call_reply(c, &rep.base);
}

RPC_HANDLER(provision_call, Store__ProvisionReq)
static void provision_call(struct rpc_request *rq, const Store__ProvisionReq *in)
{
	struct call *c = call_new(rq, NULL, sizeof(struct provisioning));
	struct provisioning *p = c->op;
	struct guid db;

	if (guid_from(in->mailbox.data, in->mailbox.len, &p->op.guid) != ERR_OK ||
	    guid_from(in->database.data, in->database.len, &db) != ERR_OK) {
		call_fail(c, ERR_INVALID);
		return;
	}
	p->sdb = role_database(c->st, &db);
	if (p->sdb == NULL || p->sdb->mdb == NULL) {
		call_fail(c, p->sdb ? ERR_AGAIN : ERR_NOTFOUND);
		return;
	}
	p->op.quotas = (struct quotas){ -1, -1, -1 };
	c->mdb = p->sdb->mdb;
	c->even_if_gone = true;
	c->on_job = provision_done;
	call_write(c, mailbox_provision, LANE_INTERACTIVE, 0);
}

struct changing_state {
	struct state_op op;
	struct guid mailbox;
};

static void state_done(struct call *c, enum err e)
{
	struct changing_state *s = c->op;
	struct mref *m = role_mailbox(c->st, &s->mailbox), *empty;
	Store__Done rep = STORE__DONE__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	if (m && guid_is_null(&s->op.as)) {
		m->state = MAILBOX_DISCONNECTED;
		watch_end(m, ERR_NOTFOUND);
	} else if (m) {
		empty = role_mailbox(c->st, &s->op.as);
		if (empty && empty != m && empty->mbx == s->op.replaced)
			role_forget(c->st, empty);
		m->state = MAILBOX_LIVE;
		role_rename(c->st, m, &s->op.as);
	}
	call_reply(c, &rep.base);
}

static struct call *begin_state(struct rpc_request *rq, ProtobufCBinaryData mailbox)
{
	struct call *c = begin_any(rq, mailbox, sizeof(struct changing_state));
	struct changing_state *s;

	if (c == NULL)
		return NULL;
	s = c->op;
	s->mailbox = c->ref->guid;
	s->op.mbx = c->ref->mbx;
	c->even_if_gone = true;
	c->on_job = state_done;
	return c;
}

RPC_HANDLER(disconnect_call, Store__DisconnectReq)
static void disconnect_call(struct rpc_request *rq, const Store__DisconnectReq *in)
{
	struct call *c = begin_state(rq, in->mailbox);

	if (c)
		call_write(c, mailbox_disconnect, LANE_INTERACTIVE, 0);
}

RPC_HANDLER(reconnect_call, Store__ReconnectReq)
static void reconnect_call(struct rpc_request *rq, const Store__ReconnectReq *in)
{
	struct call *c = begin_state(rq, in->mailbox);
	struct changing_state *s;

	if (c == NULL)
		return;
	s = c->op;
	if (guid_from(in->as.data, in->as.len, &s->op.as) != ERR_OK || guid_is_null(&s->op.as))
		call_fail(c, ERR_INVALID);
	else
		call_write(c, mailbox_reconnect, LANE_INTERACTIVE, 0);
}

/* ---- databases ------------------------------------------------------------------------------------ */

struct databases {
	struct database_stat_op op;	/* first: the readers' argument */
	struct sdb **list;
	size_t n, at;
	Store__DatabaseStat *stat;
};

static uint32_t quarantined(struct sdb *s)
{
	const struct hash *t = &s->store->mailboxes;
	uint32_t n = 0;

	for (struct hash_node *i = hash_next(t, NULL); i; i = hash_next(t, i)) {
		const struct mref *m = CONTAINER_OF(i, struct mref, node);

		n += m->sdb == s && m->is_quarantined;
	}
	return n;
}

static void databases_next(struct call *c)
{
	struct databases *d = c->op;
	Store__DatabaseListRep rep = STORE__DATABASE_LIST_REP__INIT;

	while (d->at < d->n && d->list[d->at]->mdb == NULL)
		d->at++;
	if (d->at < d->n) {
		c->mdb = d->list[d->at]->mdb;
		d->op = (struct database_stat_op){ .path = c->mdb->path };
		call_read(c, stat_database);
		return;
	}
	rep.n_databases = d->n;
	rep.databases = arena_alloc(&c->arena, (d->n + 1) * sizeof(*rep.databases));
	for (size_t i = 0; i < d->n; i++)
		rep.databases[i] = &d->stat[i];
	call_reply(c, &rep.base);
}

static void database_done(struct call *c, enum err e)
{
	struct databases *d = c->op;
	Store__DatabaseStat *s = &d->stat[d->at++];

	s->readable = e == ERR_OK && !atomic_load(&c->mdb->is_damaged);
	s->file_bytes = (uint64_t)d->op.file_bytes;
	s->wal_bytes = (uint64_t)atomic_load(&c->mdb->wal_bytes);
	s->mailboxes = (uint32_t)d->op.mailboxes;
	s->disconnected = (uint32_t)d->op.disconnected;
	s->epoch = (uint64_t)d->op.epoch;
	s->commit_seq = (uint64_t)d->op.commit_seq;
	s->content_bytes = (uint64_t)d->op.content_bytes;
	databases_next(c);
}

RPC_HANDLER(databases_call, Store__DatabaseListReq)
static void databases_call(struct rpc_request *rq, const Store__DatabaseListReq *in)
{
	struct call *c = call_new(rq, NULL, sizeof(struct databases));
	struct databases *d = c->op;

	(void)in;
	LIST_EACH (&c->st->databases, n)
		d->n++;
	d->list = arena_alloc(&c->arena, (d->n + 1) * sizeof(*d->list));
	d->stat = arena_alloc(&c->arena, (d->n + 1) * sizeof(*d->stat));
	d->n = 0;
	LIST_EACH (&c->st->databases, n) {
		struct sdb *s = d->list[d->n] = CONTAINER_OF(n, struct sdb, node);
		Store__DatabaseStat *o = &d->stat[d->n++];

		store__database_stat__init(o);
		o->guid = (ProtobufCBinaryData){ sizeof(s->guid.b), s->guid.b };
		o->name = arena_str(&c->arena, s->name);
		o->quarantined = quarantined(s);
	}
	c->on_job = database_done;
	databases_next(c);
}

static void check_done(struct call *c, enum err e)
{
	struct check_op *op = c->op;
	Store__CheckRep rep = STORE__CHECK_REP__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.findings = arena_alloc(&c->arena, (op->n + 1) * sizeof(*rep.findings));
	rep.n_findings = op->n;
	for (size_t i = 0; i < op->n; i++)
		rep.findings[i] = op->findings[i];
	rep.mailboxes = op->mailboxes;
	rep.items = op->items;
	rep.fixed = op->fixed;
	call_reply(c, &rep.base);
}

RPC_HANDLER(check_call, Store__CheckReq)
static void check_call(struct rpc_request *rq, const Store__CheckReq *in)
{
	struct call *c = call_new(rq, NULL, sizeof(struct check_op));
	struct check_op *op = c->op;
	struct sdb *s = NULL;
	struct guid g;

	if (guid_from(in->database.data, in->database.len, &g) == ERR_OK)
		s = role_database(c->st, &g);
	if (s == NULL || s->mdb == NULL) {
		call_fail(c, s ? ERR_AGAIN : ERR_NOTFOUND);
		return;
	}
	op->fix = in->fix;
	op->findings = arena_alloc(&c->arena, CHECK_FINDINGS * sizeof(*op->findings));
	c->mdb = s->mdb;
	c->on_job = check_done;
	call_write(c, check_database, LANE_BACKGROUND, 0);
}

const struct rpc_method admin_methods[] = {
	{ "store.mailbox-stat", mailbox_stat_call_thunk, &store__mailbox_stat_req__descriptor,
	  RPC_DIRECTORY, 0, SMALL },
	{ "store.list-messages", messages_call_thunk, &store__list_messages_req__descriptor,
	  RPC_DIRECTORY, 0, 2 * SMALL },
	{ "store.peek", peek_call_thunk, &store__peek_req__descriptor, RPC_DIRECTORY, 0, 2 * SMALL },
	{ "store.dumpster", dumpster_call_thunk, &store__dumpster_req__descriptor,
	  RPC_DIRECTORY | RPC_CAS, 0, SMALL },
	{ "store.restore", restore_call_thunk, &store__restore_req__descriptor,
	  RPC_DIRECTORY | RPC_CAS, 0, MANY },
	{ "store.provision", provision_call_thunk, &store__provision_req__descriptor,
	  RPC_DIRECTORY, 0, SMALL },
	{ "store.disconnect", disconnect_call_thunk, &store__disconnect_req__descriptor,
	  RPC_DIRECTORY, 0, SMALL },
	{ "store.reconnect", reconnect_call_thunk, &store__reconnect_req__descriptor,
	  RPC_DIRECTORY, 0, SMALL },
	{ "store.database-list", databases_call_thunk, &store__database_list_req__descriptor,
	  RPC_DIRECTORY, 0, SMALL },
	{ "store.check", check_call_thunk, &store__check_req__descriptor, RPC_DIRECTORY, 0, SMALL },
};
const size_t admin_n_methods = sizeof(admin_methods) / sizeof(admin_methods[0]);
