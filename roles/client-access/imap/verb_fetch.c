/*
 * FETCH and UID FETCH.
 *
 * Rows are asked for some thousand messages at a time and wait, copied, until the
 * output has room.  They bring the content of small messages along; that of others
 * is asked for in slices of 256 KiB, each only when the client has taken what came
 * before.  So a slow client holds a window
 * of rows and one slice here, and nothing in the store.
 */
#include "roles/client-access/imap/fetch.h"

#include "common/api/objectid.h"
#include "common/imap/date.h"
#include "common/imap/write.h"

#define ROWS_AT_ONCE 5000
#define FEW_ROWS     500	/* CHANGEDSINCE: not worth looking at the feed of changes */

static imap_work_fn fetch_work;

/* ---- rows ---------------------------------------------------------------------- */

static void drop(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	since_fini(&r->since);
	api_cancel(&r->content);
	ahead_fini(&r->ahead);
	row_feed_fini(&r->feed);
	mime_map_free(&r->mapper);
	buf_fini(&r->blob);
	buf_fini(&r->head);
	buf_fini(&r->slice);
	buf_fini(&r->part);
	buf_fini(&r->binary.out);
	preview_free(&r->previewer);
}

/* ---- one row --------------------------------------------------------------------- */

void fetch_put(struct imap_session *s, enum err e)
{
	if (e)
		s->broken = true;
}

static void put_span(struct imap_session *s, struct fetch_run *r, const char *name,
		     struct span text)
{
	fetch_item(s);
	fetch_put(s, buf_adds(&r->head, name));
	fetch_put(s, buf_add(&r->head, text.p, text.n));
}

void fetch_item(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	if (r->any)
		fetch_put(s, buf_addc(&r->head, ' '));
	r->any = true;
}

/* RFC 7162 3.2.4, RFC 9051 appendix E 21: what was not asked for comes with the UID. */
static bool puts_uid(const struct imap_session *s, const struct fetch_run *r)
{
	if (r->f.items & IMAP_FETCH_UID)
		return true;
	if (s->modes & MODE_UIDONLY)
		return false;
	return r->uid || (r->marks_seen && !(r->row->flags & FLAG_SEEN) &&
			  (s->condstore || (s->modes & MODE_REV2)));
}

static void put_id(struct imap_session *s, struct fetch_run *r, const char *name,
		   enum objectid_kind kind, uint64_t n)
{
	char id[OBJECTID_TEXT];

	fetch_item(s);
	fetch_put(s, buf_addf(&r->head, "%s (%s)", name,
			      objectid_text(kind, &s->view.mailbox, n, id)));
}

static void put_ids(struct imap_session *s, struct fetch_run *r)
{
	if (r->f.items & IMAP_FETCH_EMAILID)
		put_id(s, r, "EMAILID", OBJECTID_MESSAGE, r->row->iid);
	if (r->f.items & IMAP_FETCH_THREADID)
		put_id(s, r, "THREADID", OBJECTID_THREAD, r->row->thread);
}

static void put_preview(struct imap_session *s, struct fetch_run *r)
{
	fetch_item(s);
	fetch_put(s, buf_adds(&r->head, "PREVIEW "));
	if (r->row->columns & COL_PREVIEW)
		fetch_put(s, imap_write_string(&r->head, r->row->preview));
	else if (r->has_preview)
		fetch_put(s, imap_write_string(&r->head, r->preview));
	else
		fetch_put(s, buf_adds(&r->head, "NIL"));
}

/* Items that do not change while the row is in hand. */
static void put_items(struct imap_session *s, struct fetch_run *r)
{
	const struct store_row *row = r->row;
	const unsigned items = r->f.items;

	fetch_put(s, imap_put_fetch(s, &r->head, r->seq, row->uid));
	if (puts_uid(s, r)) {
		fetch_item(s);
		fetch_put(s, buf_adds(&r->head, "UID "));
		fetch_put(s, buf_addu(&r->head, row->uid));
	}
	if (items & IMAP_FETCH_INTERNALDATE) {
		fetch_item(s);
		fetch_put(s, buf_adds(&r->head, "INTERNALDATE "));
		fetch_put(s, imap_write_date_time(&r->head, row->internal_ms / 1000));
	}
	if (items & IMAP_FETCH_SIZE) {
		fetch_item(s);
		fetch_put(s, buf_addf(&r->head, "RFC822.SIZE %llu",
				      (unsigned long long)row->size));
	}
	put_ids(s, r);
	if (items & IMAP_FETCH_SAVEDATE) {
		fetch_item(s);
		fetch_put(s, buf_adds(&r->head, "SAVEDATE "));
		fetch_put(s, imap_write_date_time(&r->head, row->saved_ms / 1000));
	}
	if (items & IMAP_FETCH_PREVIEW)
		put_preview(s, r);
	if (items & IMAP_FETCH_ENVELOPE)
		put_span(s, r, "ENVELOPE ", r->map.envelope);
	if (items & IMAP_FETCH_BODY)
		put_span(s, r, "BODY ", r->map.body);
	if (items & IMAP_FETCH_BODYSTRUCTURE)
		put_span(s, r, "BODYSTRUCTURE ", r->map.bodystructure);
}

void fetch_say_head(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	out_add(s, r->head.data, r->head.len);
	buf_clear(&r->head);
	r->said = true;
}

static void put_flags(struct imap_session *s, struct fetch_run *r)
{
	/* Flags that FETCH itself changed are told unasked. */
	if ((r->f.items & IMAP_FETCH_FLAGS) || r->marked) {
		fetch_item(s);
		fetch_put(s, imap_put_flags(s, &r->head, r->row->uid, r->flags,
					    r->row->keywords, r->row->n_keywords));
	}
	if ((r->f.items & IMAP_FETCH_MODSEQ) || (r->marked && s->condstore)) {
		fetch_item(s);
		fetch_put(s, buf_addf(&r->head, "MODSEQ (%llu)",
				      (unsigned long long)r->modseq));
	}
}

/* RFC 8970: NIL is only for who said LAZY. */
static bool needs_preview(const struct fetch_run *r)
{
	return (r->f.items & (IMAP_FETCH_PREVIEW | IMAP_FETCH_LAZY)) == IMAP_FETCH_PREVIEW &&
	       !(r->row->columns & COL_PREVIEW) && !r->has_preview;
}

static enum next row_open(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	if (!r->has_map && (r->columns & COL_MAP) && r->row->map.n > 0)
		r->has_map = mime_map_decode(r->row->map, &r->map, NULL) == ERR_OK;
	if (!r->has_map && (r->columns & COL_MAP))
		return fetch_need_map(s);
	if (needs_preview(r))
		return fetch_need_preview(s);
	if (r->row->n_keywords > 0)
		view_words(s, r->row->keywords, r->row->n_keywords);
	put_items(s, r);
	r->section = 0;
	r->phase = FETCH_SECTION;
	return NEXT_MORE;
}

static enum next row_close(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	put_flags(s, r);
	fetch_put(s, buf_adds(&r->head, ")\r\n"));
	fetch_say_head(s);
	r->phase = FETCH_NEXT;
	return NEXT_MORE;
}

/* Take the next row into hand. */
static enum next row_next(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	if (out_full(s))
		return NEXT_WAIT;
	switch (row_feed_next(&r->feed, &r->row)) {
	case ROW_FEED_ROW:
		break;
	case ROW_FEED_WAIT:
		return NEXT_WAIT;
	case ROW_FEED_END:
		if (r->unknown_cte)
			return imap_finish(s, "NO [UNKNOWN-CTE] Of an encoding not known here.");
		return imap_finish(s, "%s", r->reply);
	case ROW_FEED_FAILED:
		return imap_fail(s, r->feed.err);
	}
	r->seq = uid_map_seq(s->view.map, r->row->uid);
	if (r->seq == 0)
		return NEXT_MORE;
	ahead_forget(&r->ahead, r->row->uid);
	r->phase = FETCH_MARK;
	if (fetch_must_mark(r))
		fetch_mark(s);
	return NEXT_MORE;
}

static enum next row_begin(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	if (r->content)
		return NEXT_WAIT;
	r->flags = r->row->flags;
	r->modseq = r->row->modseq;
	r->marked = r->row->columns & ROW_MARKED;
	r->said = r->any = r->has_map = r->has_preview = r->literal_open = false;
	buf_clear(&r->head);
	r->phase = FETCH_OPEN;
	return NEXT_MORE;
}

/* ---- flags of very many ---------------------------------------------------------------- */

/* Nothing but these, and nothing to be marked: what a client asks of a whole folder. */
static bool is_plain(const struct fetch_run *r)
{
	return (r->f.items & ~(unsigned)(IMAP_FETCH_UID | IMAP_FETCH_FLAGS |
					 IMAP_FETCH_MODSEQ)) == 0 && r->f.n_sections == 0;
}

/* "FLAGS (\Seen)" of the row; most rows have what the one before had. */
static struct span flags_text(struct imap_session *s, struct fetch_run *r)
{
	const struct store_row *row = r->row;
	const unsigned key = row->flags << 1 | imap_is_recent(s, row->uid);

	if (row->n_keywords > 0 || r->n_flags_text == 0 || r->flags_key != key) {
		buf_clear(&r->head);
		fetch_put(s, imap_put_flags(s, &r->head, row->uid, row->flags, row->keywords,
					    row->n_keywords));
		r->flags_key = key;
		r->n_flags_text = row->n_keywords > 0 ? 0 : r->head.len;
	}
	return (struct span){ r->head.data, r->head.len };
}

static enum err put_plain(struct imap_session *s, struct fetch_run *r, struct buf *out)
{
	const struct span flags = r->f.items & IMAP_FETCH_FLAGS ? flags_text(s, r) : SPAN("");
	enum err e = imap_put_fetch(s, out, r->seq, r->row->uid);
	const char *sep = "";

	if (!e && puts_uid(s, r)) {
		e = buf_add(out, "UID ", 4);
		if (!e)
			e = buf_addu(out, r->row->uid);
		sep = " ";
	}
	if (!e && flags.n > 0) {
		e = buf_adds(out, sep);
		if (!e)
			e = buf_add(out, flags.p, flags.n);
		sep = " ";
	}
	if (!e && (r->f.items & IMAP_FETCH_MODSEQ))
		e = buf_addf(out, "%sMODSEQ (%llu)", sep, (unsigned long long)r->row->modseq);
	return e ? e : buf_add(out, ")\r\n", 3);
}

static enum next plain_work(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	while (!out_full(s) && !s->broken) {
		switch (row_feed_next(&r->feed, &r->row)) {
		case ROW_FEED_ROW:
			break;
		case ROW_FEED_WAIT:
			return NEXT_WAIT;
		case ROW_FEED_END:
			return imap_finish(s, "%s", r->reply);
		case ROW_FEED_FAILED:
			return imap_fail(s, r->feed.err);
		}
		r->seq = uid_map_seq(s->view.map, r->row->uid);
		if (r->seq == 0)
			continue;
		if (r->row->n_keywords > 0)
			view_words(s, r->row->keywords, r->row->n_keywords);
		out_done(s, put_plain(s, r, &s->out));
	}
	return NEXT_WAIT;
}

/* ---- the messages, one by one ------------------------------------------------------------- */

static enum next fetch_work(struct imap_session *s)
{
	struct fetch_run *r = s->run;
	enum next n = NEXT_MORE;

	while (n == NEXT_MORE && s->step == STEP_WORK && !s->broken) {
		switch (r->phase) {
		case FETCH_NEXT:
			n = row_next(s);
			break;
		case FETCH_MARK:
			n = row_begin(s);
			break;
		case FETCH_OPEN:
			n = row_open(s);
			break;
		case FETCH_SECTION:
			n = r->section < r->f.n_sections ? fetch_section(s) : row_close(s);
			break;
		case FETCH_CONTENT:
			n = fetch_content(s);
			break;
		}
	}
	return n;
}

/* ---- the command -------------------------------------------------------------------- */

/* Does answering need more of the message than its header?  The later pieces of a
 * message that is read in pieces are better asked for by themselves. */
static unsigned content_columns(const struct imap_fetch *f)
{
	unsigned c = 0;

	for (size_t i = 0; i < f->n_sections; i++) {
		const struct imap_section *sec = &f->sections[i];
		bool header = sec->n_part == 0 && (sec->text == IMAP_TEXT_HEADER ||
						   sec->text == IMAP_TEXT_HEADER_FIELDS ||
						   sec->text == IMAP_TEXT_HEADER_FIELDS_NOT);

		if (header)
			c |= COL_HEADER;
		else if (!sec->partial || sec->offset == 0)
			c |= COL_CONTENT;
	}
	return c;
}

static unsigned columns(const struct fetch_run *r)
{
	const struct imap_fetch *f = &r->f;
	unsigned c = content_columns(f);

	if ((f->items & IMAP_FETCH_FLAGS) || r->marks_seen)
		c |= COL_FLAGS | COL_KEYWORDS;
	if ((f->items & IMAP_FETCH_MODSEQ) || r->marks_seen)
		c |= COL_MODSEQ;
	if (f->items & IMAP_FETCH_INTERNALDATE)
		c |= COL_DATE;
	if (f->items & (IMAP_FETCH_EMAILID | IMAP_FETCH_THREADID))
		c |= COL_IDS;
	if (f->items & IMAP_FETCH_SAVEDATE)
		c |= COL_SAVED;
	if (f->items & IMAP_FETCH_PREVIEW)
		c |= COL_PREVIEW;
	if ((f->items & (IMAP_FETCH_PREVIEW | IMAP_FETCH_LAZY)) == IMAP_FETCH_PREVIEW)
		c |= COL_SIZE | COL_MAP;	/* it may have to be made */
	if ((f->items & IMAP_FETCH_SIZE) || f->n_sections > 0)
		c |= COL_SIZE;
	if (f->items & (IMAP_FETCH_ENVELOPE | IMAP_FETCH_BODY | IMAP_FETCH_BODYSTRUCTURE))
		c |= COL_MAP;
	for (size_t i = 0; i < f->n_sections; i++)
		if (f->sections[i].n_part > 0 || f->sections[i].text != IMAP_TEXT_ALL)
			c |= COL_MAP;
	return c == (COL_FLAGS | COL_KEYWORDS) ? c | COL_RUN : c;
}

/* ---- the rows of which messages ----------------------------------------------------- */

static enum next begin_rows(struct imap_session *s)
{
	struct fetch_run *r = s->run;
	struct store_fetch rows = { .columns = r->columns };

	if (r->f.has_changed_since)
		rows.changed_since = r->f.changed_since;
	row_feed_init(&r->feed, s, r->uids, &rows, ROWS_AT_ONCE);
	return imap_work(s, is_plain(r) ? plain_work : fetch_work);
}

static enum next say_vanished(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	while (!out_full(s))
		if (!vanished_say(&r->vanished))
			return begin_rows(s);
	return NEXT_WAIT;
}

static enum next since_known(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	if (!r->since.too_many)
		r->uids = since_changed(&r->since, r->uids);
	if (!r->f.vanished)
		return begin_rows(s);
	vanished_init(&r->vanished, &r->since, r->known, r->known_from);
	return imap_work(s, say_vanished);
}

/* Reading the feed of changes is worth its while only for more than a page. */
static bool asks_many(struct imap_session *s, struct uid_ranges uids)
{
	uint64_t n = 0;

	for (size_t i = 0; i < uids.n && n <= FEW_ROWS; i++)
		n += uid_map_count(s->view.map, uids.r[i].first, uids.r[i].last);
	return n > FEW_ROWS;
}

static enum next start(struct imap_session *s, struct fetch_run *r)
{
	r->columns = columns(r);
	buf_init(&r->blob, MIME_MAP_MAX);
	buf_init(&r->head, 3 * MIME_MAP_MAX + (1 << 20));
	buf_init(&r->slice, FETCH_SLICE);
	buf_init(&r->part, FETCH_PART);
	buf_init(&r->binary.out, FETCH_SLICE + 4096);
	row_queue_init(&r->feed.rows);
	ahead_init(&r->ahead, s);
	s->run = r;
	s->run_free = drop;
	if (r->f.vanished || (r->f.has_changed_since && asks_many(s, r->uids)))
		return since_start(&r->since, s, r->f.changed_since, r->f.vanished, since_known);
	return begin_rows(s);
}

const char *fetch_select_reply(bool read_only)
{
	return read_only ? "OK [READ-ONLY] Selected." : "OK [READ-WRITE] Selected.";
}

enum next fetch_resync(struct imap_session *s, struct uid_ranges known, uint64_t modseq,
		       uint32_t from, bool read_only)
{
	struct fetch_run *r = arena_alloc(&s->reader.arena, sizeof(*r));

	if (s->run_free)
		s->run_free(s);
	r->f = (struct imap_fetch){
		.items = IMAP_FETCH_UID | IMAP_FETCH_FLAGS | IMAP_FETCH_MODSEQ,
		.has_changed_since = true, .changed_since = modseq, .vanished = true,
	};
	r->uid = true;
	r->uids = r->known = known;
	r->known_from = from;
	r->reply = fetch_select_reply(read_only);
	return start(s, r);
}

/* The set as it stands, and not only what is there of it: VANISHED is about the
 * rest.  "*" is the highest UID there ever was. */
static struct uid_ranges whole_set(struct imap_session *s, const struct imap_seqset *set)
{
	const uint32_t highest = s->view.uidnext - 1;
	struct imap_seqset copy = *set;
	struct uid_range *r;
	size_t n = 0;

	copy.r = arena_dup(&s->reader.arena, set->r, set->n * sizeof(*set->r));
	imap_seqset_resolve(&copy, highest);
	r = arena_alloc(&s->reader.arena, copy.n * sizeof(*r) + 1);
	for (; n < copy.n && copy.r[n].first <= highest; n++)
		r[n] = (struct uid_range){ copy.r[n].first, copy.r[n].last < highest ?
							    copy.r[n].last : highest };
	return (struct uid_ranges){ r, n };
}

/* RFC 7162 3.2.6 */
static const char *refused(const struct imap_session *s, const struct imap_fetch *f, bool uid)
{
	if (f->partial.from && !uid)
		return "BAD PARTIAL goes with UID FETCH only.";
	if (!f->vanished)
		return NULL;
	if (!uid)
		return "BAD VANISHED goes with UID FETCH only.";
	return s->modes & MODE_QRESYNC ? NULL : "BAD Say ENABLE QRESYNC first.";
}

enum next imap_verb_fetch(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct fetch_run *r = arena_alloc(&s->reader.arena, sizeof(*r));
	struct imap_seqset set;
	const char *no;

	if (!imap_lex_sp(l) || !imap_lex_seqset(l, &set) || !imap_lex_sp(l) ||
	    !imap_lex_fetch(l, &r->f))
		return imap_bad(s);
	r->uid = s->reader.cmd.uid;
	no = refused(s, &r->f, r->uid);
	if (no)
		return imap_finish(s, "%s", no);
	if (r->f.vanished)
		r->known = whole_set(s, &set);
	if (!view_ranges(s, &set, r->uid, &r->uids))
		return imap_finish(s, "BAD No such message.");
	if (r->f.partial.from)
		r->uids = view_partial(s, r->uids, &r->f.partial);
	if (r->f.items & IMAP_FETCH_MODSEQ)
		imap_condstore_on(s);
	r->known_from = 1;
	r->reply = "OK Done.";
	r->marks_seen = imap_fetch_marks_seen(&r->f) && !s->view.read_only &&
			(s->view.rights & RIGHT_SEEN);
	return start(s, r);
}
