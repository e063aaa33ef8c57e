#include "roles/mailbox/transfer.h"

#include "roles/mailbox/thread.h"
#include <endian.h>
#include <string.h>

DB_SQL(q_holds, "SELECT 1 FROM placement WHERE mbx = ?1 AND iid = ?2 AND fid = ?3 LIMIT 1");
DB_SQL(q_source, "SELECT bid, thread_id, props FROM item WHERE rid = ?1");
DB_SQL(q_clone,
       "INSERT INTO item(rid, klass, msg_class, form, bid, content_rev, size, thread_id, conv_id,"
       " goid, subject, subject_norm, from_name, from_addr, to_text, preview, date_sent,"
       " date_recv, created, modified, importance, sensitivity, has_attach, flags, follow_up, kw,"
       " cn_created, cn_content, modseq, props)"
       " SELECT ?2, klass, msg_class, form, bid, content_rev, size, nullif(?5, 0), conv_id,"
       " goid, subject, subject_norm, from_name, from_addr, to_text, preview, date_sent,"
       " date_recv, ?3, ?3, importance, sensitivity, has_attach, ?7, follow_up, ?6,"
       " ?4, ?4, ?4, props FROM item WHERE rid = ?1");

unsigned transfer_flags(const struct transfer *t, const struct leaving *l)
{
	bool links = t->m == t->to_m && !t->part_ways;
	unsigned allowed = links ? ITEM_FLAGS : t->allowed & ITEM_FLAGS;

	return l->flags & allowed;
}

static int64_t cn_of(struct transfer *t)
{
	return t->cn ? t->cn : tx_cn(t->tx, t->to_m);
}

/* ---- an item of its own ---------------------------------------------------------------- */

struct source {
	int64_t bid, thread;
	struct summary ids;	/* only what threads are made of */
};

static void read_ids(struct arena *a, struct db_row *r, struct summary *out)
{
	struct bag bag;
	uint64_t *refs;
	size_t n;
	const void *p = db_blob(r, 2, &n);

	bag_read(p, p ? n : 0, &bag);
	refs = arena_alloc(a, (bag.n_refs + 1) * sizeof(*refs));
	for (size_t i = 0; i < bag.n_refs; i++) {
		memcpy(&refs[i], bag.refs + 8 * i, 8);
		refs[i] = le64toh(refs[i]);
	}
	*out = (struct summary){ .message_id_hash = bag.own_hash, .refs = refs,
				 .n_refs = bag.n_refs };
}

static enum err read_source(struct transfer *t, int64_t rid, struct source *s, struct errbuf *eb)
{
	struct db_row *r = db_query(t->tx->db, &q_source, "i", rid);

	*s = (struct source){ 0 };
	if (db_next(r)) {
		s->bid = db_int(r, 0);
		s->thread = db_int(r, 1);
		read_ids(&t->tx->arena, r, &s->ids);
	}
	return db_end(&r, eb);
}

static bool over_quota(const struct mbx_row *m)
{
	return m->v.quota_recv > 0 && m->v.size_live > m->v.quota_recv;
}

/* On the same content; flags part ways from here. */
static enum err clone_item(struct transfer *t, const struct leaving *l, struct placement *p,
			   struct errbuf *eb)
{
	struct tx *tx = t->tx;
	int64_t from = RID(t->m->row.key[0], l->iid), mbx = t->to_m->row.key[0];
	bool other = t->m != t->to_m;
	struct source s;
	enum err e = read_source(t, from, &s, eb);

	if (e == ERR_OK && other)
		e = thread_find(tx, mbx, &s.ids, &s.thread, eb);
	p->iid = tx_gc(tx, t->to_m);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_clone, eb, "iiiiibi", from, RID(mbx, p->iid), tx->now_ms,
			   cn_of(t), s.thread, p->kw.p, p->kw.n, (int64_t)p->flags);
	if (e == ERR_OK && other)
		e = thread_note(tx, mbx, p->iid, &s.ids, eb);
	if (e == ERR_OK && s.bid)
		e = content_ref(tx, s.bid, 1, eb);
	t->to_m->v.size_live += l->size;
	t->to_m->v.n_items++;
	if (e == ERR_OK && over_quota(t->to_m))
		e = err_set(eb, ERR_LIMIT, "mailbox is over its quota");
	return e;
}

/* The same keywords by the other mailbox's numbers. */
static enum err translate(struct transfer *t, struct kwset *kw, struct errbuf *eb)
{
	struct arena *a = &t->tx->arena;
	const struct span *word;
	const char **names;
	size_t n;
	enum err e = ERR_OK;

	if (!t->may_keyword)
		*kw = (struct kwset){ NULL, 0 };
	if (kw->n == 0)
		return ERR_OK;
	if (!t->has_names)
		e = keyword_names(t->tx->db, a, t->m->row.key[0], &t->names, eb);
	if (e)
		return e;
	t->has_names = true;
	n = kwset_names(a, &t->names, *kw, &word);
	names = arena_alloc(a, (n + 1) * sizeof(*names));
	for (size_t i = 0; i < n; i++)
		names[i] = arena_printf(a, "%.*s", (int)word[i].n, word[i].p);
	names[n] = NULL;
	return keyword_pack(t->tx, a, t->to_m->row.key[0], names, true, kw, eb);
}

/* ---- placing ---------------------------------------------------------------------------- */

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

static enum err place_one(struct transfer *t, const struct leaving *l, struct errbuf *eb)
{
	struct placement p = {
		.mbx = t->to_m->row.key[0], .fid = t->to->row.key[1], .uid = t->uid++,
		.iid = l->iid, .sort_date = l->sort_date, .flags = transfer_flags(t, l),
		.kw = l->kw,
	};
	bool other = t->m != t->to_m, clone = other || t->part_ways;
	enum err e = ERR_OK;

	if (other)
		e = translate(t, &p.kw, eb);
	else if (t->part_ways && !t->may_keyword)
		p.kw = (struct kwset){ NULL, 0 };
	else if (!t->part_ways)
		e = held(t, l, &clone, eb);

	if (e == ERR_OK && clone)
		e = clone_item(t, l, &p, eb);
	if (e)
		return e;
	p.mid = tx_gc(t->tx, t->to_m);
	p.modseq = p.cn_added = cn_of(t);
	return placement_add(t->tx, &p, eb);
}

enum err transfer_place(struct transfer *t, const struct leaving_list *list, struct errbuf *eb)
{
	enum err e = ERR_OK;

	tx_touch(t->tx, &t->to_m->row);
	for (size_t i = 0; e == ERR_OK && i < list->n; i++)
		e = place_one(t, &list->of[i], eb);
	return e;
}

enum err transfer_now(struct transfer *t, const struct leaving_list *list, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (list->n == 0)
		return ERR_OK;
	t->uid = tx_take_uids(t->tx, t->to, (int64_t)list->n, &e, eb);
	if (e == ERR_OK)
		e = transfer_place(t, list, eb);
	for (size_t i = 0; e == ERR_OK && i < list->n; i++)
		folder_count(t->tx, t->to_m, t->to, 1, transfer_flags(t, &list->of[i]),
			     list->of[i].size);
	/* A clone leaves the moved item without a place: then it is the dumpster's. */
	if (e == ERR_OK && t->move)
		e = leaving_remove(t->tx, t->m, t->from, list, t->by, NULL, eb);
	return e;
}
