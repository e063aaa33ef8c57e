#include "roles/mailbox/order.h"

#include "common/base/check.h"
#include "common/imap/envelope.h"
#include "common/mime/casemap.h"
#include "common/mime/map.h"
#include "common/mime/utf8.h"
#include "common/mime/word.h"
#include "roles/mailbox/hidden.h"
#include "roles/mailbox/reader.h"
#include "roles/mailbox/sorter.h"
#include <endian.h>
#include <string.h>

enum { LOOK_EVERY = 64, PAGE_UIDS = 16384, NAME_MAX_BYTES = 1000 };

#define PLACED "SELECT p.uid, p.sort_date"
#define ITEM   ", i.size, i.date_sent, i.subject_norm, i.from_addr, i.from_name"
#define JOIN   " CROSS JOIN item i ON i.rid = (p.mbx << 40 | p.iid)"
#define WITHIN " WHERE p.mbx = ?1 AND p.fid = ?2 AND p.uid BETWEEN ?3 AND ?4 ORDER BY p.uid"

DB_SQL(q_dates, PLACED " FROM placement p" WITHIN);
DB_SQL(q_items, PLACED ITEM " FROM placement p" JOIN WITHIN);
DB_SQL(q_maps, PLACED ITEM ", c.mime_map FROM placement p" JOIN
       " LEFT JOIN content c ON c.bid = i.bid" WITHIN);

void order_init(struct order_op *op)
{
	arena_init(&op->arena);
	buf_init(&op->key, SORTER_KEY_MAX);
	buf_init(&op->text, CASEMAP_GROWTH * NAME_MAX_BYTES);
	buf_init(&op->out, PAGE_UIDS * sizeof(uint32_t));
}

void order_fini(struct order_op *op)
{
	sorter_free(&op->sorter);
	arena_fini(&op->arena);
	buf_fini(&op->key);
	buf_fini(&op->text);
	buf_fini(&op->out);
}

/* ---- keys --------------------------------------------------------------------------- */

static void put(struct order_op *op, const void *p, size_t n, bool reverse)
{
	size_t from = op->key.len;

	CHECK(buf_add(&op->key, p, n) == ERR_OK);	/* STORE_SORT_KEYS of ORDER_TEXT fit */
	for (size_t i = from; reverse && i < op->key.len; i++)
		op->key.data[i] = (char)~op->key.data[i];
}

static void put_number(struct order_op *op, int64_t v, bool reverse)
{
	uint64_t be = htobe64((uint64_t)v ^ UINT64_C(1) << 63);

	put(op, &be, sizeof(be), reverse);
}

/* A NUL ends it, so that what is shorter comes first; there is none inside. */
static void put_text(struct order_op *op, struct span s, bool reverse)
{
	size_t n;

	buf_clear(&op->text);
	s.n = utf8_cut(s, NAME_MAX_BYTES);
	casemap(s, &op->text);
	n = op->text.len < ORDER_TEXT ? op->text.len : ORDER_TEXT;
	put(op, op->text.data, strnlen(op->text.data, n), reverse);
	put(op, "", 1, reverse);
}

static struct span local_part(struct span addr)
{
	const char *at = addr.n ? memrchr(addr.p, '@', addr.n) : NULL;

	return at ? (struct span){ addr.p, (size_t)(at - addr.p) } : addr;
}

static struct span decoded(struct order_op *op, struct span raw)
{
	struct buf b;
	struct span out;

	buf_init(&b, NAME_MAX_BYTES);
	word_decode(raw, &b);
	out = (struct span){ arena_dup(&op->arena, b.data, b.len), b.len };
	buf_fini(&b);
	return out;
}

/* Of the first address of a list: its mailbox, or what a reader sees of it. */
static struct span address_of(struct order_op *op, struct db_row *r,
			      enum imap_envelope_list which, bool display)
{
	struct imap_address ad;
	struct mime_view view;
	struct imap_lex l;
	struct span blob;

	blob.p = db_blob(r, 7, &blob.n);
	if (blob.n == 0 || mime_map_decode(blob, &view, NULL) != ERR_OK ||
	    !imap_envelope_open(&l, view.envelope, &op->arena, which) ||
	    !imap_envelope_next(&l, &ad))
		return (struct span){ NULL, 0 };
	if (!display)
		return ad.mailbox;
	if (ad.name.n > 0)
		return decoded(op, ad.name);
	if (ad.host.n == 0)
		return decoded(op, ad.mailbox);
	return span_of(arena_printf(&op->arena, "%.*s@%.*s", (int)ad.mailbox.n, ad.mailbox.p,
				    (int)ad.host.n, ad.host.p));
}

static struct span column(struct db_row *r, int col)
{
	return span_of(db_text(r, col));
}

static void put_key(struct order_op *op, struct db_row *r, unsigned key, bool reverse)
{
	switch ((enum store_sort_key)key) {
	case STORE_SORT_ARRIVAL:
		put_number(op, db_int(r, 1), reverse);
		return;
	case STORE_SORT_DATE:
		put_number(op, db_int(r, 3), reverse);
		return;
	case STORE_SORT_SIZE:
		put_number(op, db_int(r, 2), reverse);
		return;
	case STORE_SORT_SUBJECT:
		put_text(op, column(r, 4), reverse);
		return;
	case STORE_SORT_FROM:
		put_text(op, local_part(column(r, 5)), reverse);
		return;
	case STORE_SORT_TO:
		put_text(op, address_of(op, r, IMAP_ENVELOPE_TO, false), reverse);
		return;
	case STORE_SORT_CC:
		put_text(op, address_of(op, r, IMAP_ENVELOPE_CC, false), reverse);
		return;
	case STORE_SORT_DISPLAYFROM:
		put_text(op, column(r, column(r, 6).n ? 6 : 5), reverse);
		return;
	case STORE_SORT_DISPLAYTO:
		put_text(op, address_of(op, r, IMAP_ENVELOPE_TO, true), reverse);
		return;
	}
}

/* ---- reading -------------------------------------------------------------------------- */

static const struct db_sql *statement(const struct order_op *op)
{
	const struct db_sql *q = &q_dates;

	for (size_t i = 0; i < op->n_keys; i++) {
		unsigned k = op->keys[i] & ~STORE_SORT_REVERSE;

		if (k == STORE_SORT_TO || k == STORE_SORT_CC || k == STORE_SORT_DISPLAYTO)
			return &q_maps;
		if (k != STORE_SORT_ARRIVAL)
			q = &q_items;
	}
	return q;
}

static enum err take(struct order_op *op, struct db_row *r, struct errbuf *eb)
{
	buf_clear(&op->key);
	arena_reset(&op->arena);
	for (size_t i = 0; i < op->n_keys; i++)
		put_key(op, r, op->keys[i] & ~STORE_SORT_REVERSE,
			(op->keys[i] & STORE_SORT_REVERSE) != 0);
	op->after = (uint32_t)db_int(r, 0);
	return sorter_add(op->sorter, op->key.data, op->key.len, op->after, eb);
}

/* Rows of one range until it ends (true in *end) or the page is over. */
static enum err read_range(struct db *db, struct order_op *op, struct uid_range u,
			   const struct slice *slice, bool *end, struct errbuf *eb)
{
	int64_t from = op->after >= u.first ? (int64_t)op->after + 1 : u.first;
	struct db_row *r = db_query(db, statement(op), "iiii", op->who.mbx, (int64_t)op->fid,
				    from, (int64_t)u.last);
	struct runs hidden = { NULL, 0, 0 };
	enum err e = hidden_load(db, op->who.mbx, (int64_t)op->fid, &hidden, eb), last;
	unsigned n = 0;

	*end = false;
	while (e == ERR_OK) {
		if (++n % LOOK_EVERY == 0 && !slice_goes_on(slice))
			break;
		if (!db_next(r)) {
			*end = true;
			break;
		}
		op->after = (uint32_t)db_int(r, 0);
		if (!runs_contain(&hidden, op->after))
			e = take(op, r, eb);
	}
	runs_fini(&hidden);
	last = db_end(&r, eb);
	return e ? e : last;
}

static enum err collect(struct db *db, struct order_op *op, struct errbuf *eb)
{
	static const struct uid_range all = { 1, UINT32_MAX };
	const struct uid_range *u = op->n_uids ? op->uids : &all;
	size_t n = op->n_uids ? op->n_uids : 1;
	struct slice slice;
	bool end = true;
	enum err e = slice_begin(&slice, db, eb);

	if (e == ERR_OK && !op->begun)
		e = access_check(db, &op->who, (int64_t)op->fid, RIGHT_READ, eb);
	op->begun = true;
	while (e == ERR_OK && end && op->at < n) {
		e = read_range(db, op, u[op->at], &slice, &end, eb);
		op->at += end;
	}
	slice_end(&slice);
	op->sorted = e == ERR_OK && end;
	return op->sorted ? sorter_finish(op->sorter, eb) : e;
}

static enum err give(struct order_op *op, struct errbuf *eb)
{
	uint32_t *uids;
	size_t n = 0;
	enum err e;

	CHECK(buf_reserve(&op->out, PAGE_UIDS * sizeof(*uids)) == ERR_OK);
	uids = arena_alloc(&op->arena, PAGE_UIDS * sizeof(*uids));
	e = sorter_next(op->sorter, uids, PAGE_UIDS, &n, eb);
	for (size_t i = 0; i < n; i++)
		uids[i] = htole32(uids[i]);
	if (e == ERR_OK && n)
		e = buf_add(&op->out, uids, n * sizeof(*uids));
	arena_reset(&op->arena);
	op->n += (uint32_t)n;
	op->done = n < PAGE_UIDS;
	return e;
}

enum err order_page(struct db *db, void *arg, struct errbuf *eb)
{
	struct order_op *op = arg;

	if (op->sorter == NULL)
		op->sorter = sorter_new(op->folder);
	return op->sorted ? give(op, eb) : collect(db, op, eb);
}
