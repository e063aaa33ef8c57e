/* rpc - who has rights on what: seeing it, changing it, what was shared with somebody */
#include "common/rpc/rpc.h"

#include "common/base/check.h"
#include "gen/store.pb-c.h"
#include "roles/mailbox/acl.h"
#include "roles/mailbox/call.h"
#include "roles/mailbox/folder.h"
#include "roles/mailbox/methods.h"
#include "roles/mailbox/principal.h"

enum { SMALL = 16 * 1024 };

static ProtobufCBinaryData bytes_of(const struct guid *g)
{
	return (ProtobufCBinaryData){ sizeof(g->b), (uint8_t *)(uintptr_t)g->b };
}

/* Only the directory, which relays administrators, speaks for nobody. */
static struct call *begin(struct rpc_request *rq, ProtobufCBinaryData mailbox, size_t op_size)
{
	if (guid_is_null(&rq->principal) && rq->caller->role != RPC_DIRECTORY) {
		rpc_fail(rq, err_set(&rq->eb, ERR_DENIED, "no principal"));
		return NULL;
	}
	return call_begin(rq, mailbox.data, mailbox.len, op_size);
}

/* ---- changing --------------------------------------------------------------------------- */

static void set_done(struct call *c, enum err e)
{
	Store__Done rep = STORE__DONE__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.cn = ((struct acl_op *)c->op)->cn;
	call_reply(c, &rep.base);
}

RPC_HANDLER(acl_set_call, Store__AclSetReq)
static void acl_set_call(struct rpc_request *rq, const Store__AclSetReq *in)
{
	struct call *c = begin(rq, in->mailbox, sizeof(struct acl_op));
	struct acl_op *op;

	if (c == NULL)
		return;
	op = c->op;
	op->who = call_who(c);
	op->path = arena_str(&c->arena, in->path);
	op->mode = in->mode == STORE__ACL_SET_REQ__MODE__ADD	  ? ACL_ADD
		   : in->mode == STORE__ACL_SET_REQ__MODE__REMOVE ? ACL_REMOVE
								  : ACL_REPLACE;
	op->rights = in->rights;
	op->negative = in->negative;
	c->on_job = set_done;
	if (guid_from(in->principal.data, in->principal.len, &op->principal) != ERR_OK)
		call_fail(c, ERR_INVALID);
	else
		call_write(c, acl_set, LANE_INTERACTIVE, 0);
}

/* ---- seeing ------------------------------------------------------------------------------- */

static void list_done(struct call *c, enum err e)
{
	struct acl_list_op *op = c->op;
	Store__AclListRep rep = STORE__ACL_LIST_REP__INIT;
	Store__AclRow *r;

	if (e) {
		call_fail(c, e);
		return;
	}
	r = arena_alloc(&c->arena, (op->n + 1) * sizeof(*r));
	rep.rows = arena_alloc(&c->arena, (op->n + 1) * sizeof(*rep.rows));
	rep.n_rows = op->n;
	for (size_t i = 0; i < op->n; i++) {
		store__acl_row__init(&r[i]);
		r[i].principal = bytes_of(&op->rows[i].principal);
		r[i].given = op->rows[i].given;
		r[i].taken = op->rows[i].taken;
		r[i].whole = op->rows[i].whole;
		rep.rows[i] = &r[i];
	}
	call_reply(c, &rep.base);
}

RPC_HANDLER(acl_list_call, Store__AclListReq)
static void acl_list_call(struct rpc_request *rq, const Store__AclListReq *in)
{
	struct call *c = begin(rq, in->mailbox, sizeof(struct acl_list_op));
	struct acl_list_op *op;

	if (c == NULL)
		return;
	op = c->op;
	op->who = call_who(c);
	op->path = arena_str(&c->arena, in->path);
	op->arena = &c->arena;
	c->on_job = list_done;
	call_read(c, acl_list);
}

/* ---- what was shared with somebody ---------------------------------------------------------- */

/* One database's part; the arena is its own, as a thread fills it. */
struct part {
	struct call *call;
	struct job job;
	struct acl_shared_op op;
	struct arena arena;
};

struct sharing {
	struct part *parts;
	size_t n_parts, n_running;
	enum err e;
};

static void shared_fini(struct call *c)
{
	struct sharing *s = c->op;

	for (size_t i = 0; i < s->n_parts; i++)
		arena_fini(&s->parts[i].arena);
}

static void shared_answer(struct call *c)
{
	struct sharing *s = c->op;
	Store__AclSharedRep rep = STORE__ACL_SHARED_REP__INIT;
	size_t n = 0;

	for (size_t i = 0; i < s->n_parts; i++)
		n += s->parts[i].op.n;
	if (n > ACL_SHARED_MAX)
		n = ACL_SHARED_MAX;
	rep.mailboxes = arena_alloc(&c->arena, (n + 1) * sizeof(*rep.mailboxes));
	for (size_t i = 0; i < s->n_parts; i++)
		for (size_t k = 0; k < s->parts[i].op.n && rep.n_mailboxes < n; k++)
			rep.mailboxes[rep.n_mailboxes++] = bytes_of(&s->parts[i].op.mailboxes[k]);
	call_reply(c, &rep.base);
}

static void part_done(struct job *j)
{
	struct call *c = CONTAINER_OF(j, struct part, job)->call;
	struct sharing *s = c->op;

	if (j->e) {
		s->e = j->e;
		c->job.e = j->e;
		c->job.eb = j->eb;
	}
	if (--s->n_running > 0)
		return;
	c->is_working = false;
	if (c->rq == NULL)
		call_drop(c);
	else if (s->e)
		call_fail(c, s->e);
	else
		shared_answer(c);
}

static void begin_part(struct call *c, struct sdb *sdb, const struct who *w)
{
	struct sharing *s = c->op;
	struct part *p = &s->parts[s->n_parts++];

	p->call = c;
	p->op.principal = w->principal;
	p->op.groups = w->groups;
	p->op.n_groups = w->n_groups;
	p->op.arena = &p->arena;
	p->job = (struct job){ .read = acl_shared, .arg = &p->op, .done = part_done };
	s->n_running++;
	mdb_read(sdb->mdb, &p->job);
}

RPC_HANDLER(acl_shared_call, Store__AclSharedReq)
static void acl_shared_call(struct rpc_request *rq, const Store__AclSharedReq *in)
{
	struct call *c = call_new(rq, NULL, sizeof(struct sharing));
	struct sharing *s = c->op;
	struct who w = { .principal = rq->principal };
	size_t n = 0;

	(void)in;
	c->fini = shared_fini;
	principal_resolve(c->st, &w, &c->arena);
	LIST_EACH (&c->st->databases, i)
		n += CONTAINER_OF(i, struct sdb, node)->mdb != NULL;
	s->parts = arena_alloc(&c->arena, (n + 1) * sizeof(*s->parts));
	if (n == 0) {
		shared_answer(c);
		return;
	}
	c->is_working = true;
	LIST_EACH (&c->st->databases, i) {
		struct sdb *sdb = CONTAINER_OF(i, struct sdb, node);

		if (sdb->mdb)
			begin_part(c, sdb, &w);
	}
}

/* ---- a folder that an administrator makes ------------------------------------------------- */

static void made(struct call *c, enum err e)
{
	Store__Done rep = STORE__DONE__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.cn = ((struct folder_op *)c->op)->cn;
	call_reply(c, &rep.base);
}

RPC_HANDLER(make_call, Store__FolderCreateReq)
static void make_call(struct rpc_request *rq, const Store__FolderCreateReq *in)
{
	struct call *c = begin(rq, in->mailbox, sizeof(struct folder_op));
	struct folder_op *op;

	if (c == NULL)
		return;
	op = c->op;
	op->who = call_who(c);
	op->path = arena_str(&c->arena, in->path);
	c->on_job = made;
	call_write(c, folder_create, LANE_INTERACTIVE, 0);
}

const struct rpc_method rights_methods[] = {
	{ "store.folder-make", make_call_thunk, &store__folder_create_req__descriptor,
	  RPC_DIRECTORY, 0, SMALL },
	{ "store.acl-set", acl_set_call_thunk, &store__acl_set_req__descriptor,
	  RPC_CAS | RPC_DIRECTORY, 0, SMALL },
	{ "store.acl-list", acl_list_call_thunk, &store__acl_list_req__descriptor,
	  RPC_CAS | RPC_DIRECTORY, 0, SMALL },
	{ "store.acl-shared", acl_shared_call_thunk, &store__acl_shared_req__descriptor, RPC_CAS,
	  RPC_FOR_USER, 256 },
};
const size_t rights_n_methods = sizeof(rights_methods) / sizeof(rights_methods[0]);
