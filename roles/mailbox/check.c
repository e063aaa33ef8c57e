#include "roles/mailbox/check.h"

#include <stdarg.h>
#include <stdio.h>

/* Each finds rows that contradict others: two integers name the row, two more are
 * what is there and what should be.  Its fix takes the first three as ?1 ?2 ?4. */
struct rule {
	const char *what;
	const struct db_sql *find;
	const struct db_sql *fix;	/* NULL: cannot be derived */
};

DB_SQL(q_total,
       "SELECT f.mbx, f.fid, f.n_total, (SELECT count(*) FROM shown p WHERE p.mbx = f.mbx"
       " AND p.fid = f.fid) AS n FROM folder f WHERE f.n_total != n");
DB_SQL(q_fix_total, "UPDATE folder SET n_total = ?3 WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_unread,
       "SELECT f.mbx, f.fid, f.n_unread, (SELECT count(*) FROM shown p WHERE p.mbx = f.mbx"
       " AND p.fid = f.fid AND (p.flags & 1) = 0) AS n FROM folder f WHERE f.n_unread != n");
DB_SQL(q_fix_unread, "UPDATE folder SET n_unread = ?3 WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_deleted,
       "SELECT f.mbx, f.fid, f.n_deleted, (SELECT count(*) FROM shown p WHERE p.mbx = f.mbx"
       " AND p.fid = f.fid AND p.imap_deleted = 1) AS n FROM folder f WHERE f.n_deleted != n");
DB_SQL(q_fix_deleted, "UPDATE folder SET n_deleted = ?3 WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_size,
       "SELECT f.mbx, f.fid, f.size, (SELECT coalesce(sum(i.size), 0) FROM shown p"
       " CROSS JOIN item i ON i.rid = (p.mbx << 40 | p.iid) WHERE p.mbx = f.mbx"
       " AND p.fid = f.fid) AS n FROM folder f WHERE f.size != n");
DB_SQL(q_fix_size, "UPDATE folder SET size = ?3 WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_uidnext,
       "SELECT f.mbx, f.fid, f.uidnext, (SELECT max(p.uid) + 1 FROM shown p"
       " WHERE p.mbx = f.mbx AND p.fid = f.fid) AS n FROM folder f WHERE f.uidnext < n");
DB_SQL(q_fix_uidnext,
       "UPDATE folder SET uidnext = ?3, visible_uid = ?3 - 1 WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_runs,
       "SELECT f.mbx, f.fid, (SELECT coalesce(sum(u.last - u.first + 1), 0) FROM uid_run u"
       " WHERE u.mbx = f.mbx AND u.fid = f.fid) AS had, (SELECT count(*) FROM shown p"
       " WHERE p.mbx = f.mbx AND p.fid = f.fid) AS n FROM folder f WHERE had != n");
DB_SQL(q_run_gaps,
       "SELECT u.mbx, u.fid, u.first, (SELECT count(*) FROM shown p WHERE p.mbx = u.mbx"
       " AND p.fid = u.fid AND p.uid BETWEEN u.first AND u.last) AS n FROM uid_run u"
       " WHERE n != u.last - u.first + 1");
DB_SQL(q_drop_runs, "DELETE FROM uid_run WHERE mbx = ?1 AND fid = ?2 AND ?3 >= 0");
DB_SQL(q_make_runs,
       "INSERT INTO uid_run(mbx, fid, first, last) SELECT ?1, ?2, min(uid), max(uid) FROM"
       " (SELECT uid, uid - row_number() OVER (ORDER BY uid) AS g FROM shown"
       " WHERE mbx = ?1 AND fid = ?2) GROUP BY g");
DB_SQL(q_lost_placement,
       "SELECT p.mbx, p.fid, p.uid, 0 FROM placement p WHERE NOT EXISTS"
       " (SELECT 1 FROM item i WHERE i.rid = (p.mbx << 40 | p.iid))");
DB_SQL(q_lost_item,
       "SELECT i.rid >> 40, i.rid & 1099511627775, 0, 0 FROM item i WHERE NOT EXISTS"
       " (SELECT 1 FROM placement p WHERE p.mbx = i.rid >> 40 AND p.iid = (i.rid & 1099511627775))"
       " AND i.rid NOT IN (SELECT mbx << 40 | iid FROM dumpster)");
DB_SQL(q_flags,
       "SELECT p.mbx, p.fid, p.flags, i.flags FROM shown p CROSS JOIN item i"
       " ON i.rid = (p.mbx << 40 | p.iid) WHERE p.flags != i.flags");
DB_SQL(q_live,
       "SELECT m.mbx, 0, m.size_live, (SELECT coalesce(sum(i.size), 0) FROM item i"
       " WHERE i.rid >= m.mbx << 40 AND i.rid < (m.mbx + 1) << 40 AND EXISTS (SELECT 1 FROM"
       " placement p WHERE p.mbx = m.mbx AND p.iid = (i.rid & 1099511627775))) AS n"
       " FROM mailbox m WHERE m.size_live != n");
DB_SQL(q_fix_live, "UPDATE mailbox SET size_live = ?3 WHERE mbx = ?1 AND ?2 = 0");
DB_SQL(q_items,
       "SELECT m.mbx, 0, m.n_items, (SELECT count(*) FROM item i"
       " WHERE i.rid >= m.mbx << 40 AND i.rid < (m.mbx + 1) << 40 AND EXISTS (SELECT 1 FROM"
       " placement p WHERE p.mbx = m.mbx AND p.iid = (i.rid & 1099511627775))) AS n"
       " FROM mailbox m WHERE m.n_items != n");
DB_SQL(q_fix_items, "UPDATE mailbox SET n_items = ?3 WHERE mbx = ?1 AND ?2 = 0");
DB_SQL(q_refs,
       "SELECT c.bid, 0, c.refs, coalesce(n, 0) FROM content c LEFT JOIN (SELECT bid AS b,"
       " count(*) AS n FROM item WHERE bid IS NOT NULL GROUP BY bid) ON b = c.bid"
       " WHERE c.state = 1 AND c.refs != coalesce(n, 0)");
DB_SQL(q_fix_refs,
       "UPDATE content SET refs = ?3, zero_at = CASE WHEN ?3 = 0 THEN 0 END"
       " WHERE bid = ?1 AND ?2 = 0");
DB_SQL(q_no_content,
       "SELECT i.rid >> 40, i.rid & 1099511627775, i.bid, 0 FROM item i WHERE i.bid IS NOT NULL"
       " AND NOT EXISTS (SELECT 1 FROM content c WHERE c.bid = i.bid AND c.state = 1)");
DB_SQL(q_chunks,
       "SELECT c.bid, 0, (SELECT count(*) FROM content_chunk k WHERE k.cid >= c.bid << 20"
       " AND k.cid < (c.bid + 1) << 20) AS had, (c.size + 262143) / 262144 AS n"
       " FROM content c WHERE c.state = 1 AND had != n");
DB_SQL(q_n_mailboxes, "SELECT count(*) FROM mailbox WHERE state != 4");
DB_SQL(q_n_items, "SELECT count(*) FROM item");

static const struct rule rules[] = {
	{ "folder counts its messages wrong", &q_total, &q_fix_total },
	{ "folder counts unread wrong", &q_unread, &q_fix_unread },
	{ "folder counts \\Deleted wrong", &q_deleted, &q_fix_deleted },
	{ "folder's size is wrong", &q_size, &q_fix_size },
	{ "uidnext is not above all uids", &q_uidnext, &q_fix_uidnext },
	{ "uid runs do not add up", &q_runs, &q_drop_runs },
	{ "uid run with a gap", &q_run_gaps, &q_drop_runs },
	{ "placement without an item", &q_lost_placement, NULL },
	{ "item without a place", &q_lost_item, NULL },
	{ "flags differ from the item's", &q_flags, NULL },
	{ "mailbox's size is wrong", &q_live, &q_fix_live },
	{ "mailbox counts its items wrong", &q_items, &q_fix_items },
	{ "content's references are counted wrong", &q_refs, &q_fix_refs },
	{ "item without content", &q_no_content, NULL },
	{ "content lacks chunks", &q_chunks, NULL },
};

static void add(struct check_op *op, const char *fmt, ...) A_PRINTF(2, 3);
static void add(struct check_op *op, const char *fmt, ...)
{
	va_list ap;

	if (op->n == CHECK_FINDINGS)
		return;
	va_start(ap, fmt);
	vsnprintf(op->findings[op->n++], CHECK_TEXT, fmt, ap);
	va_end(ap);
}

struct row4 {
	int64_t v[4];
};

static enum err find(struct tx *tx, const struct rule *u, struct row4 *rows, size_t *n,
		     struct errbuf *eb)
{
	struct db_row *r = db_query(tx->db, u->find, "");

	*n = 0;
	while (*n < CHECK_FINDINGS && db_next(r)) {
		for (int i = 0; i < 4; i++)
			rows[*n].v[i] = db_int(r, i);
		++*n;
	}
	return db_end(&r, eb);
}

static enum err fix(struct tx *tx, const struct rule *u, const struct row4 *row,
		    struct check_op *op, struct errbuf *eb)
{
	enum err e = db_run(tx->db, u->fix, eb, "iii", row->v[0], row->v[1], row->v[3]);

	if (e == ERR_OK && u->fix == &q_drop_runs)
		e = db_run(tx->db, &q_make_runs, eb, "ii", row->v[0], row->v[1]);
	if (e == ERR_OK)
		op->fixed++;
	return e;
}

static enum err apply(struct tx *tx, const struct rule *u, struct check_op *op,
		      struct errbuf *eb)
{
	struct row4 *rows = arena_alloc(&tx->arena, CHECK_FINDINGS * sizeof(*rows));
	size_t n;
	enum err e = find(tx, u, rows, &n, eb);

	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		const int64_t *v = rows[i].v;

		add(op, "%s: %lld/%lld has %lld, should be %lld", u->what, (long long)v[0],
		    (long long)v[1], (long long)v[2], (long long)v[3]);
		if (op->fix && u->fix)
			e = fix(tx, u, &rows[i], op, eb);
	}
	return e;
}

enum err check_database(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct check_op *op = arg;
	char problem[CHECK_TEXT - 16];
	int64_t n = 0;
	enum err e = tx_write_out(tx, eb);

	op->n = op->fixed = 0;
	if (e == ERR_OK)
		e = db_verify(tx->db, problem, sizeof(problem), eb);
	if (e == ERR_CORRUPT) {		/* a finding, not a failure of the check */
		add(op, "file: %s", problem);
		return ERR_OK;
	}
	for (size_t i = 0; e == ERR_OK && i < N_ELEMS(rules); i++)
		e = apply(tx, &rules[i], op, eb);
	if (e == ERR_OK)
		e = db_get_int(tx->db, &q_n_mailboxes, &n, eb, "");
	op->mailboxes = (uint64_t)n;
	if (e == ERR_OK)
		e = db_get_int(tx->db, &q_n_items, &n, eb, "");
	op->items = (uint64_t)n;
	if (e == ERR_OK && op->fixed)
		tx->must_forget = true;
	return e;
}
