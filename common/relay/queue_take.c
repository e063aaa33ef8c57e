/* Taking items out: which messages are due, and loading one. */
#include "common/relay/queue_priv.h"

#include "common/base/check.h"
#include "common/base/log.h"

#include <stdlib.h>

#define TAKE_MAX   64
#define TAKE_BYTES (16u * 1024 * 1024)	/* of one answer */

/* The hop itself is asked again: it may have gone down, or been suspended, since it
 * was said to be due. */
DB_SQL(q_due_rows, "SELECT row FROM rcpt WHERE hop = ?1 AND due <= ?2 AND EXISTS("
		   "SELECT 1 FROM hop WHERE id = ?1 AND gate <= ?2 AND suspended = 0)"
		   " ORDER BY due, row LIMIT 20000");
DB_SQL(q_expired, "SELECT row FROM message WHERE expire <= ?1 ORDER BY expire LIMIT 1000");
DB_SQL(q_late, "SELECT row FROM message WHERE late <= ?1 ORDER BY late LIMIT 1000");
DB_SQL(q_load, "SELECT origin, seq, root, sender, envid, flags, received, prefix, message_id,"
	       " submitter, offered, offered_at, reports, size, file FROM message WHERE row = ?1");
DB_SQL(q_load_body, "SELECT data FROM body WHERE row = ?1");
DB_SQL(q_load_rcpts, "SELECT num, address, orcpt, notify, target, action, status, diag, remote,"
		     " tries, due, hop FROM rcpt WHERE row = ?1 AND hop = ?2 AND due <= ?3"
		     " ORDER BY num LIMIT 5000");
DB_SQL(q_load_all, "SELECT num, address, orcpt, notify, target, action, status, diag, remote,"
		   " tries, due, hop FROM rcpt WHERE row = ?1 ORDER BY num LIMIT 5000");

static const char *text(struct db_row *q, int col)
{
	const char *s = db_text(q, col);

	return s ? s : "";
}

static enum err load_message(struct queue_db *qd, int64_t row, struct mail *m, char **file,
			     struct errbuf *eb)
{
	struct db_row *q = db_query(qd->db, &q_load, "i", row);
	bool found = db_next(q), ok = true;
	enum err e;

	if (found) {
		ok = db_guid(q, 0, &m->id.origin) && db_guid(q, 2, &m->root);
		m->id.seq = (uint64_t)db_int(q, 1);
		m->sender = arena_str(&m->arena, text(q, 3));
		m->envid = arena_str(&m->arena, text(q, 4));
		m->flags = (unsigned)db_int(q, 5);
		m->received_ms = db_int(q, 6);
		m->prefix = arena_str(&m->arena, text(q, 7));
		m->message_id = arena_str(&m->arena, text(q, 8));
		(void)db_guid(q, 9, &m->submitter);
		(void)db_guid(q, 10, &m->offered);
		m->offered_ms = db_int(q, 11);
		m->n_reports = (uint32_t)db_int(q, 12);
		m->size = (uint64_t)db_int(q, 13);
		*file = db_text(q, 14) ? arena_str(&m->arena, db_text(q, 14)) : NULL;
	}
	e = db_end(&q, eb);
	if (e)
		return e;
	if (!found)
		return ERR_NOTFOUND;
	return ok ? ERR_OK : err_set(eb, ERR_CORRUPT, "queue: message %lld", (long long)row);
}

static enum err load_body(struct queue_db *qd, int64_t row, struct mail *m, const char *file,
			  struct errbuf *eb)
{
	struct db_row *q;
	size_t n = 0;
	const void *p;
	bool found;
	uint64_t size = m->size;
	enum err e, fill = ERR_OK;

	if (file) {
		struct spool_body *s = NULL;

		e = spool_body_open(qd->spool, file, &s, eb);
		if (e)
			return e;
		mail_set_body(m, s);
		return ERR_OK;
	}
	q = db_query(qd->db, &q_load_body, "i", row);
	found = db_next(q);
	if (found) {
		p = db_blob(q, 0, &n);
		found = n == size;
		fill = found ? mail_fill_body(m, qd->spool, p, n, eb) : ERR_OK;
	}
	e = db_end(&q, eb);
	if (!e && !found)
		e = err_set(eb, ERR_CORRUPT, "queue: body of message %lld", (long long)row);
	return e ? e : fill;
}

static void load_rcpt(struct mail *m, struct db_row *q, const struct queue_hop *hop)
{
	struct mail_rcpt *c = mail_add(m, text(q, 1));

	c->num = (uint32_t)db_int(q, 0);
	c->orcpt = arena_str(&m->arena, text(q, 2));
	c->notify = (unsigned)db_int(q, 3);
	(void)db_guid(q, 4, &c->target);
	c->action = (unsigned)db_int(q, 5);
	c->status = arena_str(&m->arena, text(q, 6));
	c->diag = arena_str(&m->arena, text(q, 7));
	c->remote = arena_str(&m->arena, text(q, 8));
	c->tries = (uint32_t)db_int(q, 9);
	c->due_ms = db_int(q, 10);
	if (hop->id) {
		c->kind = hop->kind;
		c->hop = hop->name;
	}
}

static bool holds(const struct queue_item_own *it, int64_t hop)
{
	for (size_t i = 0; i < it->n_hops; i++)
		if (it->hops[i] == hop)
			return true;
	return false;
}

static enum err load_rcpts(struct queue_db *qd, struct queue_item_own *it, int64_t now_ms,
			   struct errbuf *eb)
{
	const struct queue_hop *hop = &it->item.hop;
	struct db_row *q = hop->id
		? db_query(qd->db, &q_load_rcpts, "iii", it->item.row, hop->id, now_ms)
		: db_query(qd->db, &q_load_all, "i", it->item.row);

	while (db_next(q)) {
		int64_t of = db_int(q, 11);

		if (!holds(it, of)) {
			if (queue_is_out(qd, it->item.row, of))
				continue;
			queue_item_out(qd, it, of);
		}
		load_rcpt(it->item.mail, q, hop);
	}
	return db_end(&q, eb);
}

/* NOTFOUND: it has nothing to give now. */
static enum err load(struct queue_db *qd, struct queue_req *r, int64_t row,
		     struct queue_item **out)
{
	struct queue_item_own *it = xcalloc(1, sizeof(*it));
	struct mail *m = it->item.mail = mail_new();
	char *file = NULL;
	enum err e;

	it->item.row = row;
	it->item.hop = r->hop;
	it->item.hop.name = arena_str(&m->arena, r->hop.name);
	*out = &it->item;
	e = load_message(qd, row, m, &file, &r->eb);
	if (!e)
		e = load_rcpts(qd, it, r->now_ms, &r->eb);
	if (!e && m->n_rcpts == 0)
		e = ERR_NOTFOUND;
	if (!e)
		e = load_body(qd, row, m, file, &r->eb);
	it->item.bytes = arena_size(&m->arena) + sizeof(*m) + (m->data ? (size_t)m->size : 0);
	return e;
}

/* Rows to look at, in their order, without those that are out on this hop. */
static enum err candidates(struct queue_db *qd, struct queue_req *r, int64_t *rows, size_t *n)
{
	struct db_row *q;
	int64_t row, last = -1;

	if (r->hop.expired)
		q = db_query(qd->db, &q_expired, "i", r->now_ms);
	else if (r->hop.late)
		q = db_query(qd->db, &q_late, "i", r->now_ms);
	else
		q = db_query(qd->db, &q_due_rows, "ii", r->hop.id, r->now_ms);
	while (*n < r->limit && db_next(q)) {
		row = db_int(q, 0);
		if (row == last || (r->hop.id && queue_is_out(qd, row, r->hop.id)))
			continue;
		last = rows[(*n)++] = row;
	}
	return db_end(&q, &r->eb);
}

/* A message that cannot be read must not stop those behind it: it stays out,
 * that is nobody gets it again before a restart, and the log says so. */
static void set_aside(struct queue_item **it, int64_t row, const struct queue_req *r)
{
	log_error(NULL, "queue message cannot be read row=%lld detail=%s", (long long)row,
		  r->eb.text);
	queue_item_free(it);
}

enum err queue_run_take(struct queue_db *qd, struct queue_req *r)
{
	int64_t rows[TAKE_MAX];
	size_t n = 0, bytes = 0;
	enum err e;

	if (r->limit > TAKE_MAX)
		r->limit = TAKE_MAX;
	e = candidates(qd, r, rows, &n);
	if (e)
		return e;
	r->items = arena_alloc(&r->arena, (n + 1) * sizeof(struct queue_item *));
	for (size_t i = 0; i < n && bytes < TAKE_BYTES; i++) {
		struct queue_item *it = NULL;

		e = load(qd, r, rows[i], &it);
		if (!e) {
			bytes += it->bytes;
			r->items[r->n++] = it;
		} else if (e == ERR_CORRUPT) {
			set_aside(&it, rows[i], r);
		} else {
			queue_run_release(qd, &(struct queue_req){ .item = it });
			queue_item_free(&it);
			if (e != ERR_NOTFOUND)
				log_warn(NULL, "queue message not loaded err=%s detail=%s",
					 err_text(e), r->eb.text);
		}
	}
	return ERR_OK;
}
