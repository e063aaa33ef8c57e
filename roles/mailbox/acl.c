#include "roles/mailbox/acl.h"

#include "roles/mailbox/folder.h"
#include <string.h>

DB_SQL(q_row, "SELECT rights FROM acl WHERE mbx = ?1 AND fid = ?2 AND principal = ?3");
DB_SQL(q_put, "INSERT OR REPLACE INTO acl(mbx, fid, principal, rights) VALUES(?1, ?2, ?3, ?4)");
DB_SQL(q_drop, "DELETE FROM acl WHERE mbx = ?1 AND fid = ?2 AND principal = ?3");
DB_SQL(q_count, "SELECT count(*) FROM acl WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_list, "SELECT principal, rights, fid FROM acl WHERE mbx = ?1 AND fid IN (0, ?2)"
	       " ORDER BY fid DESC, principal");
DB_SQL(q_inherit, "INSERT OR IGNORE INTO acl(mbx, fid, principal, rights)"
		  " SELECT mbx, ?3, principal, rights FROM acl WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_shared, "SELECT DISTINCT m.guid FROM acl a JOIN mailbox m ON m.mbx = a.mbx"
		 " WHERE a.principal = ?1 AND (a.rights & ?2) != 0 AND m.state = 0 LIMIT ?3");

enum { TAKEN = 16 };	/* bits of rights that are taken away begin here */

/* ---- changing ------------------------------------------------------------------------ */

/* The folder that a path names; 0 for the whole mailbox. */
static enum err find(struct db *db, struct arena *a, int64_t mbx, const char *path, int64_t *fid,
		     struct errbuf *eb)
{
	struct path p;
	enum err e;

	*fid = 0;
	if (*path == '\0')
		return ERR_OK;
	e = path_parse(a, path, &p, eb);
	return e ? e : folder_by_path(db, mbx, &p, p.n, fid, eb);
}

enum err acl_put(struct tx *tx, int64_t mbx, int64_t fid, const struct guid *principal,
		 unsigned given, unsigned taken, struct errbuf *eb)
{
	if (given == 0 && taken == 0)
		return db_run(tx->db, &q_drop, eb, "iig", mbx, fid, principal);
	return db_run(tx->db, &q_put, eb, "iigi", mbx, fid, principal,
		      (int64_t)given | (int64_t)taken << TAKEN);
}

static unsigned changed(unsigned was, const struct acl_op *op)
{
	switch (op->mode) {
	case ACL_ADD:
		return was | op->rights;
	case ACL_REMOVE:
		return was & ~op->rights;
	case ACL_REPLACE:
		break;
	}
	return op->rights;
}

static enum err change_row(struct tx *tx, const struct acl_op *op, int64_t fid, struct errbuf *eb)
{
	int64_t row = 0, n = 0;
	unsigned given, taken;
	enum err e = db_get_int(tx->db, &q_row, &row, eb, "iig", op->who.mbx, fid, &op->principal);

	if (e == ERR_NOTFOUND)
		e = db_get_int(tx->db, &q_count, &n, eb, "ii", op->who.mbx, fid);
	if (e)
		return e;
	if (n >= ACL_MAX)
		return err_set(eb, ERR_LIMIT, "more than %d rows of rights", ACL_MAX);
	given = (unsigned)row & RIGHT_ALL;
	taken = (unsigned)(row >> TAKEN) & RIGHT_ALL;
	if (op->negative)
		taken = changed(taken, op);
	else
		given = changed(given, op);
	return acl_put(tx, op->who.mbx, fid, &op->principal, given, taken, eb);
}

enum err acl_set(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct acl_op *op = arg;
	struct mbx_row *m;
	int64_t fid;
	enum err e = tx_mailbox(tx, op->who.mbx, &m, eb);

	if (e == ERR_OK)
		e = find(tx->db, &tx->arena, op->who.mbx, op->path, &fid, eb);
	if (e == ERR_OK)
		e = access_check(tx->db, &op->who, fid, RIGHT_ADMIN, eb);
	if (e)
		return e;
	if (guid_eq(&op->principal, &op->who.mailbox))
		return err_set(eb, ERR_INVALID, "the owner has every right");
	op->rights &= RIGHT_ALL;
	e = change_row(tx, op, fid, eb);
	if (e == ERR_OK && fid)
		e = folder_changed(tx, m, fid, eb);
	op->cn = (uint64_t)tx_cn(tx, m);
	m->v.cn_folder = (int64_t)op->cn;
	return e;
}

enum err acl_inherit(struct tx *tx, int64_t mbx, int64_t parent, int64_t fid, struct errbuf *eb)
{
	if (parent == 0)
		return ERR_OK;
	return db_run(tx->db, &q_inherit, eb, "iii", mbx, parent, fid);
}

/* ---- looking ------------------------------------------------------------------------- */

static enum err list_rows(struct db *db, struct acl_list_op *op, int64_t fid, struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_list, "ii", op->who.mbx, fid);

	op->rows = arena_alloc(op->arena, 2 * ACL_MAX * sizeof(*op->rows));
	while (op->n < 2 * ACL_MAX && db_next(r)) {
		struct acl_row *row = &op->rows[op->n];

		if (!db_guid(r, 0, &row->principal))
			continue;
		row->given = (unsigned)db_int(r, 1) & RIGHT_ALL;
		row->taken = (unsigned)(db_int(r, 1) >> TAKEN) & RIGHT_ALL;
		row->whole = db_int(r, 2) == 0;
		op->n++;
	}
	return db_end(&r, eb);
}

enum err acl_list(struct db *db, void *arg, struct errbuf *eb)
{
	struct acl_list_op *op = arg;
	int64_t fid = 0;
	enum err e = db_begin_read(db, eb);

	if (e)
		return e;
	e = find(db, op->arena, op->who.mbx, op->path, &fid, eb);
	if (e == ERR_OK)
		e = access_check(db, &op->who, fid, RIGHT_ADMIN, eb);
	if (e == ERR_OK)
		e = list_rows(db, op, fid, eb);
	db_rollback(db);
	return e;
}

/* ---- what was shared with somebody ------------------------------------------------------ */

static bool is_known(const struct acl_shared_op *op, const struct guid *g)
{
	for (size_t i = 0; i < op->n; i++)
		if (guid_eq(&op->mailboxes[i], g))
			return true;
	return false;
}

static enum err shared_with(struct db *db, struct acl_shared_op *op, const struct guid *principal,
			    struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_shared, "gii", principal, (int64_t)RIGHT_LOOKUP,
				    (int64_t)ACL_SHARED_MAX);

	while (op->n < ACL_SHARED_MAX && db_next(r)) {
		struct guid g;

		if (db_guid(r, 0, &g) && !is_known(op, &g))
			op->mailboxes[op->n++] = g;
	}
	return db_end(&r, eb);
}

enum err acl_shared(struct db *db, void *arg, struct errbuf *eb)
{
	struct acl_shared_op *op = arg;
	enum err e = db_begin_read(db, eb);

	if (e)
		return e;
	op->mailboxes = arena_alloc(op->arena, ACL_SHARED_MAX * sizeof(*op->mailboxes));
	e = shared_with(db, op, &op->principal, eb);
	if (e == ERR_OK)
		e = shared_with(db, op, &rights_anyone, eb);
	if (e == ERR_OK)
		e = shared_with(db, op, &rights_authenticated, eb);
	for (size_t i = 0; e == ERR_OK && i < op->n_groups; i++)
		e = shared_with(db, op, &op->groups[i], eb);
	db_rollback(db);
	return e;
}
