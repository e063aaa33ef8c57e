#include "roles/mailbox/dumpster.h"

#include "roles/mailbox/folder.h"
#include "roles/mailbox/message.h"
#include "roles/mailbox/purge.h"

enum { DEFAULT_LIMIT = 100, MAX_LIMIT = 1000, MAX_RESTORE = 1000 };

DB_SQL(q_list,
       "SELECT d.mid, d.fid, d.deleted_at, i.size, i.subject, coalesce(i.from_addr, ''),"
       " i.date_recv, coalesce(f.name, '') FROM dumpster d"
       " CROSS JOIN item i ON i.rid = (d.mbx << 40 | d.iid)"
       " LEFT JOIN folder f ON f.mbx = d.mbx AND f.fid = d.fid"
       " WHERE d.mbx = ?1 AND d.mid > ?2 AND (?3 = 0 OR d.fid = ?3) ORDER BY d.mid LIMIT ?4");
DB_SQL(q_find,
       "SELECT d.fid, d.iid, d.sort_date, i.flags, i.kw, i.size FROM dumpster d"
       " CROSS JOIN item i ON i.rid = (d.mbx << 40 | d.iid) WHERE d.mbx = ?1 AND d.mid = ?2");
DB_SQL(q_remove, "DELETE FROM dumpster WHERE mbx = ?1 AND fid = ?2 AND mid = ?3");
DB_SQL(q_due,
       "SELECT fid, mid, iid, (SELECT size FROM item WHERE rid = (mbx << 40 | iid))"
       " FROM dumpster WHERE mbx = ?1 AND deleted_at < ?2 AND hold = 0 LIMIT ?3");

/* ---- listing ---------------------------------------------------------------------- */

static const char *text_in(struct arena *a, const char *s)
{
	return s ? arena_str(a, s) : "";
}

static enum err list(struct db *db, struct dumpster_op *op, struct errbuf *eb)
{
	struct arena *a = op->arena;
	struct db_row *r = db_query(db, &q_list, "iiii", op->who.mbx, (int64_t)op->after_mid,
				    (int64_t)op->fid, (int64_t)op->limit + 1);

	op->items = arena_alloc(a, op->limit * sizeof(*op->items));
	while (!op->more && db_next(r)) {
		op->more = op->n == op->limit;
		if (op->more)
			break;
		op->items[op->n++] = (struct dumpster_item){
			.mid = (uint64_t)db_int(r, 0), .fid = (uint64_t)db_int(r, 1),
			.deleted_ms = db_int(r, 2), .size = (uint64_t)db_int(r, 3),
			.subject = text_in(a, db_text(r, 4)), .from = text_in(a, db_text(r, 5)),
			.received_ms = db_int(r, 6), .folder = text_in(a, db_text(r, 7)),
		};
	}
	return db_end(&r, eb);
}

enum err dumpster_list(struct db *db, void *arg, struct errbuf *eb)
{
	struct dumpster_op *op = arg;
	enum err e = db_begin_read(db, eb);

	if (op->limit == 0)
		op->limit = DEFAULT_LIMIT;
	if (op->limit > MAX_LIMIT)
		op->limit = MAX_LIMIT;
	if (e == ERR_OK)
		e = access_check(db, &op->who, (int64_t)op->fid, RIGHT_READ, eb);
	if (e == ERR_OK)
		e = list(db, op, eb);
	db_rollback(db);
	return e;
}

/* ---- bringing back ------------------------------------------------------------------ */

static enum err find(struct tx *tx, int64_t mbx, int64_t mid, struct placement *p,
		     int64_t *size, bool *found, struct errbuf *eb)
{
	struct db_row *r = db_query(tx->db, &q_find, "ii", mbx, mid);

	*found = db_next(r);
	if (*found) {
		const void *kw = db_blob(r, 4, &p->kw.n);

		p->fid = db_int(r, 0);
		p->iid = db_int(r, 1);
		p->sort_date = db_int(r, 2);
		p->flags = (unsigned)db_int(r, 3) & ITEM_FLAGS;
		p->kw.p = kw ? arena_dup(&tx->arena, kw, p->kw.n) : NULL;
		*size = db_int(r, 5);
	}
	return db_end(&r, eb);
}

static enum err target(struct tx *tx, struct restore_op *op, int64_t was, struct folder_row **f,
		       struct errbuf *eb)
{
	int64_t fid = op->to_fid ? (int64_t)op->to_fid : was;
	enum err e = tx_folder(tx, op->who.mbx, fid, f, eb);

	if (e != ERR_NOTFOUND || op->to_fid)
		return e;
	e = folder_by_role(tx->db, op->who.mbx, "inbox", &fid, eb);
	return e ? e : tx_folder(tx, op->who.mbx, fid, f, eb);
}

/* A new placement: uid and mid are new, as nothing that is gone comes back under
 * its old name. */
static enum err restore_one(struct tx *tx, struct restore_op *op, struct mbx_row *m, int64_t mid,
			    struct errbuf *eb)
{
	struct placement p = { .mbx = op->who.mbx };
	struct folder_row *f;
	int64_t size = 0, was;
	bool found;
	enum err e = find(tx, op->who.mbx, mid, &p, &size, &found, eb);

	if (e || !found)
		return e;
	was = p.fid;
	e = target(tx, op, was, &f, eb);
	if (e == ERR_OK)
		e = access_check(tx->db, &op->who, f->row.key[1], RIGHT_INSERT, eb);
	if (e == ERR_OK)
		p.uid = tx_take_uids(tx, f, 1, &e, eb);
	if (e)
		return e;
	p.fid = f->row.key[1];
	p.mid = tx_gc(tx, m);
	p.modseq = p.cn_added = tx_cn(tx, m);
	e = placement_add(tx, &p, eb);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_remove, eb, "iii", op->who.mbx, was, mid);
	if (e)
		return e;
	folder_count(tx, m, f, 1, p.flags, size);
	m->v.size_live += size;
	m->v.size_dumpster -= size;
	m->v.n_items++;
	op->restored++;
	return ERR_OK;
}

enum err dumpster_restore(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct restore_op *op = arg;
	struct mbx_row *m;
	enum err e = tx_mailbox(tx, op->who.mbx, &m, eb);

	op->restored = 0;
	if (e == ERR_OK && op->n_mids > MAX_RESTORE)
		e = err_set(eb, ERR_LIMIT, "more than %d at once", MAX_RESTORE);
	for (size_t i = 0; e == ERR_OK && i < op->n_mids; i++)
		e = restore_one(tx, op, m, (int64_t)op->mids[i], eb);
	return e;
}

/* ---- letting go ---------------------------------------------------------------------- */

struct due {
	int64_t fid, mid, iid, size;
};

static enum err find_due(struct tx *tx, int64_t mbx, int64_t before_ms, int max, struct due *d,
			 int *n, struct errbuf *eb)
{
	struct db_row *r = db_query(tx->db, &q_due, "iii", mbx, before_ms, (int64_t)max);

	*n = 0;
	while (*n < max && db_next(r))
		d[(*n)++] = (struct due){ db_int(r, 0), db_int(r, 1), db_int(r, 2), db_int(r, 3) };
	return db_end(&r, eb);
}

enum err dumpster_purge(struct tx *tx, int64_t mbx, int64_t before_ms, int max, bool *more,
			struct errbuf *eb)
{
	struct due *d = arena_alloc(&tx->arena, (size_t)max * sizeof(*d));
	struct mbx_row *m = NULL;
	int n;
	enum err e = find_due(tx, mbx, before_ms, max, d, &n, eb);

	*more = n == max;
	if (e == ERR_OK && n > 0)
		e = tx_mailbox(tx, mbx, &m, eb);
	for (int i = 0; e == ERR_OK && i < n; i++) {
		e = db_run(tx->db, &q_remove, eb, "iii", mbx, d[i].fid, d[i].mid);
		if (e == ERR_OK)
			e = purge_item(tx, m, d[i].iid, eb);
		tx_touch(tx, &m->row);
		m->v.size_dumpster -= d[i].size;
	}
	return e;
}
