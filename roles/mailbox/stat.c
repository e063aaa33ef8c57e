#include "roles/mailbox/stat.h"

#include "roles/mailbox/message.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEFAULT_LINES = 20, MAX_LINES = 1000, PEEK_MAX = 128 * 1024 };

DB_SQL(q_mailbox,
       "SELECT size_live, n_items, size_dumpster, coalesce(disconnected_at, 0), state,"
       " next_cn - 1 FROM mailbox WHERE mbx = ?1");
DB_SQL(q_database, "SELECT epoch, commit_seq FROM database WHERE one = 1");
DB_SQL(q_mailboxes, "SELECT count(*) FROM mailbox WHERE state = ?1");
DB_SQL(q_sizes, "SELECT coalesce(sum(size_live + size_dumpster), 0) FROM mailbox");
DB_SQL(q_newest,
       "SELECT p.uid, p.flags, p.sort_date, i.size, i.subject, i.from_addr, i.props"
       " FROM shown p CROSS JOIN item i ON i.rid = (p.mbx << 40 | p.iid)"
       " WHERE p.mbx = ?1 AND p.fid = ?2 AND p.uid < ?3 ORDER BY p.uid DESC LIMIT ?4");
DB_SQL(q_last_uid, "SELECT max(uid) FROM shown WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_content,
       "SELECT i.bid, i.size FROM shown p CROSS JOIN item i ON i.rid = (p.mbx << 40 | p.iid)"
       " WHERE p.mbx = ?1 AND p.fid = ?2 AND p.uid = ?3");

enum err stat_mailbox(struct db *db, void *arg, struct errbuf *eb)
{
	struct mailbox_stat_op *op = arg;
	struct db_row *r;
	bool found;
	enum err e = folder_list(db, &op->folders, eb);

	if (e)
		return e;
	r = db_query(db, &q_mailbox, "i", op->folders.who.mbx);
	found = db_next(r);
	if (found) {
		op->size = db_int(r, 0);
		op->items = db_int(r, 1);
		op->dumpster_size = db_int(r, 2);
		op->disconnected_ms = db_int(r, 3);
		op->state = db_int(r, 4);
		op->cn = db_int(r, 5);
	}
	e = db_end(&r, eb);
	return e || found ? e : err_set(eb, ERR_NOTFOUND, "no such mailbox");
}

enum err stat_database(struct db *db, void *arg, struct errbuf *eb)
{
	struct database_stat_op *op = arg;
	struct stat st;
	struct db_row *r = db_query(db, &q_database, "");
	enum err e;

	if (db_next(r)) {
		op->epoch = db_int(r, 0);
		op->commit_seq = db_int(r, 1);
	}
	e = db_end(&r, eb);
	if (e == ERR_OK)
		e = db_get_int(db, &q_mailboxes, &op->mailboxes, eb, "i", (int64_t)0);
	if (e == ERR_OK)
		e = db_get_int(db, &q_mailboxes, &op->disconnected, eb, "i", (int64_t)1);
	if (e == ERR_OK)
		e = db_get_int(db, &q_sizes, &op->content_bytes, eb, "");
	if (stat(op->path, &st) == 0)
		op->file_bytes = st.st_size;
	return e;
}

/* ---- messages ------------------------------------------------------------------------ */

static const char *text_in(struct arena *a, const char *s)
{
	return s ? arena_str(a, s) : "";
}

static void read_line(struct arena *a, struct db_row *r, const char *folder,
		      struct message_line *l)
{
	struct bag bag;
	size_t n;
	const void *p = db_blob(r, 6, &n);

	bag_read(p, p ? n : 0, &bag);
	*l = (struct message_line){
		.uid = (uint32_t)db_int(r, 0), .flags = (unsigned)db_int(r, 1),
		.received_ms = db_int(r, 2), .size = (uint64_t)db_int(r, 3),
		.subject = text_in(a, db_text(r, 4)), .from = text_in(a, db_text(r, 5)),
		.message_id = bag.message_id.n
				      ? arena_strn(a, bag.message_id.p, bag.message_id.n) : "",
		.folder = folder,
	};
}

static int newest_first(const void *a, const void *b)
{
	const struct message_line *x = a, *y = b;

	if (x->received_ms != y->received_ms)
		return x->received_ms > y->received_ms ? -1 : 1;
	return x->uid > y->uid ? -1 : x->uid < y->uid;
}

/* The newest of each folder, of which the newest overall are kept. */
static enum err collect(struct db *db, struct list_messages_op *op,
			const struct store_folders *in, struct errbuf *eb)
{
	enum err e = ERR_OK;

	op->lines = arena_alloc(op->arena, 2 * op->limit * sizeof(*op->lines));
	for (size_t i = 0; e == ERR_OK && i < in->n; i++) {
		const struct store_folder *f = &in->f[i];
		int64_t below = op->before_uid ? op->before_uid : INT64_MAX;
		struct db_row *r = db_query(db, &q_newest, "iiii", op->who.mbx, (int64_t)f->fid,
					    below, (int64_t)op->limit);

		while (op->n < 2 * op->limit && db_next(r))
			read_line(op->arena, r, f->path, &op->lines[op->n++]);
		e = db_end(&r, eb);
		qsort(op->lines, op->n, sizeof(*op->lines), newest_first);
		if (op->n > op->limit)
			op->n = op->limit;
	}
	return e;
}

enum err stat_messages(struct db *db, void *arg, struct errbuf *eb)
{
	struct list_messages_op *op = arg;
	struct folder_list_op folders = { .who = op->who, .path = op->path, .arena = op->arena };
	enum err e;

	if (op->limit == 0)
		op->limit = DEFAULT_LINES;
	if (op->limit > MAX_LINES)
		op->limit = MAX_LINES;
	e = folder_list(db, &folders, eb);
	return e ? e : collect(db, op, &folders.result, eb);
}

/* ---- a look into one ------------------------------------------------------------------- */

static enum err peek_folder(struct db *db, struct peek_op *op, int64_t *fid, struct errbuf *eb)
{
	struct arena a = { 0 };
	struct path p;
	enum err e;

	if (op->path == NULL)
		return folder_by_role(db, op->who.mbx, "inbox", fid, eb);
	e = path_parse(&a, op->path, &p, eb);
	if (e == ERR_OK)
		e = folder_by_path(db, op->who.mbx, &p, p.n, fid, eb);
	arena_fini(&a);
	return e;
}

static enum err peek(struct db *db, struct peek_op *op, struct errbuf *eb)
{
	int64_t fid, uid = op->uid, bid = 0;
	struct db_row *r;
	enum err e = peek_folder(db, op, &fid, eb);

	if (e == ERR_OK && uid == 0)
		e = db_get_int(db, &q_last_uid, &uid, eb, "ii", op->who.mbx, fid);
	if (e)
		return e;
	r = db_query(db, &q_content, "iii", op->who.mbx, fid, uid);
	if (db_next(r)) {
		bid = db_int(r, 0);
		op->size = (uint64_t)db_int(r, 1);
	}
	e = db_end(&r, eb);
	if (e == ERR_OK && bid == 0)
		e = err_set(eb, ERR_NOTFOUND, "no such message");
	op->uid = (uint32_t)uid;
	if (op->length == 0 || op->length > PEEK_MAX)
		op->length = PEEK_MAX;
	return e ? e : content_read(db, op->zpool, bid, op->size, op->offset, op->length,
				    &op->data, eb);
}

enum err stat_peek(struct db *db, void *arg, struct errbuf *eb)
{
	enum err e = db_begin_read(db, eb);

	if (e == ERR_OK)
		e = peek(db, arg, eb);
	db_rollback(db);
	return e;
}
