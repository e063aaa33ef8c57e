/* catalogue_find - which messages of a folder may hold a text */
#include "roles/mailbox/catalogue.h"

#include "common/base/check.h"
#include "common/mime/casemap.h"
#include "roles/mailbox/schema.h"
#include <stdlib.h>
#include <string.h>

DB_SQL(q_head, "SELECT rowid FROM head WHERE head MATCH ?1 AND rowid BETWEEN ?2 AND ?3"
	       " ORDER BY rowid LIMIT ?4");
DB_SQL(q_body, "SELECT rowid FROM body WHERE body MATCH ?1 AND rowid BETWEEN ?2 AND ?3"
	       " ORDER BY rowid LIMIT ?4");
DB_SQL(q_upto, "SELECT upto FROM done WHERE mbx = ?1 AND guid = ?2");
DB_SQL(q_partial, "SELECT rid FROM partial WHERE rid BETWEEN ?2 AND ?3 ORDER BY rid LIMIT ?4");
DB_SQL(q_place, "SELECT uid FROM placement WHERE mbx = ?1 AND iid = ?2 AND fid = ?3");
DB_SQL(q_behind, "SELECT uid FROM placement INDEXED BY place_item"
		 " WHERE mbx = ?1 AND iid > ?2 AND fid = ?3 LIMIT ?4");

enum {
	TRIGRAMS = 16,			/* of a text that are asked for */
	PAGE = 4096,			/* messages looked up at a time */
	MAX_MAYBE = 250000,		/* messages: more are as good as unknown */
	MAX_BEHIND = 50000,		/* not taken in yet: the same */
	MAX_RUNS = 20000		/* of all texts together; they fit one answer */
};
#define IID_MASK ((INT64_C(1) << 40) - 1)

struct find {
	struct db *store, *search;
	const struct find_op *op;
	int64_t upto;
	struct runs always;		/* behind upto, or partial */
	int64_t *rid;			/* a page of them */
	size_t n_rid;
};

/* ---- the question -------------------------------------------------------------------- */

static size_t count_chars(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static const char *skip_chars(const char *p, size_t n)
{
	while (n-- > 0)
		do
			p++;
		while (((unsigned char)*p & 0xc0) == 0x80);
	return p;
}

/* "ABC" AND "BCD" ...; of a long text some, evenly spread.  False: it is too short. */
static bool match_of(struct span text, struct buf *out)
{
	struct buf key;
	size_t chars, from = 0;
	bool ok;

	buf_init(&key, CASEMAP_GROWTH * STORE_NEEDLE_MAX + 8);
	casemap(text, &key);
	chars = count_chars((struct span){ key.data, key.len });
	ok = chars >= CATALOGUE_CHARS && memchr(key.data, '\0', key.len) == NULL;
	for (size_t i = 0; ok && i < TRIGRAMS && from + CATALOGUE_CHARS <= chars; i++) {
		const char *p = skip_chars(key.data, from), *end = skip_chars(p, CATALOGUE_CHARS);
		size_t left = chars - CATALOGUE_CHARS - from;

		ok = (i == 0 || buf_adds(out, " AND ") == ERR_OK) && buf_addc(out, '"') == ERR_OK;
		for (; ok && p < end; p++)	/* a quote is doubled */
			ok = (*p != '"' || buf_addc(out, '"') == ERR_OK) &&
			     buf_addc(out, *p) == ERR_OK;
		ok = ok && buf_addc(out, '"') == ERR_OK;
		from += left / (TRIGRAMS - i) > 1 ? left / (TRIGRAMS - i) : 1;
	}
	buf_fini(&key);
	return ok;
}

/* ---- messages -------------------------------------------------------------------------- */

/* The page's messages as uids of the folder. */
static enum err look_up(struct find *f, struct runs *out, struct errbuf *eb)
{
	const struct who *w = &f->op->who;
	enum err e = db_begin_read(f->store, eb);

	for (size_t i = 0; e == ERR_OK && i < f->n_rid; i++) {
		struct db_row *r = db_query(f->store, &q_place, "iii", w->mbx,
					    f->rid[i] & IID_MASK, (int64_t)f->op->fid);

		while (db_next(r))
			runs_add(out, (uint32_t)db_int(r, 0));
		e = db_end(&r, eb);
	}
	db_rollback(f->store);
	return e;
}

static enum err page(struct find *f, const struct db_sql *q, const char *match, int64_t from,
		     struct errbuf *eb)
{
	struct db_row *r = db_query(f->search, q, "tiii", match, from,
				    f->op->who.mbx << 40 | IID_MASK, (int64_t)PAGE);

	f->n_rid = 0;
	while (f->n_rid < PAGE && db_next(r))
		f->rid[f->n_rid++] = db_int(r, 0);
	return db_end(&r, eb);
}

/* All that match; LIMIT: too many. */
static enum err collect(struct find *f, const struct db_sql *q, const char *match,
			struct runs *out, struct errbuf *eb)
{
	int64_t from = f->op->who.mbx << 40;
	size_t n = 0;
	enum err e;

	do {
		e = page(f, q, match, from, eb);
		if (e == ERR_OK)
			e = look_up(f, out, eb);
		n += f->n_rid;
		if (f->n_rid)
			from = f->rid[f->n_rid - 1] + 1;
		if (e == ERR_OK && n > MAX_MAYBE)
			e = err_set(eb, ERR_LIMIT, "too many");
	} while (e == ERR_OK && f->n_rid == PAGE);
	return e;
}

/* What the catalogue has not reached; the range of item numbers is short or given up. */
static enum err behind(struct find *f, struct errbuf *eb)
{
	const struct who *w = &f->op->who;
	struct db_row *r;
	size_t n = 0;
	enum err e = db_begin_read(f->store, eb);

	if (e)
		return e;
	r = db_query(f->store, &q_behind, "iiii", w->mbx, f->upto, (int64_t)f->op->fid,
		     (int64_t)MAX_BEHIND);
	for (; db_next(r); n++)
		runs_add(&f->always, (uint32_t)db_int(r, 0));
	e = db_end(&r, eb);
	db_rollback(f->store);
	return e || n < MAX_BEHIND ? e : err_set(eb, ERR_LIMIT, "too many");
}

static enum err begin(struct find *f, struct errbuf *eb)
{
	const struct who *w = &f->op->who;
	enum err e = db_get_int(f->search, &q_upto, &f->upto, eb, "ig", w->mbx, &w->mailbox);

	if (e == ERR_OK)
		e = behind(f, eb);
	if (e == ERR_OK)
		e = collect(f, &q_partial, NULL, &f->always, eb);
	return e;
}

static enum err find_one(struct find *f, struct find_needle *k, struct errbuf *eb)
{
	struct buf match;
	enum err e = ERR_NOTFOUND;

	buf_init(&match, 4096);
	if (match_of(k->text, &match)) {
		e = ERR_OK;
		if (k->header)
			e = collect(f, &q_head, match.data, &k->maybe, eb);
		if (e == ERR_OK && k->body)
			e = collect(f, &q_body, match.data, &k->maybe, eb);
	}
	buf_fini(&match);
	for (size_t i = 0; e == ERR_OK && i < f->always.n; i++)
		runs_add_range(&k->maybe, f->always.r[i].first, f->always.r[i].last);
	runs_normalise(&k->maybe);
	k->known = e == ERR_OK && k->maybe.n <= MAX_RUNS / f->op->n;
	if (!k->known)
		runs_fini(&k->maybe);
	return e;
}

static void look(struct find *f, struct find_op *op, struct errbuf *eb)
{
	enum err e = begin(f, eb);

	runs_normalise(&f->always);
	for (size_t i = 0; e == ERR_OK && i < op->n; i++)
		(void)!find_one(f, &op->needles[i], eb);
}

enum err catalogue_find(struct db *store, void *arg, struct errbuf *eb)
{
	struct find_op *op = arg;
	struct db_conf conf = { .path = op->path, .flags = DB_READONLY | DB_SHARED };
	struct find f = { .store = store, .op = op };
	enum err e = db_begin_read(store, eb);

	if (e == ERR_OK)
		e = access_check(store, &op->who, (int64_t)op->fid, RIGHT_READ, eb);
	db_rollback(store);
	if (e)
		return e;
	if (db_open(&conf, &search_schema, &f.search, NULL) == ERR_OK) {
		f.rid = xcalloc(PAGE, sizeof(*f.rid));
		look(&f, op, eb);
		free(f.rid);
		runs_fini(&f.always);
	}
	db_close(&f.search);
	return ERR_OK;
}

void find_fini(struct find_op *op)
{
	for (size_t i = 0; i < op->n; i++)
		runs_fini(&op->needles[i].maybe);
}
