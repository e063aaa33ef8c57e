#include "roles/mailbox/tx.h"

#include "common/base/check.h"
#include "roles/mailbox/hidden.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 4096 };	/* known between groups: about 1 MiB */

DB_SQL(q_mailbox,
       "SELECT guid, state, next_cn, next_gc, next_uidvalidity, tomb_floor, cn_email,"
       " cn_folder, cn_thread, size_live, size_dumpster, n_items, quota_warn, quota_send,"
       " quota_recv FROM mailbox WHERE mbx = ?1");
DB_SQL(q_put_mailbox,
       "UPDATE mailbox SET state = ?2, next_cn = ?3, next_gc = ?4, next_uidvalidity = ?5,"
       " tomb_floor = ?6, cn_email = ?7, cn_folder = ?8, cn_thread = ?9, size_live = ?10,"
       " size_dumpster = ?11, n_items = ?12 WHERE mbx = ?1");
DB_SQL(q_folder,
       "SELECT uidvalidity, uidnext, visible_uid, recent_uid, modseq, cn, cn_counts, n_total,"
       " n_unread, n_deleted, size FROM folder WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_put_folder,
       "UPDATE folder SET uidnext = ?3, visible_uid = ?4, recent_uid = ?5, modseq = ?6,"
       " cn_counts = ?7, n_total = ?8, n_unread = ?9, n_deleted = ?10, size = ?11"
       " WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_put_folder_cn, "UPDATE folder SET cn = ?3 WHERE mbx = ?1 AND fid = ?2 AND cn != ?3");
DB_SQL(q_commit_seq, "UPDATE database SET commit_seq = commit_seq + 1 WHERE one = 1");
DB_SQL(q_epoch, "SELECT epoch FROM database WHERE one = 1");

/* A mailbox that changed in this group. */
struct changed_node {
	struct list node;
	struct mbx_row *m;
};

static struct row *row_of_node(struct hash_node *n)
{
	return CONTAINER_OF(n, struct row, node);
}

static struct mbx_row *mbx_of(struct row *r)
{
	return CONTAINER_OF(r, struct mbx_row, row);
}

static struct folder_row *folder_of(struct row *r)
{
	return CONTAINER_OF(r, struct folder_row, row);
}

static void *values_of(struct row *r, size_t *n)
{
	if (r->kind == ROW_MAILBOX) {
		*n = sizeof(struct mbx_values);
		return &mbx_of(r)->v;
	}
	*n = sizeof(struct folder_values);
	return &folder_of(r)->v;
}

static size_t key_len(enum row_kind kind)
{
	return kind == ROW_MAILBOX ? sizeof(int64_t) : 2 * sizeof(int64_t);
}

void tx_init(struct tx *tx, struct db *db)
{
	memset(tx, 0, sizeof(*tx));
	tx->db = db;
	hash_init(&tx->rows);
	hash_init(&tx->origins);
	list_init(&tx->dirty);
	list_init(&tx->touched);
	list_init(&tx->changed);
}

static void drop_changed(struct tx *tx)
{
	struct list *n;

	while ((n = list_pop(&tx->changed)) != NULL) {
		struct changed_node *c = CONTAINER_OF(n, struct changed_node, node);

		c->m->is_noted = false;
		free(c);
	}
}

static void row_free(struct tx *tx, struct row *r)
{
	hash_del(&tx->rows, &r->node);
	list_del(&r->dirty);
	list_del(&r->touched);
	free(r->before);
	if (r->kind == ROW_MAILBOX)
		free(mbx_of(r));
	else
		free(folder_of(r));
}

static void forget_all(struct tx *tx)
{
	struct hash_node *n = hash_next(&tx->rows, NULL), *next;

	drop_changed(tx);
	for (; n; n = next) {
		next = hash_next(&tx->rows, n);
		row_free(tx, row_of_node(n));
	}
}

static void forget_origins(struct tx *tx)
{
	struct hash_node *n = hash_next(&tx->origins, NULL), *next;

	for (; n; n = next) {
		next = hash_next(&tx->origins, n);
		hash_del(&tx->origins, n);
		free(n);	/* the node is the first field: see deliver.c */
	}
}

void tx_fini(struct tx *tx)
{
	forget_all(tx);
	forget_origins(tx);
	hash_fini(&tx->rows);
	hash_fini(&tx->origins);
	arena_fini(&tx->arena);
}

void tx_shrink(struct tx *tx)
{
	CHECK(!db_in_transaction(tx->db));
	forget_all(tx);
	forget_origins(tx);
	hash_fini(&tx->rows);
	hash_init(&tx->rows);
	arena_fini(&tx->arena);
	arena_init(&tx->arena);
	db_shrink_memory(tx->db);
}

/* ---- groups ------------------------------------------------------------------ */

enum err tx_begin(struct tx *tx, int64_t now_ms, struct errbuf *eb)
{
	enum err e;

	if (hash_next(&tx->rows, NULL) && tx->rows.n > MAX_ROWS)
		forget_all(tx);
	tx->now_ms = now_ms;
	e = db_begin(tx->db, eb);
	tx->changes_before = db_total_changes(tx->db);
	if (e == ERR_OK && tx->epoch == 0) {
		e = db_get_int(tx->db, &q_epoch, &tx->epoch, eb, "");
		if (e)
			tx_rollback(tx);
	}
	return e;
}

static enum err write_mailbox(struct tx *tx, const struct mbx_row *m, struct errbuf *eb)
{
	const struct mbx_values *v = &m->v;

	return db_run(tx->db, &q_put_mailbox, eb, "iiiiiiiiiiii", m->row.key[0], v->state,
		      v->next_cn, v->next_gc, v->next_uidvalidity, v->tomb_floor, v->cn_email,
		      v->cn_folder, v->cn_thread, v->size_live, v->size_dumpster, v->n_items);
}

static enum err write_folder(struct tx *tx, struct folder_row *f, struct errbuf *eb)
{
	const struct folder_values *v = &f->v;
	const int64_t *k = f->row.key;
	enum err e = tx_write_run(tx, f, eb);

	if (e == ERR_OK)
		e = db_run(tx->db, &q_put_folder, eb, "iiiiiiiiiii", k[0], k[1], v->uidnext,
			   v->visible_uid, v->recent_uid, v->modseq, v->cn_counts, v->n_total,
			   v->n_unread, v->n_deleted, v->size);
	if (e == ERR_OK)	/* rare, and it moves an index entry */
		e = db_run(tx->db, &q_put_folder_cn, eb, "iii", k[0], k[1], v->cn);
	return e;
}

static enum err write_rows(struct tx *tx, struct errbuf *eb)
{
	enum err e = ERR_OK;
	struct list *n;

	while (e == ERR_OK && (n = list_pop(&tx->dirty)) != NULL) {
		struct row *r = CONTAINER_OF(n, struct row, dirty);

		e = r->kind == ROW_MAILBOX ? write_mailbox(tx, mbx_of(r), eb)
					   : write_folder(tx, folder_of(r), eb);
	}
	return e;
}

enum err tx_write_out(struct tx *tx, struct errbuf *eb)
{
	tx->wrote_out = true;
	return write_rows(tx, eb);
}

static struct changed *take_changed(struct tx *tx)
{
	struct changed *c;
	size_t n = 0;

	LIST_EACH (&tx->changed, i)
		n++;
	if (n == 0)
		return NULL;
	c = xcalloc(1, sizeof(*c) + n * sizeof(c->of[0]));
	LIST_EACH (&tx->changed, i) {
		struct mbx_row *m = CONTAINER_OF(i, struct changed_node, node)->m;

		c->of[c->n++] = (struct changed_one){ .mbx = m->row.key[0], .guid = m->guid,
						      .cn = (uint64_t)m->v.next_cn - 1 };
	}
	return c;
}

enum err tx_commit(struct tx *tx, struct changed **changed, struct errbuf *eb)
{
	enum err e = write_rows(tx, eb);

	/* A group that only looked writes nothing and syncs nothing. */
	if (e == ERR_OK && db_total_changes(tx->db) != tx->changes_before)
		e = db_run(tx->db, &q_commit_seq, eb, "");
	if (e == ERR_OK)
		e = db_commit(tx->db, eb);
	if (e) {
		tx_rollback(tx);
		return e;
	}
	if (changed)
		*changed = take_changed(tx);
	drop_changed(tx);
	if (tx->must_forget)
		forget_all(tx);
	tx->must_forget = false;
	return ERR_OK;
}

void tx_rollback(struct tx *tx)
{
	db_rollback(tx->db);
	forget_all(tx);
	forget_origins(tx);	/* some may have been new */
}

/* ---- parts ------------------------------------------------------------------- */

static void part_begin(struct tx *tx)
{
	tx->part++;
	arena_reset(&tx->arena);
}

static void restore_dirty(struct tx *tx, struct row *r)
{
	list_del(&r->dirty);
	if (r->was_dirty)
		list_add_tail(&tx->dirty, &r->dirty);
}

/* Let go of the copies; restore says whether to take them back first. */
static void part_end(struct tx *tx, bool restore)
{
	struct list *n;

	while ((n = list_pop(&tx->touched)) != NULL) {
		struct row *r = CONTAINER_OF(n, struct row, touched);
		size_t len;
		void *v = values_of(r, &len);

		if (restore) {
			memcpy(v, r->before, len);
			restore_dirty(tx, r);
			r->part = 0;
			r->is_deleted = false;
		}
		free(r->before);
		r->before = NULL;
		if (r->is_deleted)
			tx_forget(tx, r);
	}
}

/* Rows loaded by a part that failed may show what it wrote by SQL. */
static void forget_loaded(struct tx *tx)
{
	struct hash_node *n = hash_next(&tx->rows, NULL), *next;

	for (; n; n = next) {
		struct row *r = row_of_node(n);

		next = hash_next(&tx->rows, n);
		if (r->loaded == tx->part && list_empty(&r->dirty))
			tx_forget(tx, r);
	}
}

enum err tx_part(struct tx *tx, tx_fn *fn, void *arg, struct errbuf *eb)
{
	enum err e;

	part_begin(tx);
	e = db_savepoint(tx->db, eb);
	if (e)
		return e;
	tx->working = 0;
	tx->wrote_out = false;
	e = fn(tx, arg, eb);
	if (e == ERR_OK)
		e = db_release(tx->db, eb);
	if (e == ERR_OK) {
		part_end(tx, false);
		return e;
	}
	part_end(tx, true);
	if (tx->wrote_out)	/* rows of other parts went with this one */
		e = ERR_AGAIN;
	if (!tx_is_spoilt(tx, e))
		db_rollback_savepoint(tx->db);
	forget_loaded(tx);
	return e;
}

bool tx_is_spoilt(const struct tx *tx, enum err e)
{
	return e == ERR_CORRUPT || e == ERR_FULL || e == ERR_AGAIN ||
	       (e != ERR_OK && !db_in_transaction(tx->db));
}

enum err tx_once(struct tx *tx, int64_t now_ms, tx_fn *fn, void *arg, struct errbuf *eb)
{
	enum err e = tx_begin(tx, now_ms, eb);

	if (e)
		return e;
	e = tx_part(tx, fn, arg, eb);
	if (e == ERR_OK)
		return tx_commit(tx, NULL, eb);
	tx_rollback(tx);
	return e;
}

/* ---- rows -------------------------------------------------------------------- */

static struct row *row_find(struct tx *tx, enum row_kind kind, const int64_t key[2])
{
	struct hash_node *n = hash_find(&tx->rows, key, key_len(kind));

	return n ? row_of_node(n) : NULL;
}

static void row_add(struct tx *tx, struct row *r, enum row_kind kind, const int64_t key[2])
{
	list_init(&r->dirty);
	list_init(&r->touched);
	r->kind = kind;
	r->key[0] = key[0];
	r->key[1] = key[1];
	r->loaded = tx->part;
	hash_add(&tx->rows, &r->node, r->key, key_len(kind));
}

static int64_t quota(struct db_row *r, int col, int64_t policy)
{
	return db_is_null(r, col) || db_int(r, col) < 0 ? policy : db_int(r, col);
}

static void read_mailbox(struct tx *tx, struct db_row *r, struct mbx_row *m)
{
	struct mbx_values *v = &m->v;

	db_guid(r, 0, &m->guid);
	v->state = db_int(r, 1);
	v->next_cn = db_int(r, 2);
	v->next_gc = db_int(r, 3);
	v->next_uidvalidity = db_int(r, 4);
	v->tomb_floor = db_int(r, 5);
	v->cn_email = db_int(r, 6);
	v->cn_folder = db_int(r, 7);
	v->cn_thread = db_int(r, 8);
	v->size_live = db_int(r, 9);
	v->size_dumpster = db_int(r, 10);
	v->n_items = db_int(r, 11);
	v->quota_warn = quota(r, 12, tx->quota_warn);
	v->quota_send = quota(r, 13, tx->quota_send);
	v->quota_recv = quota(r, 14, tx->quota_recv);
}

enum err tx_mailbox_any(struct tx *tx, int64_t mbx, struct mbx_row **out, struct errbuf *eb)
{
	int64_t key[2] = { mbx, 0 };
	struct row *known = row_find(tx, ROW_MAILBOX, key);
	struct db_row *r;
	enum err e;

	tx->working = mbx;
	*out = known ? mbx_of(known) : NULL;
	if (known)
		return ERR_OK;
	r = db_query(tx->db, &q_mailbox, "i", mbx);
	if (db_next(r)) {
		*out = xcalloc(1, sizeof(**out));
		row_add(tx, &(*out)->row, ROW_MAILBOX, key);
		read_mailbox(tx, r, *out);
	}
	e = db_end(&r, eb);
	if (e == ERR_OK && *out == NULL)
		e = err_set(eb, ERR_NOTFOUND, "no mailbox %lld", (long long)mbx);
	return e;
}

enum err tx_mailbox(struct tx *tx, int64_t mbx, struct mbx_row **out, struct errbuf *eb)
{
	enum err e = tx_mailbox_any(tx, mbx, out, eb);

	if (e == ERR_OK && (*out)->v.state != 0)
		e = err_set(eb, ERR_NOTFOUND, "mailbox %lld is disconnected", (long long)mbx);
	return e;
}

enum err tx_folder(struct tx *tx, int64_t mbx, int64_t fid, struct folder_row **out,
		   struct errbuf *eb)
{
	int64_t key[2] = { mbx, fid };
	struct row *known = row_find(tx, ROW_FOLDER, key);
	struct folder_row *f;
	struct db_row *r;
	enum err e;

	*out = known ? folder_of(known) : NULL;
	if (known)
		return ERR_OK;
	f = xcalloc(1, sizeof(*f));
	row_add(tx, &f->row, ROW_FOLDER, key);
	r = db_query(tx->db, &q_folder, "ii", mbx, fid);
	if (db_next(r)) {
		int64_t *const fields[] = {
			&f->v.uidvalidity, &f->v.uidnext, &f->v.visible_uid, &f->v.recent_uid,
			&f->v.modseq, &f->v.cn, &f->v.cn_counts, &f->v.n_total, &f->v.n_unread,
			&f->v.n_deleted, &f->v.size,
		};

		for (size_t i = 0; i < N_ELEMS(fields); i++)
			*fields[i] = db_int(r, (int)i);
		*out = f;
	}
	e = db_end(&r, eb);
	if (e == ERR_OK && *out == NULL)
		e = err_set(eb, ERR_NOTFOUND, "no folder %lld", (long long)fid);
	if (e == ERR_OK)
		e = tx_read_run(tx, f, eb);
	if (e == ERR_OK)
		e = hidden_barrier(tx->db, mbx, fid, &f->v.barrier, eb);
	if (e) {
		row_free(tx, &f->row);
		*out = NULL;
	}
	return e;
}

void tx_touch(struct tx *tx, struct row *row)
{
	size_t n;
	void *v;

	if (row->part == tx->part)
		return;
	v = values_of(row, &n);
	row->part = tx->part;
	row->was_dirty = !list_empty(&row->dirty);
	row->before = xmemdup(v, n);
	list_add_tail(&tx->touched, &row->touched);
	if (!row->was_dirty)
		list_add_tail(&tx->dirty, &row->dirty);
}

void tx_forget(struct tx *tx, struct row *row)
{
	LIST_EACH (&tx->changed, n) {
		struct changed_node *c = CONTAINER_OF(n, struct changed_node, node);

		if (&c->m->row == row) {
			list_del(n);
			free(c);
		}
	}
	row_free(tx, row);
}

/* Its memory stays until the part's end, so that a failure can bring it back. */
static void row_delete(struct tx *tx, struct row *r)
{
	tx_touch(tx, r);
	list_del(&r->dirty);
	r->is_deleted = true;
}

void tx_delete_folder(struct tx *tx, struct folder_row *f)
{
	row_delete(tx, &f->row);
}

void tx_delete_mailbox(struct tx *tx, struct mbx_row *m)
{
	for (struct hash_node *n = hash_next(&tx->rows, NULL); n; n = hash_next(&tx->rows, n))
		if (row_of_node(n)->key[0] == m->row.key[0])
			row_delete(tx, row_of_node(n));
}

static void note_changed(struct tx *tx, struct mbx_row *m)
{
	struct changed_node *c;

	if (m->is_noted)
		return;
	m->is_noted = true;
	c = xcalloc(1, sizeof(*c));
	c->m = m;
	list_add_tail(&tx->changed, &c->node);
}

int64_t tx_next_cn(struct tx *tx, struct mbx_row *m)
{
	tx_touch(tx, &m->row);
	if (m->cn_of != tx->part)
		note_changed(tx, m);
	m->cn_of = tx->part;
	m->cn_part = m->v.next_cn++;
	return m->cn_part;
}

int64_t tx_cn(struct tx *tx, struct mbx_row *m)
{
	return m->cn_of == tx->part ? m->cn_part : tx_next_cn(tx, m);
}

void tx_jump_cn(struct tx *tx, struct mbx_row *m, int64_t cn)
{
	CHECK(m->cn_of != tx->part && m->v.next_cn <= cn);
	tx_touch(tx, &m->row);
	m->v.next_cn = cn;
	tx_cn(tx, m);
}

int64_t tx_gc(struct tx *tx, struct mbx_row *m)
{
	tx_touch(tx, &m->row);
	return m->v.next_gc++;
}
