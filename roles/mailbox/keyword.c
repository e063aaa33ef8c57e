#include "roles/mailbox/keyword.h"

#include <stdlib.h>
#include <string.h>

DB_SQL(q_find, "SELECT kid FROM keyword WHERE mbx = ?1 AND name = ?2");
DB_SQL(q_last, "SELECT coalesce(max(kid), 0) FROM keyword WHERE mbx = ?1");
DB_SQL(q_add, "INSERT INTO keyword(mbx, kid, name) VALUES(?1, ?2, ?3)");
DB_SQL(q_names, "SELECT kid, name FROM keyword WHERE mbx = ?1 ORDER BY kid");

static uint16_t kid_at(struct kwset s, size_t i)
{
	return (uint16_t)(s.p[2 * i] | s.p[2 * i + 1] << 8);
}

static size_t count(struct kwset s)
{
	return s.n / 2;
}

/* ---- sets -------------------------------------------------------------------- */

bool kwset_has(struct kwset s, uint16_t kid)
{
	for (size_t i = 0; i < count(s); i++)
		if (kid_at(s, i) == kid)
			return true;
	return false;
}

bool kwset_eq(struct kwset a, struct kwset b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool kwset_covers(struct kwset s, struct kwset all)
{
	for (size_t i = 0; i < count(all); i++)
		if (!kwset_has(s, kid_at(all, i)))
			return false;
	return true;
}

bool kwset_meets(struct kwset s, struct kwset any)
{
	for (size_t i = 0; i < count(any); i++)
		if (kwset_has(s, kid_at(any, i)))
			return true;
	return false;
}

static int by_kid(const void *a, const void *b)
{
	const uint16_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static struct kwset pack(struct arena *a, uint16_t *kid, size_t n)
{
	uint8_t *p;
	size_t k = 0;

	if (n == 0)
		return (struct kwset){ NULL, 0 };
	qsort(kid, n, sizeof(*kid), by_kid);
	p = arena_alloc(a, 2 * n);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && kid[i] == kid[i - 1])
			continue;
		p[k++] = (uint8_t)kid[i];
		p[k++] = (uint8_t)(kid[i] >> 8);
	}
	return (struct kwset){ p, k };
}

struct kwset kwset_union(struct arena *a, struct kwset x, struct kwset y)
{
	size_t n = count(x) + count(y);
	uint16_t *kid = arena_alloc(a, (n + 1) * sizeof(*kid));

	for (size_t i = 0; i < n; i++)
		kid[i] = i < count(x) ? kid_at(x, i) : kid_at(y, i - count(x));
	return pack(a, kid, n);
}

struct kwset kwset_without(struct arena *a, struct kwset x, struct kwset y)
{
	uint16_t *kid = arena_alloc(a, (count(x) + 1) * sizeof(*kid));
	size_t n = 0;

	for (size_t i = 0; i < count(x); i++)
		if (!kwset_has(y, kid_at(x, i)))
			kid[n++] = kid_at(x, i);
	return pack(a, kid, n);
}

/* ---- names -------------------------------------------------------------------- */

static enum err add(struct tx *tx, int64_t mbx, const char *name, int64_t *kid,
		    struct errbuf *eb)
{
	enum err e = db_get_int(tx->db, &q_last, kid, eb, "i", mbx);

	if (e)
		return e;
	if (*kid >= KEYWORDS_MAILBOX)
		return err_set(eb, ERR_LIMIT, "more than %d keywords in a mailbox",
			       KEYWORDS_MAILBOX);
	++*kid;
	return db_run(tx->db, &q_add, eb, "iit", mbx, *kid, name);
}

enum err keyword_find(struct db *db, struct arena *a, int64_t mbx, const char *const *names,
		      struct kwset *out, size_t *missing, struct errbuf *eb)
{
	uint16_t kid[KEYWORDS_MESSAGE];
	size_t n = 0;

	*missing = 0;
	for (size_t i = 0; names && names[i]; i++) {
		int64_t k = 0;
		enum err e;

		if (n == KEYWORDS_MESSAGE)
			return err_set(eb, ERR_LIMIT, "too many keywords");
		e = db_get_int(db, &q_find, &k, eb, "it", mbx, names[i]);
		if (e == ERR_OK)
			kid[n++] = (uint16_t)k;
		else if (e == ERR_NOTFOUND)
			++*missing;
		else
			return e;
	}
	*out = pack(a, kid, n);
	return ERR_OK;
}

static bool is_keyword(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > KEYWORD_BYTES)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return false;
	return true;
}

enum err keyword_pack(struct tx *tx, struct arena *a, int64_t mbx, const char *const *names,
		      bool make, struct kwset *out, struct errbuf *eb)
{
	size_t missing;
	enum err e = keyword_find(tx->db, a, mbx, names, out, &missing, eb);

	if (e || missing == 0 || !make)
		return e;
	for (size_t i = 0; names[i]; i++) {
		int64_t k = 0;

		if (!is_keyword(names[i]))
			return err_set(eb, ERR_INVALID, "not a keyword");
		e = db_get_int(tx->db, &q_find, &k, eb, "it", mbx, names[i]);
		if (e == ERR_NOTFOUND)
			e = add(tx, mbx, names[i], &k, eb);
		if (e)
			return e;
	}
	return keyword_find(tx->db, a, mbx, names, out, &missing, eb);
}

enum err keyword_names(struct db *db, struct arena *a, int64_t mbx, struct kwnames *out,
		       struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_names, "i", mbx);

	*out = (struct kwnames){ NULL, 0 };
	while (db_next(r)) {
		int64_t kid = db_int(r, 0);

		if (kid < 1 || kid > KEYWORDS_MAILBOX || db_text(r, 1) == NULL)
			continue;
		if (out->name == NULL)
			out->name = arena_alloc(a, (KEYWORDS_MAILBOX + 1) * sizeof(*out->name));
		out->name[kid] = span_of(arena_str(a, db_text(r, 1)));
		out->n = (size_t)kid + 1;
	}
	return db_end(&r, eb);
}

size_t kwset_names(struct arena *a, const struct kwnames *all, struct kwset s,
		   const struct span **out)
{
	struct span *names;
	size_t n = 0;

	*out = NULL;
	if (s.n < 2)
		return 0;
	names = arena_alloc(a, count(s) * sizeof(*names));
	for (size_t i = 0; i < count(s); i++) {
		uint16_t kid = kid_at(s, i);

		if (kid < all->n && all->name[kid].p)
			names[n++] = all->name[kid];
	}
	*out = names;
	return n;
}
