#include "roles/mailbox/copy.h"

#include "common/base/check.h"
#include "roles/mailbox/expunge.h"
#include "roles/mailbox/folder.h"
#include "roles/mailbox/message.h"

DB_SQL(q_holds, "SELECT 1 FROM placement WHERE mbx = ?1 AND iid = ?2 AND fid = ?3 LIMIT 1");
DB_SQL(q_kw, "SELECT kw FROM item WHERE rid = ?1");
DB_SQL(q_bid, "SELECT coalesce(bid, 0) FROM item WHERE rid = ?1");
DB_SQL(q_clone,
       "INSERT INTO item(rid, klass, msg_class, form, bid, content_rev, size, thread_id, conv_id,"
       " goid, subject, subject_norm, from_name, from_addr, to_text, preview, date_sent,"
       " date_recv, created, modified, importance, sensitivity, has_attach, flags, follow_up, kw,"
       " cn_created, cn_content, modseq, props)"
       " SELECT ?2, klass, msg_class, form, bid, content_rev, size, thread_id, conv_id,"
       " goid, subject, subject_norm, from_name, from_addr, to_text, preview, date_sent,"
       " date_recv, ?3, ?3, importance, sensitivity, has_attach, flags, follow_up, kw,"
       " ?4, ?4, ?4, props FROM item WHERE rid = ?1");

struct transfer {
	struct tx *tx;
	struct mbx_row *m;
	struct folder_row *from, *to;
	bool move;
	int64_t uid;		/* the next in the target */
};

/* A new item on the same content; its own, so flags part ways from here. */
static enum err clone_item(struct transfer *t, const struct leaving *l, int64_t *iid,
		      struct errbuf *eb)
{
	struct tx *tx = t->tx;
	int64_t mbx = t->m->row.key[0], bid = 0;
	enum err e = db_get_int(tx->db, &q_bid, &bid, eb, "i", RID(mbx, l->iid));

	*iid = tx_gc(tx, t->m);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_clone, eb, "iiii", RID(mbx, l->iid), RID(mbx, *iid),
			   tx->now_ms, tx_cn(tx, t->m));
	if (e == ERR_OK && bid)
		e = content_ref(tx, bid, 1, eb);
	t->m->v.size_live += l->size;
	t->m->v.n_items++;
	return e;
}

static enum err keywords_of(struct transfer *t, int64_t iid, struct kwset *kw, struct errbuf *eb)
{
	struct db_row *r = db_query(t->tx->db, &q_kw, "i", RID(t->m->row.key[0], iid));

	*kw = (struct kwset){ NULL, 0 };
	if (db_next(r)) {
		const void *p = db_blob(r, 0, &kw->n);

		kw->p = p ? arena_dup(&t->tx->arena, p, kw->n) : NULL;
	}
	return db_end(&r, eb);
}

static enum err place(struct transfer *t, const struct leaving *l, int64_t iid, struct errbuf *eb)
{
	struct placement p = {
		.mbx = t->m->row.key[0], .fid = t->to->row.key[1], .uid = t->uid++,
		.mid = tx_gc(t->tx, t->m), .iid = iid, .modseq = tx_cn(t->tx, t->m),
		.cn_added = tx_cn(t->tx, t->m), .sort_date = l->sort_date,
		.flags = l->flags & ITEM_FLAGS,
	};
	enum err e = keywords_of(t, iid, &p.kw, eb);

	if (e == ERR_OK)
		e = placement_add(t->tx, &p, eb);
	if (e == ERR_OK)
		folder_count(t->tx, t->m, t->to, 1, p.flags, l->size);
	return e;
}

/* Does the target hold the item by another placement than the one that moves? */
static enum err held(struct transfer *t, const struct leaving *l, bool *yes, struct errbuf *eb)
{
	int64_t one;
	enum err e = ERR_NOTFOUND;

	if (!(t->move && t->from == t->to))
		e = db_get_int(t->tx->db, &q_holds, &one, eb, "iii", t->m->row.key[0], l->iid,
			       t->to->row.key[1]);
	*yes = e == ERR_OK;
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err transfer_one(struct transfer *t, const struct leaving *l, struct errbuf *eb)
{
	int64_t iid = l->iid;
	bool yes;
	enum err e = held(t, l, &yes, eb);

	if (e == ERR_OK && yes)
		e = clone_item(t, l, &iid, eb);
	return e ? e : place(t, l, iid, eb);
}

static enum err transfer(struct transfer *t, const struct leaving_list *list, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (list->n == 0)
		return ERR_OK;
	tx_touch(t->tx, &t->m->row);
	t->uid = tx_take_uids(t->tx, t->to, (int64_t)list->n, &e, eb);
	for (size_t i = 0; e == ERR_OK && i < list->n; i++)
		e = transfer_one(t, &list->of[i], eb);
	/* A clone leaves the moved item without a place: then it is the dumpster's. */
	if (e == ERR_OK && t->move)
		e = placements_remove(t->tx, t->m, t->from, list, FATE_DUMPSTER, NULL, NULL, eb);
	return e;
}

static enum err find_target(struct tx *tx, struct copy_op *op, int64_t *fid, struct errbuf *eb)
{
	struct path p;
	enum err e;

	*fid = (int64_t)op->to_fid;
	if (*fid)
		return ERR_OK;
	e = path_parse(&tx->arena, op->to_path, &p, eb);
	return e ? e : folder_by_path(tx->db, op->who.mbx, &p, p.n, fid, eb);
}

static enum err open_folders(struct tx *tx, struct copy_op *op, struct transfer *t,
			     struct errbuf *eb)
{
	unsigned rights = RIGHT_READ | (op->move ? RIGHT_DELETE | RIGHT_EXPUNGE : 0);
	int64_t to;
	enum err e = find_target(tx, op, &to, eb);

	if (e == ERR_OK)
		e = access_check(tx->db, &op->who, (int64_t)op->fid, rights, eb);
	if (e == ERR_OK)
		e = access_check(tx->db, &op->who, to, RIGHT_INSERT, eb);
	if (e == ERR_OK)
		e = tx_mailbox(tx, op->who.mbx, &t->m, eb);
	if (e == ERR_OK)
		e = tx_folder(tx, op->who.mbx, (int64_t)op->fid, &t->from, eb);
	if (e == ERR_OK)
		e = tx_folder(tx, op->who.mbx, to, &t->to, eb);
	return e;
}

enum err copy(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct copy_op *op = arg;
	struct transfer t = { .tx = tx, .move = op->move };
	struct leaving_ask ask = { .mbx = op->who.mbx, .fid = (int64_t)op->fid,
				   .uids = op->uids, .n_uids = op->n_uids };
	struct leaving_list list;
	bool more;
	enum err e = open_folders(tx, op, &t, eb);

	op->from.n = op->to.n = 0;
	if (e == ERR_OK)
		e = leaving_find(tx, &ask, &list, &more, eb);
	if (e == ERR_OK)
		e = transfer(&t, &list, eb);
	if (e)
		return e;
	for (size_t i = 0; i < list.n; i++)
		runs_add(&op->from, (uint32_t)list.of[i].uid);
	if (list.n)
		runs_add_range(&op->to, (uint32_t)(t.uid - (int64_t)list.n),
			       (uint32_t)(t.uid - 1));
	op->uidvalidity = (uint32_t)t.to->v.uidvalidity;
	op->modseq = (uint64_t)t.from->v.modseq;
	return ERR_OK;
}

enum err move_all(struct tx *tx, struct mbx_row *m, int64_t from, int64_t to, struct errbuf *eb)
{
	struct transfer t = { .tx = tx, .m = m, .move = true };
	struct leaving_ask ask = { .mbx = m->row.key[0], .fid = from };
	struct leaving_list list;
	bool more;
	enum err e = tx_folder(tx, ask.mbx, from, &t.from, eb);

	if (e == ERR_OK)
		e = tx_folder(tx, ask.mbx, to, &t.to, eb);
	if (e == ERR_OK)
		e = leaving_find(tx, &ask, &list, &more, eb);
	return e ? e : transfer(&t, &list, eb);
}
