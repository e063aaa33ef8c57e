/* The queue's tables, and the requests that change them. */
#include "common/relay/queue_priv.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/relay/poison.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_APP_ID 0x42717565	/* "Bque" */

/*
 * message.expire and .late are when its time is over and when its sender is to
 * be told (NULL: not again).  handled remembers identities of other origins that
 * were here and are gone, until their origin says that nobody holds them.
 * derived lists origins made from others.  A hop's row lives while something
 * waits for it or it is suspended; hop.due is the earliest of its recipients'
 * due times, not before its gate.
 *
 * Numbers of messages and hops are never used twice: an item that is out, and an
 * owner's connections to a hop, must not speak of a later one.
 */
static const char *const schema_steps[] = {
	"CREATE TABLE meta(one INTEGER PRIMARY KEY CHECK(one=1), instance BLOB NOT NULL,"
	" next_seq INTEGER NOT NULL) STRICT;"
	"CREATE TABLE message(row INTEGER PRIMARY KEY AUTOINCREMENT, origin BLOB NOT NULL, seq INTEGER NOT NULL,"
	" root BLOB NOT NULL, sender TEXT NOT NULL, envid TEXT NOT NULL, flags INTEGER NOT NULL,"
	" received INTEGER NOT NULL, expire INTEGER NOT NULL, late INTEGER, prefix TEXT NOT NULL,"
	" message_id TEXT NOT NULL, submitter BLOB, offered BLOB, offered_at INTEGER NOT NULL,"
	" reports INTEGER NOT NULL, size INTEGER NOT NULL, file TEXT) STRICT;"
	"CREATE UNIQUE INDEX message_id ON message(origin, seq);"
	"CREATE INDEX message_root ON message(root, seq);"
	"CREATE INDEX message_expire ON message(expire);"
	"CREATE INDEX message_late ON message(late) WHERE late IS NOT NULL;"
	"CREATE TABLE body(row INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;"
	"CREATE TABLE hop(id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, name TEXT NOT NULL,"
	" gate INTEGER NOT NULL DEFAULT 0, due INTEGER NOT NULL DEFAULT 0,"
	" tries INTEGER NOT NULL DEFAULT 0, suspended INTEGER NOT NULL DEFAULT 0,"
	" error TEXT NOT NULL DEFAULT '') STRICT;"
	"CREATE UNIQUE INDEX hop_name ON hop(kind, name);"
	"CREATE TABLE rcpt(row INTEGER NOT NULL, num INTEGER NOT NULL, hop INTEGER NOT NULL,"
	" due INTEGER NOT NULL, tries INTEGER NOT NULL, address TEXT NOT NULL, orcpt TEXT NOT NULL,"
	" notify INTEGER NOT NULL, target BLOB, action INTEGER NOT NULL, status TEXT NOT NULL,"
	" diag TEXT NOT NULL, remote TEXT NOT NULL, PRIMARY KEY(row, num)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX rcpt_due ON rcpt(hop, due, row);"
	"CREATE TABLE handled(origin BLOB NOT NULL, seq INTEGER NOT NULL, root BLOB NOT NULL,"
	" PRIMARY KEY(origin, seq)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX handled_root ON handled(root, seq);"
	"CREATE TABLE derived(root BLOB NOT NULL, origin BLOB NOT NULL,"
	" PRIMARY KEY(root, origin)) STRICT, WITHOUT ROWID;",
	/* Where a recipient on the poison hop waited before. */
	"ALTER TABLE rcpt ADD COLUMN was_kind INTEGER;"
	"ALTER TABLE rcpt ADD COLUMN was TEXT;",
};

static const struct db_schema schema = { schema_steps, N_ELEMS(schema_steps), QUEUE_APP_ID };

DB_SQL(q_meta, "SELECT instance, next_seq FROM meta WHERE one = 1");
DB_SQL(q_meta_new, "INSERT INTO meta(one, instance, next_seq) VALUES(1, ?1, ?2)");
DB_SQL(q_meta_reserve, "UPDATE meta SET next_seq = next_seq + ?1 WHERE one = 1");
DB_SQL(q_totals, "SELECT count(*), coalesce(sum(size), 0) FROM message");
DB_SQL(q_file_known, "SELECT row FROM message WHERE origin = ?1 AND seq = ?2 AND file IS NOT NULL");
DB_SQL(q_handled, "SELECT 1 FROM handled WHERE origin = ?1 AND seq = ?2");
DB_SQL(q_present, "SELECT row FROM message WHERE origin = ?1 AND seq = ?2");
DB_SQL(q_add, "INSERT INTO message(origin, seq, root, sender, envid, flags, received, expire, late,"
	      " prefix, message_id, submitter, offered, offered_at, reports, size, file)"
	      " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,nullif(?9,0),?10,?11,?12,?13,?14,?15,?16,?17)");
DB_SQL(q_add_body, "INSERT INTO body(row, data) VALUES(?1, ?2)");
DB_SQL(q_add_rcpt, "INSERT INTO rcpt(row, num, hop, due, tries, address, orcpt, notify, target,"
		   " action, status, diag, remote) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)");
DB_SQL(q_add_derived, "INSERT OR IGNORE INTO derived(root, origin) VALUES(?1, ?2)");
DB_SQL(q_hop_find, "SELECT id FROM hop WHERE kind = ?1 AND name = ?2");
DB_SQL(q_hop_new, "INSERT INTO hop(kind, name, due) VALUES(?1, ?2, 9223372036854775807)");
DB_SQL(q_hop_min, "SELECT due FROM rcpt WHERE hop = ?1 ORDER BY due LIMIT 1");
DB_SQL(q_hop_due, "UPDATE hop SET due = max(gate, ?2) WHERE id = ?1");
DB_SQL(q_hop_del, "DELETE FROM hop WHERE id = ?1 AND suspended = 0");
DB_SQL(q_hop_sleep, "UPDATE hop SET due = 9223372036854775807 WHERE id = ?1");
DB_SQL(q_hop_soon, "UPDATE hop SET due = min(due, max(gate, ?2)) WHERE id = ?1");
DB_SQL(q_hop_up, "UPDATE hop SET tries = 0, gate = 0, error = ?2 WHERE id = ?1");
DB_SQL(q_hop_down, "UPDATE hop SET tries = tries + 1, gate = ?2, error = ?3 WHERE id = ?1");
DB_SQL(q_hop_error, "UPDATE hop SET error = ?2 WHERE id = ?1");
DB_SQL(q_rcpt_hop, "SELECT hop FROM rcpt WHERE row = ?1 AND num = ?2");
DB_SQL(q_rcpt_del, "DELETE FROM rcpt WHERE row = ?1 AND num = ?2");
DB_SQL(q_rcpt_retry, "UPDATE rcpt SET due = ?3, tries = ?4, status = ?5, diag = ?6, remote = ?7"
		     " WHERE row = ?1 AND num = ?2 AND due < 9223372036854775807");
DB_SQL(q_rcpt_move, "UPDATE rcpt SET hop = ?3, due = ?4, tries = ?5, target = ?6, action = ?7,"
		    " status = ?8, diag = ?9, remote = ?10, address = ?11"
		    " WHERE row = ?1 AND num = ?2");
DB_SQL(q_rcpt_last, "SELECT num FROM rcpt WHERE row = ?1 ORDER BY num DESC LIMIT 1");
DB_SQL(q_rcpt_any, "SELECT 1 FROM rcpt WHERE row = ?1 LIMIT 1");
DB_SQL(q_reports, "UPDATE message SET reports = reports + 1 WHERE row = ?1");
DB_SQL(q_noticed, "UPDATE message SET late = NULL WHERE row = ?1");
DB_SQL(q_offered, "UPDATE message SET offered = ?2, offered_at = ?3 WHERE row = ?1");
DB_SQL(q_message, "SELECT size, file, origin, seq, root FROM message WHERE row = ?1");
DB_SQL(q_message_del, "DELETE FROM message WHERE row = ?1");
DB_SQL(q_body_del, "DELETE FROM body WHERE row = ?1");
DB_SQL(q_remember, "INSERT OR IGNORE INTO handled(origin, seq, root) VALUES(?1, ?2, ?3)");
DB_SQL(q_forget, "DELETE FROM handled WHERE root = ?1 AND seq < ?2");
DB_SQL(q_hops_kind, "SELECT id FROM hop WHERE kind = ?1 AND (?2 IS NULL OR name = ?2) LIMIT 1000");
DB_SQL(q_kick_hop, "UPDATE hop SET gate = 0, due = min(due, ?2) WHERE id = ?1");
DB_SQL(q_kick_rcpts, "UPDATE rcpt SET due = ?2 WHERE hop = ?1 AND due > ?2"
		     " AND due < 9223372036854775807");
DB_SQL(q_due, "SELECT id, kind, name, tries FROM hop WHERE id > ?1 AND due <= ?2 AND suspended = 0"
	      " ORDER BY id LIMIT 64");
DB_SQL(q_any_expired, "SELECT row FROM message WHERE expire <= ?1 LIMIT 1");
DB_SQL(q_any_late, "SELECT row FROM message WHERE late <= ?1 LIMIT 1");
DB_SQL(q_lowest, "SELECT seq FROM message WHERE root = ?1 ORDER BY seq LIMIT 1");
DB_SQL(q_derived, "SELECT origin FROM derived WHERE root = ?1 LIMIT 4096");

/* ---- items that are out ---------------------------------------------------- */

bool queue_is_out(const struct queue_db *qd, int64_t row, int64_t hop)
{
	const int64_t key[2] = { row, hop };

	return hash_find(&qd->out, key, sizeof(key)) != NULL;
}

void queue_item_out(struct queue_db *qd, struct queue_item_own *it, int64_t hop)
{
	struct queue_out *o = xcalloc(1, sizeof(*o));

	it->hops = xrealloc(it->hops, (it->n_hops + 1) * sizeof(*it->hops));
	it->hops[it->n_hops++] = hop;
	o->key.row = it->item.row;
	o->key.hop = hop;
	hash_add(&qd->out, &o->node, &o->key, sizeof(o->key));
}

static void item_in(struct queue_db *qd, struct queue_item *it)
{
	struct queue_item_own *own = CONTAINER_OF(it, struct queue_item_own, item);

	for (size_t i = 0; i < own->n_hops; i++) {
		const int64_t key[2] = { it->row, own->hops[i] };
		struct hash_node *n = hash_find(&qd->out, key, sizeof(key));

		if (!n)
			continue;
		hash_del(&qd->out, n);
		free(CONTAINER_OF(n, struct queue_out, node));
	}
	own->n_hops = 0;
}

void queue_item_free(struct queue_item **itp)
{
	struct queue_item *it = *itp;

	*itp = NULL;
	if (!it)
		return;
	mail_unref(&it->mail);
	free(CONTAINER_OF(it, struct queue_item_own, item)->hops);
	free(CONTAINER_OF(it, struct queue_item_own, item));
}

/* ---- files ------------------------------------------------------------------ */

static char *body_name(const struct mail_id *id)
{
	char g[GUID_TEXT];

	return xasprintf("%s-%llx", guid_text(&id->origin, g), (unsigned long long)id->seq);
}

static void remove_file(struct queue_db *qd, const char *name)
{
	struct errbuf eb = { "" };

	if (spool_remove(qd->spool, name, &eb))
		log_warn(NULL, "queue cannot remove file=%s detail=%s", name, eb.text);
}

static void remove_later(struct queue_req *r, const char *file)
{
	if (r->n_files == r->cap_files) {
		r->cap_files = r->cap_files ? r->cap_files * 2 : 4;
		r->files = xrealloc(r->files, r->cap_files * sizeof(*r->files));
	}
	r->files[r->n_files++] = xstrdup(file);
}

void queue_after(struct queue_db *qd, struct queue_req *r)
{
	qd->messages = (uint64_t)((int64_t)qd->messages + r->d_messages);
	qd->bytes = (uint64_t)((int64_t)qd->bytes + r->d_bytes);
	for (size_t i = 0; i < r->n_files; i++)
		remove_file(qd, r->files[i]);
	free(r->new_file);
	r->new_file = NULL;
	if (r->kind == REQ_FINISH)
		item_in(qd, r->item);
}

void queue_undone(struct queue_db *qd, struct queue_req *r)
{
	if (r->new_file)
		remove_file(qd, r->new_file);
	free(r->new_file);
	r->new_file = NULL;
	for (size_t i = 0; i < r->n_files; i++)
		free(r->files[i]);
	r->n_files = 0;
	r->d_messages = r->d_bytes = 0;
	r->kick = false;
}

/* ---- opening ---------------------------------------------------------------- */

static enum err open_meta(struct queue_db *qd, uint64_t *first, uint64_t *end,
			  struct errbuf *eb)
{
	struct db_row *row = db_query(qd->db, &q_meta, "");
	bool found = db_next(row), ok = true;
	int64_t next = 1;
	enum err e;

	if (found) {
		ok = db_guid(row, 0, &qd->instance);
		next = db_int(row, 1);
	}
	e = db_end(&row, eb);
	if (e)
		return e;
	if (!ok || next < 1)
		return err_set(eb, ERR_CORRUPT, "queue: damaged meta row");
	if (!found) {
		qd->instance = guid_make();
		e = db_run(qd->db, &q_meta_new, eb, "gi", &qd->instance, next);
		if (e)
			return e;
	}
	*first = (uint64_t)next;
	*end = (uint64_t)next + QUEUE_SEQ_BLOCK;
	return db_run(qd->db, &q_meta_reserve, eb, "i", (int64_t)QUEUE_SEQ_BLOCK);
}

/* A kept body whose message is not in the database was never promised, or is
 * delivered. */
static bool is_ours(const char *name, struct guid *origin, uint64_t *seq)
{
	char text[GUID_TEXT];
	unsigned long long v;
	int used = 0;

	if (strlen(name) <= GUID_TEXT || name[GUID_TEXT - 1] != '-')
		return false;
	memcpy(text, name, GUID_TEXT - 1);
	text[GUID_TEXT - 1] = '\0';
	if (guid_parse(text, origin) || sscanf(name + GUID_TEXT, "%llx%n", &v, &used) != 1 ||
	    name[GUID_TEXT + (size_t)used] != '\0')
		return false;
	*seq = v;
	return true;
}

struct sweep {
	struct queue_db *qd;
	struct errbuf *eb;
	enum err e;
};

static bool sweep_one(void *ctx, const char *name)
{
	struct sweep *w = ctx;
	struct guid origin;
	uint64_t seq;
	int64_t row;
	enum err e;

	if (!is_ours(name, &origin, &seq))
		return true;
	e = db_get_int(w->qd->db, &q_file_known, &row, w->eb, "gi", &origin, (int64_t)seq);
	if (e == ERR_NOTFOUND)
		remove_file(w->qd, name);
	else
		w->e = e;
	return w->e == ERR_OK;
}

static enum err sweep(struct queue_db *qd, struct errbuf *eb)
{
	struct sweep w = { qd, eb, ERR_OK };
	enum err e = spool_each(qd->spool, sweep_one, &w, eb);

	return e ? e : w.e;
}

/* Once it is on the poison hop its deaths are forgotten: an administrator may give it
 * another chance. */
static enum err set_apart(struct queue_db *qd, struct poison *p, struct errbuf *eb)
{
	struct mail_id id;
	char text[64];
	enum err e;

	for (size_t at = 0; poison_next(p, &at, &id);) {
		e = queue_poison_in(qd, &id, eb);
		if (e == ERR_NOTFOUND)
			continue;	/* it may be offered to us again */
		if (e)
			return e;
		log_error(NULL, "message set apart: the process died while it was in hand id=%s",
			  mail_id_text(&id, text));
		poison_forget(p, &id);
	}
	return queue_poison_count(qd, eb);
}

enum err queue_db_open(struct queue_db *qd, const struct queue_conf *conf, uint64_t *first_seq,
		       uint64_t *end_seq, struct errbuf *eb)
{
	const struct db_conf dc = {
		.path = conf->path, .flags = DB_CREATE | DB_CHECKPOINT,
		.cache_bytes = conf->cache_bytes, .max_pages = conf->max_pages,
	};
	struct db_row *row;
	enum err e;

	hash_init(&qd->out);
	qd->spool = conf->spool;
	e = db_open(&dc, &schema, &qd->db, eb);
	if (e)
		return e;
	e = open_meta(qd, first_seq, end_seq, eb);
	if (e)
		goto fail;
	row = db_query(qd->db, &q_totals, "");
	if (db_next(row)) {
		qd->messages = (uint64_t)db_int(row, 0);
		qd->bytes = (uint64_t)db_int(row, 1);
	}
	e = db_end(&row, eb);
	if (e)
		goto fail;
	e = sweep(qd, eb);
	if (!e)
		e = set_apart(qd, conf->poison, eb);
	if (!e)
		return ERR_OK;
fail:
	queue_db_close(qd);
	return e;
}

void queue_db_close(struct queue_db *qd)
{
	struct hash_node *n, *next;

	for (n = hash_next(&qd->out, NULL); n; n = next) {
		next = hash_next(&qd->out, n);
		hash_del(&qd->out, n);
		free(CONTAINER_OF(n, struct queue_out, node));
	}
	hash_fini(&qd->out);
	db_close(&qd->db);
}

/* ---- hops ------------------------------------------------------------------- */

enum err queue_hop_get(struct queue_db *qd, enum hop_kind kind, const char *name, int64_t *id,
		       struct errbuf *eb)
{
	enum err e = db_get_int(qd->db, &q_hop_find, id, eb, "it", (int64_t)kind, name);

	if (e != ERR_NOTFOUND)
		return e;
	e = db_run(qd->db, &q_hop_new, eb, "it", (int64_t)kind, name);
	if (!e)
		*id = db_last_rowid(qd->db);
	return e;
}

enum err queue_hop_settle(struct queue_db *qd, int64_t hop, struct errbuf *eb)
{
	int64_t due;
	enum err e = db_get_int(qd->db, &q_hop_min, &due, eb, "i", hop);

	if (!e)
		return db_run(qd->db, &q_hop_due, eb, "ii", hop, due);
	if (e != ERR_NOTFOUND)
		return e;
	e = db_run(qd->db, &q_hop_sleep, eb, "i", hop);
	return e ? e : db_run(qd->db, &q_hop_del, eb, "i", hop);
}

/* ---- adding ----------------------------------------------------------------- */

static enum err add_body(struct queue_db *qd, struct queue_req *r, const struct mail *m,
			 int64_t row)
{
	if (!m->data)
		return ERR_OK;	/* its file is named in the message's row */
	return db_run(qd->db, &q_add_body, &r->eb, "ib", row, m->data, (size_t)m->size);
}

static enum err add_rcpts(struct queue_db *qd, struct queue_req *r, const struct mail *m,
			  int64_t row, int64_t num)
{
	const struct mail_rcpt *last = NULL;
	int64_t hop = 0;
	enum err e;

	for (size_t i = 0; i < m->n_rcpts; i++) {
		const struct mail_rcpt *c = &m->rcpts[i];

		if (!last || last->kind != c->kind || strcmp(last->hop, c->hop) != 0) {
			e = queue_hop_get(qd, c->kind, c->hop, &hop, &r->eb);
			if (e)
				return e;
		}
		last = c;
		e = db_run(qd->db, &q_add_rcpt, &r->eb, "iiiiittigittt", row, num + (int64_t)i, hop,
			   c->due_ms, (int64_t)c->tries, c->address, c->orcpt,
			   (int64_t)c->notify, guid_is_null(&c->target) ? NULL : &c->target,
			   (int64_t)c->action, c->status, c->diag, c->remote);
		if (!e)
			e = db_run(qd->db, &q_hop_soon, &r->eb, "ii", hop, c->due_ms);
		if (e)
			return e;
		if (c->due_ms <= r->now_ms)
			r->kick = true;
	}
	return ERR_OK;
}

static bool is_known(struct queue_db *qd, const struct mail_id *id, enum err *e,
		     struct errbuf *eb)
{
	int64_t row;

	*e = db_get_int(qd->db, &q_present, &row, eb, "gi", &id->origin, (int64_t)id->seq);
	if (*e == ERR_NOTFOUND)
		*e = db_get_int(qd->db, &q_handled, &row, eb, "gi", &id->origin,
				(int64_t)id->seq);
	if (*e == ERR_NOTFOUND) {
		*e = ERR_OK;
		return false;
	}
	return *e == ERR_OK;
}

static enum err keep_file(struct queue_req *r, const struct mail *m)
{
	if (m->data)
		return ERR_OK;
	if (!m->body)
		return err_set(&r->eb, ERR_INVALID, "queue: message without a body");
	r->new_file = body_name(&m->id);
	return spool_body_keep(m->body, r->new_file, &r->eb);
}

/* EXISTS if the identity is known. */
static enum err add_mail(struct queue_db *qd, struct queue_req *r, struct mail *m)
{
	bool derived = !guid_eq(&m->id.origin, &m->root);
	bool poison = m->rcpts[0].kind == HOP_POISON;
	int64_t late = m->sender[0] == '\0' || poison ? 0 : m->received_ms + qd->notice_ms, row;
	int64_t expire = poison ? INT64_MAX : m->received_ms + qd->expire_ms;
	enum err e;

	if (is_known(qd, &m->id, &e, &r->eb))
		return err_set(&r->eb, ERR_EXISTS, "queue: identity is known");
	if (!e)
		e = keep_file(r, m);
	if (e)
		return e;
	e = db_run(qd->db, &q_add, &r->eb, "gigttiiiittggiiit", &m->id.origin,
		   (int64_t)m->id.seq, &m->root, m->sender, m->envid, (int64_t)m->flags,
		   m->received_ms, expire, late, m->prefix,
		   m->message_id, guid_is_null(&m->submitter) ? NULL : &m->submitter,
		   guid_is_null(&m->offered) ? NULL : &m->offered, m->offered_ms,
		   (int64_t)m->n_reports, (int64_t)m->size, r->new_file);
	if (e)
		return e;
	row = db_last_rowid(qd->db);
	e = add_body(qd, r, m, row);
	if (!e)
		e = add_rcpts(qd, r, m, row, 0);
	if (!e && poison)
		e = queue_poison_why(qd, &r->eb);
	if (!e && derived)
		e = db_run(qd->db, &q_add_derived, &r->eb, "gg", &m->root, &m->id.origin);
	r->d_messages++;
	r->d_bytes += (int64_t)m->size;
	return e;
}

enum err queue_run_add(struct queue_db *qd, struct queue_req *r)
{
	return add_mail(qd, r, r->mail);
}

/* ---- finishing -------------------------------------------------------------- */

enum err queue_drop_message(struct queue_db *qd, struct queue_req *r, int64_t row)
{
	struct db_row *q = db_query(qd->db, &q_message, "i", row);
	struct guid origin = { { 0 } }, root = { { 0 } };
	int64_t seq = 0;
	bool found = db_next(q);
	enum err e;

	if (found) {
		r->d_messages--;
		r->d_bytes -= db_int(q, 0);
		if (db_text(q, 1))
			remove_later(r, db_text(q, 1));
		found = db_guid(q, 2, &origin) && db_guid(q, 4, &root);
		seq = db_int(q, 3);
	}
	e = db_end(&q, &r->eb);
	if (!e && found && !guid_eq(&origin, &qd->instance))
		e = db_run(qd->db, &q_remember, &r->eb, "gig", &origin, seq, &root);
	if (!e)
		e = db_run(qd->db, &q_body_del, &r->eb, "i", row);
	return e ? e : db_run(qd->db, &q_message_del, &r->eb, "i", row);
}

static enum err finish_move(struct queue_db *qd, struct queue_req *r, const struct mail_rcpt *c)
{
	int64_t hop;
	enum err e = queue_hop_get(qd, c->kind, c->hop, &hop, &r->eb);

	if (e)
		return e;
	e = db_run(qd->db, &q_rcpt_move, &r->eb, "iiiiigitttt", r->item->row,
		   (int64_t)c->num, hop, c->due_ms, (int64_t)c->tries,
		   guid_is_null(&c->target) ? NULL : &c->target, (int64_t)c->action, c->status,
		   c->diag, c->remote, c->address);
	return e ? e : queue_hop_settle(qd, hop, &r->eb);
}

static enum err finish_rcpt(struct queue_db *qd, struct queue_req *r, size_t i)
{
	const struct mail_rcpt *c = &r->item->mail->rcpts[i];
	int64_t row = r->item->row, num = c->num;

	if (r->result.replace)
		return db_run(qd->db, &q_rcpt_del, &r->eb, "ii", row, num);
	switch (r->result.verdicts[i]) {
	case QUEUE_RETRY:
		return db_run(qd->db, &q_rcpt_retry, &r->eb, "iiiittt", row, num, c->due_ms,
			      (int64_t)c->tries, c->status, c->diag, c->remote);
	case QUEUE_MOVE:
		return finish_move(qd, r, c);
	case QUEUE_GONE:
		break;
	}
	return db_run(qd->db, &q_rcpt_del, &r->eb, "ii", row, num);
}

static enum err finish_hop(struct queue_db *qd, struct queue_req *r)
{
	const struct queue_result *res = &r->result;
	int64_t hop = r->item->hop.id;
	const char *error = res->error ? res->error : "";

	if (hop == 0)
		return ERR_OK;
	switch (res->state) {
	case QUEUE_HOP_UP:
		return db_run(qd->db, &q_hop_up, &r->eb, "it", hop, error);
	case QUEUE_HOP_DOWN:
		return db_run(qd->db, &q_hop_down, &r->eb, "iit", hop, res->hop_due_ms, error);
	case QUEUE_HOP_ASIS:
		break;
	}
	if (!res->error)
		return ERR_OK;
	return db_run(qd->db, &q_hop_error, &r->eb, "it", hop, error);
}

static enum err finish_replace(struct queue_db *qd, struct queue_req *r)
{
	int64_t num = -1, row;
	enum err e;

	if (!r->result.replace)
		return ERR_OK;
	/* Gone meanwhile, by an administrator: then nothing takes its place. */
	e = db_get_int(qd->db, &q_message, &row, &r->eb, "i", r->item->row);
	if (e)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	e = db_get_int(qd->db, &q_rcpt_last, &num, &r->eb, "i", r->item->row);
	if (e && e != ERR_NOTFOUND)
		return e;
	/* Numbers of those that went are not used again while others are out. */
	for (size_t i = 0; i < r->item->mail->n_rcpts; i++)
		if ((int64_t)r->item->mail->rcpts[i].num > num)
			num = r->item->mail->rcpts[i].num;
	return add_rcpts(qd, r, r->result.replace, r->item->row, num + 1);
}

/* The rows' hops, before they are changed, are what is to be settled. */
static enum err finish_rcpts(struct queue_db *qd, struct queue_req *r)
{
	int64_t hop, last = 0;
	enum err e = ERR_OK;

	for (size_t i = 0; !e && i < r->item->mail->n_rcpts; i++) {
		e = db_get_int(qd->db, &q_rcpt_hop, &hop, &r->eb, "ii", r->item->row,
			       (int64_t)r->item->mail->rcpts[i].num);
		if (e == ERR_NOTFOUND) {	/* an administrator was faster */
			e = ERR_OK;
			continue;
		}
		if (!e && last && hop != last)
			e = queue_hop_settle(qd, last, &r->eb);
		last = hop;
		if (!e)
			e = finish_rcpt(qd, r, i);
	}
	return e || !last ? e : queue_hop_settle(qd, last, &r->eb);
}

enum err queue_run_finish(struct queue_db *qd, struct queue_req *r)
{
	const struct queue_result *res = &r->result;
	const struct mail *m = r->item->mail;
	int64_t any;
	enum err e;

	e = finish_hop(qd, r);
	if (!e)
		e = finish_rcpts(qd, r);
	if (!e)
		e = finish_replace(qd, r);
	if (!e && res->report) {
		e = add_mail(qd, r, res->report);
		if (e == ERR_EXISTS)
			e = ERR_OK;
		if (!e)
			e = db_run(qd->db, &q_reports, &r->eb, "i", r->item->row);
	}
	if (!e && res->noticed)
		e = db_run(qd->db, &q_noticed, &r->eb, "i", r->item->row);
	if (!e && m->offered_ms != 0)
		e = db_run(qd->db, &q_offered, &r->eb, "igi", r->item->row,
			   guid_is_null(&m->offered) ? NULL : &m->offered, m->offered_ms);
	if (e)
		return e;
	e = db_get_int(qd->db, &q_rcpt_any, &any, &r->eb, "i", r->item->row);
	if (e == ERR_NOTFOUND)
		e = queue_drop_message(qd, r, r->item->row);
	r->kick = true;
	return e;
}

enum err queue_run_release(struct queue_db *qd, struct queue_req *r)
{
	item_in(qd, r->item);
	return ERR_OK;
}

/* ---- the small ones --------------------------------------------------------- */

enum err queue_run_kick(struct queue_db *qd, struct queue_req *r)
{
	int64_t ids[1000];
	size_t n = 0;
	struct db_row *q;
	enum err e;

	q = r->hop.name ? db_query(qd->db, &q_hops_kind, "it", (int64_t)r->hop.kind, r->hop.name)
			: db_query(qd->db, &q_hops_kind, "in", (int64_t)r->hop.kind);
	while (n < N_ELEMS(ids) && db_next(q))
		ids[n++] = db_int(q, 0);
	e = db_end(&q, &r->eb);
	for (size_t i = 0; !e && i < n; i++) {
		e = db_run(qd->db, &q_kick_rcpts, &r->eb, "ii", ids[i], r->now_ms);
		if (!e)
			e = db_run(qd->db, &q_kick_hop, &r->eb, "ii", ids[i], r->now_ms);
		if (!e)
			e = queue_hop_settle(qd, ids[i], &r->eb);
	}
	r->kick = n > 0;
	return e;
}

enum err queue_run_done_below(struct queue_db *qd, struct queue_req *r)
{
	return db_run(qd->db, &q_forget, &r->eb, "gi", &r->guid, (int64_t)r->seq);
}

enum err queue_run_note_derived(struct queue_db *qd, struct queue_req *r)
{
	return db_run(qd->db, &q_add_derived, &r->eb, "gg", &r->guid, &r->origin);
}

enum err queue_run_reserve(struct queue_db *qd, struct queue_req *r)
{
	return db_run(qd->db, &q_meta_reserve, &r->eb, "i", (int64_t)QUEUE_SEQ_BLOCK);
}

static enum err due_hops(struct queue_db *qd, struct queue_req *r)
{
	struct db_row *q = db_query(qd->db, &q_due, "ii", qd->due_cursor, r->now_ms);

	while (r->n < QUEUE_HOPS_A_TICK && db_next(q)) {
		struct queue_hop *h = &r->hops[r->n++];

		h->id = db_int(q, 0);
		h->kind = (enum hop_kind)db_int(q, 1);
		h->name = arena_str(&r->arena, db_text(q, 2));
		h->tries = (unsigned)db_int(q, 3);
		qd->due_cursor = h->id;
	}
	if (r->n < QUEUE_HOPS_A_TICK)
		qd->due_cursor = 0;
	return db_end(&q, &r->eb);
}

enum err queue_run_due(struct queue_db *qd, struct queue_req *r)
{
	bool wrap = qd->due_cursor > 0;
	int64_t row;
	enum err e;

	qd->expire_ms = r->expire_ms;
	qd->notice_ms = r->notice_ms;
	e = queue_poison_count(qd, &r->eb);
	if (e)
		return e;
	r->hops = arena_alloc(&r->arena, (QUEUE_HOPS_A_TICK + 2) * sizeof(*r->hops));
	e = due_hops(qd, r);
	if (!e && wrap && r->n == 0)
		e = due_hops(qd, r);
	if (e)
		return e;
	e = db_get_int(qd->db, &q_any_expired, &row, &r->eb, "i", r->now_ms);
	if (!e)
		r->hops[r->n++] = (struct queue_hop){ .name = "", .expired = true };
	else if (e != ERR_NOTFOUND)
		return e;
	e = db_get_int(qd->db, &q_any_late, &row, &r->eb, "i", r->now_ms);
	if (!e)
		r->hops[r->n++] = (struct queue_hop){ .name = "", .late = true };
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err queue_run_held(struct queue_db *qd, struct queue_req *r)
{
	int64_t seq;
	enum err e = db_get_int(qd->db, &q_lowest, &seq, &r->eb, "g", &r->guid);

	r->value = e ? UINT64_MAX : (uint64_t)seq;
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err queue_run_derived(struct queue_db *qd, struct queue_req *r)
{
	struct db_row *q = db_query(qd->db, &q_derived, "g", &r->guid);

	r->guids = arena_alloc(&r->arena, 4096 * sizeof(*r->guids));
	while (r->n < 4096 && db_next(q))
		if (db_guid(q, 0, &r->guids[r->n]))
			r->n++;
	return db_end(&q, &r->eb);
}
