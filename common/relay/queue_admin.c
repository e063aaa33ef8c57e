/* What administrators ask of the queue. */
#include "common/relay/queue_priv.h"

#include <string.h>

#define LIST_MAX 500

DB_SQL(q_list, "SELECT h.id, h.kind, h.name, h.error, h.due, h.tries, h.suspended,"
	       " count(DISTINCT r.row), count(r.row),"
	       " (SELECT min(m.received) FROM message m WHERE m.row ="
	       "  (SELECT min(x.row) FROM rcpt x WHERE x.hop = h.id))"
	       " FROM hop h LEFT JOIN rcpt r ON r.hop = h.id WHERE h.id > ?1"
	       " GROUP BY h.id ORDER BY h.id LIMIT 500");
DB_SQL(q_messages, "SELECT m.row, m.origin, m.seq, m.sender, m.message_id, m.size, m.received,"
		   " m.flags, r.address, h.kind, h.name, r.diag, min(r.due), count(*)"
		   " FROM message m JOIN rcpt r ON r.row = m.row JOIN hop h ON h.id = r.hop"
		   " WHERE m.row > ?1 GROUP BY m.row ORDER BY m.row LIMIT ?2");
DB_SQL(q_messages_hop, "SELECT m.row, m.origin, m.seq, m.sender, m.message_id, m.size, m.received,"
		       " m.flags, r.address, h.kind, h.name, r.diag, min(r.due), count(*)"
		       " FROM hop h JOIN rcpt r ON r.hop = h.id JOIN message m ON m.row = r.row"
		       " WHERE h.id = ?3 AND m.row > ?1 GROUP BY m.row ORDER BY m.row LIMIT ?2");
DB_SQL(q_hop_exists, "SELECT id FROM hop WHERE id = ?1");
DB_SQL(q_hop_suspend, "UPDATE hop SET suspended = ?2 WHERE id = ?1");
DB_SQL(q_hop_now, "UPDATE hop SET gate = 0 WHERE id = ?1");
DB_SQL(q_hop_rcpts_now, "UPDATE rcpt SET due = ?2 WHERE hop = ?1 AND due < 9223372036854775807");
DB_SQL(q_hop_rows, "SELECT DISTINCT row FROM rcpt WHERE hop = ?1 AND row > ?2 ORDER BY row LIMIT 1000");
DB_SQL(q_hop_row_move, "UPDATE rcpt SET hop = ?3, due = ?4, target = NULL WHERE row = ?1 AND hop = ?2"
		       " AND due < 9223372036854775807");
DB_SQL(q_row_exists, "SELECT flags FROM message WHERE row = ?1");
DB_SQL(q_row_flags, "UPDATE message SET flags = ?2 WHERE row = ?1");
DB_SQL(q_row_due, "UPDATE rcpt SET due = ?2 WHERE row = ?1");
DB_SQL(q_row_report, "UPDATE rcpt SET hop = ?2, due = ?3, action = 1, status = '5.0.0',"
		     " diag = 'removed from the queue by an administrator', remote = ''"
		     " WHERE row = ?1");
DB_SQL(q_row_hops, "SELECT DISTINCT hop FROM rcpt WHERE row = ?1 LIMIT 5000");
DB_SQL(q_row_clear, "DELETE FROM rcpt WHERE row = ?1");

enum err queue_run_list(struct queue_db *qd, struct queue_req *r)
{
	struct db_row *q = db_query(qd->db, &q_list, "i", r->after);

	r->lines = arena_alloc(&r->arena, LIST_MAX * sizeof(*r->lines));
	while (r->n < LIST_MAX && db_next(q)) {
		struct queue_line *l = &r->lines[r->n++];

		l->id = db_int(q, 0);
		l->kind = (enum hop_kind)db_int(q, 1);
		l->name = arena_str(&r->arena, db_text(q, 2));
		l->error = arena_str(&r->arena, db_text(q, 3));
		l->due_ms = db_int(q, 4);
		l->tries = (unsigned)db_int(q, 5);
		l->suspended = db_int(q, 6) != 0;
		l->messages = (uint64_t)db_int(q, 7);
		l->recipients = (uint64_t)db_int(q, 8);
		l->oldest_ms = db_int(q, 9);
	}
	return db_end(&q, &r->eb);
}

enum err queue_run_messages(struct queue_db *qd, struct queue_req *r)
{
	int64_t limit = r->limit == 0 || r->limit > LIST_MAX ? LIST_MAX : r->limit;
	struct db_row *q = r->hop_id
		? db_query(qd->db, &q_messages_hop, "iii", r->after, limit, r->hop_id)
		: db_query(qd->db, &q_messages, "ii", r->after, limit);

	r->messages = arena_alloc(&r->arena, LIST_MAX * sizeof(*r->messages));
	while (r->n < LIST_MAX && db_next(q)) {
		struct queue_message *m = &r->messages[r->n++];

		m->row = db_int(q, 0);
		(void)db_guid(q, 1, &m->id.origin);
		m->id.seq = (uint64_t)db_int(q, 2);
		m->sender = arena_str(&r->arena, db_text(q, 3));
		m->message_id = arena_str(&r->arena, db_text(q, 4));
		m->size = (uint64_t)db_int(q, 5);
		m->received_ms = db_int(q, 6);
		m->suspended = (db_int(q, 7) & MAIL_SUSPENDED) != 0;
		m->recipient = arena_str(&r->arena, db_text(q, 8));
		m->kind = (enum hop_kind)db_int(q, 9);
		m->hop = arena_str(&r->arena, db_text(q, 10));
		m->error = arena_str(&r->arena, db_text(q, 11));
		m->due_ms = db_int(q, 12);
		m->recipients = (uint32_t)db_int(q, 13);
	}
	return db_end(&q, &r->eb);
}

/* ---- orders ----------------------------------------------------------------- */

static enum err hop_now(struct queue_db *qd, struct queue_req *r, int64_t hop)
{
	enum err e = db_run(qd->db, &q_hop_rcpts_now, &r->eb, "ii", hop, r->now_ms);

	if (!e)
		e = db_run(qd->db, &q_hop_now, &r->eb, "i", hop);
	return e ? e : queue_hop_settle(qd, hop, &r->eb);
}

/* All that waits for hop, but what is out: that comes back by itself. */
static enum err resubmit(struct queue_db *qd, struct queue_req *r, int64_t hop, int64_t to)
{
	int64_t rows[1000], after = 0;
	size_t n;
	enum err e;

	do {
		struct db_row *q = db_query(qd->db, &q_hop_rows, "ii", hop, after);

		for (n = 0; n < N_ELEMS(rows) && db_next(q); n++)
			after = rows[n] = db_int(q, 0);
		e = db_end(&q, &r->eb);
		for (size_t i = 0; !e && i < n; i++)
			if (!queue_is_out(qd, rows[i], hop))
				e = db_run(qd->db, &q_hop_row_move, &r->eb, "iiii", rows[i], hop, to,
					   r->now_ms);
	} while (!e && n == N_ELEMS(rows));
	return e;
}

static enum err order_hop(struct queue_db *qd, struct queue_req *r)
{
	int64_t hop = r->hop_id, to;
	enum err e = db_get_int(qd->db, &q_hop_exists, &to, &r->eb, "i", hop);

	if (e)
		return e;
	if (r->order != QUEUE_ORDER_SUSPEND && queue_poison_is_hop(qd, hop, &e, &r->eb))
		return queue_poison_all_out(qd, r, hop);
	if (e)
		return e;
	switch (r->order) {
	case QUEUE_ORDER_RETRY:
		return hop_now(qd, r, hop);
	case QUEUE_ORDER_SUSPEND:
		return db_run(qd->db, &q_hop_suspend, &r->eb, "ii", hop, (int64_t)1);
	case QUEUE_ORDER_RESUME:
		e = db_run(qd->db, &q_hop_suspend, &r->eb, "ii", hop, (int64_t)0);
		return e ? e : hop_now(qd, r, hop);
	case QUEUE_ORDER_RESUBMIT:
		e = queue_hop_get(qd, HOP_SUBMIT, "", &to, &r->eb);
		if (!e && to != hop)
			e = resubmit(qd, r, hop, to);
		if (!e)
			e = queue_hop_settle(qd, to, &r->eb);
		return e ? e : queue_hop_settle(qd, hop, &r->eb);
	case QUEUE_ORDER_REMOVE:
	case QUEUE_ORDER_DROP:
		break;
	}
	return err_set(&r->eb, ERR_INVALID, "queue: not an order for a whole queue");
}

static enum err settle_row(struct queue_db *qd, struct queue_req *r, const int64_t *hops, size_t n)
{
	enum err e = ERR_OK;

	for (size_t i = 0; !e && i < n; i++)
		e = queue_hop_settle(qd, hops[i], &r->eb);
	return e;
}

static enum err row_flags(struct queue_db *qd, struct queue_req *r, int64_t flags, int64_t due)
{
	enum err e = db_run(qd->db, &q_row_flags, &r->eb, "ii", r->row, flags);

	return e ? e : db_run(qd->db, &q_row_due, &r->eb, "ii", r->row, due);
}

static enum err row_report(struct queue_db *qd, struct queue_req *r, int64_t *to)
{
	enum err e = queue_hop_get(qd, HOP_REPORT, "", to, &r->eb);

	return e ? e : db_run(qd->db, &q_row_report, &r->eb, "iii", r->row, *to, r->now_ms);
}

static enum err row_drop(struct queue_db *qd, struct queue_req *r)
{
	enum err e = db_run(qd->db, &q_row_clear, &r->eb, "i", r->row);

	return e ? e : queue_drop_message(qd, r, r->row);
}

static enum err order_row(struct queue_db *qd, struct queue_req *r)
{
	int64_t flags, *hops;
	size_t n = 0;
	struct db_row *q;
	enum err e = db_get_int(qd->db, &q_row_exists, &flags, &r->eb, "i", r->row);

	if (e)
		return e;
	if ((r->order == QUEUE_ORDER_RETRY || r->order == QUEUE_ORDER_RESUME) &&
	    queue_poison_holds(qd, r->row, &e, &r->eb))
		return queue_poison_out(qd, r, r->row);
	if (e)
		return e;
	hops = arena_alloc(&r->arena, (MAIL_MAX_RCPTS + 1) * sizeof(*hops));
	q = db_query(qd->db, &q_row_hops, "i", r->row);
	while (n < MAIL_MAX_RCPTS && db_next(q))
		hops[n++] = db_int(q, 0);
	e = db_end(&q, &r->eb);
	if (e)
		return e;
	switch (r->order) {
	case QUEUE_ORDER_RETRY:
		e = row_flags(qd, r, flags, (flags & MAIL_SUSPENDED) ? INT64_MAX : r->now_ms);
		break;
	case QUEUE_ORDER_SUSPEND:
		e = row_flags(qd, r, flags | MAIL_SUSPENDED, INT64_MAX);
		break;
	case QUEUE_ORDER_RESUME:
		e = row_flags(qd, r, flags & ~(int64_t)MAIL_SUSPENDED, r->now_ms);
		break;
	case QUEUE_ORDER_REMOVE:
		e = row_report(qd, r, &hops[n++]);
		break;
	case QUEUE_ORDER_DROP:
		e = row_drop(qd, r);
		break;
	case QUEUE_ORDER_RESUBMIT:
		return err_set(&r->eb, ERR_INVALID, "queue: not an order for one message");
	}
	return e ? e : settle_row(qd, r, hops, n);
}

enum err queue_run_order(struct queue_db *qd, struct queue_req *r)
{
	r->kick = true;
	return r->hop_id ? order_hop(qd, r) : order_row(qd, r);
}
