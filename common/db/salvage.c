#include "common/db/salvage.h"

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/db/pages.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LEAF_TABLE = 13, LEAF_INDEX = 10, INNER_TABLE = 5, INNER_INDEX = 2,
	MAP_ENTRIES = PAGE_USABLE / 5,		/* of a page of the pointer map */
	MAP_ROOT = 1, MAP_FREE = 2, MAP_BTREE = 5,
	DEEPEST = 20,
	COLUMNS_MAX = 100,
	BATCH_PAGES = 2000,
};

#define ROW_MAX (32u << 20)
#define LOCK_PAGE (UINT32_C(0x40000000) / VFS_PAGE + 1)	/* never used by SQLite */

/* parent[] holds a page's parent, or one of these.  No root's child is one. */
#define UNKNOWN 0
#define ROOT UINT32_MAX
#define NOBODY (UINT32_MAX - 1)

struct source {
	struct salvage_source *pub;
	uint32_t root;
	bool is_rowid;			/* rows below 64-bit keys */
	char *columns;			/* "a, b, c" in the order of the record; NULL: as they come */
	int key_column;			/* that is the rowid, or -1 */
	sqlite3_stmt *insert;
	unsigned n_values;		/* the statement takes */
};

struct work {
	struct salvage *s;
	sqlite3 *h;
	struct pages pages;
	uint32_t *parent;
	struct source *src;
	unsigned char page[VFS_PAGE], more[VFS_PAGE];
	struct buf row;
};

/* ---- rows ------------------------------------------------------------------------ */

struct field {
	uint64_t type;
	const unsigned char *p;
	size_t n;
};

/* Bytes taken, 0: it does not end in time. */
static size_t varint(const unsigned char *p, size_t n, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < 8 && i < n; i++) {
		v = v << 7 | (p[i] & 0x7f);
		if (p[i] < 0x80) {
			*out = v;
			return i + 1;
		}
	}
	if (n < 9)
		return 0;
	*out = v << 8 | p[8];
	return 9;
}

static bool field_size(uint64_t type, size_t *n)
{
	static const unsigned char fixed[] = { 0, 1, 2, 3, 4, 6, 8, 8, 0, 0 };

	if (type < sizeof(fixed))
		*n = fixed[type];
	else if (type < 12 || type > 2 * (uint64_t)ROW_MAX)
		return false;
	else
		*n = (size_t)(type - 12) / 2;
	return true;
}

static bool parse_row(const unsigned char *p, size_t n, struct field *f, unsigned *n_fields)
{
	uint64_t header;
	size_t at = varint(p, n, &header), body;

	*n_fields = 0;
	if (at == 0 || header > n || header < at)
		return false;
	body = (size_t)header;
	while (at < header) {
		struct field *one = &f[*n_fields];
		size_t k = varint(p + at, (size_t)header - at, &one->type);

		if (k == 0 || *n_fields == COLUMNS_MAX || !field_size(one->type, &one->n) ||
		    one->n > n - body)
			return false;
		one->p = p + body;
		at += k;
		body += one->n;
		++*n_fields;
	}
	return *n_fields > 0;
}

static int64_t integer(const struct field *f)
{
	uint64_t v = f->n && f->p[0] & 0x80 ? UINT64_MAX : 0;

	if (f->type == 8 || f->type == 9)
		return (int64_t)f->type - 8;
	for (size_t i = 0; i < f->n; i++)
		v = v << 8 | f->p[i];
	return (int64_t)v;
}

static int bind_field(sqlite3_stmt *st, int i, const struct field *f)
{
	int64_t v;
	double d;

	if (f->type == 0)
		return sqlite3_bind_null(st, i);
	if (f->type == 7) {
		v = integer(f);
		memcpy(&d, &v, sizeof(d));
		return sqlite3_bind_double(st, i, d);
	}
	if (f->type < 10)
		return sqlite3_bind_int64(st, i, integer(f));
	if (f->type & 1)
		return sqlite3_bind_text(st, i, (const char *)f->p, (int)f->n, SQLITE_STATIC);
	return sqlite3_bind_blob(st, i, f->n ? (const void *)f->p : "", (int)f->n, SQLITE_STATIC);
}

static int prepare_insert(struct work *w, struct source *src, unsigned n)
{
	char *sql, marks[2 * COLUMNS_MAX + 1];
	int rc;

	if (src->insert && src->n_values == n)
		return SQLITE_OK;
	sqlite3_finalize(src->insert);
	src->insert = NULL;
	src->n_values = n;
	for (unsigned i = 0; i < n; i++)
		memcpy(marks + 2 * (size_t)i, "?,", 2);
	marks[2 * (size_t)n - 1] = '\0';
	sql = xasprintf("INSERT OR IGNORE INTO %s%s%s%s VALUES(%s)", src->pub->into,
			src->columns ? "(" : "", src->columns ? src->columns : "",
			src->columns ? ")" : "", marks);
	rc = sqlite3_prepare_v2(w->h, sql, -1, &src->insert, NULL);
	free(sql);
	return rc;
}

static int insert_row(struct work *w, struct source *src, int64_t key, const struct field *f,
		      unsigned n)
{
	int rc = prepare_insert(w, src, n);

	for (unsigned i = 0; rc == SQLITE_OK && i < n; i++)
		rc = (int)i == src->key_column ? sqlite3_bind_int64(src->insert, (int)i + 1, key)
					       : bind_field(src->insert, (int)i + 1, &f[i]);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(src->insert);
	sqlite3_reset(src->insert);
	if (rc == SQLITE_DONE && sqlite3_changes(w->h) > 0)
		src->pub->kept++;
	else
		src->pub->spoilt++;
	rc &= 0xff;
	/* What the table refuses, or a row of another number of columns, is no row of it. */
	return rc == SQLITE_FULL || rc == SQLITE_IOERR || rc == SQLITE_NOMEM ? rc : SQLITE_OK;
}

/* The rest of a row that does not fit its page. */
static bool read_overflow(struct work *w, uint32_t pgno, size_t left)
{
	while (left > 0) {
		size_t n = left < PAGE_USABLE - 4 ? left : PAGE_USABLE - 4;

		if (!pages_read(&w->pages, pgno, w->more) || buf_add(&w->row, w->more + 4, n))
			return false;
		pgno = be32(w->more);
		left -= n;
	}
	return true;
}

/* The row's bytes, from a cell that ends somewhere before `end`. */
static bool read_payload(struct work *w, const unsigned char *p, const unsigned char *end,
			 uint64_t size, bool is_rowid)
{
	size_t most = is_rowid ? PAGE_USABLE - 35 : (PAGE_USABLE - 12) * 64 / 255 - 23;
	size_t least = (PAGE_USABLE - 12) * 32 / 255 - 23, here = (size_t)size, room;

	if (size > ROW_MAX)
		return false;
	if (size > most) {
		here = least + ((size_t)size - least) % (PAGE_USABLE - 4);
		if (here > most)
			here = least;
	}
	room = here + (here < size ? 4 : 0);
	if (room > (size_t)(end - p))
		return false;
	buf_clear(&w->row);
	if (buf_add(&w->row, p, here))
		return false;
	return here == size || read_overflow(w, be32(p + here), (size_t)size - here);
}

static int copy_cell(struct work *w, struct source *src, size_t at, bool inner)
{
	const unsigned char *p = w->page + at, *end = w->page + PAGE_USABLE;
	struct field f[COLUMNS_MAX];
	uint64_t size, key = 0;
	unsigned n;
	size_t k;

	if (at >= PAGE_USABLE || (inner && end - p < 4))
		goto spoilt;
	p += inner ? 4 : 0;
	k = varint(p, (size_t)(end - p), &size);
	p += k;
	if (k && src->is_rowid) {
		k = varint(p, (size_t)(end - p), &key);
		p += k;
	}
	if (k && read_payload(w, p, end, size, src->is_rowid) &&
	    parse_row((const unsigned char *)w->row.data, w->row.len, f, &n))
		return insert_row(w, src, (int64_t)key, f, n);
spoilt:
	src->pub->spoilt++;
	return SQLITE_OK;
}

static int copy_page(struct work *w, struct source *src)
{
	unsigned char type = w->page[0];
	bool inner = type == INNER_INDEX;
	uint32_t n = be16(w->page + 3), cells = inner ? 12 : 8;
	int rc = SQLITE_OK;

	if (src->is_rowid ? type == INNER_TABLE : false)
		return SQLITE_OK;
	if ((src->is_rowid ? type != LEAF_TABLE : type != LEAF_INDEX && !inner) ||
	    n > (PAGE_USABLE - cells) / 2) {
		src->pub->pages_lost++;
		return SQLITE_OK;
	}
	for (uint32_t i = 0; rc == SQLITE_OK && i < n; i++)
		rc = copy_cell(w, src, be16(w->page + cells + 2 * i), inner);
	return rc;
}

/* ---- whose page is it? ------------------------------------------------------------- */

static bool is_map_page(uint32_t pgno)
{
	uint32_t at = (pgno - 2) / (MAP_ENTRIES + 1) * (MAP_ENTRIES + 1) + 2;

	return pgno >= 2 && pgno == at + (at == LOCK_PAGE);
}

static void read_map_page(struct work *w, uint32_t map)
{
	for (uint32_t i = 0; i < MAP_ENTRIES && map + 1 + i <= w->pages.n; i++) {
		const unsigned char *entry = w->page + 5 * (size_t)i;
		uint32_t up = be32(entry + 1);

		w->parent[map + 1 + i] = entry[0] == MAP_ROOT ? ROOT :
			entry[0] == MAP_BTREE && up > 0 && up <= w->pages.n ? up : NOBODY;
	}
}

/* True: each page of the map could be read, so nothing is left to find out. */
static bool read_map(struct work *w)
{
	bool whole = true;

	for (uint32_t at = 2; at <= w->pages.n; at += MAP_ENTRIES + 1) {
		uint32_t map = at + (at == LOCK_PAGE);

		if (pages_read(&w->pages, map, w->page))
			read_map_page(w, map);
		else
			whole = false;
		if (at > UINT32_MAX - MAP_ENTRIES - 1)
			break;
	}
	return whole;
}

static void claim(struct work *w, uint32_t pgno, unsigned depth);

static void claim_child(struct work *w, uint32_t child, uint32_t by, unsigned depth)
{
	if (child == 0 || child > w->pages.n)
		return;
	if (w->parent[child] == UNKNOWN)
		w->parent[child] = by;
	if (w->parent[child] == by)
		claim(w, child, depth + 1);
}

/* Tell this page's children who their parent is. */
static void claim(struct work *w, uint32_t pgno, unsigned depth)
{
	unsigned char *page;

	if (depth >= DEEPEST)
		return;
	page = xcalloc(1, VFS_PAGE);
	if (pages_read(&w->pages, pgno, page) &&
	    (page[0] == INNER_TABLE || page[0] == INNER_INDEX)) {
		for (uint32_t i = 0; i < be16(page + 3) && 12 + 2 * i + 2 <= PAGE_USABLE; i++) {
			uint32_t cell = be16(page + 12 + 2 * i);

			if (cell <= PAGE_USABLE - 4)
				claim_child(w, be32(page + cell), pgno, depth);
		}
		claim_child(w, be32(page + 8), pgno, depth);
	}
	free(page);
}

static struct source *owner(struct work *w, uint32_t pgno)
{
	for (unsigned i = 0; i < DEEPEST; i++) {
		for (size_t k = 0; k < w->s->n_sources; k++)
			if (w->src[k].root == pgno)
				return &w->src[k];
		pgno = w->parent[pgno];
		if (pgno == UNKNOWN || pgno == ROOT || pgno == NOBODY)
			return NULL;
	}
	return NULL;
}

/* ---- the sources -------------------------------------------------------------------- */

static enum err fail(struct work *w, struct errbuf *eb)
{
	int rc = sqlite3_errcode(w->h);

	return err_set(eb, rc == SQLITE_FULL ? ERR_FULL : ERR_AGAIN, "salvage: %s",
		       sqlite3_errmsg(w->h));
}

/* The order of a record: as declared, but a WITHOUT ROWID table's key comes first. */
static const char record_order[] =
	"SELECT name, pk, cid FROM pragma_table_info(?1)"
	" ORDER BY CASE WHEN pk AND NOT ?2 THEN pk ELSE 1000 + cid END";
static const char what_is[] =
	"SELECT s.rootpage, s.type = 'table', coalesce(l.wr, 1) FROM sqlite_schema s"
	" LEFT JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.name"
	" WHERE s.name = ?1";

static enum err list_columns(struct work *w, struct source *src, struct errbuf *eb)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(w->h, record_order, -1, &st, NULL) != SQLITE_OK)
		return fail(w, eb);
	sqlite3_bind_text(st, 1, src->pub->name, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 2, src->is_rowid);
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(st, 0);
		char *longer = src->columns ? xasprintf("%s, %s", src->columns, name)
					    : xstrdup(name);

		free(src->columns);
		src->columns = longer;
		if (src->is_rowid && sqlite3_column_int(st, 1))
			src->key_column = sqlite3_column_int(st, 2);
	}
	sqlite3_finalize(st);
	return ERR_OK;
}

static enum err describe(struct work *w, struct source *src, struct errbuf *eb)
{
	sqlite3_stmt *st = NULL;
	bool is_table = false;
	enum err e = ERR_OK;

	src->key_column = -1;
	if (sqlite3_prepare_v2(w->h, what_is, -1, &st, NULL) != SQLITE_OK)
		return fail(w, eb);
	sqlite3_bind_text(st, 1, src->pub->name, -1, SQLITE_STATIC);
	if (sqlite3_step(st) == SQLITE_ROW) {
		src->root = (uint32_t)sqlite3_column_int64(st, 0);
		is_table = sqlite3_column_int(st, 1);
		src->is_rowid = is_table && !sqlite3_column_int(st, 2);
	} else {
		e = err_set(eb, ERR_INTERNAL, "salvage: no %s in the schema", src->pub->name);
	}
	sqlite3_finalize(st);
	return e == ERR_OK && is_table ? list_columns(w, src, eb) : e;
}

static enum err begin(struct work *w, struct errbuf *eb)
{
	struct salvage *s = w->s;
	enum err e = pages_open(&w->pages, s->path, eb);

	w->h = db_handle(s->to);
	w->src = xcalloc(s->n_sources, sizeof(*w->src));
	buf_init(&w->row, ROW_MAX);
	for (size_t i = 0; e == ERR_OK && i < s->n_sources; i++) {
		s->sources[i].kept = s->sources[i].spoilt = s->sources[i].pages_lost = 0;
		w->src[i] = (struct source){ .pub = &s->sources[i] };
		e = describe(w, &w->src[i], eb);
	}
	if (e)
		return e;
	s->pages = w->pages.n;
	s->pages_bad = 0;
	w->parent = xcalloc((size_t)w->pages.n + 2, sizeof(*w->parent));
	if (!read_map(w))
		for (size_t i = 0; i < s->n_sources; i++)
			claim(w, w->src[i].root, 0);
	return ERR_OK;
}

static void end(struct work *w)
{
	for (size_t i = 0; w->src && i < w->s->n_sources; i++) {
		sqlite3_finalize(w->src[i].insert);
		free(w->src[i].columns);
	}
	pages_close(&w->pages);
	buf_fini(&w->row);
	free(w->src);
	free(w->parent);
	free(w);
}

static enum err one_page(struct work *w, uint32_t pgno, struct errbuf *eb)
{
	bool good = pages_read(&w->pages, pgno, w->page);
	struct source *src = is_map_page(pgno) || pgno == LOCK_PAGE ? NULL : owner(w, pgno);

	if (!good && pgno != LOCK_PAGE)
		w->s->pages_bad++;
	if (src == NULL)
		return ERR_OK;
	if (!good) {
		src->pub->pages_lost++;
		return ERR_OK;
	}
	return copy_page(w, src) ? fail(w, eb) : ERR_OK;
}

static enum err all_pages(struct work *w, struct errbuf *eb)
{
	enum err e = db_begin(w->s->to, eb);

	for (uint32_t pgno = 1; e == ERR_OK && pgno <= w->pages.n; pgno++) {
		e = one_page(w, pgno, eb);
		if (e || pgno % BATCH_PAGES != 0)
			continue;
		e = db_commit(w->s->to, eb);
		if (w->s->progress)
			w->s->progress(w->s->ctx, pgno, w->pages.n);
		if (e == ERR_OK)
			e = db_begin(w->s->to, eb);
	}
	if (e == ERR_OK)
		e = db_commit(w->s->to, eb);
	db_rollback(w->s->to);
	return e;
}

enum err salvage_run(struct salvage *s, struct errbuf *eb)
{
	struct work *w = xcalloc(1, sizeof(*w));
	enum err e;

	w->s = s;
	w->pages = (struct pages){ .fd = -1, .wal_fd = -1 };
	e = begin(w, eb);
	if (e == ERR_OK)
		e = all_pages(w, eb);
	end(w);
	return e;
}

enum err salvage_version(const char *path, int64_t *version, struct errbuf *eb)
{
	unsigned char *page = xcalloc(1, VFS_PAGE);
	struct pages p;
	enum err e = pages_open(&p, path, eb);

	*version = 0;
	if (e == ERR_OK && pages_read(&p, 1, page))
		*version = be32(page + 60);
	if (e == ERR_OK)
		pages_close(&p);
	free(page);
	return e;
}
