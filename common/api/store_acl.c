/* store_acl - rights: what the store's stubs of api/store.h say about them */
#include "common/api/store_priv.h"

static void set_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__Done *rep = REP(Store__Done, m);

	((store_done_cb *)c->cb)(c->ctx, e, e == ERR_OK ? rep->cn : 0);
}

struct api_call *store_acl_set(const struct store_at *at, const struct store_acl_change *ch,
			       store_done_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(set_finish, (api_any_fn *)cb, ctx);
	Store__AclSetReq rq = STORE__ACL_SET_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.path = store_str(ch->path);
	rq.principal = store_guid(&ch->who);
	rq.mode = ch->mode == STORE_ACL_ADD	 ? STORE__ACL_SET_REQ__MODE__ADD
		  : ch->mode == STORE_ACL_REMOVE ? STORE__ACL_SET_REQ__MODE__REMOVE
						 : STORE__ACL_SET_REQ__MODE__REPLACE;
	rq.rights = ch->rights;
	rq.negative = ch->negative;
	return store_call_start(c, at, &(struct api_start){
		.method = "store.acl-set", .body = &rq.base, .rep = &store__done__descriptor });
}

static void list_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__AclListRep *rep = REP(Store__AclListRep, m);
	struct store_acl_row *rows = NULL;
	size_t n = e == ERR_OK ? rep->n_rows : 0;

	rows = arena_alloc(&c->arena, (n + 1) * sizeof(*rows));
	for (size_t i = 0; i < n && e == ERR_OK; i++) {
		const Store__AclRow *r = rep->rows[i];

		rows[i] = (struct store_acl_row){ .given = r->given, .taken = r->taken,
						  .whole = r->whole };
		e = guid_from(r->principal.data, r->principal.len, &rows[i].who);
	}
	((store_acl_cb *)c->cb)(c->ctx, e, rows, e == ERR_OK ? n : 0);
}

struct api_call *store_acl_list(const struct store_at *at, const char *path, store_acl_cb *cb,
				void *ctx)
{
	struct api_call *c = store_call_new(list_finish, (api_any_fn *)cb, ctx);
	Store__AclListReq rq = STORE__ACL_LIST_REQ__INIT;

	rq.mailbox = store_guid(&at->mailbox);
	rq.path = store_str(path);
	return store_call_start(c, at, &(struct api_start){
		.method = "store.acl-list", .body = &rq.base,
		.rep = &store__acl_list_rep__descriptor });
}

static void shared_finish(struct api_call *c, enum err e, const ProtobufCMessage *m)
{
	const Store__AclSharedRep *rep = REP(Store__AclSharedRep, m);
	size_t n = e == ERR_OK ? rep->n_mailboxes : 0;
	struct guid *g = arena_alloc(&c->arena, (n + 1) * sizeof(*g));

	for (size_t i = 0; i < n && e == ERR_OK; i++)
		e = guid_from(rep->mailboxes[i].data, rep->mailboxes[i].len, &g[i]);
	((store_shared_cb *)c->cb)(c->ctx, e, g, e == ERR_OK ? n : 0);
}

struct api_call *store_acl_shared(const struct store_at *at, store_shared_cb *cb, void *ctx)
{
	struct api_call *c = store_call_new(shared_finish, (api_any_fn *)cb, ctx);
	Store__AclSharedReq rq = STORE__ACL_SHARED_REQ__INIT;

	return store_call_start(c, at, &(struct api_start){
		.method = "store.acl-shared", .body = &rq.base,
		.rep = &store__acl_shared_rep__descriptor });
}
