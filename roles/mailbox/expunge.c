#include "roles/mailbox/expunge.h"

#include "common/base/check.h"
#include <string.h>

DB_SQL(q_leaving,
       "SELECT p.uid, p.mid, p.iid, p.cn_added, p.sort_date, p.flags, p.imap_deleted, i.size"
       " FROM placement p CROSS JOIN item i ON i.rid = (p.mbx << 40 | p.iid)"
       " WHERE p.mbx = ?1 AND p.fid = ?2 AND p.uid BETWEEN ?3 AND ?4 AND p.imap_deleted >= ?5"
       " ORDER BY p.uid");
DB_SQL(q_remove, "DELETE FROM placement WHERE mbx = ?1 AND fid = ?2 AND uid = ?3");
DB_SQL(q_tomb,
       "INSERT INTO tombstone(mbx, fid, cn, seq, kind, mid, uid, iid, cn_created)"
       " VALUES(?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8)");
DB_SQL(q_other, "SELECT 1 FROM placement WHERE mbx = ?1 AND iid = ?2 LIMIT 1");
DB_SQL(q_dump,
       "INSERT INTO dumpster(mbx, fid, mid, iid, deleted_at, deleted_by, cn, sort_date)"
       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
DB_SQL(q_last_seq,
       "SELECT coalesce(max(seq) + 1, 0) FROM tombstone WHERE mbx = ?1 AND fid = ?2 AND cn = ?3");

/* ---- finding ---------------------------------------------------------------------- */

static void push(struct arena *a, struct leaving_list *l, size_t *cap, struct db_row *r)
{
	if (l->n == *cap) {
		struct leaving *bigger;

		*cap = *cap ? 2 * *cap : 64;
		bigger = arena_alloc(a, *cap * sizeof(*bigger));
		if (l->n)
			memcpy(bigger, l->of, l->n * sizeof(*bigger));
		l->of = bigger;
	}
	l->of[l->n++] = (struct leaving){
		.uid = db_int(r, 0), .mid = db_int(r, 1), .iid = db_int(r, 2),
		.cn_added = db_int(r, 3), .sort_date = db_int(r, 4),
		.flags = ((unsigned)db_int(r, 5) & ITEM_FLAGS) |
			 (db_int(r, 6) ? FLAG_DELETED : 0),
		.size = db_int(r, 7),
	};
}

enum err leaving_find(struct tx *tx, const struct leaving_ask *ask, struct leaving_list *out,
		      bool *more, struct errbuf *eb)
{
	static const struct uid_range all = { 1, UINT32_MAX };
	const struct uid_range *u = ask->n_uids ? ask->uids : &all;
	size_t n = ask->n_uids ? ask->n_uids : 1, cap = 0;
	enum err e = ERR_OK;

	*out = (struct leaving_list){ NULL, 0 };
	*more = false;
	for (size_t i = 0; e == ERR_OK && !*more && i < n; i++) {
		struct db_row *r = db_query(tx->db, &q_leaving, "iiiii", ask->mbx, ask->fid,
					    (int64_t)u[i].first, (int64_t)u[i].last,
					    (int64_t)ask->only_deleted);

		while (!*more && db_next(r)) {
			*more = ask->max && out->n == ask->max;
			if (!*more)
				push(&tx->arena, out, &cap, r);
		}
		e = db_end(&r, eb);
	}
	return e;
}

/* ---- removing ---------------------------------------------------------------------- */

static enum err into_dumpster(struct tx *tx, struct mbx_row *m, int64_t fid,
			      const struct leaving *l, const struct guid *by, struct errbuf *eb)
{
	int64_t one, mbx = m->row.key[0];
	enum err e = db_get_int(tx->db, &q_other, &one, eb, "ii", mbx, l->iid);

	if (e != ERR_NOTFOUND)
		return e;	/* linked elsewhere: the item lives on */
	m->v.size_live -= l->size;
	m->v.size_dumpster += l->size;
	m->v.n_items--;
	return db_run(tx->db, &q_dump, eb, "iiiiigii", mbx, fid, l->mid, l->iid, tx->now_ms, by,
		      tx_cn(tx, m), l->sort_date);
}

static enum err remove_one(struct tx *tx, struct mbx_row *m, struct folder_row *f,
			   const struct leaving *l, int64_t seq, struct errbuf *eb)
{
	const int64_t *k = f->row.key;
	enum err e = db_run(tx->db, &q_remove, eb, "iii", k[0], k[1], l->uid);

	if (e == ERR_OK)
		e = db_run(tx->db, &q_tomb, eb, "iiiiiiii", k[0], k[1], tx_cn(tx, m), seq, l->mid,
			   l->uid, l->iid, l->cn_added);
	if (e == ERR_OK)
		folder_count(tx, m, f, -1, l->flags, l->size);
	return e;
}

enum err placements_remove(struct tx *tx, struct mbx_row *m, struct folder_row *f,
			   const struct leaving_list *list, enum fate fate,
			   const struct guid *by, struct runs *gone, struct errbuf *eb)
{
	struct runs mine = { NULL, 0, 0 };
	int64_t seq = 0;
	enum err e;

	if (list->n == 0)
		return ERR_OK;
	tx_touch(tx, &m->row);
	e = db_get_int(tx->db, &q_last_seq, &seq, eb, "iii", f->row.key[0], f->row.key[1],
		       tx_cn(tx, m));
	for (size_t i = 0; e == ERR_OK && i < list->n; i++) {
		const struct leaving *l = &list->of[i];

		e = remove_one(tx, m, f, l, seq + (int64_t)i, eb);
		if (e == ERR_OK && fate == FATE_DUMPSTER)
			e = into_dumpster(tx, m, f->row.key[1], l, by, eb);
		runs_add(&mine, (uint32_t)l->uid);
		if (gone)
			runs_add(gone, (uint32_t)l->uid);
	}
	if (e == ERR_OK)
		e = runs_remove(tx, f, &mine, eb);
	runs_fini(&mine);
	return e;
}

enum err expunge(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct expunge_op *op = arg;
	struct leaving_ask ask = {
		.mbx = op->who.mbx, .fid = (int64_t)op->fid, .uids = op->uids,
		.n_uids = op->n_uids, .max = EXPUNGE_STEP,
		.only_deleted = !(op->any_flag && op->n_uids),
	};
	struct leaving_list list = { NULL, 0 };
	struct folder_row *f;
	struct mbx_row *m;
	enum err e = access_check(tx->db, &op->who, ask.fid, RIGHT_EXPUNGE, eb);

	op->more = false;
	if (e == ERR_OK)
		e = tx_mailbox(tx, op->who.mbx, &m, eb);
	if (e == ERR_OK)
		e = tx_folder(tx, op->who.mbx, ask.fid, &f, eb);
	if (e)
		return e;
	if (!ask.only_deleted || f->v.n_deleted > 0)
		e = leaving_find(tx, &ask, &list, &op->more, eb);
	if (e == ERR_OK)
		e = placements_remove(tx, m, f, &list, FATE_DUMPSTER, &op->who.principal,
				      &op->gone, eb);
	op->modseq = (uint64_t)f->v.modseq;
	return e;
}

enum err expunge_all(struct tx *tx, struct mbx_row *m, int64_t fid, const struct guid *by,
		     struct errbuf *eb)
{
	struct leaving_ask ask = { .mbx = m->row.key[0], .fid = fid };
	struct leaving_list list;
	struct folder_row *f;
	bool more;
	enum err e = tx_folder(tx, ask.mbx, fid, &f, eb);

	if (e == ERR_OK)
		e = leaving_find(tx, &ask, &list, &more, eb);
	if (e == ERR_OK)
		e = placements_remove(tx, m, f, &list, FATE_DUMPSTER, by, NULL, eb);
	return e;
}
