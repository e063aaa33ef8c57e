#include "roles/mailbox/content.h"

#include "common/base/check.h"
#include "common/mime/preview.h"
#include "common/tls/digest.h"
#include "roles/mailbox/zpool.h"
#include <endian.h>
#include <stdlib.h>

enum { COLLECT_AFTER_MS = 3600 * 1000, STAGING_MS = 24 * 3600 * 1000 };

DB_SQL(q_same, "SELECT bid, sha256, size FROM content WHERE hash8 = ?1 AND state = 1");
DB_SQL(q_new_live,
       "INSERT INTO content(hash8, sha256, size, refs, state, mime_map)"
       " VALUES(?1, ?2, ?3, ?4, 1, ?5)");
DB_SQL(q_new_staging, "INSERT INTO content(size, refs, state, zero_at) VALUES(0, 0, 0, ?1)");
DB_SQL(q_go_live,
       "UPDATE content SET hash8 = ?2, sha256 = ?3, size = ?4, refs = ?5, state = 1,"
       " zero_at = NULL, mime_map = ?6 WHERE bid = ?1 AND state = 0");
DB_SQL(q_put_chunk, "INSERT OR REPLACE INTO content_chunk(cid, data) VALUES(?1, ?2)");
DB_SQL(q_refs, "UPDATE content SET refs = refs + ?2, zero_at = NULL WHERE bid = ?1");
DB_SQL(q_unref,
       "UPDATE content SET refs = refs - ?2, zero_at = CASE WHEN refs <= ?2 THEN ?3 END"
       " WHERE bid = ?1");
DB_SQL(q_abandon, "UPDATE content SET zero_at = 0 WHERE bid = ?1 AND state = 0");
DB_SQL(q_due,
       "SELECT bid, size FROM content WHERE zero_at IS NOT NULL AND zero_at < ?1 AND refs <= 0"
       " AND (state != 0 OR zero_at < ?2) ORDER BY zero_at LIMIT 1");
DB_SQL(q_doom, "UPDATE content SET state = 2 WHERE bid = ?1");
DB_SQL(q_drop_chunks,
       "DELETE FROM content_chunk WHERE cid IN (SELECT cid FROM content_chunk"
       " WHERE cid >= ?1 << 20 AND cid < (?1 + 1) << 20 LIMIT ?2)");
DB_SQL(q_drop, "DELETE FROM content WHERE bid = ?1 AND refs <= 0");
DB_SQL(q_chunk, "SELECT data FROM content_chunk WHERE cid = ?1");

static int64_t cid(int64_t bid, uint64_t index)
{
	return bid << 20 | (int64_t)index;
}

/* ---- building --------------------------------------------------------------------- */

struct content *content_new(struct zpool *z)
{
	struct content *c = xcalloc(1, sizeof(*c));

	c->zpool = z;
	c->digest = digest_new();
	c->map = mime_map_new();
	buf_init(&c->raw, CONTENT_CHUNK);
	buf_init(&c->blob, MIME_MAP_MAX);
	list_init(&c->ready);
	return c;
}

void content_free(struct content **cp)
{
	struct content *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	content_staged(c);
	digest_free(&c->digest);
	mime_map_free(&c->map);
	buf_fini(&c->raw);
	buf_fini(&c->blob);
	free(c->preview);
	free(c);
}

/* The raw bytes of the chunk become a frame, or stay as they are if that is not
 * larger: the length tells which, as only less than raw is a frame. */
static void close_chunk(struct content *c)
{
	size_t cap = ZSTD_compressBound(c->raw.len), n;
	struct chunk *k = xcalloc(1, sizeof(*k) + cap);
	ZSTD_CCtx *z = zpool_compressor(c->zpool);

	n = ZSTD_compress2(z, k->data, cap, c->raw.data, c->raw.len);
	zpool_put_compressor(c->zpool, z);
	if (ZSTD_isError(n) || n >= c->raw.len) {
		n = c->raw.len;
		memcpy(k->data, c->raw.data, n);
	}
	k = xrealloc(k, sizeof(*k) + n);
	k->len = n;
	k->index = c->n_chunks++;
	list_add_tail(&c->ready, &k->node);
	c->ready_bytes += n;
	buf_clear(&c->raw);
}

enum err content_feed(struct content *c, const char *p, size_t n)
{
	CHECK(!c->is_finished);
	if (c->size + n > CONTENT_MAX)
		return ERR_LIMIT;
	c->size += n;
	digest_feed(c->digest, p, n);
	mime_map_feed(c->map, p, n);
	while (n > 0) {
		size_t part = CONTENT_CHUNK - c->raw.len;

		if (part > n)
			part = n;
		CHECK(buf_add(&c->raw, p, part) == ERR_OK);
		p += part;
		n -= part;
		if (c->raw.len == CONTENT_CHUNK)
			close_chunk(c);
	}
	return ERR_OK;
}

/* Of a message that is here as a whole; others get theirs when somebody asks. */
static void make_preview(struct content *c)
{
	const size_t n = c->raw.len < PREVIEW_LOOK ? c->raw.len : PREVIEW_LOOK;
	struct mime_view view;
	struct preview *p;
	struct span text;

	if (c->n_chunks > 0 || c->raw.len == 0 ||
	    mime_map_decode((struct span){ c->blob.data, c->blob.len }, &view, NULL))
		return;
	p = preview_new(&view);
	preview_feed(p, c->raw.data, n);
	text = preview_end(p);
	if (text.n > 0 || n == c->raw.len)
		c->preview = text.n ? xmemdup(text.p, text.n) : xstrdup(PREVIEW_NONE);
	preview_free(&p);
}

enum err content_finish(struct content *c)
{
	enum err e;

	digest_take(c->digest, c->sha256);
	mime_map_finish(c->map);
	e = mime_map_encode(c->map, &c->blob);
	if (e == ERR_OK)
		make_preview(c);
	if (c->raw.len > 0)
		close_chunk(c);
	buf_fini(&c->raw);
	c->sum = mime_map_summary(c->map);
	c->has_attach = mime_map_has_attach(c->map);
	c->is_finished = true;
	return e;
}

/* ---- storing ----------------------------------------------------------------------- */

static int64_t hash8(const struct content *c)
{
	uint64_t v;

	memcpy(&v, c->sha256, sizeof(v));
	return (int64_t)be64toh(v);
}

static enum err put_chunks(struct tx *tx, const struct content *c, int64_t bid,
			   struct errbuf *eb)
{
	enum err e = ERR_OK;

	LIST_EACH (&c->ready, n) {
		const struct chunk *k = CONTAINER_OF(n, struct chunk, node);

		e = db_run(tx->db, &q_put_chunk, eb, "ib", cid(bid, k->index), k->data, k->len);
		if (e)
			break;
	}
	return e;
}

enum err content_stage(struct tx *tx, const struct content *c, int64_t *bid, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (*bid == 0) {
		e = db_run(tx->db, &q_new_staging, eb, "i", tx->now_ms);
		if (e == ERR_OK)
			*bid = db_last_rowid(tx->db);
	}
	return e ? e : put_chunks(tx, c, *bid, eb);
}

void content_staged(struct content *c)
{
	struct list *n;

	while ((n = list_pop(&c->ready)) != NULL)
		free(CONTAINER_OF(n, struct chunk, node));
	c->ready_bytes = 0;
}

/* Only bytes that we hashed ourselves are compared, so equal sums are equal
 * bytes; the size is a cheap second opinion. */
static enum err find_same(struct tx *tx, const struct content *c, int64_t *bid,
			  struct errbuf *eb)
{
	struct db_row *r = db_query(tx->db, &q_same, "i", hash8(c));

	*bid = 0;
	while (*bid == 0 && db_next(r)) {
		size_t n;
		const void *sum = db_blob(r, 1, &n);

		if (n == sizeof(c->sha256) && memcmp(sum, c->sha256, n) == 0 &&
		    (uint64_t)db_int(r, 2) == c->size)
			*bid = db_int(r, 0);
	}
	return db_end(&r, eb);
}

static enum err store_new(struct tx *tx, const struct content *c, int64_t staged, int64_t refs,
			  int64_t *bid, struct errbuf *eb)
{
	enum err e;

	if (staged) {
		*bid = staged;
		e = db_run(tx->db, &q_go_live, eb, "iibiib", staged, hash8(c), c->sha256,
			   sizeof(c->sha256), (int64_t)c->size, refs, c->blob.data, c->blob.len);
		if (e == ERR_OK && db_changes(tx->db) != 1)
			e = err_set(eb, ERR_AGAIN, "staged content was collected");
	} else {
		e = db_run(tx->db, &q_new_live, eb, "ibiib", hash8(c), c->sha256,
			   sizeof(c->sha256), (int64_t)c->size, refs, c->blob.data, c->blob.len);
		*bid = db_last_rowid(tx->db);
	}
	return e ? e : put_chunks(tx, c, *bid, eb);
}

enum err content_store(struct tx *tx, const struct content *c, int64_t staged, int64_t refs,
		       int64_t *bid, struct errbuf *eb)
{
	int64_t working = tx->working;
	enum err e;

	CHECK(c->is_finished && refs > 0);
	tx->working = 0;
	e = find_same(tx, c, bid, eb);
	if (e == ERR_OK && *bid == 0)
		e = store_new(tx, c, staged, refs, bid, eb);
	else if (e == ERR_OK) {
		e = db_run(tx->db, &q_refs, eb, "ii", *bid, refs);
		if (e == ERR_OK && staged)
			e = db_run(tx->db, &q_abandon, eb, "i", staged);
	}
	if (e == ERR_OK)
		tx->working = working;
	return e;
}

enum err content_ref(struct tx *tx, int64_t bid, int64_t by, struct errbuf *eb)
{
	if (by >= 0)
		return db_run(tx->db, &q_refs, eb, "ii", bid, by);
	return db_run(tx->db, &q_unref, eb, "iii", bid, -by, tx->now_ms);
}

enum err content_collect(struct tx *tx, int max, bool *more, struct errbuf *eb)
{
	struct db_row *r = db_query(tx->db, &q_due, "ii", tx->now_ms - COLLECT_AFTER_MS,
				    tx->now_ms - STAGING_MS);
	int64_t bid = 0;
	enum err e;

	if (db_next(r))
		bid = db_int(r, 0);
	e = db_end(&r, eb);
	*more = bid != 0;
	if (e || bid == 0)
		return e;
	/* From the first step on nobody may find it any more. */
	e = db_run(tx->db, &q_doom, eb, "i", bid);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_drop_chunks, eb, "ii", bid, (int64_t)max);
	/* Fewer than asked for: the last of its chunks went. */
	if (e == ERR_OK && db_changes(tx->db) < max)
		e = db_run(tx->db, &q_drop, eb, "i", bid);
	return e;
}

/* ---- reading -------------------------------------------------------------------------- */

static enum err expand(struct zpool *z, const void *p, size_t n, size_t raw, char *out,
		       struct errbuf *eb)
{
	ZSTD_DCtx *d;
	size_t got;

	if (n == raw) {
		memcpy(out, p, n);
		return ERR_OK;
	}
	d = zpool_expander(z);
	got = ZSTD_decompressDCtx(d, out, raw, p, n);
	zpool_put_expander(z, d);
	if (ZSTD_isError(got) || got != raw)
		return err_set(eb, ERR_CORRUPT, "content chunk: %s",
			       ZSTD_isError(got) ? ZSTD_getErrorName(got) : "wrong length");
	return ERR_OK;
}

enum err content_expand(struct zpool *z, const void *p, size_t n, size_t raw, struct buf *out,
			struct errbuf *eb)
{
	enum err e = buf_reserve(out, raw);

	if (e == ERR_OK)
		e = expand(z, p, n, raw, out->data + out->len, eb);
	if (e == ERR_OK)
		buf_grown(out, raw);
	return e;
}

/* One whole chunk, in memory that the caller frees. */
static enum err read_chunk(struct db *db, struct zpool *z, int64_t bid, uint64_t index,
			   size_t raw, char **out, struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_chunk, "i", cid(bid, index));
	enum err e = ERR_OK, end;
	bool found = db_next(r);

	*out = NULL;
	if (found) {
		size_t n;
		const void *p = db_blob(r, 0, &n);

		*out = xcalloc(1, raw);
		e = expand(z, p, n, raw, *out, eb);
	}
	end = db_end(&r, eb);
	if (e == ERR_OK)
		e = end;
	if (e == ERR_OK && !found)
		e = err_set(eb, ERR_CORRUPT, "content %lld lacks chunk %llu", (long long)bid,
			    (unsigned long long)index);
	if (e) {
		free(*out);
		*out = NULL;
	}
	return e;
}

enum err content_read(struct db *db, struct zpool *z, int64_t bid, uint64_t size,
		      uint64_t offset, uint64_t length, struct buf *out, struct errbuf *eb)
{
	uint64_t index = offset / CONTENT_CHUNK, begin = index * CONTENT_CHUNK, left;
	size_t raw, from;
	char *chunk;
	enum err e;

	if (offset >= size || length == 0)
		return ERR_OK;
	left = size - begin;
	raw = left < CONTENT_CHUNK ? (size_t)left : CONTENT_CHUNK;
	from = (size_t)(offset - begin);
	if (length > raw - from)
		length = raw - from;
	e = read_chunk(db, z, bid, index, raw, &chunk, eb);
	if (e)
		return e;
	e = buf_add(out, chunk + from, (size_t)length);
	free(chunk);
	return e;
}
