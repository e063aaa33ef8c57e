#include "roles/mailbox/leaving.h"

#include "roles/mailbox/hidden.h"
#include "roles/mailbox/purge.h"
#include <string.h>

#define COLUMNS "SELECT p.uid, p.mid, p.iid, p.cn_added, p.sort_date, p.flags, p.imap_deleted, i.size, p.kw"
#define JOIN    " CROSS JOIN item i ON i.rid = (p.mbx << 40 | p.iid)"
#define WITHIN  " WHERE p.mbx = ?1 AND p.fid = ?2 AND p.uid BETWEEN ?3 AND ?4"

DB_SQL(q_leaving, COLUMNS " FROM placement p" JOIN WITHIN " ORDER BY p.uid");
DB_SQL(q_deleted,
       COLUMNS " FROM placement p INDEXED BY place_deleted" JOIN WITHIN " AND p.imap_deleted = 1"
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
	struct kwset kw;

	if (l->n == *cap) {
		struct leaving *bigger;

		*cap = *cap ? 2 * *cap : 64;
		bigger = arena_alloc(a, *cap * sizeof(*bigger));
		if (l->n)
			memcpy(bigger, l->of, l->n * sizeof(*bigger));
		l->of = bigger;
	}
	kw.p = db_blob(r, 8, &kw.n);
	l->of[l->n++] = (struct leaving){
		.uid = db_int(r, 0), .mid = db_int(r, 1), .iid = db_int(r, 2),
		.cn_added = db_int(r, 3), .sort_date = db_int(r, 4),
		.flags = ((unsigned)db_int(r, 5) & ITEM_FLAGS) |
			 (db_int(r, 6) ? FLAG_DELETED : 0),
		.size = db_int(r, 7),
		.kw = kw.p && kw.n ? (struct kwset){ arena_dup(a, kw.p, kw.n), kw.n }
				   : (struct kwset){ NULL, 0 },
	};
}

enum err leaving_find(struct tx *tx, const struct leaving_ask *ask, struct leaving_at *at,
		      struct leaving_list *out, bool *more, struct errbuf *eb)
{
	static const struct uid_range all = { 1, UINT32_MAX };
	const struct uid_range *u = ask->n_uids ? ask->uids : &all;
	size_t n = ask->n_uids ? ask->n_uids : 1, cap = 0;
	struct leaving_at from = { 0, 0 };
	struct runs hidden = { NULL, 0, 0 };
	enum err e = ERR_OK;

	*out = (struct leaving_list){ NULL, 0 };
	*more = false;
	if (at == NULL)
		at = &from;
	if (!ask->hidden)
		e = hidden_load(tx->db, ask->mbx, ask->fid, &hidden, eb);
	while (e == ERR_OK && !*more && at->range < n) {
		struct uid_range x = u[at->range];
		int64_t first = at->after >= x.first ? (int64_t)at->after + 1 : x.first;
		struct db_row *r = db_query(tx->db, ask->only_deleted ? &q_deleted : &q_leaving,
					    "iiii", ask->mbx, ask->fid, first,
					    ask->below && ask->below <= x.last ? ask->below - 1
									       : (int64_t)x.last);

		while (!*more && db_next(r)) {
			uint32_t uid = (uint32_t)db_int(r, 0);

			if (hidden.n && runs_contain(&hidden, uid))
				continue;
			*more = ask->max && out->n == ask->max;
			if (*more)
				break;
			push(&tx->arena, out, &cap, r);
			at->after = uid;
		}
		e = db_end(&r, eb);
		if (!*more)
			at->range++;
	}
	runs_fini(&hidden);
	return e;
}

/* ---- removing ---------------------------------------------------------------------- */

static enum err has_other(struct tx *tx, int64_t mbx, int64_t iid, bool *yes, struct errbuf *eb)
{
	int64_t one;
	enum err e = db_get_int(tx->db, &q_other, &one, eb, "ii", mbx, iid);

	*yes = e == ERR_OK;
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err into_dumpster(struct tx *tx, struct mbx_row *m, int64_t fid,
			      const struct leaving *l, int64_t cn, const struct guid *by,
			      struct errbuf *eb)
{
	int64_t mbx = m->row.key[0];
	bool linked;
	enum err e = has_other(tx, mbx, l->iid, &linked, eb);

	if (e || linked)
		return e;
	m->v.size_live -= l->size;
	m->v.size_dumpster += l->size;
	m->v.n_items--;
	return db_run(tx->db, &q_dump, eb, "iiiiigii", mbx, fid, l->mid, l->iid, tx->now_ms, by,
		      cn, l->sort_date);
}

enum err leaving_sweep(struct tx *tx, struct mbx_row *m, int64_t fid,
		       const struct leaving_list *list, int64_t cn, const struct guid *by,
		       struct errbuf *eb)
{
	int64_t mbx = m->row.key[0], seq = 0;
	enum err e;

	if (list->n == 0)
		return ERR_OK;
	tx_touch(tx, &m->row);
	e = db_get_int(tx->db, &q_last_seq, &seq, eb, "iii", mbx, fid, cn);
	for (size_t i = 0; e == ERR_OK && i < list->n; i++) {
		const struct leaving *l = &list->of[i];

		e = db_run(tx->db, &q_remove, eb, "iii", mbx, fid, l->uid);
		if (e == ERR_OK)
			e = db_run(tx->db, &q_tomb, eb, "iiiiiiii", mbx, fid, cn, seq++, l->mid,
				   l->uid, l->iid, l->cn_added);
		if (e == ERR_OK)
			e = into_dumpster(tx, m, fid, l, cn, by, eb);
	}
	return e;
}

enum err leaving_remove(struct tx *tx, struct mbx_row *m, struct folder_row *f,
			const struct leaving_list *list, const struct guid *by,
			struct runs *gone, struct errbuf *eb)
{
	struct runs mine = { NULL, 0, 0 };
	enum err e;

	if (list->n == 0)
		return ERR_OK;
	e = leaving_sweep(tx, m, f->row.key[1], list, tx_cn(tx, m), by, eb);
	for (size_t i = 0; e == ERR_OK && i < list->n; i++) {
		const struct leaving *l = &list->of[i];

		folder_count(tx, m, f, -1, l->flags, l->size);
		runs_add(&mine, (uint32_t)l->uid);
		if (gone)
			runs_add(gone, (uint32_t)l->uid);
	}
	if (e == ERR_OK)
		e = runs_remove(tx, f, &mine, eb);
	runs_fini(&mine);
	return e;
}

enum err leaving_undo(struct tx *tx, struct mbx_row *m, int64_t fid,
		      const struct leaving_list *list, struct errbuf *eb)
{
	int64_t mbx = m->row.key[0];
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < list->n; i++) {
		const struct leaving *l = &list->of[i];
		bool linked = false;

		e = db_run(tx->db, &q_remove, eb, "iii", mbx, fid, l->uid);
		if (e == ERR_OK)
			e = has_other(tx, mbx, l->iid, &linked, eb);
		if (e || linked)
			continue;
		tx_touch(tx, &m->row);
		m->v.size_live -= l->size;
		m->v.n_items--;
		e = purge_item(tx, m, l->iid, eb);
	}
	return e;
}
