/* store_watch - all watches over one connection in one call: edits up, hints down */
#include "common/api/store.h"

#include "common/api/store_priv.h"
#include "common/base/check.h"
#include <stdlib.h>

enum {
	WATCH_MS = 24 * 3600 * 1000,
	EDITS = 1000,		/* in one chunk */
};

/* One for each connection that has watches; in the peer's slot. */
struct store_watches {
	struct rpc_peer *peer;
	struct rpc_call *rpc;
	struct hash table;		/* struct api_call, by watch_id */
	struct list fresh;		/* struct api_call.watch_new: the store does not know it */
	uint64_t *drop;			/* ids that the store knows and need not */
	size_t n_drop, cap_drop;
	uint64_t last_id;
	bool busy;			/* something below us is in the middle of it */
};

static void watches_free(struct store_watches *s)
{
	CHECK(s->table.n == 0);
	rpc_call_cancel(&s->rpc);
	if (*rpc_peer_slot(s->peer) == s)
		*rpc_peer_slot(s->peer) = NULL;
	hash_fini(&s->table);
	free(s->drop);
	free(s);
}

static bool is_idle(const struct store_watches *s)
{
	return s->table.n == 0 && !s->busy;
}

/* ---- edits --------------------------------------------------------------------------- */

static size_t edit_adds(struct store_watches *s, Store__WatchAdd *add, Store__WatchAdd **list)
{
	size_t n = 0;
	struct list *i;

	while (n < EDITS && (i = list_pop(&s->fresh)) != NULL) {
		const struct api_call *c = CONTAINER_OF(i, struct api_call, watch_new);

		store__watch_add__init(&add[n]);
		add[n].id = c->watch_id;
		add[n].mailbox = store_guid(&c->watch_mailbox);
		add[n].since_cn = c->watch_since;
		list[n] = &add[n];
		n++;
	}
	return n;
}

/* One chunk of them, if the stream has room; true: there may be more. */
static bool send_edits(struct store_watches *s)
{
	Store__WatchEdit edit = STORE__WATCH_EDIT__INIT;
	Store__WatchAdd *add;
	uint8_t *packed;
	size_t n;

	/* An edit is some 40 bytes, a chunk has room for all of one. */
	if (s->rpc == NULL || rpc_call_credit(s->rpc) < EDITS * 64u ||
	    (list_empty(&s->fresh) && s->n_drop == 0))
		return false;
	add = xcalloc(EDITS, sizeof(*add));
	edit.add = xcalloc(EDITS, sizeof(*edit.add));
	edit.n_add = edit_adds(s, add, edit.add);
	edit.n_drop = s->n_drop < EDITS ? s->n_drop : EDITS;
	s->n_drop -= edit.n_drop;
	edit.drop = s->drop + s->n_drop;
	n = store__watch_edit__get_packed_size(&edit);
	packed = xcalloc(1, n);
	store__watch_edit__pack(&edit, packed);
	rpc_call_send(s->rpc, packed, n, false);
	free(packed);
	free(edit.add);
	free(add);
	return true;
}

static void on_credit(void *ctx)
{
	while (send_edits(ctx))
		;
}

/* ---- hints --------------------------------------------------------------------------- */

static void leave_table(struct api_call *c)
{
	hash_del(&c->watches->table, &c->watch_node);
	list_del(&c->watch_new);
	c->watches = NULL;
}

static void on_hint(struct store_watches *s, const Store__WatchHint *h)
{
	uint64_t id = h->id;
	struct hash_node *n = hash_find(&s->table, &id, sizeof(id));
	struct api_call *c = n ? CONTAINER_OF(n, struct api_call, watch_node) : NULL;

	if (c == NULL)
		return;		/* it was dropped, and this was on its way */
	if (h->status) {
		leave_table(c);
		store_call_end(c, err_from_wire(h->status));
		return;
	}
	store_call_enter(c);
	c->hint(c->ctx, h->epoch, h->cn);
	store_call_leave(c);
}

static void on_hints(void *ctx, const void *p, size_t n)
{
	struct store_watches *s = ctx;
	Store__WatchHints *all = store__watch_hints__unpack(NULL, n, p);

	rpc_call_grant(s->rpc, n);
	if (all == NULL)
		return;		/* a version we do not know: hints are no data */
	s->busy = true;
	for (size_t i = 0; i < all->n_hints; i++)
		on_hint(s, all->hints[i]);
	s->busy = false;
	store__watch_hints__free_unpacked(all, NULL);
	if (is_idle(s))
		watches_free(s);
}

/* The store is away: nobody is watched any more.  Who begins anew in his callback does
 * so with the next one. */
static void on_end(void *ctx, enum err e, const ProtobufCMessage *rep, const void *payload,
		   size_t payload_len, const char *detail)
{
	struct store_watches *s = ctx;
	struct hash_node *n;

	(void)rep;
	(void)payload;
	(void)payload_len;
	(void)detail;
	s->rpc = NULL;
	s->busy = true;
	*rpc_peer_slot(s->peer) = NULL;
	while ((n = hash_next(&s->table, NULL)) != NULL) {
		struct api_call *c = CONTAINER_OF(n, struct api_call, watch_node);

		leave_table(c);
		store_call_end(c, e ? e : ERR_AGAIN);
	}
	watches_free(s);
}

/* ---- one watch ----------------------------------------------------------------------- */

static struct store_watches *watches_of(struct rpc_peer *p)
{
	struct store_watches *s = *rpc_peer_slot(p);
	Store__WatchReq rq = STORE__WATCH_REQ__INIT;
	struct rpc_args args = {
		.method = "store.watch", .body = &rq.base, .upload = true, .timeout_ms = WATCH_MS,
		.on_reply = on_end, .on_chunk = on_hints, .on_credit = on_credit,
	};

	if (s)
		return s;
	s = xcalloc(1, sizeof(*s));
	s->peer = p;
	hash_init(&s->table);
	list_init(&s->fresh);
	*rpc_peer_slot(p) = s;
	args.ctx = s;
	s->rpc = rpc_call(p, &args);
	return s;
}

static void finish(struct api_call *c, enum err e, const ProtobufCMessage *rep)
{
	(void)rep;
	((store_done_cb *)c->cb)(c->ctx, e, 0);
}

struct api_call *store_watch(const struct store_at *at, uint64_t since_cn,
			     store_hint_cb *hint, store_done_cb *gone, void *ctx)
{
	struct api_call *c = store_call_new(finish, (api_any_fn *)gone, ctx);
	struct store_watches *s = watches_of(at->peer);

	c->hint = hint;
	c->watches = s;
	c->watch_id = ++s->last_id;
	c->watch_mailbox = at->mailbox;
	c->watch_since = since_cn;
	hash_add(&s->table, &c->watch_node, &c->watch_id, sizeof(c->watch_id));
	list_add_tail(&s->fresh, &c->watch_new);
	while (send_edits(s))
		;
	return c;
}

void store_watch_leave(struct api_call *c)
{
	struct store_watches *s = c->watches;
	bool is_known = list_empty(&c->watch_new);

	leave_table(c);
	if (is_idle(s)) {
		watches_free(s);
		return;
	}
	if (!is_known)
		return;
	if (s->n_drop == s->cap_drop) {
		s->cap_drop = s->cap_drop ? 2 * s->cap_drop : 16;
		s->drop = xrealloc(s->drop, s->cap_drop * sizeof(*s->drop));
	}
	CHECK(s->drop != NULL);
	s->drop[s->n_drop++] = c->watch_id;
	while (send_edits(s))
		;
}
