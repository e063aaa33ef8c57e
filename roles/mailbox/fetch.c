/* fetch - reading placements, contents and what SELECT answers */
#include "roles/mailbox/message.h"

#include "common/base/check.h"
#include "roles/mailbox/changes.h"
#include "roles/mailbox/hidden.h"
#include "roles/mailbox/reader.h"
#include <string.h>

enum { FEW_UNREAD = 2000, SELECT_RUNS = 25000 };
enum { LOOK_EVERY = 16, LOOK_EVERY_FLAGS = 512 };	/* rows */

#define PLACED "p.uid, p.flags, p.imap_deleted, p.kw, p.modseq, p.sort_date"
#define ITEM   "i.rid, p.mid, i.size, i.thread_id, i.subject, i.from_name, i.from_addr, i.to_text," \
	       " i.preview, i.date_sent, i.props, p.saved"
#define WITHIN " WHERE p.mbx = ?1 AND p.fid = ?2 AND p.uid BETWEEN ?3 AND ?4 AND p.modseq > ?5" \
	       " ORDER BY p.uid"

DB_SQL(q_placed, "SELECT " PLACED " FROM placement p" WITHIN);
/* Per row, what is not asked for counts: hence these two. */
#define FLAGS "SELECT p.uid, p.flags | (p.imap_deleted << 6), p.kw FROM placement p" \
	      " WHERE p.mbx = ?1 AND p.fid = ?2 AND p.uid BETWEEN ?3 AND ?4"
DB_SQL(q_flags, FLAGS " ORDER BY p.uid");
DB_SQL(q_flags_since, FLAGS " AND p.modseq > ?5 ORDER BY p.uid");
DB_SQL(q_with_item,
       "SELECT " PLACED ", " ITEM " FROM placement p"
       " CROSS JOIN item i ON i.rid = (p.mbx << 40 | p.iid)" WITHIN);
DB_SQL(q_with_map,
       "SELECT " PLACED ", " ITEM ", c.mime_map FROM placement p"
       " CROSS JOIN item i ON i.rid = (p.mbx << 40 | p.iid)"
       " LEFT JOIN content c ON c.bid = i.bid" WITHIN);
/* Chunk 0 of a message's content, where that is at most ?6 bytes long. */
DB_SQL(q_with_content,
       "SELECT " PLACED ", " ITEM ", c.mime_map, k.data FROM placement p"
       " CROSS JOIN item i ON i.rid = (p.mbx << 40 | p.iid)"
       " LEFT JOIN content c ON c.bid = i.bid"
       " LEFT JOIN content_chunk k ON k.cid = (i.bid << 20) AND i.size <= ?6" WITHIN);
DB_SQL(q_with_body,
       "SELECT " PLACED ", " ITEM ", NULL, k.data FROM placement p"
       " CROSS JOIN item i ON i.rid = (p.mbx << 40 | p.iid)"
       " LEFT JOIN content_chunk k ON k.cid = (i.bid << 20) AND i.size <= ?6" WITHIN);
DB_SQL(q_folder,
       "SELECT uidvalidity, uidnext, visible_uid, recent_uid, modseq, n_total, n_unread"
       " FROM folder WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_one,
       "SELECT i.bid, i.size, p.flags, p.imap_deleted, p.modseq FROM shown p"
       " CROSS JOIN item i ON i.rid = (p.mbx << 40 | p.iid)"
       " WHERE p.mbx = ?1 AND p.fid = ?2 AND p.uid = ?3");
/* The first unread one costs as much in a folder of a million: of few, all are looked
 * at; of many it is among the first messages, or is not told (RFC 3501 6.3.1). */
DB_SQL(q_unseen_of_few,
       "SELECT min(uid) FROM placement INDEXED BY place_unread WHERE mbx = ?1 AND fid = ?2"
       " AND (flags & 1) = 0 AND is_fai = 0");
DB_SQL(q_unseen_in_front,
       "SELECT min(uid) FROM (SELECT uid, flags, is_fai FROM placement WHERE mbx = ?1"
       " AND fid = ?2 ORDER BY uid LIMIT 4000) WHERE (flags & 1) = 0 AND is_fai = 0");
DB_SQL(q_first_shown,
       "SELECT min(uid) FROM shown WHERE mbx = ?1 AND fid = ?2 AND (flags & 1) = 0"
       " AND is_fai = 0");
DB_SQL(q_epoch, "SELECT epoch FROM database WHERE one = 1");

/* ---- rows ------------------------------------------------------------------------- */

static struct span col_text(struct db_row *r, int col)
{
	return span_of(db_text(r, col));
}

static unsigned flags_of(struct db_row *r)
{
	return ((unsigned)db_int(r, 1) & ITEM_FLAGS) | (db_int(r, 2) ? FLAG_DELETED : 0);
}

static void read_item(struct db_row *r, struct store_row *row)
{
	struct bag bag;
	size_t n;
	const void *p = db_blob(r, 16, &n);

	bag_read(p, p ? n : 0, &bag);
	row->iid = (uint64_t)IID_OF(db_int(r, 6));
	row->mid = (uint64_t)db_int(r, 7);
	row->size = (uint64_t)db_int(r, 8);
	row->thread = db_is_null(r, 9) ? row->iid : (uint64_t)db_int(r, 9);
	row->subject = col_text(r, 10);
	row->from_name = col_text(r, 11);
	row->from_addr = col_text(r, 12);
	row->to = col_text(r, 13);
	row->preview = col_text(r, 14);
	row->sent_local_ms = db_int(r, 15) + bag.sent_zone * INT64_C(60000);
	row->has_preview = !db_is_null(r, 14);
	if (span_is(row->preview, PREVIEW_NONE))
		row->preview.n = 0;
	/* Of before the column was there. */
	row->saved_ms = db_is_null(r, 17) ? row->internal_ms : db_int(r, 17);
	row->message_id = bag.message_id;
}

static void read_row(struct db_row *r, const struct db_sql *q, const struct kwnames *names,
		     struct arena *a, struct store_row *row)
{
	struct kwset kw;

	memset(row, 0, sizeof(*row));
	row->uid = (uint32_t)db_int(r, 0);
	row->flags = flags_of(r);
	row->modseq = (uint64_t)db_int(r, 4);
	row->internal_ms = db_int(r, 5);
	if (q != &q_placed)
		read_item(r, row);
	if (q == &q_with_map || q == &q_with_content)
		row->map.p = db_blob(r, 18, &row->map.n);
	kw.p = db_blob(r, 3, &kw.n);
	if (kw.p && kw.n)
		row->n_keywords = kwset_names(a, names, kw, &row->keywords);
}

static const struct db_sql *choose(unsigned columns)
{
	if ((columns & COL_CONTENT) && !(columns & (COL_HEADER | COL_MAP)))
		return &q_with_body;
	if (columns & (COL_CONTENT | COL_HEADER))
		return &q_with_content;
	if (columns & COL_MAP)
		return &q_with_map;
	if (columns & (COL_SIZE | COL_SUMMARY | COL_IDS | COL_SAVED | COL_PREVIEW))
		return &q_with_item;
	return &q_placed;
}

/* How many of the row's first bytes are wanted; 0: none, or it cannot be told. */
static size_t content_wanted(const struct store_row *row, unsigned columns)
{
	struct mime_view map;
	struct mime_range header;

	if ((columns & COL_CONTENT) && row->size <= ROW_MAX_CONTENT)
		return (size_t)row->size;
	if (!(columns & COL_HEADER) || mime_map_decode(row->map, &map, NULL) ||
	    mime_map_part(&map, span_of("HEADER"), &header) || header.len > ROW_MAX_CONTENT)
		return 0;
	return (size_t)header.len;
}

/* What cannot be given here is left out: store.content has the story. */
static void read_content(struct db_row *r, struct fetch_op *op, struct store_row *row)
{
	size_t raw = row->size < CONTENT_CHUNK ? (size_t)row->size : CONTENT_CHUNK;
	size_t want = content_wanted(row, op->columns), n;
	const void *p = db_blob(r, 19, &n);

	row->columns &= ~(unsigned)(COL_CONTENT | COL_HEADER);
	buf_clear(&op->raw);
	if (want == 0 || p == NULL || want > raw ||
	    content_expand(op->zpool, p, n, raw, &op->raw, NULL))
		return;
	row->content = (struct span){ op->raw.data, want };
	row->columns |= COL_CONTENT;
}

/* ---- FETCH -------------------------------------------------------------------------- */

/* Asking for the time costs as much as a row without content. */
static bool page_over(const struct fetch_op *op, const struct slice *s)
{
	return op->rows.len >= FETCH_PAGE || (op->n_rows % LOOK_EVERY == 0 && !slice_goes_on(s));
}

static bool has_content(const struct db_sql *q)
{
	return q == &q_with_content || q == &q_with_body;
}

static struct db_row *start(struct db *db, const struct db_sql *q, const struct fetch_op *op,
			    int64_t first, int64_t last)
{
	/* Where modseq is the reader's own, rows are chosen when it is known. */
	int64_t fid = (int64_t)op->fid, since = op->seen.own ? 0 : (int64_t)op->changed_since;
	int64_t most = op->columns & COL_HEADER ? INT64_MAX : ROW_MAX_CONTENT;

	if (has_content(q))
		return db_query(db, q, "iiiiii", op->who.mbx, fid, first, last, since, most);
	return db_query(db, q, "iiiii", op->who.mbx, fid, first, last, since);
}

/* Rows of one range, until it ends or the page does. */
static enum err fetch_range(struct db *db, struct fetch_op *op, const struct slice *s,
			    const struct kwnames *names, const struct runs *hidden,
			    struct arena *a, struct errbuf *eb)
{
	const struct uid_range *u = &op->uids[op->at];
	const struct db_sql *q = choose(op->columns);
	int64_t from = op->after >= u->first ? (int64_t)op->after + 1 : u->first;
	struct db_row *r = start(db, q, op, from, u->last);
	enum err e = ERR_OK, end;
	bool over = false;

	while (e == ERR_OK && !(over = page_over(op, s)) && db_next(r)) {
		struct store_row row;

		op->after = (uint32_t)db_int(r, 0);
		if (runs_contain(hidden, op->after))
			continue;
		arena_reset(a);
		read_row(r, q, names, a, &row);
		e = seen_overlay(db, &op->seen, row.uid, &row.flags, &row.modseq, eb);
		if (e || row.modseq <= op->changed_since)
			continue;
		row.columns = op->columns & ~(unsigned)COL_RUN;
		if (!row.has_preview)
			row.columns &= ~(unsigned)COL_PREVIEW;
		if (has_content(q))
			read_content(r, op, &row);
		e = row_write(&op->rows, &row);
		op->n_rows++;
	}
	end = db_end(&r, eb);
	if (e == ERR_OK && end == ERR_OK && !over)
		op->at++;
	return e ? e : end;
}

/* ---- flags alone --------------------------------------------------------------------- */

static bool is_flags_alone(const struct fetch_op *op)
{
	return op->columns == (COL_FLAGS | COL_KEYWORDS | COL_RUN) && !op->seen.own;
}

/* What q_flags has in hand is put into run, or run is written and begins anew. */
static enum err flags_row(struct db_row *r, struct fetch_op *op, const struct kwnames *names,
			  struct arena *a, struct store_row *run)
{
	const uint32_t uid = (uint32_t)db_int(r, 0);
	const unsigned flags = (unsigned)db_int(r, 1) & (ITEM_FLAGS | FLAG_DELETED);
	struct kwset kw = { NULL, 0 };
	enum err e = ERR_OK;

	if (!db_is_null(r, 2))
		kw.p = db_blob(r, 2, &kw.n);
	op->after = uid;
	op->n_rows++;
	if (kw.n == 0 && run->columns && run->n_keywords == 0 && run->flags == flags &&
	    run->uid + run->more + 1 == uid) {
		run->more++;
		return ERR_OK;
	}
	if (run->columns)
		e = row_write(&op->rows, run);
	arena_reset(a);
	*run = (struct store_row){ .uid = uid, .flags = flags, .columns = op->columns };
	if (kw.p && kw.n)
		run->n_keywords = kwset_names(a, names, kw, &run->keywords);
	return e;
}

/* As fetch_range().  Listing the flags of all is what clients do most, so it has a
 * way of its own that costs a third. */
static enum err flags_range(struct db *db, struct fetch_op *op, const struct slice *s,
			    const struct kwnames *names, const struct runs *hidden,
			    struct arena *a, struct errbuf *eb)
{
	const struct uid_range *u = &op->uids[op->at];
	const int64_t from = op->after >= u->first ? (int64_t)op->after + 1 : u->first;
	struct db_row *r = op->changed_since
				   ? start(db, &q_flags_since, op, from, u->last)
				   : db_query(db, &q_flags, "iiii", op->who.mbx,
					      (int64_t)op->fid, from, (int64_t)u->last);
	struct store_row run = { .columns = 0 };
	enum err e = ERR_OK, end;
	bool over = false;

	while (e == ERR_OK && !over && db_next(r)) {
		if (hidden->n == 0 || !runs_contain(hidden, (uint32_t)db_int(r, 0)))
			e = flags_row(r, op, names, a, &run);
		over = op->rows.len >= FETCH_PAGE ||
		       (op->n_rows % LOOK_EVERY_FLAGS == 0 && !slice_goes_on(s));
	}
	if (e == ERR_OK && run.columns)
		e = row_write(&op->rows, &run);
	end = db_end(&r, eb);
	if (e == ERR_OK && end == ERR_OK && !over)
		op->at++;
	return e ? e : end;
}

/* ---- pages --------------------------------------------------------------------------- */

static enum err fetch_rows(struct db *db, struct fetch_op *op, const struct slice *s,
			   struct errbuf *eb)
{
	struct arena names_mem = { 0 }, row_mem = { 0 };
	struct kwnames names = { NULL, 0 };
	struct runs hidden = { NULL, 0, 0 };
	enum err e = hidden_load(db, op->who.mbx, (int64_t)op->fid, &hidden, eb);

	if (e == ERR_OK && (op->columns & COL_KEYWORDS))
		e = keyword_names(db, &names_mem, op->who.mbx, &names, eb);
	while (e == ERR_OK && op->at < op->n_uids && !page_over(op, s) && slice_goes_on(s))
		e = is_flags_alone(op)
			    ? flags_range(db, op, s, &names, &hidden, &row_mem, eb)
			    : fetch_range(db, op, s, &names, &hidden, &row_mem, eb);
	op->done = op->at >= op->n_uids;
	runs_fini(&hidden);
	arena_fini(&names_mem);
	arena_fini(&row_mem);
	return e;
}

static enum err folder_state(struct db *db, const struct who *w, uint64_t fid,
			     struct store_selected *out, struct seen *seen, uint32_t *first,
			     struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_folder, "ii", w->mbx, (int64_t)fid);
	bool found = db_next(r);
	enum err e;

	if (found) {
		out->uidvalidity = (uint32_t)db_int(r, 0);
		out->uidnext = (uint32_t)db_int(r, 1);
		out->recent_uid = (uint32_t)db_int(r, 3);
		out->highestmodseq = (uint64_t)db_int(r, 4);
		if (out->highestmodseq == 0)
			out->highestmodseq = 1;
		out->total = (uint32_t)db_int(r, 5);
		out->unread = (uint32_t)db_int(r, 6);
	}
	e = db_end(&r, eb);
	if (e == ERR_OK && !found)
		e = err_set(eb, ERR_NOTFOUND, "no folder %llu", (unsigned long long)fid);
	if (e == ERR_OK)
		e = seen_open(db, w, (int64_t)fid, seen, eb);
	if (e == ERR_OK)
		e = seen_figures(db, seen, out->total, &out->unread, &out->highestmodseq, first,
				 eb);
	return e;
}

static enum err fetch_begin(struct db *db, struct fetch_op *op, struct errbuf *eb)
{
	struct store_selected state;
	enum err e = access_check(db, &op->who, (int64_t)op->fid, RIGHT_READ, eb);

	if (e == ERR_OK)
		e = folder_state(db, &op->who, op->fid, &state, &op->seen, NULL, eb);
	if (e == ERR_OK && op->vanished)
		e = changes_gone(db, op->who.mbx, op->fid, op->changed_since, &op->gone, eb);
	if (e == ERR_OK)
		op->highestmodseq = state.highestmodseq;
	op->begun = true;
	return e;
}

enum err message_fetch(struct db *db, void *arg, struct errbuf *eb)
{
	struct fetch_op *op = arg;
	struct slice s;
	enum err e = slice_begin(&s, db, eb);

	if (e)
		return e;
	if (!op->begun)
		e = fetch_begin(db, op, eb);
	if (e == ERR_OK)
		e = fetch_rows(db, op, &s, eb);
	slice_end(&s);
	return e;
}

/* ---- content ------------------------------------------------------------------------- */

static enum err find_content(struct db *db, struct content_op *op, struct errbuf *eb)
{
	struct db_row *r;
	struct seen seen;
	bool found;
	enum err e = access_check(db, &op->who, (int64_t)op->fid, RIGHT_READ, eb);

	if (e == ERR_OK)
		e = seen_open(db, &op->who, (int64_t)op->fid, &seen, eb);
	if (e)
		return e;
	r = db_query(db, &q_one, "iii", op->who.mbx, (int64_t)op->fid, (int64_t)op->uid);
	found = db_next(r);
	if (found) {
		op->bid = db_int(r, 0);
		op->size = (uint64_t)db_int(r, 1);
		op->flags = ((unsigned)db_int(r, 2) & ITEM_FLAGS) |
			    (db_int(r, 3) ? FLAG_DELETED : 0);
		op->modseq = (uint64_t)db_int(r, 4);
	}
	e = db_end(&r, eb);
	if (e == ERR_OK && !found)
		e = err_set(eb, ERR_NOTFOUND, "no message %u", op->uid);
	if (e == ERR_OK)
		e = seen_overlay(db, &seen, op->uid, &op->flags, &op->modseq, eb);
	if (e == ERR_OK && op->length == 0)
		op->length = UINT64_MAX;
	return e;
}

/* The next chunk's bytes.  The row may be expunged between two pages: its content
 * stays for the dumpster's days, and an hour after. */
enum err message_content(struct db *db, void *arg, struct errbuf *eb)
{
	struct content_op *op = arg;
	enum err e = db_begin_read(db, eb);

	if (e == ERR_OK && op->bid == 0)
		e = find_content(db, op, eb);
	if (e == ERR_OK)
		e = content_read(db, op->zpool, op->bid, op->size, op->offset, op->length,
				 &op->bytes, eb);
	db_rollback(db);
	if (e)
		return e;
	op->offset += op->bytes.len;
	if (op->length != UINT64_MAX)
		op->length -= op->bytes.len;
	op->done = op->bytes.len == 0 || op->length == 0 || op->offset >= op->size;
	return ERR_OK;
}

/* ---- SELECT -------------------------------------------------------------------------- */

static enum err select_keywords(struct db *db, struct select_op *op, struct errbuf *eb)
{
	struct kwnames names;
	const char **out;
	size_t n = 0;
	enum err e = keyword_names(db, op->arena, op->who.mbx, &names, eb);

	out = arena_alloc(op->arena, (names.n + 1) * sizeof(*out));
	for (size_t i = 0; e == ERR_OK && i < names.n; i++)
		if (names.name[i].p)
			out[n++] = names.name[i].p;
	op->result.keywords = out;
	op->result.n_keywords = n;
	return e;
}

/* Before \Recent is claimed: who asks again then has not lost it. */
static enum err select_runs(struct db *db, struct select_op *op, struct errbuf *eb)
{
	const int64_t key[2] = { op->who.mbx, (int64_t)op->fid };
	enum err e = runs_page(db, key, op->runs_from, SELECT_RUNS, &op->runs,
			       &op->result.more_runs, eb);

	if (e == ERR_OK && op->result.more_runs && !op->paged)
		e = err_set(eb, ERR_LIMIT, "more than %u runs of uids", SELECT_RUNS);
	return e;
}

static enum err select_rows(struct db *db, struct select_op *op, struct errbuf *eb)
{
	int64_t fid = (int64_t)op->fid, first = 0, epoch = 0;
	struct runs hidden = { NULL, 0, 0 };
	struct seen seen = { .own = false };
	uint32_t own_first = 0;
	enum err e = folder_state(db, &op->who, op->fid, &op->result, &seen, &own_first, eb);

	if (e == ERR_OK)
		e = hidden_load(db, op->who.mbx, fid, &hidden, eb);
	if (e == ERR_OK && op->result.unread > 0 && !seen.own)
		e = db_get_int(db, hidden.n			       ? &q_first_shown :
				   op->result.unread > FEW_UNREAD ? &q_unseen_in_front
								       : &q_unseen_of_few,
			       &first, eb, "ii", op->who.mbx, fid);
	runs_fini(&hidden);
	if (e == ERR_OK)
		e = db_get_int(db, &q_epoch, &epoch, eb, "");
	if (e == ERR_OK)
		e = select_keywords(db, op, eb);
	if (e == ERR_OK && op->with_runs)
		e = select_runs(db, op, eb);
	op->result.first_unseen_uid = seen.own ? own_first : (uint32_t)first;
	op->result.own_seen = seen.own;
	op->result.epoch = (uint64_t)epoch;
	op->result.runs = (struct uid_ranges){ op->runs.r, op->runs.n };
	/* \Recent is not taken from others by who cannot even say that he has seen it. */
	op->wants_claim = op->read_write && (op->result.rights & RIGHT_SEEN) &&
			  op->result.recent_uid + 1 < op->result.uidnext;
	return e;
}

enum err message_select(struct db *db, void *arg, struct errbuf *eb)
{
	struct select_op *op = arg;
	enum err e = db_begin_read(db, eb);

	if (e)
		return e;
	e = access_get(db, &op->who, (int64_t)op->fid, RIGHT_READ, &op->result.rights, eb);
	if (e == ERR_OK)
		e = select_rows(db, op, eb);
	db_rollback(db);
	return e;
}

/* No change that anybody syncs: \Recent has no number. */
enum err select_claim(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct select_op *op = arg;
	struct folder_row *f;
	enum err e = tx_folder(tx, op->who.mbx, (int64_t)op->fid, &f, eb);

	if (e)
		return e;
	op->result.recent_uid = (uint32_t)f->v.recent_uid;
	/* Only what this caller will be told of. */
	if (f->v.recent_uid < (int64_t)op->result.uidnext - 1) {
		tx_touch(tx, &f->row);
		f->v.recent_uid = (int64_t)op->result.uidnext - 1;
	}
	return ERR_OK;
}
