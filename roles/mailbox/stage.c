#include "roles/mailbox/stage.h"

#include "common/base/check.h"
#include "roles/mailbox/expunge.h"
#include "roles/mailbox/folder.h"
#include "roles/mailbox/message.h"
#include "roles/mailbox/seen.h"
#include <stdlib.h>

enum { SUMMARY_BLOB_MAX = 16 << 10 };

DB_SQL(q_total,
       "SELECT total FROM staged WHERE mbx = ?1 AND principal = ?2 AND batch = ?3 AND ord < ?4"
       " ORDER BY ord DESC LIMIT 1");
DB_SQL(q_stage,
       "INSERT OR REPLACE INTO staged(mbx, principal, batch, ord, made_at, bid, size, total, flags,"
       " received_at, has_attach, keywords, summary)"
       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)");
DB_SQL(q_batch,
       "SELECT ord, made_at, bid, size, flags, received_at, has_attach, keywords, summary"
       " FROM staged WHERE mbx = ?1 AND principal = ?2 AND batch = ?3 ORDER BY ord");
DB_SQL(q_take,
       "UPDATE content SET refs = refs + 1, zero_at = NULL WHERE bid = ?1 AND state = 1");
DB_SQL(q_unstage, "DELETE FROM staged WHERE mbx = ?1 AND principal = ?2 AND batch = ?3");
DB_SQL(q_placed,
       "SELECT fid, n, uidvalidity, uid, modseq FROM placed"
       " WHERE mbx = ?1 AND principal = ?2 AND batch = ?3");
DB_SQL(q_note_placed,
       "INSERT INTO placed(mbx, principal, batch, made_at, fid, n, uidvalidity, uid, modseq)"
       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
DB_SQL(q_prune_staged,
       "DELETE FROM staged WHERE (mbx, principal, batch, ord) IN"
       " (SELECT mbx, principal, batch, ord FROM staged WHERE made_at < ?1 LIMIT ?2)");
DB_SQL(q_prune_placed,
       "DELETE FROM placed WHERE (mbx, principal, batch) IN"
       " (SELECT mbx, principal, batch FROM placed WHERE made_at < ?1 LIMIT ?2)");

static enum err over_quota(const struct mbx_row *m, int64_t more, struct errbuf *eb)
{
	if (m->v.quota_recv > 0 && m->v.size_live + more > m->v.quota_recv)
		return err_set(eb, ERR_LIMIT, "mailbox is over its quota");
	return ERR_OK;
}

/* ---- staging ------------------------------------------------------------------------ */

/* Names one behind the other, each with its NUL. */
static enum err pack_keywords(const char *const *names, struct buf *out, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && names && names[i]; i++)
		e = i < KEYWORDS_MESSAGE && strlen(names[i]) <= KEYWORD_BYTES ?
			    buf_add(out, names[i], strlen(names[i]) + 1) : ERR_LIMIT;
	return e ? err_set(eb, e, "keywords") : ERR_OK;
}

static enum err note(struct tx *tx, const struct stage_op *op, int64_t bid, int64_t total,
		     struct errbuf *eb)
{
	const struct content *c = op->content;
	struct buf keywords, summary;
	enum err e;

	buf_init(&keywords, KEYWORDS_MESSAGE * (KEYWORD_BYTES + 1));
	buf_init(&summary, SUMMARY_BLOB_MAX);
	e = pack_keywords(op->keywords, &keywords, eb);
	if (e == ERR_OK)
		e = summary_pack(c->sum, &summary);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_stage, eb, "iggiiiiiiiibb", op->who.mbx, &op->who.principal,
			   &op->batch, (int64_t)op->ord, tx->now_ms, bid, (int64_t)c->size, total,
			   (int64_t)(op->flags & (ITEM_FLAGS | FLAG_DELETED)), op->internal_ms,
			   (int64_t)c->has_attach, keywords.data, keywords.len, summary.data,
			   summary.len);
	buf_fini(&keywords);
	buf_fini(&summary);
	return e;
}

enum err stage(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct stage_op *op = arg;
	int64_t total = 0, bid, size = (int64_t)op->content->size;
	struct folder_row *f;
	struct mbx_row *m;
	enum err e = access_check(tx->db, &op->who, (int64_t)op->fid, RIGHT_INSERT, eb);

	if (e == ERR_OK && op->ord >= STAGE_MAX)
		e = err_set(eb, ERR_LIMIT, "message %u of a batch", op->ord);
	if (e == ERR_OK)
		e = tx_mailbox(tx, op->who.mbx, &m, eb);
	if (e == ERR_OK)
		e = tx_folder(tx, op->who.mbx, (int64_t)op->fid, &f, eb);
	if (e)
		return e;
	e = db_get_int(tx->db, &q_total, &total, eb, "iggi", op->who.mbx, &op->who.principal,
		       &op->batch, (int64_t)op->ord);
	if (e == ERR_OK || e == ERR_NOTFOUND)
		e = over_quota(m, total + size, eb);
	/* Counted and taken back: nobody refers to it, and the collector's hour begins. */
	if (e == ERR_OK)
		e = content_store(tx, op->content, op->staged, 1, &bid, eb);
	if (e == ERR_OK)
		e = content_ref(tx, bid, -1, eb);
	return e ? e : note(tx, op, bid, total + size, eb);
}

/* ---- placing ------------------------------------------------------------------------- */

/* A staged message, all of it in the part's arena. */
struct one {
	int64_t bid;
	unsigned flags;
	int64_t received_ms;
	const char **keywords;
	struct content content;		/* of which message_add() looks at these three */
	struct summary sum;
};

static const char **unpack_keywords(struct arena *a, const char *p, size_t n)
{
	const char **list, *end = p + n;
	size_t count = 0;

	if (n == 0 || p[n - 1] != '\0')
		return NULL;
	list = arena_alloc(a, (KEYWORDS_MESSAGE + 1) * sizeof(*list));
	p = arena_dup(a, p, n);
	for (end = p + n; p < end && count < KEYWORDS_MESSAGE; p += strlen(p) + 1)
		list[count++] = p;
	return list;
}

static enum err read_one(struct tx *tx, struct db_row *r, struct one *o)
{
	size_t n;
	const char *p = db_blob(r, 7, &n);

	o->bid = db_int(r, 2);
	o->flags = (unsigned)db_int(r, 4);
	o->received_ms = db_int(r, 5) ? db_int(r, 5) : tx->now_ms;
	o->keywords = p ? unpack_keywords(&tx->arena, p, n) : NULL;
	o->content.size = (uint64_t)db_int(r, 3);
	o->content.has_attach = db_int(r, 6) != 0;
	o->content.sum = &o->sum;
	p = db_blob(r, 8, &n);
	return summary_unpack((struct span){ p, p ? n : 0 }, &tx->arena, &o->sum);
}

/* The whole batch: n messages numbered from 0, none of them too old. */
static enum err read_batch(struct tx *tx, const struct place_op *op, struct one *list,
			   int64_t *size, struct errbuf *eb)
{
	struct db_row *r = db_query(tx->db, &q_batch, "igg", op->who.mbx, &op->who.principal,
				    &op->batch);
	enum err e = ERR_OK, end;
	uint32_t n = 0;

	*size = 0;
	while (e == ERR_OK && db_next(r)) {
		if (n == op->n || db_int(r, 0) != n || db_int(r, 1) <= tx->now_ms - STAGE_MS) {
			e = err_set(eb, ERR_STALE, "message %u of the batch", n);
			break;
		}
		e = read_one(tx, r, &list[n]);
		*size += (int64_t)list[n++].content.size;
	}
	end = db_end(&r, eb);
	if (e == ERR_OK)
		e = end;
	if (e == ERR_OK && n < op->n)
		e = err_set(eb, ERR_STALE, "%u of %u messages are staged", n, op->n);
	return e;
}

static enum err place_one(struct tx *tx, struct mbx_row *m, struct folder_row *f, struct one *o,
			  struct new_message *n, struct errbuf *eb)
{
	enum err e;

	*n = (struct new_message){ .content = &o->content, .bid = o->bid, .flags = o->flags,
				   .received_ms = o->received_ms };
	e = keyword_pack(tx, &tx->arena, m->row.key[0], o->keywords, true, &n->kw, eb);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_take, eb, "i", o->bid);
	if (e == ERR_OK && db_changes(tx->db) != 1)
		e = err_set(eb, ERR_STALE, "staged content was collected");
	return e ? e : message_add(tx, m, f, n, eb);
}

/* The message that the batch stands for from now on. */
static enum err replace(struct tx *tx, struct mbx_row *m, const struct place_op *op,
			struct errbuf *eb)
{
	struct uid_range one = { op->replace_uid, op->replace_uid };
	struct leaving_ask ask = { .mbx = op->who.mbx, .fid = (int64_t)op->replace_fid,
				   .uids = &one, .n_uids = 1 };
	struct leaving_list list;
	struct folder_row *f;
	bool more;
	enum err e = access_check(tx->db, &op->who, ask.fid, RIGHT_DELETE | RIGHT_EXPUNGE, eb);

	if (e == ERR_OK)
		e = tx_folder(tx, ask.mbx, ask.fid, &f, eb);
	if (e == ERR_OK)
		e = leaving_find(tx, &ask, NULL, &list, &more, eb);
	if (e == ERR_OK && list.n == 0)
		e = err_set(eb, ERR_NOTFOUND, "no message %u to replace", op->replace_uid);
	if (e == ERR_OK)
		e = leaving_remove(tx, m, f, &list, &op->who.principal, NULL, eb);
	return e;
}

static enum err find_repeat(struct tx *tx, struct place_op *op, struct errbuf *eb)
{
	struct db_row *r = db_query(tx->db, &q_placed, "igg", op->who.mbx, &op->who.principal,
				    &op->batch);
	bool same = true;
	enum err e;

	op->repeat = db_next(r);
	if (op->repeat) {
		same = db_int(r, 0) == (int64_t)op->fid && db_int(r, 1) == op->n;
		op->uidvalidity = (uint32_t)db_int(r, 2);
		op->uid = (uint32_t)db_int(r, 3);
		op->modseq = (uint64_t)db_int(r, 4);
	}
	e = db_end(&r, eb);
	return e || same ? e : err_set(eb, ERR_STALE, "the batch was placed otherwise");
}

/* Flags that one may not set are left out (RFC 4314 section 4). */
static void strip(struct one *o, unsigned rights)
{
	o->flags &= access_flags(rights);
	if (!(rights & RIGHT_WRITE))
		o->keywords = NULL;
}

/* Found, allowed and complete. */
static enum err place_all(struct tx *tx, struct place_op *op, struct mbx_row *m,
			  struct folder_row *f, struct one *list, int64_t size, struct errbuf *eb)
{
	struct new_message n = { .uid = 0 };
	struct seen seen;
	enum err e = ERR_OK;

	if (op->replace_uid)
		e = replace(tx, m, op, eb);
	if (e == ERR_OK)
		e = over_quota(m, size, eb);
	if (e == ERR_OK)
		e = seen_open(tx->db, &op->who, (int64_t)op->fid, &seen, eb);
	for (uint32_t i = 0; e == ERR_OK && i < op->n; i++) {
		e = place_one(tx, m, f, &list[i], &n, eb);
		if (e == ERR_OK)
			e = seen_new(tx, m, &seen, n.uid, n.flags, eb);
		op->uid = i == 0 ? (uint32_t)n.uid : op->uid;
	}
	op->uidvalidity = (uint32_t)f->v.uidvalidity;
	op->modseq = (uint64_t)f->v.modseq;
	if (e == ERR_OK)
		e = db_run(tx->db, &q_unstage, eb, "igg", op->who.mbx, &op->who.principal,
			   &op->batch);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_note_placed, eb, "iggiiiiii", op->who.mbx,
			   &op->who.principal, &op->batch, tx->now_ms, (int64_t)op->fid,
			   (int64_t)op->n, (int64_t)op->uidvalidity, (int64_t)op->uid,
			   (int64_t)op->modseq);
	return e;
}

enum err place(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct place_op *op = arg;
	struct folder_row *f;
	struct mbx_row *m;
	struct one *list;
	unsigned rights;
	int64_t size;
	enum err e = access_get(tx->db, &op->who, (int64_t)op->fid, RIGHT_INSERT, &rights, eb);

	if (e == ERR_OK && (op->n == 0 || op->n > STAGE_MAX))
		e = err_set(eb, ERR_INVALID, "a batch of %u", op->n);
	if (e == ERR_OK)
		e = find_repeat(tx, op, eb);
	if (e || op->repeat)
		return e;
	e = tx_mailbox(tx, op->who.mbx, &m, eb);
	if (e == ERR_OK)
		e = tx_folder(tx, op->who.mbx, (int64_t)op->fid, &f, eb);
	if (e)
		return e;
	list = arena_alloc(&tx->arena, op->n * sizeof(*list));
	e = read_batch(tx, op, list, &size, eb);
	for (uint32_t i = 0; e == ERR_OK && i < op->n; i++)
		strip(&list[i], rights);
	return e ? e : place_all(tx, op, m, f, list, size, eb);
}

enum err stage_prune(struct tx *tx, int max, bool *more, struct errbuf *eb)
{
	enum err e = db_run(tx->db, &q_prune_staged, eb, "ii", tx->now_ms - STAGE_MS,
			    (int64_t)max);

	*more = db_changes(tx->db) >= max;
	if (e == ERR_OK)
		e = db_run(tx->db, &q_prune_placed, eb, "ii", tx->now_ms - STAGE_MS, (int64_t)max);
	*more |= db_changes(tx->db) >= max;
	return e;
}
