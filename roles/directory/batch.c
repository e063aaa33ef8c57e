#include "common/api/directory.h"
#include "common/base/log.h"
#include "common/replica/objects.h"
#include "roles/directory/directory.h"

enum {
	BATCH_BYTES = 128 * 1024,	/* more get a number of their own: a page of
					 * changes must hold a whole batch */
	PUSH_MS = 1,			/* a burst of changes is one hint */
};

enum err batch_begin(struct batch *b, struct directory *d, int64_t now_ms, struct errbuf *eb)
{
	*b = (struct batch){ .d = d, .usn = d->usn + 1, .now_ms = now_ms };
	return db_begin(d->db, eb);
}

enum err batch_put(struct batch *b, struct object *o, struct errbuf *eb)
{
	size_t n = 64;

	for (const struct object_attr *t = o->attrs; t; t = t->next)
		for (const struct object_value *v = t->values; v; v = v->next)
			n += v->bytes.n + 16;
	if (b->bytes && b->bytes + n > BATCH_BYTES) {
		b->usn++;
		b->bytes = 0;
	}
	b->bytes += n;
	b->keys |= tables_hold(o->klass);
	o->usn = b->usn;
	return objects_put(b->d->db, o, b->now_ms, eb);
}

static void on_push(uv_timer_t *t)
{
	struct directory *d = t->data;

	for (struct rpc_peer *p = rpc_next(d->rpc, NULL); p; p = rpc_next(d->rpc, p))
		if (rpc_peer_ident(p)->role & (RPC_MAILBOX | RPC_HUB | RPC_CAS | RPC_UM))
			directory_push(p, d->usn);
}

/* What hangs on the change in memory; a removed server is cut off here. */
static void follow(struct batch *b)
{
	struct directory *d = b->d;

	d->usn = b->usn;
	if (d->m) {
		metric_set(d->m, M_USN, (int64_t)d->usn);
		metric_add(d->m, M_CHANGES, 1);
	}
	if (b->keys) {
		tables_load(&d->tables, d->db);
		if (d->rpc)
			rpc_recheck(d->rpc);
	}
	if (d->rpc && !uv_is_active((uv_handle_t *)&d->push))
		uv_timer_start(&d->push, on_push, PUSH_MS, 0);
}

enum err batch_commit(struct batch *b, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (b->bytes)
		e = objects_set_int(b->d->db, META_USN, (int64_t)b->usn, eb);
	if (!e)
		e = db_commit(b->d->db, eb);
	if (!e && b->bytes)
		follow(b);
	if (!e)
		b->d = NULL;
	return e;
}

void batch_abort(struct batch *b)
{
	if (b->d)
		db_rollback(b->d->db);
	b->d = NULL;
}
