/* tx_uid - uids: handing them out, and the run that a folder ends with */
#include "roles/mailbox/tx.h"

#include "roles/mailbox/hidden.h"

DB_SQL(q_last_run,
       "SELECT first, last FROM uid_run WHERE mbx = ?1 AND fid = ?2 ORDER BY first DESC LIMIT 1");
DB_SQL(q_add_run, "INSERT INTO uid_run(mbx, fid, first, last) VALUES(?1, ?2, ?3, ?4)");
DB_SQL(q_grow_run, "UPDATE uid_run SET last = ?4 WHERE mbx = ?1 AND fid = ?2 AND first = ?3");

enum err tx_write_run(struct tx *tx, struct folder_row *f, struct errbuf *eb)
{
	struct folder_values *v = &f->v;
	const int64_t *k = f->row.key;

	if (v->run_first == 0)
		return ERR_OK;
	if (v->run_stored == v->run_first)
		return db_run(tx->db, &q_grow_run, eb, "iiii", k[0], k[1], v->run_first,
			      v->run_last);
	v->run_stored = v->run_first;
	return db_run(tx->db, &q_add_run, eb, "iiii", k[0], k[1], v->run_first, v->run_last);
}

enum err tx_read_run(struct tx *tx, struct folder_row *f, struct errbuf *eb)
{
	struct db_row *r = db_query(tx->db, &q_last_run, "ii", f->row.key[0], f->row.key[1]);

	f->v.run_first = f->v.run_last = f->v.run_stored = 0;
	if (db_next(r)) {
		f->v.run_first = f->v.run_stored = db_int(r, 0);
		f->v.run_last = db_int(r, 1);
	}
	return db_end(&r, eb);
}

int64_t tx_take_uids(struct tx *tx, struct folder_row *f, int64_t n, enum err *e,
		     struct errbuf *eb)
{
	struct folder_values *v = &f->v;
	int64_t first = v->uidnext;

	tx_touch(tx, &f->row);
	*e = ERR_OK;
	if (v->barrier && first + n > v->barrier) {
		/* More came than there was room for: the copy begins anew behind it. */
		*e = hidden_abandon(tx, f, eb);
		first = v->uidnext;
	}
	if (*e == ERR_OK && first + n > UINT32_MAX)
		*e = err_set(eb, ERR_LIMIT, "uids are used up");
	if (*e)
		return 0;
	if (v->run_last + 1 != first || v->run_first == 0) {
		/* A gap: what the last run grew to is written before a new one begins. */
		*e = tx_write_run(tx, f, eb);
		v->run_first = first;
		v->run_stored = 0;
	}
	v->run_last = first + n - 1;
	v->uidnext += n;
	v->visible_uid = v->uidnext - 1;
	return first;
}
