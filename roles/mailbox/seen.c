#include "roles/mailbox/seen.h"

#include "common/api/store.h"

enum { SLACK = 1000 };		/* rows of messages that are gone, before they are swept out */

#define MINE "mbx = ?1 AND fid = ?2 AND principal = ?3"

DB_SQL(q_mode, "SELECT seen_mode FROM folder WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_one, "SELECT seen, cn FROM seen_by WHERE " MINE " AND uid = ?4");
DB_SQL(q_count,
       "SELECT count(*) FROM seen_by s CROSS JOIN placement p ON p.mbx = s.mbx AND p.fid = s.fid"
       " AND p.uid = s.uid WHERE s.mbx = ?1 AND s.fid = ?2 AND s.principal = ?3 AND s.seen = 1");
DB_SQL(q_first,
       "SELECT min(p.uid) FROM placement p WHERE p.mbx = ?1 AND p.fid = ?2 AND NOT EXISTS"
       " (SELECT 1 FROM seen_by s WHERE s.mbx = p.mbx AND s.fid = p.fid AND s.principal = ?3"
       " AND s.uid = p.uid AND s.seen = 1)");
DB_SQL(q_highest, "SELECT cn FROM seen_state WHERE " MINE);
DB_SQL(q_put,
       "INSERT OR REPLACE INTO seen_by(mbx, fid, principal, uid, seen, cn)"
       " VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
/* n_seen_above: rows in seen_by. */
DB_SQL(q_state,
       "INSERT INTO seen_state(mbx, fid, principal, all_below, n_seen_above, cn)"
       " VALUES(?1, ?2, ?3, 0, ?4, ?5) ON CONFLICT(mbx, fid, principal) DO UPDATE"
       " SET n_seen_above = n_seen_above + excluded.n_seen_above, cn = excluded.cn");
DB_SQL(q_rows, "SELECT n_seen_above FROM seen_state WHERE " MINE);
DB_SQL(q_sweep,
       "DELETE FROM seen_by WHERE " MINE " AND NOT EXISTS (SELECT 1 FROM placement p"
       " WHERE p.mbx = seen_by.mbx AND p.fid = seen_by.fid AND p.uid = seen_by.uid)");
DB_SQL(q_swept, "UPDATE seen_state SET n_seen_above = n_seen_above - ?4 WHERE " MINE);
DB_SQL(q_forget_by, "DELETE FROM seen_by WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_forget_state, "DELETE FROM seen_state WHERE mbx = ?1 AND fid = ?2");

enum err seen_open(struct db *db, const struct who *w, int64_t fid, struct seen *out,
		   struct errbuf *eb)
{
	int64_t mode = 0;
	enum err e;

	*out = (struct seen){ .mbx = w->mbx, .fid = fid, .reader = w->principal };
	if (guid_is_null(&w->principal) || guid_eq(&w->principal, &w->mailbox))
		return ERR_OK;
	e = db_get_int(db, &q_mode, &mode, eb, "ii", w->mbx, fid);
	out->own = mode == 1;
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err seen_overlay(struct db *db, const struct seen *s, int64_t uid, unsigned *flags,
		      uint64_t *modseq, struct errbuf *eb)
{
	struct db_row *r;

	if (!s->own)
		return ERR_OK;
	*flags &= ~(unsigned)FLAG_SEEN;
	r = db_query(db, &q_one, "iigi", s->mbx, s->fid, &s->reader, uid);
	if (db_next(r)) {
		if (db_int(r, 0))
			*flags |= FLAG_SEEN;
		if ((uint64_t)db_int(r, 1) > *modseq)
			*modseq = (uint64_t)db_int(r, 1);
	}
	return db_end(&r, eb);
}

enum err seen_figures(struct db *db, const struct seen *s, uint32_t total, uint32_t *unread,
		      uint64_t *highestmodseq, uint32_t *first, struct errbuf *eb)
{
	int64_t n = 0, cn = 0, uid = 0;
	enum err e;

	if (!s->own)
		return ERR_OK;
	e = db_get_int(db, &q_count, &n, eb, "iig", s->mbx, s->fid, &s->reader);
	if (e == ERR_OK)
		e = db_get_int(db, &q_highest, &cn, eb, "iig", s->mbx, s->fid, &s->reader);
	if (e == ERR_NOTFOUND)
		e = ERR_OK;
	if (e == ERR_OK && first)
		e = db_get_int(db, &q_first, &uid, eb, "iig", s->mbx, s->fid, &s->reader);
	if (e)
		return e;
	*unread = n < total ? total - (uint32_t)n : 0;
	if ((uint64_t)cn > *highestmodseq)
		*highestmodseq = (uint64_t)cn;
	if (first)
		*first = (uint32_t)uid;
	return ERR_OK;
}

/* There are more rows than messages. */
static enum err sweep(struct tx *tx, struct mbx_row *m, const struct seen *s, struct errbuf *eb)
{
	struct folder_row *f;
	int64_t n = 0;
	enum err e = tx_folder(tx, m->row.key[0], s->fid, &f, eb);

	if (e == ERR_OK)
		e = db_get_int(tx->db, &q_rows, &n, eb, "iig", s->mbx, s->fid, &s->reader);
	if (e || n <= f->v.n_total + SLACK)
		return e;
	e = db_run(tx->db, &q_sweep, eb, "iig", s->mbx, s->fid, &s->reader);
	return e ? e : db_run(tx->db, &q_swept, eb, "iigi", s->mbx, s->fid, &s->reader,
			      (int64_t)db_changes(tx->db));
}

enum err seen_put(struct tx *tx, struct mbx_row *m, const struct seen *s, int64_t uid, bool on,
		  struct errbuf *eb)
{
	int64_t cn = tx_cn(tx, m), was = 0;
	enum err e = db_get_int(tx->db, &q_one, &was, eb, "iigi", s->mbx, s->fid, &s->reader, uid);
	bool is_new = e == ERR_NOTFOUND;

	if (e && !is_new)
		return e;
	e = db_run(tx->db, &q_put, eb, "iigiii", s->mbx, s->fid, &s->reader, uid, (int64_t)on, cn);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_state, eb, "iigii", s->mbx, s->fid, &s->reader,
			   (int64_t)is_new, cn);
	return e == ERR_OK && is_new ? sweep(tx, m, s, eb) : e;
}

enum err seen_new(struct tx *tx, struct mbx_row *m, const struct seen *s, int64_t uid,
		  unsigned flags, struct errbuf *eb)
{
	return s->own && (flags & FLAG_SEEN) ? seen_put(tx, m, s, uid, true, eb) : ERR_OK;
}

enum err seen_forget(struct tx *tx, int64_t mbx, int64_t fid, struct errbuf *eb)
{
	enum err e = db_run(tx->db, &q_forget_by, eb, "ii", mbx, fid);

	return e ? e : db_run(tx->db, &q_forget_state, eb, "ii", mbx, fid);
}
