#include "roles/mailbox/changes.h"

#include "roles/mailbox/hidden.h"

enum { DEFAULT_LIMIT = 5000, MAX_LIMIT = 20000 };

DB_SQL(q_feed,
       "SELECT uid, flags, imap_deleted, kw, modseq FROM placement"
       " WHERE mbx = ?1 AND fid = ?2 AND modseq > ?3 AND modseq <= ?4 ORDER BY modseq");
/* The same for who has a \\Seen of his own: a message may come twice. */
DB_SQL(q_feed_own,
       "SELECT uid, flags, imap_deleted, kw, modseq FROM placement"
       " WHERE mbx = ?1 AND fid = ?2 AND modseq > ?3 AND modseq <= ?4 UNION ALL"
       " SELECT p.uid, p.flags, p.imap_deleted, p.kw, s.cn FROM seen_by s"
       " CROSS JOIN placement p ON p.mbx = s.mbx AND p.fid = s.fid AND p.uid = s.uid"
       " WHERE s.mbx = ?1 AND s.fid = ?2 AND s.principal = ?5 AND s.cn > ?3 AND s.cn <= ?4"
       " ORDER BY 5");
DB_SQL(q_tombs,
       "SELECT cn, uid FROM tombstone WHERE mbx = ?1 AND fid = ?2 AND cn > ?3 AND kind = 1"
       " ORDER BY cn");
DB_SQL(q_state,
       "SELECT f.uidnext, f.n_total, f.n_unread, f.modseq, m.tomb_floor, m.next_cn - 1"
       " FROM folder f JOIN mailbox m ON m.mbx = f.mbx WHERE f.mbx = ?1 AND f.fid = ?2");

struct state {
	uint64_t floor, newest;
	struct runs hidden;
	struct seen seen;
};

static enum err read_state(struct db *db, struct changes_op *op, struct state *s,
			   struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_state, "ii", op->who.mbx, (int64_t)op->fid);
	bool found = db_next(r);
	enum err e;

	if (found) {
		op->uidnext = (uint32_t)db_int(r, 0);
		op->total = (uint32_t)db_int(r, 1);
		op->unread = (uint32_t)db_int(r, 2);
		op->highestmodseq = (uint64_t)db_int(r, 3);
		s->floor = (uint64_t)db_int(r, 4);
		s->newest = (uint64_t)db_int(r, 5);
	}
	e = db_end(&r, eb);
	if (e == ERR_OK && !found)
		e = err_set(eb, ERR_NOTFOUND, "no folder %llu", (unsigned long long)op->fid);
	if (e == ERR_OK)
		e = seen_open(db, &op->who, (int64_t)op->fid, &s->seen, eb);
	return e ? e : seen_figures(db, &s->seen, op->total, &op->unread, &op->highestmodseq,
				    NULL, eb);
}

static enum err add_row(struct db *db, struct changes_op *op, const struct seen *seen,
			struct db_row *r, const struct kwnames *names, struct arena *a,
			struct errbuf *eb)
{
	struct store_row row = { .columns = COL_FLAGS | COL_MODSEQ | COL_KEYWORDS };
	struct kwset kw;
	enum err e;

	arena_reset(a);
	row.uid = (uint32_t)db_int(r, 0);
	row.flags = ((unsigned)db_int(r, 1) & ITEM_FLAGS) | (db_int(r, 2) ? FLAG_DELETED : 0);
	row.modseq = (uint64_t)db_int(r, 4);
	kw.p = db_blob(r, 3, &kw.n);
	if (kw.p && kw.n)
		row.n_keywords = kwset_names(a, names, kw, &row.keywords);
	e = seen_overlay(db, seen, row.uid, &row.flags, &row.modseq, eb);
	return e ? e : row_write(&op->rows, &row);
}

/* Placements up to the limit, to the end of the change that reaches it.  until is
 * where the page ends; UINT64_MAX: no more.  What has a number above the newest is
 * a copy that is not revealed yet. */
static enum err feed(struct db *db, struct changes_op *op, const struct state *s,
		     const struct kwnames *names, uint64_t *until, struct errbuf *eb)
{
	int64_t fid = (int64_t)op->fid, since = (int64_t)op->since, newest = (int64_t)s->newest;
	struct db_row *r = s->seen.own
		? db_query(db, &q_feed_own, "iiiig", op->who.mbx, fid, since, newest,
			   &s->seen.reader)
		: db_query(db, &q_feed, "iiii", op->who.mbx, fid, since, newest);
	struct arena a = { 0 };
	uint64_t last = op->since;
	uint32_t n = 0;
	enum err e = ERR_OK, end;

	*until = UINT64_MAX;
	while (e == ERR_OK && db_next(r)) {
		uint64_t modseq = (uint64_t)db_int(r, 4);

		if (n >= op->limit && modseq != last) {
			*until = last;
			break;
		}
		last = modseq;
		if (runs_contain(&s->hidden, (uint32_t)db_int(r, 0)))
			continue;
		e = add_row(db, op, &s->seen, r, names, &a, eb);
		n++;
	}
	end = db_end(&r, eb);
	arena_fini(&a);
	return e ? e : end;
}

static enum err tombs(struct db *db, struct changes_op *op, uint64_t *until, struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_tombs, "iii", op->who.mbx, (int64_t)op->fid,
				    (int64_t)op->since);
	uint64_t last = op->since;
	uint32_t n = 0;

	while (db_next(r)) {
		uint64_t cn = (uint64_t)db_int(r, 0);

		if (cn > *until)
			break;
		if (n >= op->limit && cn != last) {
			*until = last;
			break;
		}
		runs_add(&op->gone, (uint32_t)db_int(r, 1));
		last = cn;
		n++;
	}
	return db_end(&r, eb);
}

static enum err rows_and_tombs(struct db *db, struct changes_op *op, struct state *s,
			       struct errbuf *eb)
{
	int64_t mbx = op->who.mbx, fid = (int64_t)op->fid;
	struct arena mem = { 0 };
	struct kwnames names;
	uint64_t until = UINT64_MAX;
	enum err e = hidden_load(db, mbx, fid, &s->hidden, eb);

	if (e == ERR_OK)
		e = keyword_names(db, &mem, mbx, &names, eb);
	if (e == ERR_OK && !op->gone_only)
		e = feed(db, op, s, &names, &until, eb);
	if (e == ERR_OK)
		e = tombs(db, op, &until, eb);
	if (e == ERR_OK)
		e = hidden_gone(db, mbx, fid, op->since, until, &op->gone, eb);
	runs_normalise(&op->gone);
	/* Tombstones that end the page earlier leave rows in it that come again with
	 * the next one: a change may be told twice, never missed. */
	if (e == ERR_OK && until != UINT64_MAX) {
		op->until = until;
		op->more = true;
	}
	arena_fini(&mem);
	runs_fini(&s->hidden);
	return e;
}

static enum err page(struct db *db, struct changes_op *op, struct errbuf *eb)
{
	struct state s = { 0 };
	enum err e = access_check(db, &op->who, (int64_t)op->fid, RIGHT_READ, eb);

	if (e == ERR_OK)
		e = read_state(db, op, &s, eb);
	if (e)
		return e;
	op->reset = op->since < s.floor || op->since > s.newest;
	op->until = s.newest;
	if (op->reset)
		return ERR_OK;
	return rows_and_tombs(db, op, &s, eb);
}

enum err changes_page(struct db *db, void *arg, struct errbuf *eb)
{
	struct changes_op *op = arg;
	enum err e;

	if (op->limit == 0)
		op->limit = DEFAULT_LIMIT;
	if (op->limit > MAX_LIMIT)
		op->limit = MAX_LIMIT;
	e = db_begin_read(db, eb);
	if (e)
		return e;
	e = page(db, op, eb);
	db_rollback(db);
	return e;
}

enum err changes_gone(struct db *db, int64_t mbx, uint64_t fid, uint64_t since, struct runs *out,
		      struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_tombs, "iii", mbx, (int64_t)fid, (int64_t)since);

	enum err e;

	while (db_next(r))
		runs_add(out, (uint32_t)db_int(r, 1));
	e = db_end(&r, eb);
	if (e == ERR_OK)
		e = hidden_gone(db, mbx, (int64_t)fid, since, UINT64_MAX, out, eb);
	runs_normalise(out);
	return e;
}
