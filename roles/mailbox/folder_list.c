/* folder_list - a mailbox's folders, or one of them, with their figures */
#include "roles/mailbox/folder.h"

#include "common/base/check.h"
#include "roles/mailbox/acl.h"
#include "roles/mailbox/seen.h"
#include <stdlib.h>
#include <string.h>

DB_SQL(q_subscriptions, "SELECT path FROM subscribed WHERE mbx = ?1 AND principal = ?2");
DB_SQL(q_list,
       "SELECT fid, parent_fid, name, role, container_class, uidvalidity, uidnext, modseq,"
       " n_total, n_unread, recent_uid, n_deleted, size, cn, cn_counts, seen_mode FROM folder"
       " WHERE mbx = ?1 AND kind = 0 AND hidden = 0 ORDER BY fid");
DB_SQL(q_newest, "SELECT next_cn - 1 FROM mailbox WHERE mbx = ?1");
DB_SQL(q_one,
       "SELECT fid, parent_fid, name, role, container_class, uidvalidity, uidnext, modseq,"
       " n_total, n_unread, recent_uid, n_deleted, size, cn, cn_counts, seen_mode FROM folder"
       " WHERE mbx = ?1 AND fid = ?2 AND kind = 0 AND hidden = 0");
DB_SQL(q_has_child,
       "SELECT 1 FROM folder WHERE mbx = ?1 AND parent_fid = ?2 AND kind = 0 AND hidden = 0 LIMIT 1");
DB_SQL(q_is_subscribed,
       "SELECT 1 FROM subscribed WHERE mbx = ?1 AND principal = ?2 AND path = ?3");
DB_SQL(q_deleted_size,
       "SELECT coalesce(sum(i.size), 0) FROM placement p CROSS JOIN item i"
       " ON i.rid = (p.mbx << 40 | p.iid) WHERE p.mbx = ?1 AND p.fid = ?2 AND p.imap_deleted = 1");

struct listing {
	struct folder_list_op *op;
	struct store_folder *f;
	size_t n, cap;
	const char **subscribed;
	size_t n_subscribed;
	bool own_seen;			/* a folder is there in which each reader has his own */
};

static const char *text_in(struct arena *a, const char *s)
{
	return s ? arena_str(a, s) : "";
}

static void read_folder(struct arena *a, struct db_row *r, struct store_folder *f)
{
	uint64_t modseq = (uint64_t)db_int(r, 7);

	*f = (struct store_folder){
		.fid = (uint64_t)db_int(r, 0),
		.parent = (uint64_t)db_int(r, 1),
		.name = text_in(a, db_text(r, 2)),
		.role = text_in(a, db_text(r, 3)),
		.container_class = text_in(a, db_text(r, 4)),
		.uidvalidity = (uint32_t)db_int(r, 5),
		.uidnext = (uint32_t)db_int(r, 6),
		.highestmodseq = modseq ? modseq : 1,
		.total = (uint32_t)db_int(r, 8),
		.unread = (uint32_t)db_int(r, 9),
		.recent_uid = (uint32_t)db_int(r, 10),
		.deleted = (uint32_t)db_int(r, 11),
		.size = (uint64_t)db_int(r, 12),
	};
}

static void push(struct listing *l, struct db_row *r)
{
	struct arena *a = l->op->arena;

	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 32;
		struct store_folder *bigger = arena_alloc(a, cap * sizeof(*bigger));

		if (l->n)
			memcpy(bigger, l->f, l->n * sizeof(*bigger));
		l->f = bigger;
		l->cap = cap;
	}
	read_folder(a, r, &l->f[l->n++]);
	l->own_seen |= db_int(r, 15) == 1;
}

static enum err load(struct db *db, struct listing *l, struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_list, "i", l->op->who.mbx);

	while (l->n < FOLDERS_MAX && db_next(r))
		push(l, r);
	return db_end(&r, eb);
}

static int by_fid(const void *a, const void *b)
{
	const struct store_folder *x = a, *y = b;

	return x->fid < y->fid ? -1 : x->fid > y->fid;
}

/* One folder and those above it, which make its path. */
static enum err load_line(struct db *db, struct listing *l, int64_t fid, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (unsigned depth = 0; e == ERR_OK && fid && depth < NAME_DEPTH; depth++) {
		struct db_row *r = db_query(db, &q_one, "ii", l->op->who.mbx, fid);

		fid = 0;
		if (db_next(r)) {
			push(l, r);
			fid = (int64_t)l->f[l->n - 1].parent;
		}
		e = db_end(&r, eb);
	}
	if (l->n)
		qsort(l->f, l->n, sizeof(*l->f), by_fid);
	return e;
}

static struct store_folder *find(struct listing *l, uint64_t fid)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (l->f[mid].fid < fid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < l->n && l->f[low].fid == fid ? &l->f[low] : NULL;
}

static const char *make_path(struct listing *l, struct store_folder *f, unsigned depth)
{
	struct store_folder *up;

	if (f->path)
		return f->path;
	up = f->parent && depth < NAME_DEPTH ? find(l, f->parent) : NULL;
	f->path = up ? arena_printf(l->op->arena, "%s/%s", make_path(l, up, depth + 1), f->name)
		     : f->name;
	return f->path;
}

static enum err load_subscribed(struct db *db, struct listing *l, struct errbuf *eb)
{
	const struct who *w = &l->op->who;
	const struct guid *who = guid_is_null(&w->principal) ? &w->mailbox : &w->principal;
	struct db_row *r = db_query(db, &q_subscriptions, "ig", w->mbx, who);
	size_t cap = 0;

	while (l->n_subscribed < FOLDERS_MAX && db_next(r)) {
		if (l->n_subscribed == cap) {
			size_t was = cap;
			const char **bigger;

			cap = cap ? 2 * cap : 32;
			bigger = arena_alloc(l->op->arena, cap * sizeof(*bigger));
			if (was)
				memcpy(bigger, l->subscribed, was * sizeof(*bigger));
			l->subscribed = bigger;
		}
		l->subscribed[l->n_subscribed++] = text_in(l->op->arena, db_text(r, 0));
	}
	return db_end(&r, eb);
}

static int by_path(const void *a, const void *b)
{
	return strcmp((*(struct store_folder *const *)a)->path,
		      (*(struct store_folder *const *)b)->path);
}

/* Mark what is subscribed; what is left over is gone.  Paths are sorted by the
 * database, so one sorted list of folders is walked beside them. */
static void mark_subscribed(struct listing *l)
{
	struct arena *a = l->op->arena;
	struct store_folder **sorted = arena_alloc(a, (l->n + 1) * sizeof(*sorted));
	const char **gone = arena_alloc(a, (l->n_subscribed + 1) * sizeof(*gone));
	size_t n_gone = 0, k = 0;

	for (size_t i = 0; i < l->n; i++)
		sorted[i] = &l->f[i];
	qsort(sorted, l->n, sizeof(*sorted), by_path);
	for (size_t i = 0; i < l->n_subscribed; i++) {
		while (k < l->n && strcmp(sorted[k]->path, l->subscribed[i]) < 0)
			k++;
		if (k < l->n && strcmp(sorted[k]->path, l->subscribed[i]) == 0)
			sorted[k]->subscribed = true;
		else
			gone[n_gone++] = l->subscribed[i];
	}
	if (l->op->gone_subscribed) {
		l->op->result.gone_subscribed = gone;
		l->op->result.n_gone = n_gone;
	}
}

static bool wanted(const struct folder_list_op *op, const struct store_folder *f, int64_t one)
{
	if (op->path)
		return f->fid == (uint64_t)one;
	for (size_t i = 0; i < op->n_fids; i++)
		if (op->fids[i] == f->fid)
			return true;
	return op->n_fids == 0;
}

/* Who may not read a folder must not see what goes on in it. */
static void blank(struct store_folder *f)
{
	f->uidvalidity = f->uidnext = f->total = f->unread = f->recent_uid = f->deleted = 0;
	f->highestmodseq = f->size = 0;
}

static enum err own_figures(struct db *db, const struct listing *l, struct store_folder *f,
			    struct errbuf *eb)
{
	struct seen seen;
	enum err e;

	if (!l->own_seen)
		return ERR_OK;
	e = seen_open(db, &l->op->who, (int64_t)f->fid, &seen, eb);
	return e ? e : seen_figures(db, &seen, f->total, &f->unread, &f->highestmodseq, NULL, eb);
}

/* What the caller may do with each folder; a child that he may not see is none. */
static enum err load_rights(struct db *db, struct listing *l, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < l->n; i++) {
		struct store_folder *f = &l->f[i], *up;

		e = rights_of(db, &l->op->who, (int64_t)f->fid, &f->rights, eb);
		if (e == ERR_OK)
			e = own_figures(db, l, f, eb);
		if (!(f->rights & RIGHT_READ))
			blank(f);
		up = f->parent && (f->rights & RIGHT_LOOKUP) ? find(l, f->parent) : NULL;
		if (up)
			up->has_children = true;
	}
	return e;
}

/* A folder asked for by its path is found by any right at all: which are enough is
 * for what is done next to say. */
static enum err choose(struct db *db, struct listing *l, int64_t one, struct errbuf *eb)
{
	unsigned enough = l->op->path || l->op->n_fids ? RIGHT_ALL : RIGHT_LOOKUP;
	enum err e = load_rights(db, l, eb);
	size_t kept = 0;

	for (size_t i = 0; e == ERR_OK && i < l->n; i++)
		if ((l->f[i].rights & enough) && wanted(l->op, &l->f[i], one))
			l->f[kept++] = l->f[i];
	l->op->result.f = l->f;
	l->op->result.n = kept;
	return e;
}

/* So that asking for one of ten thousand costs as little as for one of ten. */
static enum err mark_one(struct db *db, struct listing *l, int64_t fid, struct errbuf *eb)
{
	const struct who *w = &l->op->who;
	const struct guid *who = guid_is_null(&w->principal) ? &w->mailbox : &w->principal;
	struct store_folder *f = find(l, (uint64_t)fid);
	int64_t yes;
	enum err e;

	if (f == NULL)
		return ERR_OK;
	e = db_get_int(db, &q_has_child, &yes, eb, "ii", w->mbx, fid);
	f->has_children = e == ERR_OK;
	if (e == ERR_OK || e == ERR_NOTFOUND)
		e = db_get_int(db, &q_is_subscribed, &yes, eb, "igt", w->mbx, who, f->path);
	f->subscribed = e == ERR_OK;
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err add_deleted(struct db *db, struct folder_list_op *op, struct errbuf *eb)
{
	struct store_folder *f = (struct store_folder *)(uintptr_t)op->result.f;
	enum err e = ERR_OK;
	int64_t bytes;

	for (size_t i = 0; e == ERR_OK && i < op->result.n; i++) {
		if (f[i].deleted == 0)
			continue;
		e = db_get_int(db, &q_deleted_size, &bytes, eb, "ii", op->who.mbx,
			       (int64_t)f[i].fid);
		f[i].deleted_size = e == ERR_OK ? (uint64_t)bytes : 0;
	}
	return e;
}

/* Which folder is meant, if it is one; else 0. */
static enum err which(struct db *db, struct folder_list_op *op, int64_t *one, struct errbuf *eb)
{
	struct path p;
	enum err e;

	*one = op->n_fids == 1 ? (int64_t)op->fids[0] : 0;
	if (op->path == NULL)
		return ERR_OK;
	e = path_parse(op->arena, op->path, &p, eb);
	return e ? e : folder_by_path(db, op->who.mbx, &p, p.n, one, eb);
}

static enum err list(struct db *db, struct folder_list_op *op, struct errbuf *eb)
{
	struct listing l = { .op = op };
	int64_t one = 0, cn = 0;
	enum err e = which(db, op, &one, eb);
	/* Whether others see a child depends on their rights on it. */
	bool line = one && who_may_all(&op->who);

	if (e == ERR_OK)
		e = db_get_int(db, &q_newest, &cn, eb, "i", op->who.mbx);
	if (e == ERR_OK)
		e = line ? load_line(db, &l, one, eb) : load(db, &l, eb);
	if (e == ERR_OK && !line)
		e = load_subscribed(db, &l, eb);
	if (e)
		return e;
	op->result.cn = (uint64_t)cn;
	for (size_t i = 0; i < l.n; i++)
		make_path(&l, &l.f[i], 0);
	if (line)
		e = mark_one(db, &l, one, eb);
	else
		mark_subscribed(&l);
	if (e == ERR_OK)
		e = choose(db, &l, one, eb);
	if (e == ERR_OK && op->deleted_size)
		e = add_deleted(db, op, eb);
	if (e == ERR_OK && op->path && op->result.n == 0)
		e = err_set(eb, ERR_NOTFOUND, "no rights");
	return e;
}

enum err folder_list(struct db *db, void *arg, struct errbuf *eb)
{
	struct folder_list_op *op = arg;
	enum err e = db_begin_read(db, eb);

	if (e)
		return e;
	e = list(db, op, eb);
	db_rollback(db);
	return e;
}
