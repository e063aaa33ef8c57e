/*
 * SORT and THREAD (RFC 5256), ESORT (RFC 5267), PARTIAL (RFC 9394)
 *
 * First the search; then the store gives the folder's messages in order, or what they
 * refer to, and those that are no hits fall out on the way.  Nothing is kept here of a
 * SORT; of a THREAD what common/imap/thread.h says.
 */
#include "roles/client-access/imap/search.h"

#include <endian.h>

#define ASK_RANGES  4000u		/* more hits than that: all between first and last */
#define WRITE_BYTES (32u << 10)

static imap_work_fn sort_hits, thread_hits, write_threads;

/* What the store is asked about: the hits, or a span around them. */
static struct uid_ranges ask_for(struct imap_session *s, const struct imap_seqset *hits)
{
	bool all = hits->n > ASK_RANGES;
	size_t n = all ? 1 : hits->n;
	struct uid_range *r = arena_alloc(&s->reader.arena, n * sizeof(*r));

	for (size_t i = 0; i < n; i++)
		r[i] = (struct uid_range){ hits->r[i].first, hits->r[i].last };
	if (all)
		r[0].last = hits->r[hits->n - 1].last;
	return (struct uid_ranges){ r, n };
}

static enum next save(struct imap_session *s, const struct imap_seqset *uids)
{
	struct search_run *r = s->run;

	if ((r->q.returns & IMAP_RETURN_SAVE) && saved_keep(s, uids) != ERR_OK)
		return imap_finish(s, "NO [NOTSAVED] Too many messages to keep.");
	return imap_finish(s, "OK Done.");
}

/* ---- SORT: the answer grows as uids come ---------------------------------------------- */

/* Names in a row, as sequence-set: 5,3,7:9. */
static void say_run(struct search_run *r, struct buf *out, bool first)
{
	enum err e = ERR_OK;

	if (r->run_first == 0)
		return;
	if (!first)
		e = buf_addc(out, ',');
	if (!e && r->run_first == r->run_last)
		e = buf_addu(out, r->run_first);
	else if (!e)
		e = buf_addf(out, "%u:%u", r->run_first, r->run_last);
	if (e)
		r->content_err = ERR_LIMIT;
}

static void say_named(struct search_run *r, struct buf *out, bool *first, uint32_t name)
{
	if (name && r->run_first && name == r->run_last + 1) {
		r->run_last = name;
		return;
	}
	say_run(r, out, *first);
	*first &= r->run_first == 0;
	r->run_first = r->run_last = name;
}

static bool is_asked(const struct search_run *r, unsigned what)
{
	return (r->q.returns & what) != 0;
}

/* A hit is the next in order. */
static void take_sorted(struct imap_session *s, uint32_t uid)
{
	struct search_run *r = s->run;
	uint32_t name = search_name(s, r, uid);
	uint64_t from, to;

	if (name == 0)
		return;
	r->n_sorted++;
	r->first = r->first ? r->first : uid;
	r->last = uid;
	if (!r->q.esearch) {
		out_fmt(s, " %u", name);
	} else if (is_asked(r, IMAP_RETURN_ALL)) {
		if (!r->said_head)
			out_str(s, " ALL ");
		r->said_head = true;
		say_named(r, &s->out, &r->nothing_said, name);
	} else if (is_asked(r, IMAP_RETURN_PARTIAL) &&
		   search_partial(&r->q.partial, r->n_hits, &from, &to) &&
		   r->n_sorted >= from && r->n_sorted <= to) {
		say_named(r, &r->part, &r->nothing_said, name);
		if (imap_seqset_add(&r->picked, uid, uid) != ERR_OK)
			r->content_err = ERR_LIMIT;
	}
}

static void on_sorted(void *ctx, const void *p, size_t n)
{
	struct imap_session *s = ctx;
	struct search_run *r = s->run;
	size_t used = 0;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	if (buf_add(&r->slice, p, n) != ERR_OK)
		r->content_err = ERR_INTERNAL;
	for (; used + 4 <= r->slice.len; used += 4) {
		uint32_t uid;

		memcpy(&uid, r->slice.data + used, 4);
		uid = le32toh(uid);
		if (imap_seqset_contains(&r->hits, uid))
			take_sorted(s, uid);
	}
	buf_drop(&r->slice, used);
	imap_grant(s, n);
	imap_pump(s);
}

static enum next end_list(struct imap_session *s)
{
	struct search_run *r = s->run;

	if (r->q.has_modseq && r->n_sorted > 0)
		out_fmt(s, " (MODSEQ %llu)", (unsigned long long)r->highest_modseq);
	out_str(s, "\r\n");
	return imap_finish(s, "OK Done.");
}

static void say_part(struct imap_session *s)
{
	struct search_run *r = s->run;

	say_run(r, &r->part, r->nothing_said);
	out_str(s, " PARTIAL (");
	search_say_range(s, &r->q.partial);
	out_fmt(s, " %s)", r->part.len ? r->part.data : "NIL");
}

/* MIN and MAX are the first and last in order (RFC 5267 section 3). */
static enum err what_to_save(struct imap_session *s, struct imap_seqset *set)
{
	struct search_run *r = s->run;
	enum err e = ERR_OK;

	if (is_asked(r, IMAP_RETURN_ALL | IMAP_RETURN_COUNT) ||
	    !is_asked(r, IMAP_RETURN_MIN | IMAP_RETURN_MAX | IMAP_RETURN_PARTIAL)) {
		*set = r->hits;
		return ERR_OK;
	}
	*set = r->picked;
	if (r->first && is_asked(r, IMAP_RETURN_MIN))
		e = imap_seqset_add(set, r->first, r->first);
	if (!e && r->last && is_asked(r, IMAP_RETURN_MAX))
		e = imap_seqset_add(set, r->last, r->last);
	(void)s;
	imap_seqset_resolve(set, 0);
	return e;
}

static enum next end_esearch(struct imap_session *s)
{
	struct search_run *r = s->run;
	struct imap_seqset set;
	enum err e;

	if (is_asked(r, IMAP_RETURN_ALL))
		say_run(r, &s->out, r->nothing_said);
	if (is_asked(r, IMAP_RETURN_SAYS)) {
		if (is_asked(r, IMAP_RETURN_MIN) && r->first)
			out_fmt(s, " MIN %u", search_name(s, r, r->first));
		if (is_asked(r, IMAP_RETURN_MAX) && r->last)
			out_fmt(s, " MAX %u", search_name(s, r, r->last));
		if (is_asked(r, IMAP_RETURN_PARTIAL))
			say_part(s);
		if (is_asked(r, IMAP_RETURN_COUNT))
			out_fmt(s, " COUNT %llu", (unsigned long long)r->n_sorted);
		if (r->q.has_modseq && r->n_sorted > 0)
			out_fmt(s, " MODSEQ %llu", (unsigned long long)r->highest_modseq);
		out_str(s, "\r\n");
	}
	e = what_to_save(s, &set);
	return e ? search_fail(s, e) : save(s, &set);
}

static enum next sort_over(struct imap_session *s)
{
	struct search_run *r = s->run;

	if (r->content_err) {
		if (!r->q.esearch || is_asked(r, IMAP_RETURN_SAYS))
			out_str(s, "\r\n");	/* what was begun */
		return search_fail(s, r->content_err);
	}
	return r->q.esearch ? end_esearch(s) : end_list(s);
}

static void sort_done(void *ctx, enum err e, uint64_t cn)
{
	struct imap_session *s = ctx;
	struct search_run *r = s->run;

	(void)cn;
	imap_call_done(s);
	if (e)
		r->content_err = e;
	imap_work(s, sort_over);
	imap_pump(s);
}

static size_t store_keys(const struct imap_sort *sort, uint8_t *out)
{
	static const uint8_t names[IMAP_SORT_KEYS] = {
		[IMAP_SORT_ARRIVAL] = STORE_SORT_ARRIVAL,
		[IMAP_SORT_CC] = STORE_SORT_CC,
		[IMAP_SORT_DATE] = STORE_SORT_DATE,
		[IMAP_SORT_DISPLAYFROM] = STORE_SORT_DISPLAYFROM,
		[IMAP_SORT_DISPLAYTO] = STORE_SORT_DISPLAYTO,
		[IMAP_SORT_FROM] = STORE_SORT_FROM,
		[IMAP_SORT_SIZE] = STORE_SORT_SIZE,
		[IMAP_SORT_SUBJECT] = STORE_SORT_SUBJECT,
		[IMAP_SORT_TO] = STORE_SORT_TO,
	};

	for (size_t i = 0; i < sort->n; i++)
		out[i] = (uint8_t)(names[sort->by[i].key] |
				   (sort->by[i].reverse ? STORE_SORT_REVERSE : 0));
	return sort->n;
}

static enum next sort_hits(struct imap_session *s)
{
	struct search_run *r = s->run;
	uint8_t keys[IMAP_SORT_KEYS];

	imap_seqset_resolve(&r->hits, 0);
	imap_seqset_init(&r->picked, &s->reader.arena, SEARCH_HITS);
	r->n_hits = imap_seqset_count(&r->hits);
	r->nothing_said = true;
	r->said_head = false;
	if (!r->q.esearch)
		out_str(s, "* SORT");
	else if (is_asked(r, IMAP_RETURN_SAYS))
		search_say_head(s, r);
	if (r->hits.n == 0)
		return imap_work(s, sort_over);
	buf_clear(&r->slice);
	s->call = store_sort(&s->at, s->view.fid, ask_for(s, &r->hits), keys,
			     store_keys(&r->sort, keys), on_sorted, sort_done, s);
	return imap_await_rows(s);
}

enum next imap_verb_sort(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct search_run *r = search_new(s);

	if (!imap_lex_sp(l) || !imap_lex_sort(l, &r->sort, &r->q))
		return imap_bad(s);
	if (!search_texts(s, r))
		return NEXT_MORE;
	if (r->q.returns & IMAP_RETURN_UPDATE)	/* RFC 5267 4.3.1: not of an order */
		context_refuse(s, s->reader.cmd.tag);
	return search_start(s, r, sort_hits);
}

/* ---- THREAD ------------------------------------------------------------------------------ */

static void on_refs(void *ctx, const void *p, size_t n)
{
	struct imap_session *s = ctx;
	struct search_run *r = s->run;
	struct store_refs m;
	struct span in;
	enum err e = buf_add(&r->slice, p, n);

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	in = (struct span){ r->slice.data, r->slice.len };
	while (!e && (e = store_refs_read(&in, &m)) == ERR_OK) {
		const struct threader_msg t = {
			.number = search_name(s, r, m.uid), .is_reply = m.is_reply,
			.sent_ms = m.sent_ms, .id = m.own, .refs = m.refs, .n_refs = m.n_refs,
			.subject = { m.subject[0], m.subject[1] },
		};

		if (t.number && imap_seqset_contains(&r->hits, m.uid))
			e = threader_add(r->threader, &t);
	}
	if (e != ERR_NOTFOUND)
		r->content_err = e;
	buf_drop(&r->slice, r->slice.len - in.n);
	api_grant(s->call, n);
}

static enum next threads_known(struct imap_session *s)
{
	struct search_run *r = s->run;

	if (r->content_err)
		return search_fail(s, r->content_err);
	threader_finish(r->threader);
	out_str(s, "* THREAD");
	return imap_work(s, write_threads);
}

static enum next write_threads(struct imap_session *s)
{
	struct search_run *r = s->run;
	bool more = true;

	while (more) {
		if (out_full(s))
			return NEXT_WAIT;
		if (!r->said_head && r->hits.n > 0)
			out_str(s, " ");
		r->said_head = true;
		more = threader_write(r->threader, &s->out, WRITE_BYTES);
		out_flush(s);
	}
	out_str(s, "\r\n");
	return imap_finish(s, "OK Done.");
}

static void refs_done(void *ctx, enum err e, uint64_t cn)
{
	struct imap_session *s = ctx;
	struct search_run *r = s->run;

	(void)cn;
	imap_call_done(s);
	if (e)
		r->content_err = e;
	imap_work(s, threads_known);
	imap_pump(s);
}

static enum next thread_hits(struct imap_session *s)
{
	struct search_run *r = s->run;

	imap_seqset_resolve(&r->hits, 0);
	r->threader = threader_new(r->alg);
	if (r->hits.n == 0)
		return imap_work(s, threads_known);
	buf_clear(&r->slice);
	s->call = store_refs(&s->at, s->view.fid, ask_for(s, &r->hits), on_refs, refs_done, s);
	return imap_await(s);
}

enum next imap_verb_thread(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct search_run *r = search_new(s);

	if (!imap_lex_sp(l) || !imap_lex_thread(l, &r->alg, &r->q))
		return imap_bad(s);
	if (!search_texts(s, r))
		return NEXT_MORE;
	return search_start(s, r, thread_hits);
}
