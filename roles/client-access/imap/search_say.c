/* search_say - the answers of SEARCH: the list of RFC 3501, or ESEARCH (RFC 4731, 9394) */
#include "roles/client-access/imap/search.h"

uint32_t search_name(struct imap_session *s, const struct search_run *r, uint32_t uid)
{
	return r->uid ? uid : uid_map_seq(s->view.map, uid);
}

bool search_partial(const struct imap_partial *p, uint64_t n, uint64_t *from, uint64_t *to)
{
	uint64_t last = p->to < n ? p->to : n;

	if (p->from > n)
		return false;
	*from = p->from_end ? n - last + 1 : p->from;
	*to = p->from_end ? n - p->from + 1 : last;
	return true;
}

void search_say_range(struct imap_session *s, const struct imap_partial *p)
{
	const char *minus = p->from_end ? "-" : "";

	out_fmt(s, "%s%u:%s%u", minus, p->from, minus, p->to);
}

void search_say_head(struct imap_session *s, const struct search_run *r)
{
	struct span tag = s->reader.cmd.tag;

	out_fmt(s, "* ESEARCH (TAG \"%.*s\"", (int)tag.n, tag.p);
	if (r->path) {				/* RFC 7377 section 2.1 */
		out_str(s, " MAILBOX ");
		out_mailbox(s, r->path);
		out_fmt(s, " UIDVALIDITY %u", r->uidvalidity);
	}
	out_fmt(s, ")%s", r->uid ? " UID" : "");
}

/* ---- saving -------------------------------------------------------------------------- */

/* The from-th to the to-th of a normal set, from 1. */
static enum err pick(const struct imap_seqset *set, uint64_t from, uint64_t to,
		     struct imap_seqset *out)
{
	uint64_t before = 0;
	enum err e = ERR_OK;

	for (size_t i = 0; i < set->n && before < to && !e; i++) {
		uint64_t n = (uint64_t)set->r[i].last - set->r[i].first + 1;
		uint64_t a = from > before + 1 ? from - before - 1 : 0;
		uint64_t b = to - before < n ? to - before : n;

		if (a < b)
			e = imap_seqset_add(out, set->r[i].first + (uint32_t)a,
					    set->r[i].first + (uint32_t)b - 1);
		before += n;
	}
	return e;
}

static enum err pick_partial(const struct search_run *r, struct imap_seqset *out)
{
	uint64_t from, to;

	if (!search_partial(&r->q.partial, imap_seqset_count(&r->hits), &from, &to))
		return ERR_OK;
	return pick(&r->hits, from, to, out);
}

/* What SAVE keeps depends on what else was asked for (RFC 5182 section 2.4, RFC 9394
 * section 3.2). */
static enum err save(struct imap_session *s, struct search_run *r)
{
	const unsigned some = IMAP_RETURN_MIN | IMAP_RETURN_MAX | IMAP_RETURN_PARTIAL;
	const struct imap_seqset *h = &r->hits;
	struct imap_seqset set;
	enum err e = ERR_OK;

	if ((r->q.returns & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT)) ||
	    (r->q.returns & some) == 0 || h->n == 0)
		return saved_keep(s, h);
	imap_seqset_init(&set, &s->reader.arena, SEARCH_HITS);
	if (r->q.returns & IMAP_RETURN_MIN)
		e = imap_seqset_add(&set, h->r[0].first, h->r[0].first);
	if (!e && (r->q.returns & IMAP_RETURN_PARTIAL))
		e = pick_partial(r, &set);
	if (!e && (r->q.returns & IMAP_RETURN_MAX))
		e = imap_seqset_add(&set, h->r[h->n - 1].last, h->r[h->n - 1].last);
	imap_seqset_resolve(&set, 0);
	return e ? e : saved_keep(s, &set);
}

/* ---- saying -------------------------------------------------------------------------- */

static enum next finish(struct imap_session *s)
{
	struct search_run *r = s->run;

	if (r->q.returns & IMAP_RETURN_UPDATE)
		context_add(s, r);
	if ((r->q.returns & IMAP_RETURN_SAVE) && save(s, r) != ERR_OK)
		return imap_finish(s, "NO [NOTSAVED] Too many messages to keep.");
	return imap_finish(s, "OK Done.");
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
		uint32_t v = search_name(s, r, r->at++);

		if (v)
			out_fmt(s, " %u", v);
		if (s->out.len == 0 && out_full(s))	/* just flushed */
			return NEXT_WAIT;
	}
	if (r->q.has_modseq && r->hits.n > 0)
		out_fmt(s, " (MODSEQ %llu)", (unsigned long long)r->highest_modseq);
	out_str(s, "\r\n");
	return finish(s);
}

/* UIDs under the names the client uses. */
static enum err named(struct imap_session *s, struct search_run *r,
		      const struct imap_seqset *uids, struct imap_seqset *out)
{
	enum err e = ERR_OK;

	imap_seqset_init(out, &s->reader.arena, SEARCH_HITS);
	for (size_t i = 0; i < uids->n && !e; i++) {
		uint32_t uid = uids->r[i].first;

		if (r->uid) {
			e = imap_seqset_add(out, uid, uids->r[i].last);
			continue;
		}
		for (; uid && uid <= uids->r[i].last && !e;
		     uid = imap_seqset_next(uids, uid + 1)) {
			uint32_t seq = uid_map_seq(s->view.map, uid);

			if (seq)
				e = imap_seqset_add(out, seq, seq);
		}
	}
	imap_seqset_resolve(out, 0);
	return e;
}

static enum err say_all(struct imap_session *s, struct search_run *r)
{
	struct imap_seqset set;
	enum err e = named(s, r, &r->hits, &set);

	if (e || set.n == 0)
		return e;
	out_str(s, " ALL ");
	out_done(s, imap_seqset_write(&set, &s->out));
	return ERR_OK;
}

static enum err say_partial(struct imap_session *s, struct search_run *r)
{
	struct imap_seqset uids, set;
	enum err e;

	imap_seqset_init(&uids, &s->reader.arena, SEARCH_HITS);
	e = pick_partial(r, &uids);
	if (!e)
		e = named(s, r, &uids, &set);
	if (e)
		return e;
	out_str(s, " PARTIAL (");
	search_say_range(s, &r->q.partial);
	out_str(s, " ");
	if (set.n)
		out_done(s, imap_seqset_write(&set, &s->out));
	else
		out_str(s, "NIL");
	out_str(s, ")");
	return ERR_OK;
}

/* RFC 7162 section 3.1.5: of what is said. */
static uint64_t modseq_of(const struct search_run *r)
{
	unsigned w = r->q.returns & IMAP_RETURN_SAYS;

	if (w == IMAP_RETURN_MIN)
		return r->first_modseq;
	if (w == IMAP_RETURN_MAX)
		return r->last_modseq;
	if (w == (IMAP_RETURN_MIN | IMAP_RETURN_MAX))
		return r->first_modseq > r->last_modseq ? r->first_modseq : r->last_modseq;
	return r->highest_modseq;
}

enum err search_put(struct imap_session *s)
{
	struct search_run *r = s->run;
	const struct imap_seqset *h = &r->hits;
	enum err e = ERR_OK;

	search_say_head(s, r);
	if ((r->q.returns & IMAP_RETURN_MIN) && h->n)
		out_fmt(s, " MIN %u", search_name(s, r, h->r[0].first));
	if ((r->q.returns & IMAP_RETURN_MAX) && h->n)
		out_fmt(s, " MAX %u", search_name(s, r, h->r[h->n - 1].last));
	if ((r->q.returns & IMAP_RETURN_ALL) && h->n)
		e = say_all(s, r);
	if (!e && (r->q.returns & IMAP_RETURN_PARTIAL))
		e = say_partial(s, r);
	if (r->q.returns & IMAP_RETURN_COUNT)
		out_fmt(s, " COUNT %llu", (unsigned long long)imap_seqset_count(h));
	if (r->q.has_modseq && h->n)
		out_fmt(s, " MODSEQ %llu", (unsigned long long)modseq_of(r));
	out_str(s, "\r\n");
	return e;
}

enum next search_say(struct imap_session *s)
{
	struct search_run *r = s->run;
	enum err e = ERR_OK;

	if (!r->q.esearch)
		return say_list(s);
	/* Only SAVE: nothing is said.  ESEARCH: nothing of a folder without hits. */
	if ((r->q.returns & IMAP_RETURN_SAYS) && (r->path == NULL || r->hits.n > 0))
		e = search_put(s);
	return e ? search_fail(s, e) : finish(s);
}
