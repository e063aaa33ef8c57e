#include "roles/mailbox/query.h"

#include "roles/mailbox/hidden.h"
#include "roles/mailbox/reader.h"
#include <string.h>

#define COLUMNS "p.uid, p.flags, p.imap_deleted, p.kw, p.modseq, p.sort_date"
#define ITEM    ", i.size, i.date_sent, i.props"
#define JOIN    " CROSS JOIN item i ON i.rid = (p.mbx << 40 | p.iid)"
#define UIDS    " WHERE p.mbx = ?1 AND p.fid = ?2 AND p.uid BETWEEN ?3 AND ?4"
#define DATES   " WHERE p.mbx = ?1 AND p.fid = ?2 AND p.is_fai = 0 AND (p.sort_date, p.uid) > (?3, ?4)" \
		" AND p.sort_date < ?5 ORDER BY p.sort_date, p.uid"
#define UNREAD  " WHERE p.mbx = ?1 AND p.fid = ?2 AND (p.flags & 1) = 0 AND p.is_fai = 0" \
		" AND (p.sort_date, p.uid) > (?3, ?4) AND p.sort_date < ?5" \
		" ORDER BY p.sort_date, p.uid"

DB_SQL(q_up, "SELECT " COLUMNS " FROM placement p" UIDS " ORDER BY p.uid");
DB_SQL(q_up_item, "SELECT " COLUMNS ITEM " FROM placement p" JOIN UIDS " ORDER BY p.uid");
DB_SQL(q_down, "SELECT " COLUMNS " FROM placement p" UIDS " ORDER BY p.uid DESC");
DB_SQL(q_down_item, "SELECT " COLUMNS ITEM " FROM placement p" JOIN UIDS " ORDER BY p.uid DESC");
DB_SQL(q_dates, "SELECT " COLUMNS " FROM placement p INDEXED BY place_date" DATES);
DB_SQL(q_dates_item, "SELECT " COLUMNS ITEM " FROM placement p INDEXED BY place_date" JOIN DATES);
DB_SQL(q_unread, "SELECT " COLUMNS " FROM placement p INDEXED BY place_unread" UNREAD);
DB_SQL(q_unread_item,
       "SELECT " COLUMNS ITEM " FROM placement p INDEXED BY place_unread" JOIN UNREAD);
DB_SQL(q_modseq, "SELECT modseq FROM folder WHERE mbx = ?1 AND fid = ?2");

enum { LOOK_EVERY = 64 };	/* rows between looks at the clock */

struct scan {
	struct db *db;
	struct query_op *op;
	struct kwset set, clear;
	struct runs hidden;
	struct seen seen;
	enum err e;		/* met while rows were looked at */
	bool nothing;		/* a keyword that nobody has */
	bool with_item;
	uint32_t found;
	/* position */
	int64_t date, uid;
	size_t at;
};

/* ---- one row -------------------------------------------------------------------------- */

static bool within(int64_t v, int64_t from, int64_t below)
{
	return (from == 0 || v >= from) && (below == 0 || v < below);
}

static bool item_matches(const struct query_op *op, struct db_row *r)
{
	uint64_t size = (uint64_t)db_int(r, 6);
	struct bag bag = { .sent_zone = 0 };
	const void *props;
	size_t n;

	/* RFC 3501 6.4.4: the day that was written, whatever the time was elsewhere. */
	if (op->sent_since_ms || op->sent_before_ms) {
		props = db_blob(r, 8, &n);
		bag_read(props, props ? n : 0, &bag);
	}
	return (op->larger == 0 || size > op->larger) &&
	       (op->smaller == 0 || size < op->smaller) &&
	       within(db_int(r, 7) + bag.sent_zone * INT64_C(60000), op->sent_since_ms, op->sent_before_ms);
}

static bool matches(struct scan *s, struct db_row *r)
{
	const struct query_op *op = s->op;
	unsigned flags = ((unsigned)db_int(r, 1) & ITEM_FLAGS) |
			 (db_int(r, 2) ? FLAG_DELETED : 0);
	uint64_t modseq = (uint64_t)db_int(r, 4);
	struct errbuf eb;
	struct kwset kw;

	if (s->e == ERR_OK)
		s->e = seen_overlay(s->db, &s->seen, db_int(r, 0), &flags, &modseq, &eb);
	if ((flags & op->flags_set) != op->flags_set || (flags & op->flags_clear))
		return false;
	if (op->modseq && modseq < op->modseq)
		return false;
	if (!within(db_int(r, 5), op->since_ms, op->before_ms))
		return false;
	if (s->set.n || s->clear.n) {
		kw.p = db_blob(r, 3, &kw.n);
		if (!kwset_covers(kw, s->set) || kwset_meets(kw, s->clear))
			return false;
	}
	return !s->with_item || item_matches(op, r);
}

/* False: the limit is reached. */
static bool take(struct scan *s, uint32_t uid)
{
	struct query_op *op = s->op;

	if (op->n_uids) {
		const struct runs in = { (struct uid_range *)(uintptr_t)op->uids, op->n_uids, 0 };

		if (!runs_contain(&in, uid))
			return true;
	}
	if (op->limit && s->found == op->limit) {
		op->more = true;
		return false;
	}
	runs_add(&op->runs, uid);
	s->found++;
	return true;
}

/* Rows until the end (true in *end), the limit, or the page is over. */
static enum err rows(struct scan *s, struct db_row *r, const struct slice *slice, bool *end,
		     struct errbuf *eb)
{
	unsigned n = 0;
	bool full = false;
	enum err e;

	*end = false;
	while (!full) {
		if (++n % LOOK_EVERY == 0 && !slice_goes_on(slice))
			break;
		if (!db_next(r)) {
			*end = true;
			break;
		}
		s->uid = db_int(r, 0);
		s->date = db_int(r, 5);
		if (matches(s, r) && !runs_contain(&s->hidden, (uint32_t)s->uid))
			full = !take(s, (uint32_t)s->uid);
	}
	e = db_end(&r, eb);
	return e ? e : s->e;
}

/* ---- the ways through --------------------------------------------------------------------- */

enum way { BY_UID, BY_DATE, BY_UNREAD };

static enum way way_of(const struct scan *s)
{
	const struct query_op *op = s->op;

	if (op->newest_first || op->n_uids)
		return BY_UID;
	if ((op->flags_clear & FLAG_SEEN) && !s->seen.own)
		return BY_UNREAD;
	return op->since_ms || op->before_ms ? BY_DATE : BY_UID;
}

/* By an index that goes by date. */
static enum err by_date(struct scan *s, const struct db_sql *q, const struct slice *slice,
			bool *end, struct errbuf *eb)
{
	const struct query_op *op = s->op;
	int64_t below = op->before_ms ? op->before_ms : INT64_MAX;

	return rows(s, db_query(s->db, q, "iiiii", op->who.mbx, (int64_t)op->fid, s->date, s->uid,
				below),
		    slice, end, eb);
}

/* By uid, range by range, up or down. */
static enum err by_uid(struct scan *s, const struct slice *slice, bool *end, struct errbuf *eb)
{
	static const struct uid_range all = { 1, UINT32_MAX };
	const struct query_op *op = s->op;
	bool down = op->newest_first;
	size_t n = op->n_uids ? op->n_uids : 1;
	const struct uid_range *u = op->n_uids ? op->uids : &all;
	const struct db_sql *q = down ? (s->with_item ? &q_down_item : &q_down)
				      : (s->with_item ? &q_up_item : &q_up);
	bool done = true;
	enum err e = ERR_OK;

	while (e == ERR_OK && done && !op->more && s->at < n) {
		struct uid_range x = u[down ? n - 1 - s->at : s->at];
		int64_t from = x.first, to = x.last;

		if (down && s->uid > 0 && s->uid <= to)
			to = s->uid - 1;
		if (!down && s->uid >= from)
			from = s->uid + 1;
		e = rows(s, db_query(s->db, q, "iiii", op->who.mbx, (int64_t)op->fid, from, to),
			 slice, &done, eb);
		if (done)
			s->at++;
	}
	*end = s->at >= n;
	return e;
}

static enum err page(struct scan *s, const struct slice *slice, bool *end, struct errbuf *eb)
{
	switch (way_of(s)) {
	case BY_UNREAD:
		return by_date(s, s->with_item ? &q_unread_item : &q_unread, slice, end, eb);
	case BY_DATE:
		return by_date(s, s->with_item ? &q_dates_item : &q_dates, slice, end, eb);
	default:
		return by_uid(s, slice, end, eb);
	}
}

static enum err begin(struct scan *s, struct arena *a, struct errbuf *eb)
{
	struct query_op *op = s->op;
	size_t missing = 0, unknown = 0;
	int64_t modseq = 0;
	uint32_t unread = 0;
	enum err e = access_check(s->db, &op->who, (int64_t)op->fid, RIGHT_READ, eb);

	if (e == ERR_OK)
		e = db_get_int(s->db, &q_modseq, &modseq, eb, "ii", op->who.mbx,
			       (int64_t)op->fid);
	if (e == ERR_OK)
		e = seen_open(s->db, &op->who, (int64_t)op->fid, &s->seen, eb);
	if (e == ERR_OK)
		e = keyword_find(s->db, a, op->who.mbx, op->kw_set, &s->set, &missing, eb);
	if (e == ERR_OK)
		e = keyword_find(s->db, a, op->who.mbx, op->kw_clear, &s->clear, &unknown, eb);
	if (e == ERR_OK)
		e = hidden_load(s->db, op->who.mbx, (int64_t)op->fid, &s->hidden, eb);
	op->highestmodseq = (uint64_t)modseq;
	if (e == ERR_OK)
		e = seen_figures(s->db, &s->seen, 0, &unread, &op->highestmodseq, NULL, eb);
	s->nothing = missing > 0;
	s->with_item = op->larger || op->smaller || op->sent_since_ms || op->sent_before_ms;
	if (way_of(s) != BY_UID) {	/* behind all of the moment before */
		s->date = op->since_ms ? op->since_ms - 1 : INT64_MIN;
		s->uid = INT64_MAX;
	}
	return e;
}

enum err query(struct db *db, void *arg, struct errbuf *eb)
{
	struct query_op *op = arg;
	struct scan s = { .db = db, .op = op };
	struct arena a = { 0 };
	struct slice slice;
	bool end = false;
	enum err e = slice_begin(&slice, db, eb);

	if (e == ERR_OK)
		e = begin(&s, &a, eb);
	while (e == ERR_OK && !s.nothing && !end && !op->more) {
		e = page(&s, &slice, &end, eb);
		slice_end(&slice);
		if (e == ERR_OK && !end && !op->more)
			e = slice_begin(&slice, db, eb);
	}
	db_rollback(db);
	arena_fini(&a);
	runs_fini(&s.hidden);
	runs_normalise(&op->runs);
	return e;
}
