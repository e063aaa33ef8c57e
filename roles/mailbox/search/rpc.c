/* rpc - searching: which messages may hold a text, in which order, what belongs together */
#include "common/rpc/rpc.h"

#include "common/base/check.h"
#include "gen/store.pb-c.h"
#include "roles/mailbox/call.h"
#include "roles/mailbox/methods.h"
#include "roles/mailbox/order.h"
#include "roles/mailbox/pb.h"
#include "roles/mailbox/refs.h"
#include <string.h>

enum { WITH_UIDS = 256 * 1024 };

static void say_done(struct call *c)
{
	Store__Done rep = STORE__DONE__INIT;

	call_reply(c, &rep.base);
}

/* ---- sort --------------------------------------------------------------------------- */

static void sort_fini(struct call *c)
{
	order_fini(c->op);
}

static void sort_more(struct call *c)
{
	if (((struct order_op *)c->op)->done)
		say_done(c);
	else
		call_read(c, order_page);
}

static void sort_page(struct call *c, enum err e)
{
	if (e)
		call_fail(c, e);
	else
		call_stream(c, &((struct order_op *)c->op)->out, sort_more);
}

/* False: a key that there is not. */
static bool sort_keys(struct order_op *op, const ProtobufCBinaryData *in)
{
	for (size_t i = 0; i < in->len; i++) {
		unsigned key = in->data[i] & ~STORE_SORT_REVERSE;

		if (key < STORE_SORT_ARRIVAL || key > STORE_SORT_TO || i == STORE_SORT_KEYS)
			return false;
		op->keys[i] = in->data[i];
	}
	op->n_keys = in->len;
	return true;
}

RPC_HANDLER(sort_call, Store__SortReq)
static void sort_call(struct rpc_request *rq, const Store__SortReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct order_op));
	struct order_op *op;

	if (c == NULL)
		return;
	op = c->op;
	order_init(op);
	c->fini = sort_fini;
	c->on_job = sort_page;
	op->who = call_who(c);
	op->fid = in->fid;
	op->folder = arena_str(&c->arena, c->mdb->conf.folder);
	if (!sort_keys(op, &in->keys))
		call_fail(c, ERR_INVALID);
	else if (!pb_ranges(c, in->uids, in->n_uids, &op->uids, &op->n_uids))
		call_fail(c, ERR_LIMIT);
	else
		call_read(c, order_page);
}

/* ---- refs ---------------------------------------------------------------------------- */

static void refs_call_fini(struct call *c)
{
	refs_fini(c->op);
}

static void refs_more(struct call *c)
{
	if (((struct refs_op *)c->op)->done)
		say_done(c);
	else
		call_read(c, refs_page);
}

static void refs_came(struct call *c, enum err e)
{
	if (e)
		call_fail(c, e);
	else
		call_stream(c, &((struct refs_op *)c->op)->out, refs_more);
}

RPC_HANDLER(refs_call, Store__RefsReq)
static void refs_call(struct rpc_request *rq, const Store__RefsReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct refs_op));
	struct refs_op *op;

	if (c == NULL)
		return;
	op = c->op;
	refs_init(op);
	c->fini = refs_call_fini;
	c->on_job = refs_came;
	op->who = call_who(c);
	op->fid = in->fid;
	if (pb_ranges(c, in->uids, in->n_uids, &op->uids, &op->n_uids))
		call_read(c, refs_page);
	else
		call_fail(c, ERR_LIMIT);
}

const struct rpc_method search_methods[] = {
	{ "store.sort", sort_call_thunk, &store__sort_req__descriptor, RPC_CAS | RPC_UM,
	  RPC_FOR_USER, WITH_UIDS },
	{ "store.refs", refs_call_thunk, &store__refs_req__descriptor, RPC_CAS | RPC_UM,
	  RPC_FOR_USER, WITH_UIDS },
};
const size_t search_n_methods = sizeof(search_methods) / sizeof(search_methods[0]);
