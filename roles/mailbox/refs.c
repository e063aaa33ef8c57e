#include "roles/mailbox/refs.h"

#include "common/mime/casemap.h"
#include "common/mime/summary.h"
#include "roles/mailbox/hidden.h"
#include "roles/mailbox/reader.h"

enum { LOOK_EVERY = 64 };
#define PAGE_BYTES (160u * 1024)

DB_SQL(q_refs,
       "SELECT p.uid, i.date_sent, i.subject, i.subject_norm, i.props FROM placement p"
       " CROSS JOIN item i ON i.rid = (p.mbx << 40 | p.iid)"
       " WHERE p.mbx = ?1 AND p.fid = ?2 AND p.uid BETWEEN ?3 AND ?4 ORDER BY p.uid");

void refs_init(struct refs_op *op)
{
	buf_init(&op->out, PAGE_BYTES + STORE_REFS_MAX_BYTES);
}

void refs_fini(struct refs_op *op)
{
	buf_fini(&op->out);
}

/* Base subjects that are equal by i;unicode-casemap have equal hashes.  One message's
 * is hashed at a time, in the reader's own memory. */
static void hash_subject(struct span base, struct buf *key, uint64_t out[2])
{
	out[0] = out[1] = 0;
	if (base.n == 0)
		return;
	buf_clear(key);
	casemap(base, key);
	out[0] = summary_id_hash((struct span){ key->data, key->len });
	/* Read from its second byte on and with its length: independent enough. */
	out[1] = summary_id_hash((struct span){ key->data + 1, key->len - 1 }) ^
		 (uint64_t)(unsigned char)key->data[0] << 32 ^ key->len;
}

static enum err take(struct refs_op *op, struct db_row *r, struct arena *a, struct buf *key)
{
	struct store_refs m = { .uid = (uint32_t)db_int(r, 0), .sent_ms = db_int(r, 1) };
	const void *props;
	struct bag bag;
	size_t n;

	(void)summary_base_subject(a, span_of(db_text(r, 2)), &m.is_reply);
	hash_subject(span_of(db_text(r, 3)), key, m.subject);
	props = db_blob(r, 4, &n);
	bag_read(props, n, &bag);
	m.own = bag.own_hash;
	m.refs = bag.refs;
	m.n_refs = bag.n_refs;
	return store_refs_write(&op->out, &m);
}

static enum err read_range(struct db *db, struct refs_op *op, struct uid_range u,
			   const struct slice *slice, bool *end, struct errbuf *eb)
{
	int64_t from = op->after >= u.first ? (int64_t)op->after + 1 : u.first;
	struct db_row *r = db_query(db, &q_refs, "iiii", op->who.mbx, (int64_t)op->fid, from,
				    (int64_t)u.last);
	struct runs hidden = { NULL, 0, 0 };
	struct arena a = { 0 };
	struct buf key;
	enum err e = hidden_load(db, op->who.mbx, (int64_t)op->fid, &hidden, eb), last;
	unsigned n = 0;

	buf_init(&key, CASEMAP_GROWTH * SUMMARY_SUBJECT_MAX);
	*end = false;
	while (e == ERR_OK && op->out.len < PAGE_BYTES) {
		if (++n % LOOK_EVERY == 0 && !slice_goes_on(slice))
			break;
		if (!db_next(r)) {
			*end = true;
			break;
		}
		op->after = (uint32_t)db_int(r, 0);
		if (!runs_contain(&hidden, op->after))
			e = take(op, r, &a, &key);
		arena_reset(&a);
	}
	runs_fini(&hidden);
	last = db_end(&r, eb);
	buf_fini(&key);
	arena_fini(&a);
	return e ? e : last;
}

enum err refs_page(struct db *db, void *arg, struct errbuf *eb)
{
	static const struct uid_range all = { 1, UINT32_MAX };
	struct refs_op *op = arg;
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
	op->done = end;
	return e;
}
