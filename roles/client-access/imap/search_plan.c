/*
 * Which part of a SEARCH the store answers from its columns.
 *
 * Keys that must all hold (the children of the root AND, and of ANDs below it)
 * go into the query when its columns can say them; they become ALL in the tree.
 * What stays is decided row by row, and where a row does not tell, by reading
 * the message.
 */
#include "roles/client-access/imap/search.h"

#include <string.h>

#define DAY_MS	   INT64_C(86400000)

static bool at_least(int64_t *floor, int64_t v)	/* 0 is "open": not for us */
{
	if (v == 0)
		return false;
	if (*floor == 0 || v > *floor)
		*floor = v;
	return true;
}

static bool at_most(int64_t *ceiling, int64_t v)
{
	if (v == 0)
		return false;
	if (*ceiling == 0 || v < *ceiling)
		*ceiling = v;
	return true;
}

static bool plan_flag(struct search_run *r, const struct imap_key *k, bool want)
{
	unsigned bit = flag_to_store((unsigned)k->n);

	if (bit == 0)			/* \Recent */
		return false;
	if (want)
		r->query.flags_set |= bit;
	else
		r->query.flags_clear |= bit;
	return true;
}

static bool plan_keyword(struct imap_session *s, struct search_run *r,
			 const struct imap_key *k, bool want)
{
	unsigned bit = word_to_store(k->text);
	const char **list = want ? r->words_set : r->words_clear;
	size_t *n = want ? &r->n_set : &r->n_clear;

	if (bit) {
		if (want)
			r->query.flags_set |= bit;
		else
			r->query.flags_clear |= bit;
		return true;
	}
	if (*n + 1 >= N_ELEMS(r->words_set))
		return false;
	list[(*n)++] = arena_strn(&s->reader.arena, k->text.p, k->text.n);
	return true;
}

/* Numbers beyond the folder match nothing (and are no error in SEARCH). */
static void clip(struct imap_session *s, struct imap_seqset *set)
{
	uint32_t total = uid_map_total(s->view.map);
	size_t n = 0;

	imap_seqset_resolve(set, total);
	for (size_t i = 0; i < set->n && set->r[i].first <= total; i++, n++)
		if (set->r[i].last > total)
			set->r[i].last = total;
	set->n = n;
}

void search_narrow(struct imap_session *s, struct search_run *r, struct uid_ranges to)
{
	struct uid_range *out = arena_alloc(&s->reader.arena,
					    (r->within.n + to.n + 1) * sizeof(*out));
	size_t n = 0, i = 0, k = 0;

	while (i < r->within.n && k < to.n) {
		const struct uid_range *a = &r->within.r[i], *b = &to.r[k];
		uint32_t first = a->first > b->first ? a->first : b->first;
		uint32_t last = a->last < b->last ? a->last : b->last;

		if (first <= last)
			out[n++] = (struct uid_range){ first, last };
		if (a->last < b->last)
			i++;
		else
			k++;
	}
	r->within = (struct uid_ranges){ out, n };
	r->whole = false;
	r->nothing |= n == 0;
}

/* Sets are taken whole: they bound what is asked for. */
static bool plan_set(struct imap_session *s, struct search_run *r, struct imap_key *k)
{
	bool uid = k->op == IMAP_KEY_UID;
	struct uid_ranges set;

	if (!uid)
		clip(s, k->set);
	else
		imap_seqset_resolve(k->set, uid_map_last(s->view.map));
	if (!view_ranges(s, k->set, uid, &set))
		set.n = 0;
	search_narrow(s, r, set);
	return true;
}

static bool plan_leaf(struct imap_session *s, struct search_run *r, struct imap_key *k,
		      bool want)
{
	struct store_query *q = &r->query;
	int64_t day = k->day * DAY_MS;

	if (k->op == IMAP_KEY_FLAG)
		return plan_flag(r, k, k->want == want);
	if (k->op == IMAP_KEY_KEYWORD)
		return plan_keyword(s, r, k, k->want == want);
	if (!want)
		return false;
	switch (k->op) {
	case IMAP_KEY_SEQ:
	case IMAP_KEY_UID:
		return plan_set(s, r, k);
	case IMAP_KEY_SAVED:
		search_narrow(s, r, (struct uid_ranges){ s->saved.r, s->saved.n });
		return true;
	case IMAP_KEY_BEFORE:
		return at_most(&q->before_ms, day);
	case IMAP_KEY_SINCE:
		return at_least(&q->since_ms, day);
	case IMAP_KEY_ON:
		return day > 0 && at_least(&q->since_ms, day) && at_most(&q->before_ms, day + DAY_MS);
	case IMAP_KEY_SENTBEFORE:
		return at_most(&q->sent_before_ms, day);
	case IMAP_KEY_SENTSINCE:
		return at_least(&q->sent_since_ms, day);
	case IMAP_KEY_SENTON:
		return day > 0 && at_least(&q->sent_since_ms, day) &&
		       at_most(&q->sent_before_ms, day + DAY_MS);
	case IMAP_KEY_LARGER:
		if (k->n > q->larger)
			q->larger = k->n;
		return k->n > 0;
	case IMAP_KEY_SMALLER:
		if (k->n > 0 && (q->smaller == 0 || k->n < q->smaller))
			q->smaller = k->n;
		return k->n > 0;
	case IMAP_KEY_MODSEQ:
		if (k->n > q->modseq)
			q->modseq = k->n;
		return true;
	default:
		return false;
	}
}

/* A key that must hold. */
static void plan_key(struct imap_session *s, struct search_run *r, uint32_t i)
{
	struct imap_key *k = &r->q.keys[i];

	switch (k->op) {
	case IMAP_KEY_AND:
		for (uint32_t c = k->first; c; c = r->q.keys[c].next)
			plan_key(s, r, c);
		break;
	case IMAP_KEY_NOT:
		if (plan_leaf(s, r, &r->q.keys[k->first], false)) {
			k->op = IMAP_KEY_ALL;
			k->first = 0;
		}
		break;
	case IMAP_KEY_ALL:
		break;
	default:
		if (plan_leaf(s, r, k, true))
			k->op = IMAP_KEY_ALL;
		else
			r->must[i] = true;
	}
}

static void add_needle(struct search_run *r, uint32_t i)
{
	const struct imap_key *k = &r->q.keys[i];
	struct text_needle *n = &r->needles[r->n_needles++];

	r->needle_of[i] = (uint32_t)r->n_needles;
	r->about[r->n_needles - 1] = (struct search_needle){ .key = i, .must = r->must[i] };
	n->where = k->op == IMAP_KEY_HEADER ? TEXT_HEADER_FIELD :
		   k->op == IMAP_KEY_BODY ? TEXT_BODY : TEXT_ANYWHERE;
	n->field = k->field;
	n->text = k->text;
	if (n->where != TEXT_HEADER_FIELD)
		r->only_headers = false;
}

/* What the rest of the tree needs to know of a message. */
static void need(struct imap_session *s, struct search_run *r, uint32_t i)
{
	struct imap_key *k = &r->q.keys[i];

	for (uint32_t c = k->first; c; c = r->q.keys[c].next)
		need(s, r, c);
	switch (k->op) {
	case IMAP_KEY_FLAG:
	case IMAP_KEY_KEYWORD:
		r->columns |= COL_FLAGS | COL_KEYWORDS;
		break;
	case IMAP_KEY_SEQ:
		clip(s, k->set);
		break;
	case IMAP_KEY_UID:
		imap_seqset_resolve(k->set, uid_map_last(s->view.map));
		break;
	case IMAP_KEY_SAVED:
	case IMAP_KEY_SAVEDATESUPPORTED:
		break;
	case IMAP_KEY_EMAILID:
	case IMAP_KEY_THREADID:
		r->columns |= COL_IDS;
		break;
	case IMAP_KEY_SAVEDBEFORE:
	case IMAP_KEY_SAVEDON:
	case IMAP_KEY_SAVEDSINCE:
		r->columns |= COL_SAVED;
		break;
	case IMAP_KEY_BEFORE:
	case IMAP_KEY_ON:
	case IMAP_KEY_SINCE:
	case IMAP_KEY_OLDER:
	case IMAP_KEY_YOUNGER:
		r->columns |= COL_DATE;
		break;
	case IMAP_KEY_SENTBEFORE:
	case IMAP_KEY_SENTON:
	case IMAP_KEY_SENTSINCE:
		r->columns |= COL_SUMMARY;
		break;
	case IMAP_KEY_LARGER:
	case IMAP_KEY_SMALLER:
		r->columns |= COL_SIZE;
		break;
	case IMAP_KEY_MODSEQ:
		r->columns |= COL_MODSEQ;
		break;
	case IMAP_KEY_HEADER:
	case IMAP_KEY_BODY:
	case IMAP_KEY_TEXT:
		r->columns |= COL_SUMMARY | COL_MAP | COL_SIZE;
		add_needle(r, i);
		break;
	case IMAP_KEY_AND:
	case IMAP_KEY_OR:
	case IMAP_KEY_NOT:
	case IMAP_KEY_ALL:
		return;
	}
	r->residual = true;
}

static bool asks_nothing(const struct store_query *q)
{
	return !q->flags_set && !q->flags_clear && !q->keywords_set && !q->keywords_clear &&
	       !q->since_ms && !q->before_ms && !q->sent_since_ms && !q->sent_before_ms &&
	       !q->larger && !q->smaller && !q->modseq;
}

void search_plan(struct imap_session *s, struct search_run *r)
{
	uint32_t last = uid_map_last(s->view.map);
	struct arena *a = &s->reader.arena;

	r->needles = arena_alloc(a, r->q.n_keys * sizeof(*r->needles));
	r->needle_of = arena_alloc(a, r->q.n_keys * sizeof(*r->needle_of));
	r->about = arena_alloc(a, r->q.n_keys * sizeof(*r->about));
	r->must = arena_alloc(a, r->q.n_keys * sizeof(*r->must));
	r->only_headers = true;
	r->query.fid = s->view.fid;
	/* Never beyond what the client knows. */
	r->within = (struct uid_ranges){ arena_dup(a, &(struct uid_range){ 1, last },
						   sizeof(struct uid_range)), 1 };
	r->whole = true;
	if (r->only.n > 0)
		search_narrow(s, r, r->only);
	plan_key(s, r, 0);
	need(s, r, 0);
	if (r->q.has_modseq) {		/* the hits' highest is part of the answer */
		r->columns |= COL_MODSEQ;
		r->residual = true;
	}
	r->nothing |= last == 0;
	r->query.keywords_set = r->n_set ? r->words_set : NULL;
	r->query.keywords_clear = r->n_clear ? r->words_clear : NULL;
	r->everything = asks_nothing(&r->query);
}
