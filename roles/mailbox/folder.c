#include "roles/mailbox/folder.h"

#include "roles/mailbox/acl.h"
#include "roles/mailbox/copy.h"
#include "roles/mailbox/expunge.h"
#include "roles/mailbox/seen.h"
#include <stdlib.h>
#include <string.h>

DB_SQL(q_child, "SELECT fid FROM folder WHERE mbx = ?1 AND parent_fid = ?2 AND name_key = ?3");
DB_SQL(q_by_role, "SELECT fid FROM folder WHERE mbx = ?1 AND role = ?2");
DB_SQL(q_role_of, "SELECT role FROM folder WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_has_child, "SELECT 1 FROM folder WHERE mbx = ?1 AND parent_fid = ?2 LIMIT 1");
DB_SQL(q_how_many, "SELECT count(*) FROM folder WHERE mbx = ?1");
DB_SQL(q_new,
       "INSERT INTO folder(mbx, fid, parent_fid, name, name_key, role, container_class,"
       " uidvalidity, modseq, cn, cn_created, cn_counts, seen_mode)"
       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, 'IPF.Note', ?7, ?8, ?8, ?8, ?8,"
       " (SELECT kind = 2 FROM mailbox WHERE mbx = ?1))");
DB_SQL(q_move, "UPDATE folder SET parent_fid = ?3, name = ?4, name_key = ?5"
	       " WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_parent, "SELECT parent_fid FROM folder WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_delete, "DELETE FROM folder WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_delete_extra, "DELETE FROM folder_extra WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_delete_acl, "DELETE FROM acl WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_delete_tombs, "DELETE FROM tombstone WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_tomb,
       "INSERT INTO tombstone(mbx, fid, cn, seq, kind, mid, cn_created)"
       " VALUES(?1, -1, ?2, 0, 3, ?3, 0)");
DB_SQL(q_subscribe,
       "INSERT OR IGNORE INTO subscribed(mbx, principal, path) VALUES(?1, ?2, ?3)");
DB_SQL(q_unsubscribe,
       "DELETE FROM subscribed WHERE mbx = ?1 AND principal = ?2 AND path = ?3");
DB_SQL(q_subscriptions, "SELECT path FROM subscribed WHERE mbx = ?1 AND principal = ?2");
DB_SQL(q_list,
       "SELECT fid, parent_fid, name, role, container_class, uidvalidity, uidnext, modseq,"
       " n_total, n_unread, recent_uid, n_deleted, size, cn, cn_counts, seen_mode FROM folder"
       " WHERE mbx = ?1 AND kind = 0 AND hidden = 0 ORDER BY fid");
DB_SQL(q_newest, "SELECT next_cn - 1 FROM mailbox WHERE mbx = ?1");

/* ---- finding ---------------------------------------------------------------------- */

enum err folder_by_path(struct db *db, int64_t mbx, const struct path *p, size_t depth,
			int64_t *fid, struct errbuf *eb)
{
	enum err e = ERR_OK;

	*fid = 0;
	for (size_t i = 0; e == ERR_OK && i < depth; i++) {
		int64_t parent = *fid;

		e = db_get_int(db, &q_child, fid, eb, "iit", mbx, parent, p->key[i]);
	}
	return e == ERR_NOTFOUND ? err_set(eb, e, "no such folder") : e;
}

enum err folder_by_role(struct db *db, int64_t mbx, const char *role, int64_t *fid,
			struct errbuf *eb)
{
	return db_get_int(db, &q_by_role, fid, eb, "it", mbx, role);
}

static enum err has_role(struct tx *tx, int64_t mbx, int64_t fid, bool *yes, struct errbuf *eb)
{
	struct db_row *r = db_query(tx->db, &q_role_of, "ii", mbx, fid);

	*yes = db_next(r) && !db_is_null(r, 0);
	return db_end(&r, eb);
}

/* ---- making ------------------------------------------------------------------------ */

/* Never one that was used before: the clock may have gone back. */
static int64_t new_uidvalidity(struct tx *tx, struct mbx_row *m)
{
	int64_t now = tx->now_ms / 1000;

	tx_touch(tx, &m->row);
	if (m->v.next_uidvalidity < now)
		m->v.next_uidvalidity = now;
	return m->v.next_uidvalidity++;
}

enum err folder_add(struct tx *tx, struct mbx_row *m, int64_t parent, const char *name,
		    const char *key, const char *role, int64_t *fid, struct errbuf *eb)
{
	int64_t mbx = m->row.key[0], n = 0, cn;
	enum err e = db_get_int(tx->db, &q_how_many, &n, eb, "i", mbx);

	if (e)
		return e;
	if (n >= FOLDERS_MAX)
		return err_set(eb, ERR_LIMIT, "more than %d folders", FOLDERS_MAX);
	cn = tx_cn(tx, m);
	m->v.cn_folder = cn;
	*fid = tx_gc(tx, m);
	e = db_run(tx->db, &q_new, eb, "iiitttii", mbx, *fid, parent, name, key, role,
		   new_uidvalidity(tx, m), cn);
	return e ? e : acl_inherit(tx, mbx, parent, *fid, eb);
}

enum err folder_changed(struct tx *tx, struct mbx_row *m, int64_t fid, struct errbuf *eb)
{
	struct folder_row *f;
	enum err e = tx_folder(tx, m->row.key[0], fid, &f, eb);

	if (e)
		return e;
	tx_touch(tx, &f->row);
	f->v.cn = m->v.cn_folder = tx_cn(tx, m);
	return ERR_OK;
}

/* The folder at depth components, made with all above it if need be. */
static enum err ensure(struct tx *tx, struct mbx_row *m, const struct who *w,
		       const struct path *p, size_t depth, int64_t *fid, struct errbuf *eb)
{
	enum err e = ERR_OK;

	*fid = 0;
	for (size_t i = 0; e == ERR_OK && i < depth; i++) {
		int64_t parent = *fid;

		e = db_get_int(tx->db, &q_child, fid, eb, "iit", w->mbx, parent, p->key[i]);
		if (e != ERR_NOTFOUND)
			continue;
		e = access_check(tx->db, w, parent, RIGHT_CREATE, eb);
		if (e == ERR_OK)
			e = folder_add(tx, m, parent, p->name[i], p->key[i], NULL, fid, eb);
	}
	return e;
}

/* May a folder be made at this path?  Asked of the nearest parent that who asks may
 * know of; a folder that he may not is as good as none until then. */
static enum err may_create(struct db *db, const struct who *w, const struct path *p,
			   struct errbuf *eb)
{
	int64_t parent = 0, fid = 0;
	enum err e = ERR_OK;

	if (who_may_all(w))
		return ERR_OK;
	for (size_t i = 0; i + 1 < p->n; i++) {
		unsigned rights;

		e = db_get_int(db, &q_child, &fid, eb, "iit", w->mbx, fid, p->key[i]);
		if (e == ERR_NOTFOUND)
			break;
		if (e == ERR_OK)
			e = rights_of(db, w, fid, &rights, eb);
		if (e)
			return e;
		if (rights & (RIGHT_KNOWS | RIGHT_CREATE))
			parent = fid;
	}
	return access_check(db, w, parent, RIGHT_CREATE, eb);
}

enum err folder_create(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct folder_op *op = arg;
	struct mbx_row *m;
	struct path p;
	int64_t parent;
	enum err e = path_parse(&tx->arena, op->path, &p, eb);

	if (e == ERR_OK)
		e = tx_mailbox(tx, op->who.mbx, &m, eb);
	if (e == ERR_OK)
		e = may_create(tx->db, &op->who, &p, eb);
	if (e)
		return e;
	e = folder_by_path(tx->db, op->who.mbx, &p, p.n, &op->fid, eb);
	if (e == ERR_OK)
		return err_set(eb, ERR_EXISTS, "folder is there");
	if (e != ERR_NOTFOUND)
		return e;
	e = ensure(tx, m, &op->who, &p, p.n - 1, &parent, eb);
	if (e == ERR_OK)
		e = access_check(tx->db, &op->who, parent, RIGHT_CREATE, eb);
	if (e == ERR_OK)
		e = folder_add(tx, m, parent, p.name[p.n - 1], p.key[p.n - 1],
			       op->role && *op->role ? op->role : NULL, &op->fid, eb);
	if (e == ERR_OK)
		op->cn = (uint64_t)tx_cn(tx, m);
	return e;
}

/* ---- changing ------------------------------------------------------------------------ */

static enum err is_below(struct tx *tx, int64_t mbx, int64_t fid, int64_t root, bool *yes,
			 struct errbuf *eb)
{
	enum err e = ERR_OK;

	*yes = fid == root;
	for (unsigned i = 0; e == ERR_OK && fid != 0 && !*yes && i <= NAME_DEPTH; i++) {
		e = db_get_int(tx->db, &q_parent, &fid, eb, "ii", mbx, fid);
		*yes = fid == root;
	}
	return e;
}

static enum err rename_inbox(struct tx *tx, struct mbx_row *m, struct folder_op *op,
			     int64_t inbox, const struct path *to, struct errbuf *eb)
{
	int64_t parent;
	enum err e = ensure(tx, m, &op->who, to, to->n - 1, &parent, eb);

	if (e == ERR_OK)
		e = folder_add(tx, m, parent, to->name[to->n - 1], to->key[to->n - 1], NULL,
			       &op->fid, eb);
	return e ? e : move_all(tx, m, inbox, op->fid, eb);
}

static enum err move_folder(struct tx *tx, struct mbx_row *m, struct folder_op *op, int64_t fid,
			    const struct path *to, struct errbuf *eb)
{
	int64_t parent;
	bool yes = false;
	enum err e = has_role(tx, op->who.mbx, fid, &yes, eb);

	if (e == ERR_OK && yes)
		e = err_set(eb, ERR_DENIED, "folder has a role");
	if (e == ERR_OK)
		e = ensure(tx, m, &op->who, to, to->n - 1, &parent, eb);
	if (e == ERR_OK)
		e = is_below(tx, op->who.mbx, parent, fid, &yes, eb);
	if (e == ERR_OK && yes)
		e = err_set(eb, ERR_INVALID, "a folder cannot move below itself");
	if (e == ERR_OK)
		e = db_run(tx->db, &q_move, eb, "iiitt", op->who.mbx, fid, parent,
			   to->name[to->n - 1], to->key[to->n - 1]);
	if (e == ERR_OK)
		e = folder_changed(tx, m, fid, eb);
	op->fid = fid;
	return e;
}

enum err folder_rename(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct folder_op *op = arg;
	struct mbx_row *m;
	struct path from, to;
	int64_t fid, there;
	enum err e = path_parse(&tx->arena, op->path, &from, eb);

	if (e == ERR_OK)
		e = path_parse(&tx->arena, op->to, &to, eb);
	if (e == ERR_OK)
		e = tx_mailbox(tx, op->who.mbx, &m, eb);
	if (e == ERR_OK)
		e = folder_by_path(tx->db, op->who.mbx, &from, from.n, &fid, eb);
	if (e == ERR_OK)
		e = access_check(tx->db, &op->who, fid, RIGHT_REMOVE, eb);
	if (e == ERR_OK)
		e = may_create(tx->db, &op->who, &to, eb);
	if (e)
		return e;
	e = folder_by_path(tx->db, op->who.mbx, &to, to.n, &there, eb);
	/* Another spelling of its own name is a rename, too. */
	if (e == ERR_OK && there != fid)
		return err_set(eb, ERR_EXISTS, "target folder is there");
	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	if (path_is_inbox(&from) && e == ERR_NOTFOUND)
		e = rename_inbox(tx, m, op, fid, &to, eb);
	else
		e = move_folder(tx, m, op, fid, &to, eb);
	if (e == ERR_OK)
		op->cn = (uint64_t)tx_cn(tx, m);
	return e;
}

static enum err delete_rows(struct tx *tx, struct mbx_row *m, int64_t fid, struct errbuf *eb)
{
	static const struct db_sql *const gone[] = { &q_delete, &q_delete_extra, &q_delete_acl,
						     &q_delete_tombs };
	int64_t mbx = m->row.key[0], cn = tx_cn(tx, m);
	struct folder_row *f;
	enum err e = tx_folder(tx, mbx, fid, &f, eb);

	if (e == ERR_OK)
		tx_delete_folder(tx, f);
	for (size_t i = 0; e == ERR_OK && i < N_ELEMS(gone); i++)
		e = db_run(tx->db, gone[i], eb, "ii", mbx, fid);
	if (e == ERR_OK)
		e = seen_forget(tx, mbx, fid, eb);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_tomb, eb, "iii", mbx, cn, fid);
	m->v.cn_folder = cn;
	return e;
}

enum err folder_delete(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct folder_op *op = arg;
	struct mbx_row *m;
	struct path p;
	int64_t child;
	bool yes = false;
	enum err e = path_parse(&tx->arena, op->path, &p, eb);

	if (e == ERR_OK)
		e = tx_mailbox(tx, op->who.mbx, &m, eb);
	if (e == ERR_OK)
		e = folder_by_path(tx->db, op->who.mbx, &p, p.n, &op->fid, eb);
	if (e == ERR_OK)
		e = access_check(tx->db, &op->who, op->fid, RIGHT_REMOVE, eb);
	if (e == ERR_OK)
		e = has_role(tx, op->who.mbx, op->fid, &yes, eb);
	if (e)
		return e;
	if (yes)
		return err_set(eb, ERR_DENIED, "folder has a role");
	e = db_get_int(tx->db, &q_has_child, &child, eb, "ii", op->who.mbx, op->fid);
	if (e == ERR_OK)
		return err_set(eb, ERR_EXISTS, "folders below it");
	if (e == ERR_NOTFOUND)
		e = expunge_all(tx, m, op->fid, &op->who.principal, eb);
	if (e == ERR_OK)
		e = delete_rows(tx, m, op->fid, eb);
	if (e == ERR_OK)
		op->cn = (uint64_t)tx_cn(tx, m);
	return e;
}

/* Paths, not folders, are subscribed: RFC 3501 section 6.3.6 keeps the name of a
 * folder that is gone. */
enum err folder_subscribe(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct folder_op *op = arg;
	const struct guid *who = guid_is_null(&op->who.principal) ? &op->who.mailbox
								   : &op->who.principal;
	struct mbx_row *m;
	struct path p;
	int64_t fid;
	enum err e = path_parse(&tx->arena, op->path, &p, eb);

	if (e == ERR_OK)
		e = tx_mailbox(tx, op->who.mbx, &m, eb);
	/* Everybody subscribes in his own mailbox, also to what is in others. */
	if (e == ERR_OK && !who_may_all(&op->who))
		e = err_set(eb, ERR_DENIED, "not his own list of subscriptions");
	if (e == ERR_OK && op->on && !op->elsewhere)
		e = folder_by_path(tx->db, op->who.mbx, &p, p.n, &fid, eb);
	if (e == ERR_OK)
		e = db_run(tx->db, op->on ? &q_subscribe : &q_unsubscribe, eb, "igt",
			   op->who.mbx, who, path_text(&tx->arena, &p, p.n));
	if (e == ERR_OK) {
		op->cn = (uint64_t)tx_cn(tx, m);
		m->v.cn_folder = (int64_t)op->cn;
	}
	return e;
}

/* ---- listing -------------------------------------------------------------------------- */

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

static enum err load(struct db *db, struct listing *l, struct errbuf *eb)
{
	struct arena *a = l->op->arena;
	struct db_row *r = db_query(db, &q_list, "i", l->op->who.mbx);

	while (l->n < FOLDERS_MAX && db_next(r)) {
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
	return db_end(&r, eb);
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

static enum err list(struct db *db, struct folder_list_op *op, struct errbuf *eb)
{
	struct listing l = { .op = op };
	int64_t one = 0, cn = 0;
	struct path p;
	enum err e = ERR_OK;

	if (op->path) {
		e = path_parse(op->arena, op->path, &p, eb);
		if (e == ERR_OK)
			e = folder_by_path(db, op->who.mbx, &p, p.n, &one, eb);
	}
	if (e == ERR_OK)
		e = db_get_int(db, &q_newest, &cn, eb, "i", op->who.mbx);
	if (e == ERR_OK)
		e = load(db, &l, eb);
	if (e == ERR_OK)
		e = load_subscribed(db, &l, eb);
	if (e)
		return e;
	op->result.cn = (uint64_t)cn;
	for (size_t i = 0; i < l.n; i++)
		make_path(&l, &l.f[i], 0);
	mark_subscribed(&l);
	e = choose(db, &l, one, eb);
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
