#include "roles/mailbox/purge.h"

#include "roles/mailbox/content.h"
#include "roles/mailbox/mailbox.h"
#include "roles/mailbox/message.h"
#include "roles/mailbox/thread.h"
#include <endian.h>
#include <string.h>

DB_SQL(q_item, "SELECT coalesce(bid, 0), props, size FROM item WHERE rid = ?1");
DB_SQL(q_drop_item, "DELETE FROM item WHERE rid = ?1");
DB_SQL(q_drop_recipients, "DELETE FROM recipient WHERE mbx = ?1 AND iid = ?2");
DB_SQL(q_drop_attachments, "DELETE FROM attachment WHERE mbx = ?1 AND iid = ?2");
DB_SQL(q_destroyed,
       "INSERT OR IGNORE INTO tombstone(mbx, fid, cn, seq, kind, iid, cn_created)"
       " VALUES(?1, 0, ?2, ?3, 2, ?3, 0)");
DB_SQL(q_some_items, "SELECT rid FROM item WHERE rid >= ?1 AND rid < ?2 LIMIT ?3");

/* Everything that is keyed by the mailbox, once its items are gone. */
DB_SQL(q_m1, "DELETE FROM placement WHERE mbx = ?1");
DB_SQL(q_m2, "DELETE FROM uid_run WHERE mbx = ?1");
DB_SQL(q_m3, "DELETE FROM dumpster WHERE mbx = ?1");
DB_SQL(q_m4, "DELETE FROM tombstone WHERE mbx = ?1");
DB_SQL(q_m5, "DELETE FROM keyword WHERE mbx = ?1");
DB_SQL(q_m6, "DELETE FROM folder WHERE mbx = ?1");
DB_SQL(q_m7, "DELETE FROM folder_extra WHERE mbx = ?1");
DB_SQL(q_m8, "DELETE FROM subscribed WHERE mbx = ?1");
DB_SQL(q_m9, "DELETE FROM acl WHERE mbx = ?1");
DB_SQL(q_m17, "DELETE FROM seen_by WHERE mbx = ?1");
DB_SQL(q_m18, "DELETE FROM seen_state WHERE mbx = ?1");
DB_SQL(q_m10, "DELETE FROM msgref WHERE mbx = ?1");
DB_SQL(q_m11, "DELETE FROM mailbox_extra WHERE mbx = ?1");
DB_SQL(q_m14, "DELETE FROM staged WHERE mbx = ?1");
DB_SQL(q_m19, "DELETE FROM annotation WHERE mbx = ?1");
DB_SQL(q_m15, "DELETE FROM placed WHERE mbx = ?1");
/* The highest number stays taken: `delivered` knows mailboxes by number. */
DB_SQL(q_m16, "DELETE FROM hidden WHERE mbx = ?1");
DB_SQL(q_m12,
       "UPDATE mailbox SET state = 4, guid = randomblob(16), size_live = 0, size_dumpster = 0,"
       " n_items = 0 WHERE mbx = ?1");
DB_SQL(q_m13,
       "DELETE FROM mailbox WHERE mbx = ?1 AND mbx < (SELECT max(mbx) FROM mailbox)");
DB_SQL(q_some_placements,
       "DELETE FROM placement WHERE (mbx, fid, uid) IN (SELECT mbx, fid, uid FROM placement"
       " WHERE mbx = ?1 LIMIT ?2)");

static const struct db_sql *const of_mailbox[] = { &q_m1, &q_m2, &q_m3, &q_m4,	&q_m5,	&q_m6,
						   &q_m7, &q_m8, &q_m9, &q_m10, &q_m11, &q_m14,
						   &q_m15, &q_m16, &q_m17, &q_m18, &q_m19, &q_m12, &q_m13 };

static size_t hashes(const struct bag *bag, uint64_t out[THREAD_REFS + 1])
{
	size_t n = 0;

	if (bag->own_hash)
		out[n++] = bag->own_hash;
	for (size_t i = 0; i < bag->n_refs && i < THREAD_REFS; i++) {
		memcpy(&out[n], bag->refs + 8 * i, 8);
		out[n] = le64toh(out[n]);
		n++;
	}
	return n;
}

enum err purge_item(struct tx *tx, struct mbx_row *m, int64_t iid, struct errbuf *eb)
{
	int64_t mbx = m->row.key[0], rid = RID(mbx, iid), bid = 0;
	struct db_row *r = db_query(tx->db, &q_item, "i", rid);
	uint64_t hash[THREAD_REFS + 1];
	size_t n_hash = 0;
	bool found = db_next(r);
	enum err e;

	if (found) {
		struct bag bag;
		size_t n;
		const void *p = db_blob(r, 1, &n);

		bid = db_int(r, 0);
		bag_read(p, p ? n : 0, &bag);
		n_hash = hashes(&bag, hash);
	}
	e = db_end(&r, eb);
	if (e || !found)
		return e;
	e = thread_drop(tx, mbx, iid, hash, n_hash, eb);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_drop_recipients, eb, "ii", mbx, iid);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_drop_attachments, eb, "ii", mbx, iid);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_drop_item, eb, "i", rid);
	if (e == ERR_OK && bid)
		e = content_ref(tx, bid, -1, eb);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_destroyed, eb, "iii", mbx, tx_cn(tx, m), iid);
	return e;
}

enum err purge_empty(struct tx *tx, struct mbx_row *m, struct errbuf *eb)
{
	int64_t mbx = m->row.key[0];
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < N_ELEMS(of_mailbox); i++)
		e = db_run(tx->db, of_mailbox[i], eb, "i", mbx);
	if (e == ERR_OK)
		tx_delete_mailbox(tx, m);
	return e;
}

/* Placements first, then items: what a crash leaves is purged the next time. */
enum err purge_step(struct tx *tx, int64_t mbx, int max, bool *gone, struct errbuf *eb)
{
	struct mbx_row *m;
	int64_t *rid = arena_alloc(&tx->arena, (size_t)max * sizeof(*rid));
	size_t n = 0;
	struct db_row *r;
	enum err e = tx_mailbox_any(tx, mbx, &m, eb);

	*gone = false;
	if (e)
		return e;
	tx_touch(tx, &m->row);
	m->v.state = MAILBOX_PURGING;
	e = db_run(tx->db, &q_some_placements, eb, "ii", mbx, (int64_t)max);
	if (e || db_changes(tx->db) > 0)
		return e;
	r = db_query(tx->db, &q_some_items, "iii", RID(mbx, 0), RID(mbx + 1, 0), (int64_t)max);
	while (n < (size_t)max && db_next(r))
		rid[n++] = db_int(r, 0);
	e = db_end(&r, eb);
	for (size_t i = 0; e == ERR_OK && i < n; i++)
		e = purge_item(tx, m, IID_OF(rid[i]), eb);
	if (e == ERR_OK && n == 0) {
		e = purge_empty(tx, m, eb);
		*gone = e == ERR_OK;
	}
	return e;
}
