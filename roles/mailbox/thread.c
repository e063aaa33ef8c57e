#include "roles/mailbox/thread.h"

#include "common/base/attr.h"

DB_SQL(q_owner, "SELECT iid FROM msgref WHERE mbx = ?1 AND hash = ?2 AND own = ?3 LIMIT 1");
DB_SQL(q_thread_of, "SELECT thread_id FROM item WHERE rid = ?1");
DB_SQL(q_begin_thread, "UPDATE item SET thread_id = ?2 WHERE rid = ?1 AND thread_id IS NULL");
DB_SQL(q_note, "INSERT OR IGNORE INTO msgref(mbx, hash, iid, own) VALUES(?1, ?2, ?3, ?4)");
DB_SQL(q_drop_ref, "DELETE FROM msgref WHERE mbx = ?1 AND hash = ?2 AND iid = ?3");

static size_t first_ref(const struct summary *s)
{
	return s->n_refs > THREAD_REFS ? s->n_refs - THREAD_REFS : 0;
}

/* The thread of a message we have, begun there if it was alone. */
static enum err join(struct tx *tx, int64_t mbx, int64_t iid, int64_t *thread, struct errbuf *eb)
{
	enum err e = db_get_int(tx->db, &q_thread_of, thread, eb, "i", RID(mbx, iid));

	if (e == ERR_OK && *thread == 0) {
		*thread = iid;
		e = db_run(tx->db, &q_begin_thread, eb, "ii", RID(mbx, iid), iid);
	}
	/* A stale reference to a destroyed message leads nowhere. */
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err thread_find(struct tx *tx, int64_t mbx, const struct summary *s, int64_t *thread,
		     struct errbuf *eb)
{
	int64_t iid = 0;
	enum err e = ERR_NOTFOUND;

	*thread = 0;
	for (size_t i = s->n_refs; e == ERR_NOTFOUND && i > first_ref(s); i--)
		e = db_get_int(tx->db, &q_owner, &iid, eb, "iii", mbx, (int64_t)s->refs[i - 1],
			       (int64_t)1);
	if (e == ERR_NOTFOUND && s->message_id_hash)
		e = db_get_int(tx->db, &q_owner, &iid, eb, "iii", mbx,
			       (int64_t)s->message_id_hash, (int64_t)0);
	if (e == ERR_OK)
		return join(tx, mbx, iid, thread, eb);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err thread_note(struct tx *tx, int64_t mbx, int64_t iid, const struct summary *s,
		     struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (s->message_id_hash)
		e = db_run(tx->db, &q_note, eb, "iiii", mbx, (int64_t)s->message_id_hash, iid,
			   (int64_t)1);
	for (size_t i = first_ref(s); e == ERR_OK && i < s->n_refs; i++)
		e = db_run(tx->db, &q_note, eb, "iiii", mbx, (int64_t)s->refs[i], iid,
			   (int64_t)0);
	return e;
}

enum err thread_drop(struct tx *tx, int64_t mbx, int64_t iid, const uint64_t *hash, size_t n,
		     struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < n; i++)
		e = db_run(tx->db, &q_drop_ref, eb, "iii", mbx, (int64_t)hash[i], iid);
	return e;
}
