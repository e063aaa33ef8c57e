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
