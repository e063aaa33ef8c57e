/*
 * One search at work: SEARCH, SORT, THREAD, ESEARCH.
 *
 *	find texts in the catalogue --> where they may be
 *	query the store's columns   --> candidates
 *	rows of the candidates      --> yes, no, or
 *	  read the message          --> yes, no
 *	then()
 *
 * With nothing left for rows to decide the candidates are the hits.  Days are
 * those of UTC.
 */
#include "roles/client-access/imap/search.h"

#include "common/base/clock.h"
#include "common/mime/utf8.h"
#include "common/mime/word.h"

#define QUERY_PAGE     20000		/* messages; their runs fit one answer */
#define QUERY_RANGES   4000		/* of UIDs in one question */
#define ROWS_AT_ONCE   500
#define SLICE	       (256u << 10)
#define FIRST_SLICE    (16u << 10)	/* enough for nearly every header */
#define MAX_ASKED      1024u		/* bytes of a text that the catalogue is asked for */
#define MIN_SKIP       (64u << 10)
#define PROGRESS_MS    10000		/* between two INPROGRESS (RFC 9585) */
#define PROGRESS_ROWS  64		/* between looks at the clock */

static imap_work_fn ask_query, rows_work;

void search_drop(struct search_run *r)
{
	api_cancel(&r->content);
	ahead_fini(&r->ahead);
	row_feed_fini(&r->feed);
	mime_map_free(&r->mapper);
	text_search_free(&r->text);
	threader_free(&r->threader);
	buf_fini(&r->blob);
	buf_fini(&r->slice);
	buf_fini(&r->part);
}

static void drop(struct imap_session *s)
{
	search_drop(s->run);
}

struct search_run *search_new(struct imap_session *s)
{
	struct search_run *r = arena_alloc(&s->reader.arena, sizeof(*r));

	ahead_init(&r->ahead, s);
	buf_init(&r->blob, MIME_MAP_MAX);
	buf_init(&r->slice, 2 * SLICE);
	buf_init(&r->part, 16u << 20);
	r->uid = s->reader.cmd.uid;
	s->run = r;
	s->run_free = drop;
	return r;
}

/* ---- texts ----------------------------------------------------------------------------- */

static bool to_utf8(struct imap_session *s, struct span charset, struct span *text)
{
	bool known;
	struct buf b;

	buf_init(&b, 4 * text->n + 16);
	known = word_convert(charset, *text, &b);
	if (known)
		*text = (struct span){ arena_dup(&s->reader.arena, b.data, b.len), b.len };
	buf_fini(&b);
	return known;
}

bool search_texts(struct imap_session *s, struct search_run *r)
{
	struct span charset = r->q.charset, probe = SPAN("a");

	if (charset.n == 0)
		return true;
	if (!to_utf8(s, charset, &probe)) {	/* also where no key has a text */
		imap_finish(s, "NO [BADCHARSET (US-ASCII UTF-8)] No such charset.");
		return false;
	}
	for (size_t i = 0; i < r->q.n_keys; i++)
		if (r->q.keys[i].text.n > 0)
			(void)!to_utf8(s, charset, &r->q.keys[i].text);
	return true;
}

/* A search that failed saves nothing (RFC 5182 section 2.1). */
enum next search_fail(struct imap_session *s, enum err e)
{
	struct search_run *r = s->run;

	if (r->is_nested) {
		r->failed = e;
		return imap_work(s, r->then);
	}
	if (r->q.returns & IMAP_RETURN_SAVE)
		saved_clear(s);
	if (e == ERR_LIMIT)
		return imap_finish(s, "NO [LIMIT] Too many messages for this.");
	return imap_fail(s, e);
}

/* ---- the query --------------------------------------------------------------------- */

/* Without UIDs the store may go by its index of unread messages or of dates, but
 * not in pages: an answer may then be too large for one message.  With UIDs it goes
 * in their order, page by page. */
static void by_pages(struct search_run *r)
{
	r->whole = false;
	r->query.limit = QUERY_PAGE;
}

/* Behind what was answered: the last one, where the store stops after so many (more),
 * else all that was asked. */
static void skip_answered(struct search_run *r, bool more)
{
	uint32_t last = r->candidates.n ? r->candidates.r[r->candidates.n - 1].last : 0;
	struct uid_range *list = (struct uid_range *)(uintptr_t)r->within.r;
	size_t n = r->query.uids.n;

	if (more)
		for (n = 0; n < r->within.n && list[n].last <= last; n++)
			;
	r->within.r += n;
	r->within.n -= n;
	if (more && r->within.n > 0 && list[n].first <= last)
		list[n].first = last + 1;
}

static enum next candidates_known(struct imap_session *s)
{
	struct search_run *r = s->run;
	const struct store_fetch rows = { .columns = r->columns };
	struct uid_range *list;

	imap_seqset_resolve(&r->candidates, 0);
	if (!r->residual) {
		r->hits = r->candidates;
		return imap_work(s, r->then);
	}
	r->n_candidates = imap_seqset_count(&r->candidates);
	r->said_ms = clock_mono_ms();
	list = arena_alloc(&s->reader.arena, r->candidates.n * sizeof(*list) + 1);
	for (size_t i = 0; i < r->candidates.n; i++)
		list[i] = (struct uid_range){ r->candidates.r[i].first, r->candidates.r[i].last };
	row_feed_init(&r->feed, s, (struct uid_ranges){ list, r->candidates.n }, &rows,
		      ROWS_AT_ONCE);
	return imap_work(s, rows_work);
}

/* The query asks for nothing that the client does not know itself. */
static enum err take_from_view(struct imap_session *s)
{
	struct search_run *r = s->run;
	struct uid_range run;
	enum err e = ERR_OK;

	for (size_t i = 0; i < r->within.n; i++) {
		const struct uid_range *in = &r->within.r[i];
		uint32_t from = in->first;

		while (!e && from != 0 && uid_map_run(s->view.map, from, &run) &&
		       run.first <= in->last) {
			if (run.last > in->last)
				run.last = in->last;
			e = imap_seqset_add(&r->candidates, run.first, run.last);
			from = run.last + 1;
		}
	}
	return e;
}

/* A run of the answer; what came after the client last looked is cut off. */
static enum err add_run(struct imap_session *s, struct uid_range run)
{
	struct search_run *r = s->run;
	uint32_t last = uid_map_last(s->view.map);

	if (run.last > last)
		run.last = last;
	if (run.first == 0 || run.first > run.last)
		return ERR_OK;
	return imap_seqset_add(&r->candidates, run.first, run.last);
}

static void query_done(void *ctx, enum err e, struct uid_ranges runs, uint64_t highestmodseq,
		       bool more)
{
	struct imap_session *s = ctx;
	struct search_run *r = s->run;

	(void)highestmodseq;
	imap_call_done(s);
	if (e == ERR_LIMIT && r->whole) {
		by_pages(r);
		imap_work(s, ask_query);
		imap_pump(s);
		return;
	}
	for (size_t i = 0; i < runs.n && !e; i++)
		e = add_run(s, runs.r[i]);
	if (e) {
		search_fail(s, e);
	} else if (r->whole) {
		imap_work(s, candidates_known);
	} else {
		skip_answered(r, more && runs.n > 0);
		imap_work(s, r->within.n ? ask_query : candidates_known);
	}
	imap_pump(s);
}

static enum next ask_query(struct imap_session *s)
{
	struct search_run *r = s->run;

	r->query.uids = r->within;
	if (r->whole)
		r->query.uids.n = 0;
	else if (r->query.uids.n > QUERY_RANGES)
		r->query.uids.n = QUERY_RANGES;
	s->call = store_query(&s->at, &r->query, query_done, s);
	return imap_await(s);
}

/* ---- rows ---------------------------------------------------------------------------- */

static enum err hit(struct search_run *r)
{
	if (r->hits.n == 0)
		r->first_modseq = r->row->modseq;
	r->last_modseq = r->row->modseq;
	if (r->row->modseq > r->highest_modseq)
		r->highest_modseq = r->row->modseq;
	return imap_seqset_add(&r->hits, r->row->uid, r->row->uid);
}

/* ---- looking into a message ------------------------------------------------------------ */

static void begin_text(struct search_run *r)
{
	r->pos = 0;
	r->enough = false;
	r->text = text_search_new(r->needles, r->n_needles, &r->map);
}

static void begin_reading(struct search_run *r)
{
	r->reading = true;
	ahead_forget(&r->ahead, r->row->uid);
	r->pos = 0;
	r->size = r->row->size;
	r->content_err = ERR_OK;
	if (r->row->map.n > 0 && mime_map_decode(r->row->map, &r->map, NULL) == ERR_OK)
		begin_text(r);
	else
		r->mapper = mime_map_new();	/* a pass of its own */
}

static void on_bytes(void *ctx, const void *p, size_t n)
{
	struct imap_session *s = ctx;
	struct search_run *r = s->run;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	if (buf_add(&r->slice, p, n) != ERR_OK)
		r->content_err = ERR_CORRUPT;
	api_grant(r->content, n);
}

/* An attachment is not read: the next slice begins behind it.  What is nearly here is
 * not worth the asking. */
static void skip_idle(struct search_run *r)
{
	uint64_t idle = r->text && !r->enough ? text_search_idle(r->text) : 0;

	if (idle > r->size - r->pos)
		idle = r->size - r->pos;
	if (idle < MIN_SKIP)
		return;
	text_search_skip(r->text, idle);
	r->pos += idle;
}

/* r->slice is here, of a message of this size. */
static void content_came(struct search_run *r, enum err e, uint64_t size)
{
	if (e)
		r->content_err = e;
	else if (r->slice.len == 0 && r->pos < size)
		r->content_err = ERR_CORRUPT;
	r->size = size;
	if (r->mapper)
		mime_map_feed(r->mapper, r->slice.data, r->slice.len);
	else
		r->enough = !text_search_feed(r->text, r->slice.data, r->slice.len);
	r->pos += r->slice.len;
	buf_clear(&r->slice);
	skip_idle(r);
}

static void on_content(void *ctx, enum err e, uint64_t size, uint32_t flags, uint64_t modseq)
{
	struct imap_session *s = ctx;
	struct search_run *r = s->run;

	(void)flags;
	(void)modseq;
	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	r->content = NULL;
	content_came(r, e, size);
	imap_pump(s);
}

static uint64_t slice_at(const struct search_run *r, uint64_t pos, uint64_t size)
{
	uint64_t n = SLICE - pos % SLICE;

	if (r->only_headers && pos == 0)
		n = FIRST_SLICE;
	return n < size - pos ? n : size - pos;
}

/* For the rows behind this one that their columns do not decide either. */
static void ask_ahead(struct imap_session *s)
{
	struct search_run *r = s->run;
	const struct store_row *mine = r->row;

	for (size_t k = 0; k < AHEAD_SLOTS && ahead_has_room(&r->ahead); k++) {
		uint64_t n;

		r->row = row_queue_peek(&r->feed.rows, k);
		if (r->row == NULL)
			break;
		n = slice_at(r, 0, r->row->size);
		if (n > 0 && n <= AHEAD_MAX && !ahead_has(&r->ahead, r->row->uid) &&
		    search_eval(s, r, false) == TRI_MAYBE)
			ahead_ask(&r->ahead, r->row->uid, 0, (size_t)n);
	}
	r->row = mine;
}

static enum next read_on(struct imap_session *s)
{
	struct search_run *r = s->run;
	uint64_t n = slice_at(r, r->pos, r->size);

	if (r->pos == 0)
		ask_ahead(s);
	r->slot = ahead_find(&r->ahead, r->row->uid, r->pos, (size_t)n);
	if (r->slot)
		return NEXT_MORE;
	r->content = store_content(&s->at, s->view.fid, r->row->uid, r->pos, n, false, on_bytes,
				   on_content, s);
	return NEXT_WAIT;
}

static enum err map_done(struct search_run *r)
{
	enum err e;

	mime_map_finish(r->mapper);
	buf_clear(&r->blob);
	e = mime_map_encode(r->mapper, &r->blob);
	mime_map_free(&r->mapper);
	if (!e)
		e = mime_map_decode((struct span){ r->blob.data, r->blob.len }, &r->map, NULL);
	if (!e)
		begin_text(r);
	return e;
}

static enum next reading_done(struct imap_session *s)
{
	struct search_run *r = s->run;
	enum err e = r->content_err;

	r->reading = false;
	if (!e) {
		text_search_end(r->text);
		if (search_eval(s, r, true) == TRI_YES)
			e = hit(r);
	}
	text_search_free(&r->text);
	mime_map_free(&r->mapper);
	if (e == ERR_NOTFOUND)		/* expunged meanwhile */
		e = ERR_OK;
	return e ? search_fail(s, e) : NEXT_MORE;
}

/* STEP_WORK while r->reading. */
static enum next read_message(struct imap_session *s)
{
	struct search_run *r = s->run;

	if (r->content || (r->slot && r->slot->call))
		return NEXT_WAIT;
	if (r->slot) {
		enum err e = r->slot->err;
		uint64_t size = r->slot->size;

		ahead_take(r->slot, &r->slice);
		r->slot = NULL;
		content_came(r, e, size);
	}
	if (r->content_err || (r->text && r->enough))
		return reading_done(s);
	if (r->pos < r->size)
		return read_on(s);
	if (r->mapper == NULL)
		return reading_done(s);
	r->content_err = map_done(r);
	return NEXT_MORE;
}

static void say_progress(struct imap_session *s)
{
	struct search_run *r = s->run;
	struct span tag = s->reader.cmd.tag;
	int64_t now;

	if (++r->n_rows % PROGRESS_ROWS != 0)
		return;
	now = clock_mono_ms();
	if (now - r->said_ms < PROGRESS_MS)
		return;
	r->said_ms = now;
	out_fmt(s, "* OK [INPROGRESS (\"%.*s\" %llu %llu)] Still searching.\r\n", (int)tag.n,
		tag.p, (unsigned long long)r->n_rows, (unsigned long long)r->n_candidates);
}

static enum next next_row(struct imap_session *s)
{
	struct search_run *r = s->run;
	struct store_row *row;
	enum err e = ERR_OK;

	switch (row_feed_next(&r->feed, &row)) {
	case ROW_FEED_ROW:
		say_progress(s);
		break;
	case ROW_FEED_WAIT:
		return NEXT_WAIT;
	case ROW_FEED_END:
		return imap_work(s, r->then);
	case ROW_FEED_FAILED:
		return search_fail(s, r->feed.err);
	}
	r->row = row;
	switch (search_eval(s, r, false)) {
	case TRI_NO:
		break;
	case TRI_YES:
		e = hit(r);
		break;
	case TRI_MAYBE:
		begin_reading(r);
		break;
	}
	return e ? search_fail(s, e) : NEXT_MORE;
}

static enum next rows_work(struct imap_session *s)
{
	struct search_run *r = s->run;

	return r->reading ? read_message(s) : next_row(s);
}

/* ---- inside another command ---------------------------------------------------------------- */

void search_unnest(struct imap_session *s)
{
	struct search_run *r = s->run;
	struct search_outer outer = r->outer;

	CHECK(r->is_nested);
	search_drop(r);
	arena_fini(&s->reader.arena);		/* r was there */
	s->reader.arena = outer.arena;
	s->run = outer.run;
	s->run_free = outer.run_free;
}

/* The session ends in the middle. */
static void drop_nested(struct imap_session *s)
{
	search_unnest(s);
	if (s->run_free)
		s->run_free(s);
}

static bool read_program(struct imap_session *s, struct search_run *r)
{
	struct imap_lex l;

	imap_lex_init(&l, r->program, &s->reader.arena);
	return imap_lex_search(&l, &r->q) && search_texts(s, r);
}

struct search_run *search_nest(struct imap_session *s, struct span program, bool uid)
{
	struct search_outer outer = { s->reader.arena, s->run, s->run_free };
	struct search_run *r;

	arena_init(&s->reader.arena);
	r = search_new(s);
	r->is_nested = true;
	r->outer = outer;
	r->program = program;
	r->uid = uid;
	s->run_free = drop_nested;
	if (read_program(s, r))
		return r;
	search_unnest(s);
	return NULL;
}

/* ---- the beginning ------------------------------------------------------------------------ */

static enum next begin(struct imap_session *s)
{
	struct search_run *r = s->run;
	enum err e;

	if (r->nothing)
		return imap_work(s, r->then);
	if (r->everything) {
		e = take_from_view(s);
		return e ? search_fail(s, e) : imap_work(s, candidates_known);
	}
	if (!r->whole)
		by_pages(r);
	return imap_work(s, ask_query);
}

static struct uid_ranges kept(struct imap_session *s, struct uid_ranges u)
{
	return (struct uid_ranges){ arena_dup(&s->reader.arena, u.n ? (const void *)u.r : "",
					      u.n * sizeof(*u.r)), u.n };
}

/* The catalogue is a help: without its answer every message is looked into. */
static void find_done(void *ctx, enum err e, const struct store_found *f, size_t n)
{
	struct imap_session *s = ctx;
	struct search_run *r = s->run;

	imap_call_done(s);
	for (size_t i = 0; !e && i < n && i < r->n_needles; i++) {
		struct search_needle *a = &r->about[i];

		if (!f[i].known)
			continue;
		a->known = true;
		a->maybe = kept(s, f[i].maybe);
		if (a->must)
			search_narrow(s, r, a->maybe);
	}
	imap_work(s, begin);
	imap_pump(s);
}

/* As many as one question holds; the others are looked for the long way. */
static bool ask_find(struct imap_session *s)
{
	struct search_run *r = s->run;
	struct store_needle list[STORE_NEEDLES] = { { { NULL, 0 }, false, false } };
	size_t n = r->n_needles < STORE_NEEDLES ? r->n_needles : STORE_NEEDLES;
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		const struct text_needle *k = &r->needles[i];

		list[i].header = k->where != TEXT_BODY;
		list[i].body = k->where != TEXT_HEADER_FIELD;
		/* Where the whole is, its beginning is. */
		list[i].text = (struct span){ k->text.p, utf8_cut(k->text, MAX_ASKED) };
		any |= k->text.n > 2;
	}
	if (any)
		s->call = store_find(&s->at, s->view.fid, list, n, find_done, s);
	return any;
}

/* Numbers and "$" are of the moment of the command (RFC 5267 4.3). */
static bool is_fleeting(const struct imap_search *q)
{
	for (size_t i = 0; i < q->n_keys; i++)
		if (q->keys[i].op == IMAP_KEY_SEQ || q->keys[i].op == IMAP_KEY_SAVED)
			return true;
	return false;
}

enum next search_start(struct imap_session *s, struct search_run *r, imap_work_fn *then)
{
	r->then = then;
	r->now_ms = clock_wall_ms();
	r->begun_modseq = s->view.highestmodseq;
	r->is_fleeting = is_fleeting(&r->q);
	imap_seqset_init(&r->candidates, &s->reader.arena, SEARCH_HITS);
	imap_seqset_init(&r->hits, &s->reader.arena, SEARCH_HITS);
	if (r->q.has_modseq)
		imap_condstore_on(s);
	search_plan(s, r);
	if (!r->nothing && ask_find(s))
		return imap_await(s);
	return begin(s);
}
