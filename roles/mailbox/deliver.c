#include "roles/mailbox/deliver.h"

#include "common/base/check.h"
#include "roles/mailbox/folder.h"
#include "roles/mailbox/message.h"
#include "roles/mailbox/seen.h"
#include <stdlib.h>

DB_SQL(q_origin, "SELECT origin FROM origin WHERE guid = ?1");
DB_SQL(q_new_origin, "INSERT INTO origin(guid) VALUES(?1)");
DB_SQL(q_done_below, "SELECT done_below FROM origin WHERE origin = ?1");
DB_SQL(q_set_done_below,
       "UPDATE origin SET done_below = ?2 WHERE origin = ?1 AND done_below < ?2");
DB_SQL(q_delivered,
       "SELECT result, mid FROM delivered WHERE origin = ?1 AND seq = ?2 AND mbx = ?3");
DB_SQL(q_note_delivered,
       "INSERT INTO delivered(origin, seq, mbx, result, mid) VALUES(?1, ?2, ?3, ?4, ?5)");
DB_SQL(q_where, "SELECT fid, uid FROM placement WHERE mbx = ?1 AND mid = ?2");
DB_SQL(q_origins, "SELECT origin, done_below FROM origin");
DB_SQL(q_prune,
       "DELETE FROM delivered WHERE origin = ?1 AND seq IN (SELECT seq FROM delivered"
       " WHERE origin = ?1 AND seq < ?2 LIMIT ?3)");

/* Known origins, in tx.origins: there are as many as servers. */
struct origin {
	struct hash_node node;	/* first: tx.c frees it */
	struct guid guid;
	int64_t number;
	int64_t done_below;
};

static enum err load_origin(struct tx *tx, struct origin *o, struct errbuf *eb)
{
	enum err e = db_get_int(tx->db, &q_origin, &o->number, eb, "g", &o->guid);

	if (e == ERR_NOTFOUND) {
		e = db_run(tx->db, &q_new_origin, eb, "g", &o->guid);
		o->number = db_last_rowid(tx->db);
	}
	return e ? e : db_get_int(tx->db, &q_done_below, &o->done_below, eb, "i", o->number);
}

static enum err find_origin(struct tx *tx, const struct guid *g, struct origin **out,
			    struct errbuf *eb)
{
	struct hash_node *n = hash_find(&tx->origins, g->b, sizeof(g->b));
	struct origin *o;
	enum err e;

	*out = n ? CONTAINER_OF(n, struct origin, node) : NULL;
	if (n)
		return ERR_OK;
	o = xcalloc(1, sizeof(*o));
	o->guid = *g;
	e = load_origin(tx, o, eb);
	if (e) {
		free(o);
		return e;
	}
	hash_add(&tx->origins, &o->node, o->guid.b, sizeof(o->guid.b));
	*out = o;
	return ERR_OK;
}

/* ---- one recipient ----------------------------------------------------------------- */

struct delivery {
	struct tx *tx;
	struct deliver_op *op;
	struct origin *origin;
	int64_t bid;
};

/* The first result, if this was delivered before. */
static enum err find_repeat(struct delivery *d, struct deliver_to *to, struct errbuf *eb)
{
	struct db_row *r = db_query(d->tx->db, &q_delivered, "iii", d->origin->number,
				    (int64_t)d->op->seq, to->mbx);
	enum err e;

	to->repeat = db_next(r);
	if (to->repeat) {
		to->status = err_from_wire((unsigned)db_int(r, 0));
		to->mid = db_int(r, 1);
	}
	e = db_end(&r, eb);
	if (e || !to->repeat)
		return e;
	r = db_query(d->tx->db, &q_where, "ii", to->mbx, to->mid);
	if (db_next(r)) {	/* unless the reader has moved it already */
		to->in_fid = db_int(r, 0);
		to->uid = db_int(r, 1);
	}
	return db_end(&r, eb);
}

static enum err find_inbox(struct tx *tx, struct mbx_row *m, struct folder_row **f,
			   struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (m->inbox == 0)
		e = folder_by_role(tx->db, m->row.key[0], "inbox", &m->inbox, eb);
	return e ? e : tx_folder(tx, m->row.key[0], m->inbox, f, eb);
}

static enum err find_folder(struct tx *tx, struct mbx_row *m, const struct deliver_to *to,
			    struct folder_row **f, struct errbuf *eb)
{
	int64_t fid = to->fid;
	enum err e = ERR_NOTFOUND;

	if (fid == 0 && to->role)
		e = folder_by_role(tx->db, m->row.key[0], to->role, &fid, eb);
	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	e = ERR_NOTFOUND;
	if (fid)
		e = tx_folder(tx, m->row.key[0], fid, f, eb);
	return e == ERR_NOTFOUND ? find_inbox(tx, m, f, eb) : e;
}

static enum err place(struct delivery *d, struct mbx_row *m, struct deliver_to *to,
		      struct errbuf *eb)
{
	struct new_message n = {
		.content = d->op->content, .flags = to->flags & ITEM_FLAGS,
		.received_ms = d->op->received_ms ? d->op->received_ms : d->tx->now_ms,
	};
	struct folder_row *f = NULL;
	enum err e = find_folder(d->tx, m, to, &f, eb);

	if (e == ERR_OK && d->bid == 0)
		e = content_store(d->tx, d->op->content, d->op->staged, 1, &d->bid, eb);
	else if (e == ERR_OK)
		d->op->placed++;	/* references beyond the first: counted at the end */
	n.bid = d->bid;
	if (e == ERR_OK)
		e = message_add(d->tx, m, f, &n, eb);
	if (e == ERR_OK)
		e = db_run(d->tx->db, &q_note_delivered, eb, "iiiii", d->origin->number,
			   (int64_t)d->op->seq, to->mbx, (int64_t)ERR_OK, n.mid);
	to->status = ERR_OK;
	to->in_fid = f ? f->row.key[1] : 0;
	to->uid = n.uid;
	to->mid = n.mid;
	return e;
}

static bool over(int64_t quota, const struct mbx_row *m, const struct content *c)
{
	return quota > 0 && m->v.size_live + (int64_t)c->size > quota;
}

static enum err deliver_one(struct delivery *d, struct deliver_to *to, struct errbuf *eb)
{
	struct mbx_row *m;
	enum err e = find_repeat(d, to, eb);

	if (e || to->repeat)
		return e;
	e = tx_mailbox(d->tx, to->mbx, &m, eb);
	if (e == ERR_NOTFOUND) {
		to->status = ERR_NOTFOUND;
		return ERR_OK;
	}
	if (e == ERR_OK && over(m->v.quota_recv, m, d->op->content)) {
		to->status = ERR_LIMIT;
		return ERR_OK;
	}
	return e ? e : place(d, m, to, eb);
}

enum err deliver(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct deliver_op *op = arg;
	struct delivery d = { .tx = tx, .op = op };
	enum err e = find_origin(tx, &op->origin, &d.origin, eb);

	op->placed = 0;
	if (e)
		return e;
	if ((int64_t)op->seq < d.origin->done_below)
		return err_set(eb, ERR_INVALID, "identity %llu was declared done",
			       (unsigned long long)op->seq);
	for (size_t i = 0; e == ERR_OK && i < op->n_to; i++)
		if (op->to[i].mbx)
			e = deliver_one(&d, &op->to[i], eb);
	if (e == ERR_OK && op->placed)
		e = content_ref(tx, d.bid, op->placed, eb);
	op->placed += d.bid != 0;
	return e;
}

/* ---- identities that are done ---------------------------------------------------------- */

enum err deliver_done_below(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct done_below_op *op = arg;
	struct origin *o;
	enum err e = find_origin(tx, &op->origin, &o, eb);

	if (e == ERR_OK)
		e = db_run(tx->db, &q_set_done_below, eb, "ii", o->number, (int64_t)op->seq);
	if (e == ERR_OK && o->done_below < (int64_t)op->seq)
		o->done_below = (int64_t)op->seq;
	return e;
}

enum err deliver_prune(struct tx *tx, int max, bool *more, struct errbuf *eb)
{
	int64_t origin[64], below[64];
	size_t n = 0;
	struct db_row *r = db_query(tx->db, &q_origins, "");
	enum err e;

	*more = false;
	while (n < N_ELEMS(origin) && db_next(r)) {
		origin[n] = db_int(r, 0);
		below[n++] = db_int(r, 1);
	}
	e = db_end(&r, eb);
	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		e = db_run(tx->db, &q_prune, eb, "iii", origin[i], below[i], (int64_t)max);
		*more |= db_changes(tx->db) >= max;
	}
	return e;
}

/* ---- from a client ------------------------------------------------------------------------ */

enum err append(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct append_op *op = arg;
	struct new_message n = { .content = op->content,
				 .flags = op->flags & (ITEM_FLAGS | FLAG_DELETED) };
	struct folder_row *f;
	struct mbx_row *m;
	struct seen seen = { .own = false };
	unsigned rights;
	enum err e = access_get(tx->db, &op->who, (int64_t)op->fid, RIGHT_INSERT, &rights, eb);

	if (e == ERR_OK)
		e = tx_mailbox(tx, op->who.mbx, &m, eb);
	if (e == ERR_OK)
		e = tx_folder(tx, op->who.mbx, (int64_t)op->fid, &f, eb);
	if (e)
		return e;
	if (over(m->v.quota_recv, m, op->content))
		return err_set(eb, ERR_LIMIT, "mailbox is over its quota");
	/* Flags that one may not set are left out (RFC 4314 section 4). */
	n.flags &= access_flags(rights);
	if (rights & RIGHT_WRITE)
		e = keyword_pack(tx, &tx->arena, op->who.mbx, op->keywords, true, &n.kw, eb);
	if (e == ERR_OK)
		e = content_store(tx, op->content, op->staged, 1, &n.bid, eb);
	n.received_ms = op->internal_ms ? op->internal_ms : tx->now_ms;
	if (e == ERR_OK)
		e = seen_open(tx->db, &op->who, (int64_t)op->fid, &seen, eb);
	if (e == ERR_OK)
		e = message_add(tx, m, f, &n, eb);
	if (e == ERR_OK)
		e = seen_new(tx, m, &seen, n.uid, n.flags, eb);
	op->uidvalidity = (uint32_t)f->v.uidvalidity;
	op->uid = (uint32_t)n.uid;
	op->modseq = (uint64_t)n.modseq;
	op->mid = (uint64_t)n.mid;
	return e;
}
