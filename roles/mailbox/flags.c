#include "roles/mailbox/flags.h"

#include "roles/mailbox/hidden.h"
#include "common/base/check.h"
#include "roles/mailbox/seen.h"
#include <string.h>

DB_SQL(q_rows,
       "SELECT p.uid, p.iid, p.modseq, p.flags, p.imap_deleted, p.kw FROM shown p"
       " WHERE p.mbx = ?1 AND p.fid = ?2 AND p.uid BETWEEN ?3 AND ?4 ORDER BY p.uid");
DB_SQL(q_put,
       "UPDATE placement SET flags = ?4, imap_deleted = ?5, kw = ?6, modseq = ?7, cn = ?7"
       " WHERE mbx = ?1 AND fid = ?2 AND uid = ?3");
DB_SQL(q_put_item, "UPDATE item SET flags = ?2, kw = ?3, modseq = ?4 WHERE rid = ?1");
DB_SQL(q_links,
       "SELECT fid, uid, flags, imap_deleted FROM shown WHERE mbx = ?1 AND iid = ?2");

struct one {
	int64_t uid, iid, modseq;
	unsigned flags;
	struct kwset kw;
};

struct link {
	int64_t fid, uid;
	unsigned flags;
};

struct change {
	struct tx *tx;
	struct flags_op *op;
	struct mbx_row *m;
	struct folder_row *f;
	struct kwset kw;		/* of the request */
	unsigned may;			/* flags that the principal may change */
	bool may_kw;
	struct seen seen;
	bool own_cn;			/* a \Seen of the principal's own has changed */
	struct kwnames names;
};

/* ---- reading what is there ----------------------------------------------------------- */

static void read_one(struct arena *a, struct db_row *r, struct one *o)
{
	const void *p;
	size_t n;

	o->uid = db_int(r, 0);
	o->iid = db_int(r, 1);
	o->modseq = db_int(r, 2);
	o->flags = ((unsigned)db_int(r, 3) & ITEM_FLAGS) | (db_int(r, 4) ? FLAG_DELETED : 0);
	p = db_blob(r, 5, &n);
	o->kw = (struct kwset){ p && n ? arena_dup(a, p, n) : NULL, p ? n : 0 };
}

static enum err read_step(struct change *c, struct one *out, size_t *n, struct errbuf *eb)
{
	struct flags_op *op = c->op;
	enum err e = ERR_OK;

	*n = 0;
	while (e == ERR_OK && *n < FLAGS_STEP && op->next.range < op->n_uids) {
		const struct uid_range *u = &op->uids[op->next.range];
		int64_t from = op->next.after >= u->first ? (int64_t)op->next.after + 1 : u->first;
		struct db_row *r = db_query(c->tx->db, &q_rows, "iiii", op->who.mbx,
					    (int64_t)op->fid, from, (int64_t)u->last);

		while (*n < FLAGS_STEP && db_next(r))
			read_one(&c->tx->arena, r, &out[(*n)++]);
		e = db_end(&r, eb);
		if (*n < FLAGS_STEP)
			op->next.range++;
		else
			op->next.after = (uint32_t)out[*n - 1].uid;
	}
	op->more = op->next.range < op->n_uids;
	return e;
}

/* ---- changing one ---------------------------------------------------------------------- */

static void wanted(const struct change *c, const struct one *o, unsigned *flags,
		   struct kwset *kw)
{
	struct arena *a = &c->tx->arena;
	unsigned f = c->op->flags & (ITEM_FLAGS | FLAG_DELETED) & c->may;

	*kw = o->kw;
	switch (c->op->mode) {
	case FLAGS_ADD:
		*flags = o->flags | f;
		if (c->kw.n && c->may_kw)
			*kw = kwset_union(a, o->kw, c->kw);
		break;
	case FLAGS_REMOVE:
		*flags = o->flags & ~f;
		if (c->kw.n && c->may_kw)
			*kw = kwset_without(a, o->kw, c->kw);
		break;
	case FLAGS_REPLACE:
		*flags = f | (o->flags & ~c->may);
		if (c->may_kw)
			*kw = c->kw;
		break;
	}
}

static enum err put_placement(struct change *c, struct folder_row *f, int64_t uid, unsigned was,
			      unsigned flags, struct kwset kw, struct errbuf *eb)
{
	int64_t cn = tx_cn(c->tx, c->m);

	folder_count(c->tx, c->m, f, -1, was, 0);
	folder_count(c->tx, c->m, f, 1, flags, 0);
	return db_run(c->tx->db, &q_put, eb, "iiiiibi", f->row.key[0], f->row.key[1], uid,
		      (int64_t)(flags & ITEM_FLAGS), (int64_t)!!(flags & FLAG_DELETED), kw.p,
		      kw.n, cn);
}

static enum err find_links(struct change *c, const struct one *o, struct link **out, size_t *n,
			   struct errbuf *eb)
{
	struct db_row *r = db_query(c->tx->db, &q_links, "ii", c->op->who.mbx, o->iid);
	size_t cap = 0;

	*n = 0;
	while (db_next(r)) {
		if (db_int(r, 0) == (int64_t)c->op->fid && db_int(r, 1) == o->uid)
			continue;
		if (*n == cap) {
			struct link *bigger;

			cap = cap ? 2 * cap : 4;
			bigger = arena_alloc(&c->tx->arena, cap * sizeof(*bigger));
			if (*n)
				memcpy(bigger, *out, *n * sizeof(*bigger));
			*out = bigger;
		}
		(*out)[(*n)++] = (struct link){
			.fid = db_int(r, 0), .uid = db_int(r, 1),
			.flags = ((unsigned)db_int(r, 2) & ITEM_FLAGS) |
				 (db_int(r, 3) ? FLAG_DELETED : 0),
		};
	}
	return db_end(&r, eb);
}

/* The item's flags in its other folders. */
static enum err put_links(struct change *c, const struct one *o, unsigned flags,
			  struct kwset kw, struct errbuf *eb)
{
	struct link *l = NULL;
	size_t n;
	enum err e = find_links(c, o, &l, &n, eb);

	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		struct folder_row *f;

		e = tx_folder(c->tx, c->op->who.mbx, l[i].fid, &f, eb);
		if (e == ERR_OK)
			e = put_placement(c, f, l[i].uid, l[i].flags,
					  (flags & ITEM_FLAGS) | (l[i].flags & FLAG_DELETED), kw,
					  eb);
	}
	return e;
}

static enum err report(struct change *c, const struct one *o, unsigned flags, struct kwset kw)
{
	struct store_row row = {
		.uid = (uint32_t)o->uid, .columns = COL_FLAGS | COL_MODSEQ | COL_KEYWORDS,
		.flags = flags, .modseq = (uint64_t)tx_cn(c->tx, c->m),
	};

	row.n_keywords = kwset_names(&c->tx->arena, &c->names, kw, &row.keywords);
	return row_write(&c->op->rows, &row);
}

/* What of the message changes for everybody. */
static enum err change_item(struct change *c, const struct one *o, unsigned flags,
			    struct kwset kw, struct errbuf *eb)
{
	bool item_changes = ((flags ^ o->flags) & ITEM_FLAGS) || !kwset_eq(kw, o->kw);
	enum err e;

	if (!item_changes && flags == o->flags)
		return ERR_OK;
	e = put_placement(c, c->f, o->uid, o->flags, flags, kw, eb);
	if (e == ERR_OK && item_changes)
		e = db_run(c->tx->db, &q_put_item, eb, "iibi", RID(c->op->who.mbx, o->iid),
			   (int64_t)(flags & ITEM_FLAGS), kw.p, kw.n, tx_cn(c->tx, c->m));
	return e == ERR_OK && item_changes ? put_links(c, o, flags, kw, eb) : e;
}

static enum err change_one(struct change *c, const struct one *common, struct errbuf *eb)
{
	const unsigned theirs = c->seen.own ? FLAG_SEEN : 0;
	struct one mine = *common, *o = &mine;
	unsigned flags = 0;
	struct kwset kw = { NULL, 0 };
	uint64_t modseq = (uint64_t)o->modseq;
	enum err e = seen_overlay(c->tx->db, &c->seen, o->uid, &o->flags, &modseq, eb);

	o->modseq = (int64_t)modseq;
	if (e)
		return e;
	if (c->op->check_unchanged && (uint64_t)o->modseq > c->op->unchanged_since) {
		runs_add(&c->op->modified, (uint32_t)o->uid);
		return ERR_OK;
	}
	wanted(c, o, &flags, &kw);
	if (flags == o->flags && kwset_eq(kw, o->kw))
		return ERR_OK;
	if (kw.n / 2 > KEYWORDS_MESSAGE)
		return err_set(eb, ERR_LIMIT, "too many keywords on a message");
	e = change_item(c, common, (flags & ~theirs) | (common->flags & theirs), kw, eb);
	if (e == ERR_OK && ((flags ^ o->flags) & theirs))
		e = seen_put(c->tx, c->m, &c->seen, o->uid, flags & FLAG_SEEN, eb);
	c->own_cn |= theirs && ((flags ^ o->flags) & theirs);
	return e ? e : report(c, o, flags, kw);
}

/* Room for a step, no more than was asked for. */
static size_t step_room(const struct flags_op *op)
{
	uint64_t n = 0;

	for (size_t i = op->at.range; i < op->n_uids && n < FLAGS_STEP; i++)
		n += (uint64_t)op->uids[i].last - op->uids[i].first + 1;
	return n < FLAGS_STEP ? (size_t)n : FLAGS_STEP;
}

/* ---- the request ------------------------------------------------------------------------- */

/* RFC 4314 section 4: a STORE does what of it may be done, and fails only if that is
 * nothing. */
static enum err may_change(struct tx *tx, struct flags_op *op, struct change *c,
			   struct errbuf *eb)
{
	unsigned want = op->flags & (ITEM_FLAGS | FLAG_DELETED), rights;
	enum err e = access_get(tx->db, &op->who, (int64_t)op->fid, 0, &rights, eb);

	if (e)
		return e;
	c->may = access_flags(rights);
	c->may_kw = rights & RIGHT_WRITE;
	if (op->mode == FLAGS_REPLACE ? c->may != 0
				      : (want & c->may) || (op->keywords && c->may_kw))
		return ERR_OK;
	if (op->mode != FLAGS_REPLACE && want == 0 && op->keywords == NULL)
		return access_check(tx->db, &op->who, (int64_t)op->fid, RIGHT_READ, eb);
	return err_set(eb, rights & RIGHT_KNOWS ? ERR_DENIED : ERR_NOTFOUND,
		       "rights %u on folder %llu", rights, (unsigned long long)op->fid);
}

static enum err begin(struct tx *tx, struct flags_op *op, struct change *c, struct errbuf *eb)
{
	enum err e = may_change(tx, op, c, eb);

	if (e == ERR_OK)
		e = tx_mailbox(tx, op->who.mbx, &c->m, eb);
	if (e == ERR_OK)
		e = tx_folder(tx, op->who.mbx, (int64_t)op->fid, &c->f, eb);
	if (e == ERR_OK)
		e = seen_open(tx->db, &op->who, (int64_t)op->fid, &c->seen, eb);
	if (e == ERR_OK)
		e = keyword_pack(tx, &tx->arena, op->who.mbx, op->keywords,
				 op->mode != FLAGS_REMOVE && c->may_kw, &c->kw, eb);
	if (e == ERR_OK)
		e = keyword_names(tx->db, &tx->arena, op->who.mbx, &c->names, eb);
	return e;
}

enum err flags_set(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct flags_op *op = arg;
	struct change c = { .tx = tx, .op = op };
	size_t n = 0;
	struct one *o;
	enum err e;

	buf_clear(&op->rows);
	op->next = op->at;
	e = begin(tx, op, &c, eb);
	o = arena_alloc(&tx->arena, (step_room(op) + 1) * sizeof(*o));
	if (e == ERR_OK)
		e = read_step(&c, o, &n, eb);
	for (size_t i = 0; e == ERR_OK && i < n; i++)
		e = change_one(&c, &o[i], eb);
	if (e)
		return e;
	op->highestmodseq = (uint64_t)(c.own_cn ? tx_cn(tx, c.m) : c.f->v.modseq);
	return ERR_OK;
}

bool flags_stand(struct flags_op *op)
{
	op->at = op->next;
	return op->more;
}
