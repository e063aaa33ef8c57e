/* catalogue_index - taking messages into search.db, in the order of their numbers */
#include "roles/mailbox/catalogue.h"

#include "common/base/check.h"
#include "common/mime/casemap.h"
#include "common/mime/map.h"
#include "common/mime/text.h"
#include "roles/mailbox/content.h"
#include "roles/mailbox/schema.h"
#include "roles/mailbox/zpool.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

DB_SQL(q_mailboxes, "SELECT mbx, guid, next_gc - 1 FROM mailbox WHERE state != 4");
DB_SQL(q_next, "SELECT i.rid, i.bid, i.size, c.mime_map FROM item i"
	       " LEFT JOIN content c ON c.bid = i.bid"
	       " WHERE i.rid > ?1 AND i.rid <= ?2 ORDER BY i.rid LIMIT 1");
DB_SQL(q_left, "SELECT count(*) FROM (SELECT 1 FROM item WHERE rid > ?1 AND rid <= ?2"
	       " LIMIT 100000)");
DB_SQL(q_dones, "SELECT mbx, guid, upto, docs FROM done ORDER BY mbx");
DB_SQL(q_note_done,
       "INSERT OR REPLACE INTO done(mbx, guid, upto, docs) VALUES(?1, ?2, ?3, ?4)");
DB_SQL(q_put_head, "INSERT INTO head(rowid, t) VALUES(?1, ?2)");
DB_SQL(q_put_body, "INSERT INTO body(rowid, t) VALUES(?1, ?2)");
DB_SQL(q_note_partial, "INSERT OR IGNORE INTO partial(rid) VALUES(?1)");
DB_SQL(q_items, "SELECT coalesce(sum(n_items), 0) FROM mailbox");

enum {
	AT_ONCE = 64,			/* messages of one mailbox before the next one */
	WASTE_FROM = 10000		/* documents, before waste is looked at */
};
#define MAX_RAW (UINT64_C(32) << 20)	/* bytes of a message that are read for its words */

/* A mailbox and how far it is. */
struct progress {
	int64_t mbx, upto, last;	/* last: the newest item number there can be */
	int64_t docs;
	struct guid guid;
	bool is_stuck;			/* its store cannot be read: not before a restart */
	bool is_dirty;			/* to be noted in search.db */
};

struct indexer {
	struct db *store, *search;
	char *path;
	struct zpool *z;
	struct progress *p;
	size_t n, cap;
	bool loaded;
	/* the message in hand */
	struct buf head, body, map, raw;
	bool is_cut;
};

struct indexer *indexer_new(struct db *store, const char *path)
{
	struct indexer *ix = xcalloc(1, sizeof(*ix));

	ix->store = store;
	ix->path = xstrdup(path);
	ix->z = zpool_new();
	buf_init(&ix->head, CATALOGUE_DOC);
	buf_init(&ix->body, CATALOGUE_DOC);
	buf_init(&ix->map, MIME_MAP_MAX);
	buf_init(&ix->raw, CONTENT_CHUNK);
	return ix;
}

void indexer_free(struct indexer **ip)
{
	struct indexer *ix = *ip;

	*ip = NULL;
	if (ix == NULL)
		return;
	db_close(&ix->search);
	zpool_free(&ix->z);
	buf_fini(&ix->head);
	buf_fini(&ix->body);
	buf_fini(&ix->map);
	buf_fini(&ix->raw);
	free(ix->p);
	free(ix->path);
	free(ix);
}

void indexer_drop(const char *path)
{
	static const char *const tails[] = { "", "-wal", "-shm", ".lock" };

	for (size_t i = 0; i < N_ELEMS(tails); i++) {
		char *name = xasprintf("%s%s", path, tails[i]);

		(void)!unlink(name);
		free(name);
	}
}

/* ---- the words of a message ------------------------------------------------------------ */

/* The key of s, NUL being no character of any text; cut where the document is full. */
static void add_key(struct indexer *ix, struct buf *out, struct span s)
{
	size_t from = out->len;

	casemap(s, out);
	for (size_t i = from; i < out->len; i++)
		if (out->data[i] == '\0')
			out->data[i] = ' ';
	ix->is_cut |= out->len + CASEMAP_GROWTH * 4 > out->max;
}

static void on_field(void *ctx, struct span name, struct span text)
{
	struct indexer *ix = ctx;

	add_key(ix, &ix->head, name);
	add_key(ix, &ix->head, SPAN(": "));
	add_key(ix, &ix->head, text);
	add_key(ix, &ix->head, SPAN("\n"));
}

static void on_text(void *ctx, struct span piece, bool first)
{
	struct indexer *ix = ctx;

	if (first)
		add_key(ix, &ix->body, SPAN("\n"));
	add_key(ix, &ix->body, piece);
}

static bool is_enough(void *ctx, bool in_body)
{
	(void)in_body;
	return ((struct indexer *)ctx)->is_cut;
}

struct item {
	int64_t rid, bid;
	uint64_t size;
};

static enum err read_words(struct indexer *ix, const struct item *it, struct errbuf *eb)
{
	const struct mime_text_to to = { .field = on_field, .text = on_text,
					 .enough = is_enough, .ctx = ix };
	struct mime_view view;
	struct mime_text *t;
	uint64_t at = 0;
	bool more = true;
	enum err e = mime_map_decode((struct span){ ix->map.data, ix->map.len }, &view, eb);

	if (e)
		return e;
	t = mime_text_new(&view, &to);
	while (!e && more && at < it->size && at < MAX_RAW) {
		uint64_t idle = mime_text_idle(t);

		if (idle > 0) {		/* an attachment: not read at all */
			mime_text_skip(t, idle);
			at += idle;
			continue;
		}
		buf_clear(&ix->raw);
		e = content_read(ix->store, ix->z, it->bid, it->size, at, UINT64_MAX, &ix->raw,
				 eb);
		if (!e && ix->raw.len == 0)
			e = err_set(eb, ERR_CORRUPT, "content ends early");
		more = mime_text_feed(t, ix->raw.data, ix->raw.len);
		at += ix->raw.len;
	}
	if (!e)
		mime_text_end(t);
	ix->is_cut |= at < it->size && more;
	mime_text_free(&t);
	return e;
}

/* Into search.db, in the transaction that is open. */
static enum err put_words(struct indexer *ix, const struct item *it, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (ix->head.len)
		e = db_run(ix->search, &q_put_head, eb, "is", it->rid, ix->head.data,
			   ix->head.len);
	if (!e && ix->body.len)
		e = db_run(ix->search, &q_put_body, eb, "is", it->rid, ix->body.data,
			   ix->body.len);
	if (!e && ix->is_cut)
		e = db_run(ix->search, &q_note_partial, eb, "i", it->rid);
	return e;
}

static enum err take_in(struct indexer *ix, const struct item *it, struct errbuf *eb)
{
	enum err e = ERR_OK;

	buf_clear(&ix->head);
	buf_clear(&ix->body);
	ix->is_cut = false;
	if (it->bid && ix->map.len)
		e = read_words(ix, it, eb);
	else
		ix->is_cut = it->bid != 0;
	/* What cannot be read is for whoever looks into it to find out. */
	if (e == ERR_CORRUPT || e == ERR_INVALID) {
		ix->is_cut = true;
		e = ERR_OK;
	}
	return e ? e : put_words(ix, it, eb);
}

/* ---- mailboxes --------------------------------------------------------------------------- */

static struct progress *find_mailbox(struct indexer *ix, int64_t mbx)
{
	size_t lo = 0, hi = ix->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ix->p[mid].mbx < mbx)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < ix->n && ix->p[lo].mbx == mbx)
		return &ix->p[lo];
	if (ix->n == ix->cap) {
		ix->cap = ix->cap ? ix->cap * 2 : 64;
		ix->p = xrealloc(ix->p, ix->cap * sizeof(*ix->p));
	}
	memmove(&ix->p[lo + 1], &ix->p[lo], (ix->n - lo) * sizeof(*ix->p));
	ix->p[lo] = (struct progress){ .mbx = mbx };
	ix->n++;
	return &ix->p[lo];
}

static enum err load_progress(struct indexer *ix, struct errbuf *eb)
{
	struct db_row *r = db_query(ix->search, &q_dones, "");

	while (db_next(r)) {
		struct progress *p = find_mailbox(ix, db_int(r, 0));

		(void)!db_guid(r, 1, &p->guid);
		p->upto = db_int(r, 2);
		p->docs = db_int(r, 3);
	}
	return db_end(&r, eb);
}

/* How far each mailbox has come, and those that are new. */
static enum err look_at_store(struct indexer *ix, struct errbuf *eb)
{
	struct db_row *r = db_query(ix->store, &q_mailboxes, "");
	enum err e;

	while (db_next(r)) {
		struct progress *p = find_mailbox(ix, db_int(r, 0));
		struct guid g;

		if (!db_guid(r, 1, &g))
			continue;
		if (!guid_eq(&g, &p->guid)) {	/* the number was another's */
			p->guid = g;
			p->upto = p->docs = 0;
			p->is_dirty = true;
		}
		p->last = db_int(r, 2);
		if (p->upto > p->last)		/* an older store than we knew */
			p->upto = p->last;
	}
	e = db_end(&r, eb);
	return e == ERR_CORRUPT ? ERR_AGAIN : e;	/* it is not search.db that is damaged */
}

/* The next item of a mailbox; NOTFOUND: none. */
static enum err next_item(struct indexer *ix, const struct progress *p, struct item *it,
			  struct errbuf *eb)
{
	struct db_row *r = db_query(ix->store, &q_next, "ii", p->mbx << 40 | p->upto,
				    p->mbx << 40 | p->last);
	bool found = db_next(r);
	enum err e = ERR_OK, end;

	if (found) {
		size_t n;
		const void *map = db_blob(r, 3, &n);

		*it = (struct item){ db_int(r, 0), db_int(r, 1), (uint64_t)db_int(r, 2) };
		buf_clear(&ix->map);
		if (n)
			e = buf_add(&ix->map, map, n);
		if (e)			/* no map of ours is so large */
			buf_clear(&ix->map);
	}
	end = db_end(&r, eb);
	return end ? end : found ? ERR_OK : ERR_NOTFOUND;
}

static enum err take_some(struct indexer *ix, struct progress *p, unsigned max, unsigned *taken,
			  struct errbuf *eb)
{
	struct item it;
	enum err e = ERR_OK;

	for (unsigned i = 0; i < AT_ONCE && *taken < max && p->upto < p->last; i++) {
		e = next_item(ix, p, &it, eb);
		if (e == ERR_NOTFOUND) {
			p->upto = p->last;
			p->is_dirty = true;
			return ERR_OK;
		}
		if (e == ERR_CORRUPT) {		/* for the store's readers to report */
			p->is_stuck = true;
			return ERR_OK;
		}
		if (!e)
			e = take_in(ix, &it, eb);
		if (e)
			return e;
		p->upto = it.rid & ((INT64_C(1) << 40) - 1);
		p->docs++;
		p->is_dirty = true;
		++*taken;
	}
	return ERR_OK;
}

static enum err note(struct indexer *ix, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < ix->n; i++) {
		struct progress *p = &ix->p[i];

		if (!p->is_dirty)
			continue;
		e = db_run(ix->search, &q_note_done, eb, "igii", p->mbx, &p->guid, p->upto,
			   p->docs);
		p->is_dirty = e != ERR_OK;
	}
	return e;
}

static enum err open_search(struct indexer *ix, struct errbuf *eb)
{
	struct db_conf conf = { .path = ix->path, .flags = DB_CREATE | DB_CHECKPOINT,
				.cache_bytes = 1u << 20 };
	enum err e;

	if (ix->search)
		return ERR_OK;
	e = db_open(&conf, &search_schema, &ix->search, eb);
	/* What a crash takes is read again. */
	if (e == ERR_OK)
		e = db_exec(ix->search, "PRAGMA synchronous=NORMAL", eb);
	if (e == ERR_OK)
		e = load_progress(ix, eb);
	return e;
}

/* One transaction's worth; what is not committed is forgotten again by load. */
static enum err take_all(struct indexer *ix, unsigned max, struct errbuf *eb)
{
	unsigned taken = 0, before;
	enum err e = ERR_OK;

	do {
		before = taken;
		for (size_t i = 0; e == ERR_OK && i < ix->n && taken < max; i++) {
			struct progress *p = &ix->p[i];

			if (p->is_stuck || p->upto >= p->last)
				continue;
			e = take_some(ix, p, max, &taken, eb);
		}
	} while (e == ERR_OK && taken > before && taken < max);
	return e ? e : note(ix, eb);
}

static bool is_waiting(const struct indexer *ix)
{
	for (size_t i = 0; i < ix->n; i++)
		if (!ix->p[i].is_stuck && ix->p[i].upto < ix->p[i].last)
			return true;
	return false;
}

/* Twice as many documents as there are messages: begin anew. */
static enum err look_at_waste(struct indexer *ix, struct errbuf *eb)
{
	int64_t items = 0, docs = 0;
	enum err e;

	for (size_t i = 0; i < ix->n; i++)
		docs += ix->p[i].docs;
	if (docs < WASTE_FROM)
		return ERR_OK;
	e = db_get_int(ix->store, &q_items, &items, eb, "");
	if (e == ERR_OK && docs > 2 * items)
		e = err_set(eb, ERR_CORRUPT, "more than half of it is waste");
	return e;
}

enum err indexer_step(struct indexer *ix, unsigned max, bool *more, struct errbuf *eb)
{
	enum err e = open_search(ix, eb);

	*more = false;
	if (e == ERR_OK)
		e = look_at_store(ix, eb);
	if (e == ERR_OK && !is_waiting(ix))
		return ERR_OK;
	if (e == ERR_OK)
		e = look_at_waste(ix, eb);
	if (e == ERR_OK)
		e = db_begin(ix->search, eb);
	if (e == ERR_OK)
		e = take_all(ix, max, eb);
	if (e == ERR_OK)
		e = db_commit(ix->search, eb);
	if (e == ERR_OK) {
		*more = is_waiting(ix);
		return ERR_OK;
	}
	if (ix->search) {		/* begin from what the file knows */
		db_rollback(ix->search);
		db_close(&ix->search);
		ix->n = 0;
	}
	return e;
}

void indexer_count(const struct indexer *ix, int64_t *known, int64_t *waiting)
{
	*known = *waiting = 0;
	for (size_t i = 0; i < ix->n; i++) {
		int64_t left = 0;
		const struct progress *p = &ix->p[i];

		*known += p->docs;
		if (p->upto < p->last &&
		    db_get_int(ix->store, &q_left, &left, NULL, "ii", p->mbx << 40 | p->upto,
			       p->mbx << 40 | p->last) == ERR_OK)
			*waiting += left;
	}
}
