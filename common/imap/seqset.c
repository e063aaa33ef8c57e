#include "common/imap/seqset.h"

#include "common/base/check.h"
#include <stdlib.h>

/* More than fit into a command of 64 KiB. */
#define MAX_RANGES 32768

void imap_seqset_init(struct imap_seqset *s, struct arena *arena, size_t max)
{
	*s = (struct imap_seqset){ .arena = arena, .max = max, .normal = true };
}

static enum err push(struct imap_seqset *s, uint32_t first, uint32_t last)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 4;
		struct imap_range *r;

		if (s->n >= s->max)
			return ERR_LIMIT;
		r = arena_alloc(s->arena, cap * sizeof(*r));
		if (s->n > 0)
			memcpy(r, s->r, s->n * sizeof(*r));
		s->r = r;
		s->cap = cap;
	}
	if (s->n >= s->max)
		return ERR_LIMIT;
	s->r[s->n++] = (struct imap_range){ first, last };
	return ERR_OK;
}

enum err imap_seqset_add(struct imap_seqset *s, uint32_t first, uint32_t last)
{
	struct imap_range *end = s->n ? &s->r[s->n - 1] : NULL;

	CHECK(first != IMAP_STAR && first <= last);
	if (s->normal && end != NULL) {
		if (first > end->last && first - 1 == end->last) {
			end->last = last;
			return ERR_OK;
		}
		s->normal = first > end->last;
	}
	return push(s, first, last);
}

static bool number_or_star(struct imap_lex *l, uint32_t *out)
{
	if (imap_lex_peek(l) == '*') {
		l->p++;
		*out = IMAP_STAR;
		return true;
	}
	return imap_lex_nz32(l, out);
}

bool imap_lex_seqset(struct imap_lex *l, struct imap_seqset *out)
{
	uint32_t a, b;

	imap_seqset_init(out, l->arena, MAX_RANGES);
	out->normal = false;
	if (imap_lex_peek(l) == '$') {
		l->p++;
		out->saved = true;
		return true;
	}
	for (;;) {
		if (!number_or_star(l, &a))
			return false;
		b = a;
		if (imap_lex_peek(l) == ':') {
			l->p++;
			if (!number_or_star(l, &b))
				return false;
		}
		if (push(out, a, b) != ERR_OK)
			return imap_lex_fail(l, "Too many ranges.");
		if (imap_lex_peek(l) != ',')
			return true;
		l->p++;
	}
}

static int by_first(const void *pa, const void *pb)
{
	const struct imap_range *a = pa, *b = pb;

	return a->first < b->first ? -1 : a->first > b->first;
}

void imap_seqset_resolve(struct imap_seqset *s, uint32_t highest)
{
	size_t n = 0;

	if (s->normal)
		return;
	for (size_t i = 0; i < s->n; i++) {
		struct imap_range r = s->r[i];

		if (r.first == IMAP_STAR)
			r.first = highest;
		if (r.last == IMAP_STAR)
			r.last = highest;
		if (r.first > r.last)
			r = (struct imap_range){ r.last, r.first };
		if (r.first == 0)	/* "*" or "n:*" of an empty folder */
			r.first = 1;
		if (r.last != 0)
			s->r[n++] = r;
	}
	s->n = n;
	s->normal = true;
	if (n == 0)
		return;
	qsort(s->r, n, sizeof(*s->r), by_first);
	n = 0;
	for (size_t i = 1; i < s->n; i++) {
		struct imap_range *end = &s->r[n];

		if (end->last == UINT32_MAX || s->r[i].first <= end->last + 1) {
			if (s->r[i].last > end->last)
				end->last = s->r[i].last;
		} else {
			s->r[++n] = s->r[i];
		}
	}
	s->n = n + 1;
}

/* The first range that ends at or behind v; s->n if none. */
static size_t find(const struct imap_seqset *s, uint32_t v)
{
	size_t lo = 0, hi = s->n;

	CHECK(s->normal);
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->r[mid].last < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool imap_seqset_contains(const struct imap_seqset *s, uint32_t v)
{
	size_t i = find(s, v);

	return i < s->n && s->r[i].first <= v;
}

uint64_t imap_seqset_count(const struct imap_seqset *s)
{
	uint64_t sum = 0;

	CHECK(s->normal);
	for (size_t i = 0; i < s->n; i++)
		sum += (uint64_t)s->r[i].last - s->r[i].first + 1;
	return sum;
}

uint32_t imap_seqset_next(const struct imap_seqset *s, uint32_t from)
{
	size_t i;

	if (from == 0)		/* also where v + 1 wrapped: nothing is behind */
		return 0;
	i = find(s, from);
	if (i == s->n)
		return 0;
	return from > s->r[i].first ? from : s->r[i].first;
}

enum err imap_seqset_write(const struct imap_seqset *s, struct buf *out)
{
	enum err e = ERR_OK;

	CHECK(s->normal);
	for (size_t i = 0; i < s->n && !e; i++) {
		const struct imap_range *r = &s->r[i];

		if (r->first == r->last)
			e = buf_addf(out, "%s%u", i ? "," : "", r->first);
		else
			e = buf_addf(out, "%s%u:%u", i ? "," : "", r->first, r->last);
	}
	return e;
}
