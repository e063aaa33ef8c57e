/*
 * SEARCH and UID SEARCH (RFC 3501 6.4.4), ESEARCH (RFC 4731), WITHIN (RFC 5032).
 *
 *	query the store's columns --> candidates
 *	rows of the candidates    --> yes, no, or
 *	  read the message        --> yes, no
 *	say the hits
 *
 * With nothing left for rows to decide the candidates are the hits.  Days are
 * those of UTC.
 */
#include "roles/client-access/imap/search.h"

#include "common/base/clock.h"

#define MAX_HITS       500000		/* ranges */
#define QUERY_PAGE     20000		/* messages; their runs fit one answer */
#define ROWS_AT_ONCE   500
#define SLICE	       (256u << 10)
#define FIRST_SLICE    (16u << 10)	/* enough for nearly every header */

static imap_work_fn ask_query, rows_work, say_hits;

static void drop(struct imap_session *s)
{
	struct search_run *r = s->run;

	api_cancel(&r->content);
	ahead_fini(&r->ahead);
	row_feed_fini(&r->feed);
	mime_map_free(&r->mapper);
	text_search_free(&r->text);
	buf_fini(&r->blob);
	buf_fini(&r->slice);
}

/* ---- the query --------------------------------------------------------------------- */

/* Without UIDs the store may go by its index of unread messages or of dates, but
 * not in pages: an answer may then be too large for one message.  With UIDs it goes
 * in their order, page by page. */
static void by_pages(struct search_run *r)
{
	r->whole = false;
	r->query.uids = r->within;
	r->query.limit = QUERY_PAGE;
}

/* Behind what was answered, where the store stops after so many. */
static void skip_answered(struct search_run *r)
{
	uint32_t last = r->candidates.n ? r->candidates.r[r->candidates.n - 1].last : 0;
	struct uid_range *to = (struct uid_range *)r->within.r;
	size_t n = 0;

	for (size_t i = 0; i < r->within.n; i++)
		if (r->within.r[i].last > last) {
			to[n] = r->within.r[i];
			if (to[n].first <= last)
				to[n].first = last + 1;
			n++;
		}
	r->within.n = n;
	r->query.uids = r->within;
}

static enum next candidates_known(struct imap_session *s)
{
	struct search_run *r = s->run;
	const struct store_fetch rows = { .columns = r->columns };
	struct uid_range *list;

	imap_seqset_resolve(&r->candidates, 0);
	if (!r->residual) {
		r->hits = r->candidates;
		return imap_work(s, say_hits);
	}
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
		imap_fail(s, e);
	} else if (more && runs.n > 0) {
		skip_answered(r);
		imap_work(s, r->within.n ? ask_query : candidates_known);
	} else {
		imap_work(s, candidates_known);
	}
	imap_pump(s);
}

static enum next ask_query(struct imap_session *s)
{
	struct search_run *r = s->run;

	s->call = store_query(&s->at, &r->query, query_done, s);
	return imap_await(s);
}

/* ---- rows ---------------------------------------------------------------------------- */

static enum err hit(struct search_run *r)
{
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
	return e ? imap_fail(s, e) : NEXT_MORE;
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

static enum next next_row(struct imap_session *s)
{
	struct search_run *r = s->run;
	struct store_row *row;
	enum err e = ERR_OK;

	switch (row_feed_next(&r->feed, &row)) {
	case ROW_FEED_ROW:
		break;
	case ROW_FEED_WAIT:
		return NEXT_WAIT;
	case ROW_FEED_END:
		return imap_work(s, say_hits);
	case ROW_FEED_FAILED:
		return imap_fail(s, r->feed.err);
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
	return e ? imap_fail(s, e) : NEXT_MORE;
}

static enum next rows_work(struct imap_session *s)
{
	struct search_run *r = s->run;

	return r->reading ? read_message(s) : next_row(s);
}

/* ---- the answer ------------------------------------------------------------------------ */

static uint32_t name_of(struct imap_session *s, const struct search_run *r, uint32_t uid)
{
	return r->uid ? uid : uid_map_seq(s->view.map, uid);
}

static enum next say_list(struct imap_session *s)
{
	struct search_run *r = s->run;

	if (!r->said_head) {
		out_str(s, "* SEARCH");
		r->said_head = true;
		r->at = 1;
	}
	while ((r->at = imap_seqset_next(&r->hits, r->at)) != 0) {
		uint32_t v = name_of(s, r, r->at++);

		if (v)
			out_fmt(s, " %u", v);
		if (s->out.len == 0 && out_full(s))	/* just flushed */
			return NEXT_WAIT;
	}
	if (r->q.has_modseq && r->hits.n > 0)
		out_fmt(s, " (MODSEQ %llu)", (unsigned long long)r->highest_modseq);
	out_str(s, "\r\n");
	return imap_finish(s, "OK Done.");
}

/* The hits under the names the client uses, as a set. */
static enum err named(struct imap_session *s, struct search_run *r, struct imap_seqset *out)
{
	enum err e = ERR_OK;

	imap_seqset_init(out, &s->reader.arena, MAX_HITS);
	for (size_t i = 0; i < r->hits.n && !e; i++) {
		uint32_t uid = r->hits.r[i].first;

		if (r->uid) {
			e = imap_seqset_add(out, uid, r->hits.r[i].last);
			continue;
		}
		for (; uid && uid <= r->hits.r[i].last && !e;
		     uid = imap_seqset_next(&r->hits, uid + 1)) {
			uint32_t seq = uid_map_seq(s->view.map, uid);

			if (seq)
				e = imap_seqset_add(out, seq, seq);
		}
	}
	imap_seqset_resolve(out, 0);
	return e;
}

static enum next say_esearch(struct imap_session *s)
{
	struct search_run *r = s->run;
	struct span tag = s->reader.cmd.tag;
	struct imap_seqset set;
	enum err e = named(s, r, &set);

	if (e)
		return imap_fail(s, e);
	out_fmt(s, "* ESEARCH (TAG \"%.*s\")%s", (int)tag.n, tag.p, r->uid ? " UID" : "");
	if ((r->q.returns & IMAP_RETURN_MIN) && set.n)
		out_fmt(s, " MIN %u", set.r[0].first);
	if ((r->q.returns & IMAP_RETURN_MAX) && set.n)
		out_fmt(s, " MAX %u", set.r[set.n - 1].last);
	if ((r->q.returns & IMAP_RETURN_ALL) && set.n) {
		out_str(s, " ALL ");
		out_done(s, imap_seqset_write(&set, &s->out));
	}
	if (r->q.returns & IMAP_RETURN_COUNT)
		out_fmt(s, " COUNT %llu", (unsigned long long)imap_seqset_count(&set));
	if (r->q.has_modseq && set.n)
		out_fmt(s, " MODSEQ %llu", (unsigned long long)r->highest_modseq);
	out_str(s, "\r\n");
	return imap_finish(s, "OK Done.");
}

static enum next say_hits(struct imap_session *s)
{
	struct search_run *r = s->run;

	imap_seqset_resolve(&r->hits, 0);
	return r->q.esearch ? say_esearch(s) : say_list(s);
}

/* ---- the command ------------------------------------------------------------------------- */

enum next imap_verb_search(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct search_run *r = arena_alloc(&s->reader.arena, sizeof(*r));
	enum err e;

	if (!imap_lex_sp(l))
		return imap_bad(s);
	if (!imap_lex_search(l, &r->q))
		return r->q.bad_charset
			? imap_finish(s, "NO [BADCHARSET (US-ASCII UTF-8)] Not supported.")
			: imap_bad(s);
	if (r->q.has_modseq)
		s->condstore = true;
	if ((s->modes & MODE_REV2) && !r->q.esearch) {	/* RFC 9051 6.4.4 */
		r->q.esearch = true;
		r->q.returns = IMAP_RETURN_ALL;
	}
	r->uid = s->reader.cmd.uid;
	r->now_ms = clock_wall_ms();
	imap_seqset_init(&r->candidates, &s->reader.arena, MAX_HITS);
	imap_seqset_init(&r->hits, &s->reader.arena, MAX_HITS);
	ahead_init(&r->ahead, s);
	buf_init(&r->blob, MIME_MAP_MAX);
	buf_init(&r->slice, SLICE);
	s->run = r;
	s->run_free = drop;
	search_plan(s, r);
	if (r->nothing)
		return imap_work(s, say_hits);
	if (r->everything) {
		e = take_from_view(s);
		return e ? imap_fail(s, e) : imap_work(s, candidates_known);
	}
	if (!r->whole)
		by_pages(r);
	return imap_work(s, ask_query);
}
