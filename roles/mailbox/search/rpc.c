/* rpc - searching: which messages may hold a text, in which order, what belongs together */
#include "common/rpc/rpc.h"

#include "common/base/check.h"
#include "gen/store.pb-c.h"
#include "roles/mailbox/call.h"
#include "roles/mailbox/catalogue.h"
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

/* ---- find ---------------------------------------------------------------------------- */

static void find_call_fini(struct call *c)
{
	find_fini(c->op);
}

static void find_done(struct call *c, enum err e)
{
	struct find_op *op = c->op;
	Store__FindRep rep = STORE__FIND_REP__INIT;
	Store__Found *found = arena_alloc(&c->arena, (op->n + 1) * sizeof(*found));

	if (e) {
		call_fail(c, e);
		return;
	}
	rep.found = arena_alloc(&c->arena, (op->n + 1) * sizeof(*rep.found));
	rep.n_found = op->n;
	for (size_t i = 0; i < op->n; i++) {
		store__found__init(&found[i]);
		found[i].known = op->needles[i].known;
		found[i].n_runs = 2 * op->needles[i].maybe.n;
		found[i].runs = (uint32_t *)op->needles[i].maybe.r;
		rep.found[i] = &found[i];
	}
	call_reply(c, &rep.base);
}

RPC_HANDLER(find_call, Store__FindReq)
static void find_call(struct rpc_request *rq, const Store__FindReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct find_op));
	struct find_op *op;

	if (c == NULL)
		return;
	op = c->op;
	c->fini = find_call_fini;
	c->on_job = find_done;
	op->who = call_who(c);
	op->fid = in->fid;
	op->path = arena_printf(&c->arena, "%s/search.db", c->mdb->conf.folder);
	if (in->n_needles > STORE_NEEDLES) {
		call_fail(c, ERR_LIMIT);
		return;
	}
	op->needles = arena_alloc(&c->arena, (in->n_needles + 1) * sizeof(*op->needles));
	for (op->n = 0; op->n < in->n_needles; op->n++) {
		const Store__Needle *k = in->needles[op->n];
		size_t n = k->text.len <= STORE_NEEDLE_MAX ? k->text.len : 0;

		op->needles[op->n] = (struct find_needle){ .header = k->header, .body = k->body,
			.text = { arena_dup(&c->arena, n ? (void *)k->text.data : "", n), n } };
	}
	call_read(c, catalogue_find);
}

/* ---- the catalogues themselves, for administrators ---------------------------------------- */

static void catalogue_row(struct call *c, Store__CatalogueRep *rep, struct sdb *s)
{
	Store__CatalogueStat *o = arena_alloc(&c->arena, sizeof(*o));
	struct catalogue_state state;

	catalogue_state(s->mdb->catalogue, &state);
	store__catalogue_stat__init(o);
	o->guid = (ProtobufCBinaryData){ sizeof(s->guid.b), s->guid.b };
	o->name = s->name;
	o->bytes = (uint64_t)state.bytes;
	o->known = (uint64_t)state.known;
	o->waiting = (uint64_t)state.waiting;
	o->stopped = state.is_stopped;
	rep->catalogues[rep->n_catalogues++] = o;
}

static bool has_catalogue(const struct sdb *s)
{
	return s->mdb && s->mdb->catalogue;
}

RPC_HANDLER(catalogues_call, Store__CatalogueReq)
static void catalogues_call(struct rpc_request *rq, const Store__CatalogueReq *in)
{
	struct call *c = call_new(rq, NULL, 1);
	Store__CatalogueRep rep = STORE__CATALOGUE_REP__INIT;
	size_t n = 0;

	(void)in;
	LIST_EACH (&c->st->databases, i)
		n++;
	rep.catalogues = arena_alloc(&c->arena, (n + 1) * sizeof(*rep.catalogues));
	LIST_EACH (&c->st->databases, i) {
		struct sdb *s = CONTAINER_OF(i, struct sdb, node);

		if (has_catalogue(s))
			catalogue_row(c, &rep, s);
	}
	call_reply(c, &rep.base);
}

RPC_HANDLER(rebuild_call, Store__CatalogueReq)
static void rebuild_call(struct rpc_request *rq, const Store__CatalogueReq *in)
{
	struct call *c = call_new(rq, NULL, 1);
	struct sdb *s = NULL;
	struct guid g;

	if (guid_from(in->database.data, in->database.len, &g) == ERR_OK)
		s = role_database(c->st, &g);
	if (s == NULL || !has_catalogue(s)) {
		call_fail(c, s ? ERR_AGAIN : ERR_NOTFOUND);
		return;
	}
	catalogue_rebuild(s->mdb->catalogue);
	say_done(c);
}

const struct rpc_method search_methods[] = {
	{ "store.find", find_call_thunk, &store__find_req__descriptor, RPC_CAS | RPC_UM,
	  RPC_FOR_USER, WITH_UIDS + STORE_NEEDLES * STORE_NEEDLE_MAX },
	{ "store.catalogue-list", catalogues_call_thunk, &store__catalogue_req__descriptor,
	  RPC_DIRECTORY, 0, 256 },
	{ "store.catalogue-rebuild", rebuild_call_thunk, &store__catalogue_req__descriptor,
	  RPC_DIRECTORY, 0, 256 },
	{ "store.sort", sort_call_thunk, &store__sort_req__descriptor, RPC_CAS | RPC_UM,
	  RPC_FOR_USER, WITH_UIDS },
	{ "store.refs", refs_call_thunk, &store__refs_req__descriptor, RPC_CAS | RPC_UM,
	  RPC_FOR_USER, WITH_UIDS },
};
const size_t search_n_methods = sizeof(search_methods) / sizeof(search_methods[0]);
