/* rpc - annotations, usage, signed URLs */
#include "common/rpc/rpc.h"

#include "gen/store.pb-c.h"
#include "roles/mailbox/call.h"
#include "roles/mailbox/metadata.h"
#include "roles/mailbox/methods.h"
#include "roles/mailbox/urlkey.h"
#include <stdlib.h>
#include <string.h>

enum { SMALL = 16 * 1024, NAMES = 128 * 1024, VALUES = 256 * 1024 };

static void done(struct call *c, enum err e, uint64_t cn)
{
	Store__Done rep = STORE__DONE__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.cn = cn;
	call_reply(c, &rep.base);
}

/* ---- annotations --------------------------------------------------------------------- */

static void got(struct call *c, enum err e)
{
	struct meta_get_op *op = c->op;
	Store__MetaGetRep rep = STORE__META_GET_REP__INIT;
	Store__MetaEntry *m;

	if (e) {
		call_fail(c, e);
		return;
	}
	m = arena_alloc(&c->arena, (op->n + 1) * sizeof(*m));
	rep.entries = arena_alloc(&c->arena, (op->n + 1) * sizeof(*rep.entries));
	rep.n_entries = op->n;
	for (size_t i = 0; i < op->n; i++) {
		store__meta_entry__init(&m[i]);
		m[i].path = (char *)(uintptr_t)op->list[i].path;
		m[i].entry = (char *)(uintptr_t)op->list[i].entry;
		m[i].value = (ProtobufCBinaryData){
			op->list[i].value.n, (uint8_t *)(uintptr_t)op->list[i].value.p };
		rep.entries[i] = &m[i];
	}
	if (op->more)
		rep.more = arena_printf(&c->arena, "%lld", (long long)op->more);
	call_reply(c, &rep.base);
}

RPC_HANDLER(get_call, Store__MetaGetReq)
static void get_call(struct rpc_request *rq, const Store__MetaGetReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct meta_get_op));
	struct meta_get_op *op;

	if (c == NULL)
		return;
	op = c->op;
	if (in->n_entries > META_ASKED) {
		call_fail(c, ERR_LIMIT);
		return;
	}
	op->who = call_who(c);
	op->path = arena_str(&c->arena, in->path);
	op->all = in->all;
	op->after = strtoll(in->after, NULL, 10);
	op->entries = call_strings(c, in->entries, in->n_entries);
	op->depth = in->depth;
	op->arena = &c->arena;
	c->on_job = got;
	call_read(c, metadata_get);
}

static void set_done(struct call *c, enum err e)
{
	done(c, e, ((struct meta_set_op *)c->op)->cn);
}

RPC_HANDLER(set_call, Store__MetaSetReq)
static void set_call(struct rpc_request *rq, const Store__MetaSetReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct meta_set_op));
	struct store_meta *list;
	struct meta_set_op *op;
	size_t bytes = 0;

	if (c == NULL)
		return;
	op = c->op;
	list = arena_alloc(&c->arena, (in->n_entries + 1) * sizeof(*list));
	for (size_t i = 0; i < in->n_entries; i++) {
		const Store__MetaEntry *m = in->entries[i];

		list[i].entry = arena_str(&c->arena, m->entry);
		if (!m->gone)
			list[i].value = (struct span){
				arena_dup(&c->arena, m->value.len ? (void *)m->value.data : "",
					  m->value.len), m->value.len };
		bytes += m->value.len;
	}
	op->who = call_who(c);
	op->path = arena_str(&c->arena, in->path);
	op->list = list;
	op->n = in->n_entries;
	c->on_job = set_done;
	c->even_if_gone = true;
	call_write(c, metadata_set, LANE_INTERACTIVE, bytes + 4096);
}

/* ---- usage ------------------------------------------------------------------------------- */

static void usage_done(struct call *c, enum err e)
{
	const struct store_usage *u = &((struct usage_op *)c->op)->result;
	Store__UsageRep rep = STORE__USAGE_REP__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.size = u->size;
	rep.quota_warn = u->quota_warn;
	rep.quota_send = u->quota_send;
	rep.quota_recv = u->quota_recv;
	rep.items = u->items;
	rep.folders = u->folders;
	rep.folders_max = u->folders_max;
	rep.meta = u->meta;
	rep.meta_max = u->meta_max;
	call_reply(c, &rep.base);
}

RPC_HANDLER(usage_call, Store__UsageReq)
static void usage_call(struct rpc_request *rq, const Store__UsageReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct usage_op));
	struct usage_op *op;

	if (c == NULL)
		return;
	op = c->op;
	op->open.mailbox = c->ref->guid;
	op->open.principal = rq->principal;
	op->open.mbx = c->mbx;
	op->open.policy = c->ref->sdb->policy;
	c->on_job = usage_done;
	call_read(c, mailbox_usage);
}

/* ---- signed URLs ---------------------------------------------------------------------------- */

static struct call *url_call(struct rpc_request *rq, ProtobufCBinaryData mailbox,
			     const char *path, const char *text)
{
	struct call *c = call_begin(rq, mailbox.data, mailbox.len, sizeof(struct url_op));
	struct url_op *op;

	if (c == NULL)
		return NULL;
	op = c->op;
	op->who = call_who(c);
	op->path = path ? arena_str(&c->arena, path) : NULL;
	op->text = arena_str(&c->arena, text);
	return c;
}

static void sign_done(struct call *c, enum err e)
{
	struct url_op *op = c->op;
	Store__UrlSignRep rep = STORE__URL_SIGN_REP__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.token = (ProtobufCBinaryData){ sizeof(op->token), op->token };
	call_reply(c, &rep.base);
}

RPC_HANDLER(sign_call, Store__UrlSignReq)
static void sign_call(struct rpc_request *rq, const Store__UrlSignReq *in)
{
	struct call *c = url_call(rq, in->mailbox, in->path, in->text);

	if (c == NULL)
		return;
	c->on_job = sign_done;
	call_write(c, urlkey_sign, LANE_INTERACTIVE, 256);
}

static void url_done(struct call *c, enum err e)
{
	done(c, e, 0);
}

RPC_HANDLER(check_call, Store__UrlCheckReq)
static void check_call(struct rpc_request *rq, const Store__UrlCheckReq *in)
{
	struct call *c = url_call(rq, in->mailbox, in->path, in->text);
	struct url_op *op;

	if (c == NULL)
		return;
	op = c->op;
	if (in->token.len != sizeof(op->token)) {
		call_fail(c, ERR_INVALID);
		return;
	}
	memcpy(op->token, in->token.data, sizeof(op->token));
	c->on_job = url_done;
	call_read(c, urlkey_check);
}

RPC_HANDLER(reset_call, Store__UrlResetReq)
static void reset_call(struct rpc_request *rq, const Store__UrlResetReq *in)
{
	struct call *c = url_call(rq, in->mailbox, in->all ? NULL : in->path, "");

	if (c == NULL)
		return;
	c->on_job = url_done;
	c->even_if_gone = true;
	call_write(c, urlkey_reset, LANE_INTERACTIVE, 256);
}

const struct rpc_method meta_methods[] = {
	{ "store.meta-get", get_call_thunk, &store__meta_get_req__descriptor, RPC_CAS,
	  RPC_FOR_USER, NAMES },
	{ "store.meta-set", set_call_thunk, &store__meta_set_req__descriptor, RPC_CAS,
	  RPC_FOR_USER, VALUES },
	{ "store.usage", usage_call_thunk, &store__usage_req__descriptor, RPC_CAS, RPC_FOR_USER,
	  256 },
	{ "store.url-sign", sign_call_thunk, &store__url_sign_req__descriptor, RPC_CAS,
	  RPC_FOR_USER, SMALL },
	{ "store.url-check", check_call_thunk, &store__url_check_req__descriptor,
	  RPC_CAS | RPC_HUB, RPC_FOR_USER, SMALL },
	{ "store.url-reset", reset_call_thunk, &store__url_reset_req__descriptor, RPC_CAS,
	  RPC_FOR_USER, SMALL },
};
const size_t meta_n_methods = sizeof(meta_methods) / sizeof(meta_methods[0]);
