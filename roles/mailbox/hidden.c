#include "roles/mailbox/hidden.h"

#include "common/base/check.h"
#include "roles/mailbox/leaving.h"

DB_SQL(q_load, "SELECT first, last FROM hidden WHERE mbx = ?1 AND fid = ?2 ORDER BY first");
DB_SQL(q_gone,
       "SELECT first, last FROM hidden WHERE mbx = ?1 AND fid = ?2 AND cn > ?3 AND cn <= ?4");
DB_SQL(q_barrier, "SELECT min(first) FROM hidden WHERE mbx = ?1 AND fid = ?2 AND cn = 0");
DB_SQL(q_last, "SELECT last FROM hidden WHERE mbx = ?1 AND fid = ?2 AND first = ?3");
DB_SQL(q_add,
       "INSERT INTO hidden(mbx, fid, first, last, cn, deleted_by) VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
DB_SQL(q_abandon, "UPDATE hidden SET cn = -1 WHERE mbx = ?1 AND fid = ?2 AND first = ?3");
DB_SQL(q_drop, "DELETE FROM hidden WHERE mbx = ?1 AND fid = ?2 AND first = ?3");
DB_SQL(q_cut, "UPDATE hidden SET first = ?4 WHERE mbx = ?1 AND fid = ?2 AND first = ?3");
DB_SQL(q_due,
       "SELECT mbx, fid, first, last, cn, deleted_by FROM hidden WHERE mbx = ?1 AND cn != 0"
       " LIMIT 1");
DB_SQL(q_due_any,
       "SELECT mbx, fid, first, last, cn, deleted_by FROM hidden WHERE cn != 0 LIMIT 1");
DB_SQL(q_stop_folders,
       "UPDATE folder SET uidnext = max(uidnext, h.last + 1), visible_uid = max(uidnext - 1, h.last)"
       " FROM hidden h WHERE h.mbx = folder.mbx AND h.fid = folder.fid AND h.cn = 0");
DB_SQL(q_stop_placing, "UPDATE hidden SET cn = -1 WHERE cn = 0");

enum { RECOVER_STEP = 5000 };

/* ---- for those who look ------------------------------------------------------------ */

static enum err add_rows(struct db_row *r, struct runs *out, struct errbuf *eb)
{
	while (db_next(r))
		runs_add_range(out, (uint32_t)db_int(r, 0), (uint32_t)db_int(r, 1));
	return db_end(&r, eb);
}

enum err hidden_load(struct db *db, int64_t mbx, int64_t fid, struct runs *out,
		     struct errbuf *eb)
{
	return add_rows(db_query(db, &q_load, "ii", mbx, fid), out, eb);
}

enum err hidden_gone(struct db *db, int64_t mbx, int64_t fid, uint64_t since, uint64_t until,
		     struct runs *out, struct errbuf *eb)
{
	int64_t to = until > INT64_MAX ? INT64_MAX : (int64_t)until;

	return add_rows(db_query(db, &q_gone, "iiii", mbx, fid, (int64_t)since, to), out, eb);
}

enum err hidden_barrier(struct db *db, int64_t mbx, int64_t fid, int64_t *uid, struct errbuf *eb)
{
	return db_get_int(db, &q_barrier, uid, eb, "ii", mbx, fid);
}

/* ---- a copy ------------------------------------------------------------------------- */

enum err hidden_begin(struct tx *tx, struct folder_row *f, int64_t first, int64_t last,
		      struct errbuf *eb)
{
	CHECK(f->v.barrier == 0 && first >= f->v.uidnext);
	tx_touch(tx, &f->row);
	f->v.barrier = first;
	return db_run(tx->db, &q_add, eb, "iiiiig", f->row.key[0], f->row.key[1], first, last,
		      (int64_t)HIDDEN_PLACING, NULL);
}

enum err hidden_reveal(struct tx *tx, struct folder_row *f, struct errbuf *eb)
{
	int64_t first = f->v.barrier;

	tx_touch(tx, &f->row);
	f->v.uidnext = first;
	f->v.barrier = 0;
	return db_run(tx->db, &q_drop, eb, "iii", f->row.key[0], f->row.key[1], first);
}

enum err hidden_abandon(struct tx *tx, struct folder_row *f, struct errbuf *eb)
{
	const int64_t *k = f->row.key;
	int64_t first = f->v.barrier, last = 0;
	enum err e = db_get_int(tx->db, &q_last, &last, eb, "iii", k[0], k[1], first);

	if (e == ERR_OK)
		e = db_run(tx->db, &q_abandon, eb, "iii", k[0], k[1], first);
	if (e)
		return e;
	tx_touch(tx, &f->row);
	f->v.barrier = 0;
	f->v.uidnext = last + 1;
	f->v.visible_uid = last;
	return ERR_OK;
}

enum err hidden_leave(struct tx *tx, struct folder_row *f, const struct runs *gone, int64_t cn,
		      const struct guid *by, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < gone->n; i++)
		e = db_run(tx->db, &q_add, eb, "iiiiig", f->row.key[0], f->row.key[1],
			   (int64_t)gone->r[i].first, (int64_t)gone->r[i].last, cn, by);
	return e;
}

/* ---- sweeping ------------------------------------------------------------------------ */

struct due {
	int64_t mbx, fid, first, last, cn;
	struct guid by;
	bool has_by;
};

static enum err find_due(struct tx *tx, int64_t mbx, struct due *d, bool *found,
			 struct errbuf *eb)
{
	struct db_row *r = mbx ? db_query(tx->db, &q_due, "i", mbx)
			       : db_query(tx->db, &q_due_any, "");

	*found = db_next(r);
	if (*found) {
		*d = (struct due){ .mbx = db_int(r, 0), .fid = db_int(r, 1),
				   .first = db_int(r, 2), .last = db_int(r, 3),
				   .cn = db_int(r, 4) };
		d->has_by = db_guid(r, 5, &d->by);
	}
	return db_end(&r, eb);
}

/* Up to max rows of one range; n: how many there were. */
static enum err sweep_range(struct tx *tx, const struct due *d, size_t max, size_t *n,
			    struct errbuf *eb)
{
	struct uid_range u = { (uint32_t)d->first, (uint32_t)d->last };
	struct leaving_ask ask = { .mbx = d->mbx, .fid = d->fid, .uids = &u, .n_uids = 1,
				   .hidden = true, .max = max };
	struct leaving_at at = { 0, 0 };
	struct leaving_list list;
	struct mbx_row *m;
	bool more;
	enum err e = tx_mailbox_any(tx, d->mbx, &m, eb);

	*n = 0;
	if (e == ERR_OK)
		e = leaving_find(tx, &ask, &at, &list, &more, eb);
	if (e)
		return e;
	*n = list.n;
	e = d->cn == HIDDEN_ABANDONED
		    ? leaving_undo(tx, m, d->fid, &list, eb)
		    : leaving_sweep(tx, m, d->fid, &list, d->cn, d->has_by ? &d->by : NULL, eb);
	if (e == ERR_OK && more)
		return db_run(tx->db, &q_cut, eb, "iiii", d->mbx, d->fid, d->first,
			      (int64_t)at.after + 1);
	return e ? e : db_run(tx->db, &q_drop, eb, "iii", d->mbx, d->fid, d->first);
}

enum err hidden_sweep(struct tx *tx, int64_t mbx, size_t max, bool *more, struct errbuf *eb)
{
	bool found = true;
	enum err e = ERR_OK;

	while (e == ERR_OK && found && max > 0) {
		struct due d;
		size_t n;

		e = find_due(tx, mbx, &d, &found, eb);
		if (e || !found)
			break;
		e = sweep_range(tx, &d, max, &n, eb);
		max -= n < max ? n + 1 : max;	/* an empty range is some work, too */
	}
	*more = found;
	return e;
}

struct recovery {
	bool begun, more;
};

static enum err recover_step(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct recovery *r = arg;
	enum err e = ERR_OK;

	if (!r->begun) {
		e = db_run(tx->db, &q_stop_folders, eb, "");
		if (e == ERR_OK)
			e = db_run(tx->db, &q_stop_placing, eb, "");
	}
	return e ? e : hidden_sweep(tx, 0, RECOVER_STEP, &r->more, eb);
}

enum err hidden_recover(struct db *db, int64_t now_ms, struct errbuf *eb)
{
	struct recovery r = { .begun = false };
	struct tx tx;
	enum err e;

	tx_init(&tx, db);
	do {
		e = tx_once(&tx, now_ms, recover_step, &r, eb);
		r.begun = true;
	} while (e == ERR_OK && r.more);
	tx_fini(&tx);
	return e;
}
