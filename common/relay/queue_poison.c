/* Messages that are set apart because handling them ended the process; see poison.h. */
#include "common/relay/queue_priv.h"

#include "common/base/check.h"

#include <string.h>

#define DEFAULT_EXPIRE INT64_C(172800000)
#define HOPS_AT_ONCE   256

DB_SQL(q_row, "SELECT row FROM message WHERE origin = ?1 AND seq = ?2");
DB_SQL(q_row_hops, "SELECT DISTINCT hop FROM rcpt WHERE row = ?1 AND hop <> ?2 LIMIT 256");
DB_SQL(q_in, "UPDATE rcpt SET was_kind = (SELECT kind FROM hop WHERE id = ?2),"
	     " was = (SELECT name FROM hop WHERE id = ?2), hop = ?3, due = 9223372036854775807"
	     " WHERE row = ?1 AND hop = ?2");
DB_SQL(q_keep, "UPDATE message SET expire = 9223372036854775807, late = NULL WHERE row = ?1");
DB_SQL(q_why, "UPDATE hop SET error = 'the server died while it worked on them' WHERE kind = ?1");
DB_SQL(q_was, "SELECT DISTINCT coalesce(was_kind, 1), coalesce(was, '') FROM rcpt"
	      " WHERE row = ?1 AND hop = ?2 LIMIT 256");
DB_SQL(q_out, "UPDATE rcpt SET hop = ?3, due = ?4, was_kind = NULL, was = NULL WHERE row = ?1 AND hop = ?2"
	      " AND coalesce(was_kind, 1) = ?5 AND coalesce(was, '') = ?6");
DB_SQL(q_age, "UPDATE message SET expire = ?2 WHERE row = ?1");
DB_SQL(q_hop, "SELECT id FROM hop WHERE kind = ?1 AND name = ''");
DB_SQL(q_rows, "SELECT DISTINCT row FROM rcpt WHERE hop = ?1 AND row > ?2 ORDER BY row LIMIT 1000");
DB_SQL(q_holds, "SELECT 1 FROM rcpt WHERE row = ?1 AND hop = ?2 LIMIT 1");
DB_SQL(q_count, "SELECT count(DISTINCT row) FROM rcpt WHERE hop = ?1");

enum err queue_poison_why(struct queue_db *qd, struct errbuf *eb)
{
	return db_run(qd->db, &q_why, eb, "i", (int64_t)HOP_POISON);
}

static enum err row_in(struct queue_db *qd, int64_t row, struct errbuf *eb)
{
	int64_t hops[HOPS_AT_ONCE], to;
	struct db_row *q;
	size_t n;
	enum err e = queue_hop_get(qd, HOP_POISON, "", &to, eb);

	do {
		if (e)
			return e;
		q = db_query(qd->db, &q_row_hops, "ii", row, to);
		for (n = 0; n < HOPS_AT_ONCE && db_next(q); n++)
			hops[n] = db_int(q, 0);
		e = db_end(&q, eb);
		for (size_t i = 0; !e && i < n; i++) {
			e = db_run(qd->db, &q_in, eb, "iii", row, hops[i], to);
			if (!e)
				e = queue_hop_settle(qd, hops[i], eb);
		}
	} while (!e && n == HOPS_AT_ONCE);
	if (!e)
		e = db_run(qd->db, &q_keep, eb, "i", row);
	if (!e)
		e = queue_poison_why(qd, eb);
	return e ? e : queue_hop_settle(qd, to, eb);
}

enum err queue_poison_in(struct queue_db *qd, const struct mail_id *id, struct errbuf *eb)
{
	int64_t row;
	enum err e = db_get_int(qd->db, &q_row, &row, eb, "gi", &id->origin, (int64_t)id->seq);

	if (e)
		return e;
	e = db_begin(qd->db, eb);
	if (!e)
		e = row_in(qd, row, eb);
	if (!e)
		e = db_commit(qd->db, eb);
	db_rollback(qd->db);
	return e;
}

/* NOTFOUND: nothing is in it. */
static enum err hop_of(struct queue_db *qd, int64_t *hop, struct errbuf *eb)
{
	return db_get_int(qd->db, &q_hop, hop, eb, "i", (int64_t)HOP_POISON);
}

bool queue_poison_is_hop(struct queue_db *qd, int64_t hop, enum err *e, struct errbuf *eb)
{
	int64_t poison;

	*e = hop_of(qd, &poison, eb);
	if (*e == ERR_NOTFOUND)
		*e = ERR_OK;
	else if (!*e)
		return hop == poison;
	return false;
}

bool queue_poison_holds(struct queue_db *qd, int64_t row, enum err *e, struct errbuf *eb)
{
	int64_t poison, one;

	*e = hop_of(qd, &poison, eb);
	if (!*e)
		*e = db_get_int(qd->db, &q_holds, &one, eb, "ii", row, poison);
	if (!*e)
		return true;
	if (*e == ERR_NOTFOUND)
		*e = ERR_OK;
	return false;
}

struct was {
	int64_t kind;
	const char *name;
};

/* Each recipient back to where it waited; one that came here at once, to be routed. */
enum err queue_poison_out(struct queue_db *qd, struct queue_req *r, int64_t row)
{
	struct was *was = arena_alloc(&r->arena, HOPS_AT_ONCE * sizeof(*was));
	int64_t poison, to, age = qd->expire_ms > 0 ? qd->expire_ms : DEFAULT_EXPIRE;
	struct db_row *q;
	size_t n;
	enum err e = hop_of(qd, &poison, &r->eb);

	if (!e)
		e = db_run(qd->db, &q_age, &r->eb, "ii", row, r->now_ms + age);
	do {
		if (e)
			return e;
		q = db_query(qd->db, &q_was, "ii", row, poison);
		for (n = 0; n < HOPS_AT_ONCE && db_next(q); n++)
			was[n] = (struct was){ db_int(q, 0), arena_str(&r->arena, db_text(q, 1)) };
		e = db_end(&q, &r->eb);
		for (size_t i = 0; !e && i < n; i++) {
			e = queue_hop_get(qd, (enum hop_kind)was[i].kind, was[i].name, &to, &r->eb);
			if (!e)
				e = db_run(qd->db, &q_out, &r->eb, "iiiiit", row, poison, to,
					   r->now_ms, was[i].kind, was[i].name);
			if (!e)
				e = queue_hop_settle(qd, to, &r->eb);
		}
	} while (!e && n == HOPS_AT_ONCE);
	return e ? e : queue_hop_settle(qd, poison, &r->eb);
}

enum err queue_poison_all_out(struct queue_db *qd, struct queue_req *r, int64_t hop)
{
	int64_t rows[1000], after = 0;
	enum err e = ERR_OK;
	size_t n;

	do {
		struct db_row *q = db_query(qd->db, &q_rows, "ii", hop, after);

		for (n = 0; n < N_ELEMS(rows) && db_next(q); n++)
			after = rows[n] = db_int(q, 0);
		e = db_end(&q, &r->eb);
		for (size_t i = 0; !e && i < n; i++)
			e = queue_poison_out(qd, r, rows[i]);
	} while (!e && n == N_ELEMS(rows));
	return e;
}

enum err queue_poison_count(struct queue_db *qd, struct errbuf *eb)
{
	int64_t hop, n = 0;
	enum err e = hop_of(qd, &hop, eb);

	if (!e)
		e = db_get_int(qd->db, &q_count, &n, eb, "i", hop);
	qd->poison = (uint64_t)n;
	return e == ERR_NOTFOUND ? ERR_OK : e;
}
