#include "roles/mailbox/runs.h"

#include "common/base/check.h"
#include <stdlib.h>

DB_SQL(q_runs, "SELECT first, last FROM uid_run WHERE mbx = ?1 AND fid = ?2 ORDER BY first");
DB_SQL(q_runs_from,
       "SELECT first, last FROM uid_run WHERE mbx = ?1 AND fid = ?2 AND first >= ?3"
       " ORDER BY first LIMIT ?4");
DB_SQL(q_run_at,
       "SELECT first, last FROM uid_run WHERE mbx = ?1 AND fid = ?2 AND first <= ?3"
       " ORDER BY first DESC LIMIT 1");
DB_SQL(q_run_from,
       "SELECT first, last FROM uid_run WHERE mbx = ?1 AND fid = ?2 AND first > ?3"
       " ORDER BY first LIMIT 1");
DB_SQL(q_drop_run, "DELETE FROM uid_run WHERE mbx = ?1 AND fid = ?2 AND first = ?3");
DB_SQL(q_cut_run, "UPDATE uid_run SET last = ?4 WHERE mbx = ?1 AND fid = ?2 AND first = ?3");
DB_SQL(q_put_run, "INSERT INTO uid_run(mbx, fid, first, last) VALUES(?1, ?2, ?3, ?4)");

void runs_fini(struct runs *l)
{
	free(l->r);
	*l = (struct runs){ NULL, 0, 0 };
}

void runs_add_range(struct runs *l, uint32_t first, uint32_t last)
{
	struct uid_range *end = l->n ? &l->r[l->n - 1] : NULL;

	if (end && first >= end->first && (first <= end->last || first - 1 == end->last)) {
		if (last > end->last)
			end->last = last;
		return;
	}
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->r = xrealloc(l->r, l->cap * sizeof(*l->r));
	}
	CHECK(l->r != NULL);
	l->r[l->n++] = (struct uid_range){ first, last };
}

void runs_add(struct runs *l, uint32_t uid)
{
	runs_add_range(l, uid, uid);
}

static int by_first(const void *a, const void *b)
{
	const struct uid_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

void runs_normalise(struct runs *l)
{
	size_t n = l->n;

	if (n == 0)
		return;
	qsort(l->r, n, sizeof(*l->r), by_first);
	l->n = 1;
	for (size_t i = 1; i < n; i++)
		runs_add_range(l, l->r[i].first, l->r[i].last);
}

void runs_copy(struct runs *l, const struct uid_range *r, size_t n)
{
	l->n = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t a = r[i].first, b = r[i].last;

		runs_add_range(l, a < b ? a : b, a < b ? b : a);
	}
	runs_normalise(l);
}

bool runs_contain(const struct runs *l, uint32_t uid)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (l->r[mid].last < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < l->n && l->r[low].first <= uid;
}

void runs_cross(struct runs *out, const struct runs *a, const struct runs *b)
{
	size_t i = 0, k = 0;

	while (i < a->n && k < b->n) {
		struct uid_range x = a->r[i], y = b->r[k];
		uint32_t first = x.first > y.first ? x.first : y.first;
		uint32_t last = x.last < y.last ? x.last : y.last;

		if (first <= last)
			runs_add_range(out, first, last);
		if (x.last < y.last)
			i++;
		else
			k++;
	}
}

uint64_t runs_count(const struct runs *l)
{
	uint64_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += (uint64_t)l->r[i].last - l->r[i].first + 1;
	return n;
}

enum err runs_load(struct db *db, int64_t mbx, int64_t fid, struct runs *out, struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_runs, "ii", mbx, fid);

	while (db_next(r))
		runs_add_range(out, (uint32_t)db_int(r, 0), (uint32_t)db_int(r, 1));
	return db_end(&r, eb);
}

enum err runs_page(struct db *db, const int64_t key[2], uint32_t from, size_t max,
		   struct runs *out, bool *more, struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_runs_from, "iiii", key[0], key[1], (int64_t)from,
				    (int64_t)max + 1);
	size_t n = 0;

	*more = false;
	while (db_next(r)) {
		*more = n++ == max;
		if (!*more)
			runs_add_range(out, (uint32_t)db_int(r, 0), (uint32_t)db_int(r, 1));
	}
	return db_end(&r, eb);
}

/* ---- the table ------------------------------------------------------------------- */

/* The run that holds uid, or the first one behind it; first 0: none. */
static enum err find_run(struct tx *tx, const int64_t key[2], int64_t uid, int64_t *first,
			 int64_t *last, struct errbuf *eb)
{
	const struct db_sql *const ask[] = { &q_run_at, &q_run_from };
	enum err e = ERR_OK;

	*first = 0;
	for (unsigned i = 0; e == ERR_OK && *first == 0 && i < N_ELEMS(ask); i++) {
		struct db_row *r = db_query(tx->db, ask[i], "iii", key[0], key[1], uid);

		if (db_next(r) && db_int(r, 1) >= uid) {
			*first = db_int(r, 0);
			*last = db_int(r, 1);
		}
		e = db_end(&r, eb);
	}
	return e;
}

/* Take [from, to] out of the run [first, last], which it touches. */
static enum err cut(struct tx *tx, const int64_t key[2], int64_t first, int64_t last,
		    int64_t from, int64_t to, struct errbuf *eb)
{
	enum err e;

	if (from > first)
		e = db_run(tx->db, &q_cut_run, eb, "iiii", key[0], key[1], first, from - 1);
	else
		e = db_run(tx->db, &q_drop_run, eb, "iii", key[0], key[1], first);
	if (e == ERR_OK && to < last)
		e = db_run(tx->db, &q_put_run, eb, "iiii", key[0], key[1], to + 1, last);
	return e;
}

static enum err remove_range(struct tx *tx, const int64_t key[2], int64_t from, int64_t to,
			     struct errbuf *eb)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && from <= to) {
		int64_t first, last = 0;

		e = find_run(tx, key, from, &first, &last, eb);
		if (e || first == 0 || first > to)
			break;
		e = cut(tx, key, first, last, from > first ? from : first, to, eb);
		from = last + 1;
	}
	return e;
}

/* The table is brought up to date first and the last run read again after. */
enum err runs_remove(struct tx *tx, struct folder_row *f, const struct runs *gone,
		     struct errbuf *eb)
{
	const int64_t *key = f->row.key;
	enum err e;

	tx_touch(tx, &f->row);
	e = tx_write_run(tx, f, eb);
	for (size_t i = 0; e == ERR_OK && i < gone->n; i++)
		e = remove_range(tx, key, gone->r[i].first, gone->r[i].last, eb);
	if (e == ERR_OK)
		e = tx_read_run(tx, f, eb);
	return e;
}
