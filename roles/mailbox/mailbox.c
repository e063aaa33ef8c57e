#include "roles/mailbox/mailbox.h"

#include "roles/mailbox/acl.h"
#include "roles/mailbox/folder.h"
#include "roles/mailbox/purge.h"

enum { KIND_USER = 1, KIND_PUBLIC = 2, MAX_MAILBOXES = 1 << 23 };

DB_SQL(q_by_guid, "SELECT mbx FROM mailbox WHERE guid = ?1");
DB_SQL(q_last, "SELECT coalesce(max(mbx), 0) FROM mailbox");
DB_SQL(q_new,
       "INSERT INTO mailbox(mbx, guid, kind, next_uidvalidity, quota_warn, quota_send,"
       " quota_recv) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
DB_SQL(q_quotas,
       "UPDATE mailbox SET quota_warn = ?2, quota_send = ?3, quota_recv = ?4 WHERE mbx = ?1");
DB_SQL(q_when, "UPDATE mailbox SET disconnected_at = ?2 WHERE mbx = ?1");
DB_SQL(q_rename, "UPDATE mailbox SET guid = ?2 WHERE mbx = ?1");
DB_SQL(q_info,
       "SELECT m.next_cn - 1, m.size_live, m.n_items, m.quota_warn, m.quota_send, m.quota_recv,"
       " d.guid, d.epoch FROM mailbox m, database d WHERE m.mbx = ?1 AND m.state = 0");

static const struct {
	const char *name, *key, *role;
} folders[] = {
	{ "INBOX", "inbox", "inbox" },
	{ "Drafts", "drafts", "drafts" },
	{ "Sent Items", "sent items", "sent" },
	{ "Deleted Items", "deleted items", "trash" },
	{ "Junk E-mail", "junk e-mail", "junk" },
	{ "Archive", "archive", "archive" },
};

DB_SQL(q_subscribe,
       "INSERT OR IGNORE INTO subscribed(mbx, principal, path) VALUES(?1, ?2, ?3)");

static enum err make_folders(struct tx *tx, struct mbx_row *m, struct errbuf *eb)
{
	enum err e = ERR_OK;
	int64_t fid;

	for (size_t i = 0; e == ERR_OK && i < N_ELEMS(folders); i++) {
		e = folder_add(tx, m, 0, folders[i].name, folders[i].key, folders[i].role, &fid,
			       eb);
		if (e == ERR_OK)
			e = db_run(tx->db, &q_subscribe, eb, "igt", m->row.key[0], &m->guid,
				   folders[i].name);
	}
	return e;
}

/* The folder at the top of a public folder's mailbox: mail to its address arrives
 * there, and until somebody says otherwise all who log in are its authors. */
static enum err make_public(struct tx *tx, struct mbx_row *m, const char *text, struct errbuf *eb)
{
	unsigned author;
	struct path p;
	int64_t fid;
	enum err e = path_parse(&tx->arena, text, &p, eb);

	if (e == ERR_OK && (p.n != 1 || !rights_of_role("Author", &author)))
		e = err_set(eb, ERR_INVALID, "a public folder's name");
	if (e == ERR_OK)
		e = folder_add(tx, m, 0, p.name[0], p.key[0], "inbox", &fid, eb);
	return e ? e : acl_put(tx, m->row.key[0], fid, &rights_authenticated, author, 0, eb);
}

static enum err set_quotas(struct tx *tx, struct mbx_row *m, const struct quotas *q,
			   struct errbuf *eb)
{
	m->v.quota_warn = q->warn < 0 ? tx->quota_warn : q->warn;
	m->v.quota_send = q->send < 0 ? tx->quota_send : q->send;
	m->v.quota_recv = q->recv < 0 ? tx->quota_recv : q->recv;
	return db_run(tx->db, &q_quotas, eb, "iiii", m->row.key[0], q->warn, q->send, q->recv);
}

static enum err make(struct tx *tx, struct provision_op *op, struct errbuf *eb)
{
	struct mbx_row *m;
	enum err e = db_get_int(tx->db, &q_last, &op->mbx, eb, "");

	if (e)
		return e;
	if (++op->mbx >= MAX_MAILBOXES)
		return err_set(eb, ERR_LIMIT, "too many mailboxes");
	e = db_run(tx->db, &q_new, eb, "igiiiii", op->mbx, &op->guid,
		   (int64_t)(op->public_name[0] ? KIND_PUBLIC : KIND_USER),
		   tx->now_ms / 1000, op->quotas.warn, op->quotas.send, op->quotas.recv);
	if (e == ERR_OK)
		e = tx_mailbox(tx, op->mbx, &m, eb);
	if (e == ERR_OK)
		e = op->public_name[0] ? make_public(tx, m, op->public_name, eb)
				       : make_folders(tx, m, eb);
	op->made = e == ERR_OK;
	return e;
}

enum err mailbox_provision(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct provision_op *op = arg;
	struct mbx_row *m;
	enum err e = db_get_int(tx->db, &q_by_guid, &op->mbx, eb, "g", &op->guid);

	op->made = false;
	if (e == ERR_NOTFOUND)
		return make(tx, op, eb);
	if (e == ERR_OK)
		e = tx_mailbox_any(tx, op->mbx, &m, eb);
	if (e)
		return e;
	if (m->v.state == MAILBOX_PURGING)
		return err_set(eb, ERR_AGAIN, "the mailbox is being purged");
	tx_touch(tx, &m->row);
	if (m->v.state == MAILBOX_DISCONNECTED) {
		m->v.state = MAILBOX_LIVE;
		e = db_run(tx->db, &q_when, eb, "in", op->mbx);
	}
	return e ? e : set_quotas(tx, m, &op->quotas, eb);
}

enum err mailbox_disconnect(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct state_op *op = arg;
	struct mbx_row *m;
	enum err e = tx_mailbox(tx, op->mbx, &m, eb);

	if (e)
		return e;
	tx_touch(tx, &m->row);
	tx_cn(tx, m);		/* watchers look again and learn that it is gone */
	m->v.state = MAILBOX_DISCONNECTED;
	return db_run(tx->db, &q_when, eb, "ii", op->mbx, tx->now_ms);
}

/* A new object's mailbox is made within a second, so it is usually there, empty. */
static enum err make_room(struct tx *tx, struct state_op *op, struct errbuf *eb)
{
	struct mbx_row *m;
	int64_t there;
	enum err e = db_get_int(tx->db, &q_by_guid, &there, eb, "g", &op->as);

	if (e)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	e = tx_mailbox_any(tx, there, &m, eb);
	if (e)
		return e;
	if (there == op->mbx)
		return ERR_OK;
	if (m->v.n_items > 0 || m->v.size_dumpster > 0)
		return err_set(eb, ERR_EXISTS, "there is a mailbox, and it is not empty");
	op->replaced = there;
	return purge_empty(tx, m, eb);
}

enum err mailbox_reconnect(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct state_op *op = arg;
	struct mbx_row *m;
	enum err e;

	op->replaced = 0;
	e = tx_mailbox_any(tx, op->mbx, &m, eb);
	if (e)
		return e;
	if (m->v.state != MAILBOX_DISCONNECTED)
		return err_set(eb, ERR_EXISTS, "the mailbox is not disconnected");
	e = make_room(tx, op, eb);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_rename, eb, "ig", op->mbx, &op->as);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_when, eb, "in", op->mbx);
	if (e)
		return e;
	tx_touch(tx, &m->row);
	tx_cn(tx, m);
	m->guid = op->as;
	m->v.state = MAILBOX_LIVE;
	return ERR_OK;
}

static uint64_t quota(struct db_row *r, int col, int64_t policy)
{
	int64_t v = db_is_null(r, col) || db_int(r, col) < 0 ? policy : db_int(r, col);

	return v > 0 ? (uint64_t)v : 0;
}

static enum err read_info(struct db *db, struct open_op *op, struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_info, "i", op->mbx);
	bool found = db_next(r);
	enum err e;

	if (found) {
		op->info.cn = (uint64_t)db_int(r, 0);
		op->info.size = (uint64_t)db_int(r, 1);
		op->info.items = (uint64_t)db_int(r, 2);
		op->info.quota_warn = quota(r, 3, op->policy.warn);
		op->info.quota_send = quota(r, 4, op->policy.send);
		op->info.quota_recv = quota(r, 5, op->policy.recv);
		db_guid(r, 6, &op->info.database);
		op->info.epoch = (uint64_t)db_int(r, 7);
	}
	e = db_end(&r, eb);
	return e || found ? e : err_set(eb, ERR_NOTFOUND, "no such mailbox");
}

enum err mailbox_open(struct db *db, void *arg, struct errbuf *eb)
{
	struct open_op *op = arg;
	const struct who who = { .mbx = op->mbx, .mailbox = op->mailbox,
				 .principal = op->principal };
	enum err e = access_check(db, &who, 0, RIGHT_LOOKUP, eb);

	return e ? e : read_info(db, op, eb);
}
