#include "roles/mailbox/metadata.h"

#include "roles/mailbox/folder.h"
#include <stdlib.h>

/* principal NULL would not be equal to itself: what is shared has sixteen zeros. */
static const struct guid shared = { { 0 } };

DB_SQL(q_of_folder,
       "SELECT fid, principal, name, value FROM annotation WHERE mbx = ?1 AND fid = ?2"
       " AND principal IN (?3, ?4) ORDER BY principal, name");
DB_SQL(q_of_all,
       "SELECT fid, principal, name, value FROM annotation WHERE mbx = ?1 AND fid > ?2"
       " AND principal IN (?3, ?4) ORDER BY fid, principal, name");
DB_SQL(q_parent, "SELECT parent_fid, name FROM folder WHERE mbx = ?1 AND fid = ?2");
DB_SQL(q_put,
       "INSERT OR REPLACE INTO annotation(mbx, fid, principal, name, value)"
       " VALUES(?1, ?2, ?3, ?4, ?5)");
DB_SQL(q_drop,
       "DELETE FROM annotation WHERE mbx = ?1 AND fid = ?2 AND principal = ?3 AND name = ?4");
DB_SQL(q_count,
       "SELECT count(*) FROM annotation WHERE mbx = ?1 AND fid = ?2 AND principal = ?3");
DB_SQL(q_bytes,
       "SELECT coalesce(sum(length(name) + length(value)), 0) FROM annotation WHERE mbx = ?1");
DB_SQL(q_folders, "SELECT count(*) FROM folder WHERE mbx = ?1");

enum err metadata_folder(struct db *db, struct arena *a, int64_t mbx, const char *path,
			 int64_t *fid, struct errbuf *eb)
{
	struct path p;
	enum err e;

	*fid = 0;
	if (*path == '\0')
		return ERR_OK;
	e = path_parse(a, path, &p, eb);
	return e ? e : folder_by_path(db, mbx, &p, p.n, fid, eb);
}

/* ---- names --------------------------------------------------------------------------- */

/* Without its scope: "/private/comment" is kept as "comment". */
static bool scope_of(const char *entry, bool *is_shared, const char **name)
{
	*is_shared = strncmp(entry, "/shared/", 8) == 0;
	if (!*is_shared && strncmp(entry, "/private/", 9) != 0)
		return false;
	*name = entry + (*is_shared ? 8 : 9);
	return **name != '\0';
}

/* Is the row asked for: the entry itself, or below it as far as depth says? */
static bool is_below(const char *row, const char *asked, unsigned depth)
{
	size_t n = strlen(asked);

	if (strncmp(row, asked, n) != 0)
		return false;
	if (row[n] == '\0')
		return true;
	if (n > 0 && (row[n] != '/' || depth == 0))
		return false;
	return depth == META_DEPTH_ALL || strchr(row + n + (n > 0), '/') == NULL;
}

static bool is_asked(const struct meta_get_op *op, const char *entry)
{
	for (size_t i = 0; op->entries && op->entries[i]; i++)
		if (is_below(entry, op->entries[i], op->depth))
			return true;
	return false;
}

/* ---- getting ----------------------------------------------------------------------------- */

/* RFC 5464 section 3.3: LOOKUP, and one right to do something with messages. */
static enum err may_get(struct db *db, const struct who *w, int64_t fid, struct errbuf *eb)
{
	const unsigned some = RIGHT_READ | RIGHT_SEEN | RIGHT_WRITE | RIGHT_INSERT | RIGHT_POST;
	unsigned have;
	enum err e = access_get(db, w, fid, RIGHT_LOOKUP, &have, eb);

	if (e == ERR_OK && !(have & some))
		e = err_set(eb, ERR_DENIED, "rights %u on folder %lld", have, (long long)fid);
	return e;
}

/* The whole path of a folder, by its parents. */
static enum err path_of(struct db *db, struct arena *a, int64_t mbx, int64_t fid, const char **out,
			struct errbuf *eb)
{
	const char *path = "";
	enum err e = ERR_OK;

	for (int depth = 0; e == ERR_OK && fid && depth < NAME_DEPTH; depth++) {
		struct db_row *r = db_query(db, &q_parent, "ii", mbx, fid);

		fid = 0;
		if (db_next(r)) {
			path = arena_printf(a, "%s%s%s", db_text(r, 1), *path ? "/" : "", path);
			fid = db_int(r, 0);
		}
		e = db_end(&r, eb);
	}
	*out = path;
	return e;
}

static void take(struct meta_get_op *op, struct db_row *r, int64_t fid, bool is_shared)
{
	const char *entry = arena_printf(op->arena, "%s%s", is_shared ? "/shared/" : "/private/",
					 db_text(r, 2));
	struct store_meta *m;
	size_t n;
	const void *p;

	if (!is_asked(op, entry))
		return;
	p = db_blob(r, 3, &n);
	if ((op->n & (op->n - 1)) == 0) {	/* a power of two: full */
		struct store_meta *bigger = arena_alloc(op->arena, (op->n ? 2 * op->n : 1) *
								  sizeof(*bigger));

		if (op->n)
			memcpy(bigger, op->list, op->n * sizeof(*bigger));
		op->list = bigger;
	}
	m = &op->list[op->n++];
	*m = (struct store_meta){ .entry = entry };
	m->value = (struct span){ arena_dup(op->arena, p ? p : "", p ? n : 0), p ? n : 0 };
	m->path = arena_printf(op->arena, "%lld", (long long)fid);	/* for now */
	op->bytes += strlen(entry) + n + 64;
}

/* Rows name folders by number until the query is over. */
static enum err name_folders(struct db *db, struct meta_get_op *op, struct errbuf *eb)
{
	const char *path = op->path, *number = NULL;
	size_t kept = 0;
	bool may = true;
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < op->n; i++) {
		struct store_meta *m = &op->list[i];

		if (op->all && (number == NULL || strcmp(number, m->path) != 0)) {
			int64_t fid = strtoll(m->path, NULL, 10);

			number = m->path;
			e = may_get(db, &op->who, fid, eb);
			may = e == ERR_OK;
			if (e == ERR_NOTFOUND || e == ERR_DENIED)
				e = ERR_OK;
			if (e == ERR_OK && may)
				e = path_of(db, op->arena, op->who.mbx, fid, &path, eb);
		}
		m->path = path;
		if (may)
			op->list[kept++] = *m;
	}
	op->n = kept;
	return e;
}

enum err metadata_get(struct db *db, void *arg, struct errbuf *eb)
{
	struct meta_get_op *op = arg;
	int64_t fid = 0, last = 0;
	struct db_row *r;
	enum err e = ERR_OK;

	op->list = NULL;
	op->n = op->bytes = 0;
	op->more = 0;
	if (!op->all) {
		e = metadata_folder(db, op->arena, op->who.mbx, op->path, &fid, eb);
		if (e == ERR_OK)
			e = may_get(db, &op->who, fid, eb);
	}
	if (e)
		return e;
	r = db_query(db, op->all ? &q_of_all : &q_of_folder, "iigg", op->who.mbx,
		     op->all ? op->after : fid, &shared, &op->who.principal);
	while (db_next(r)) {
		struct guid whose;

		fid = db_int(r, 0);
		if (op->all && fid != last && op->bytes > META_PAGE) {
			op->more = last;
			break;
		}
		last = fid;
		if (db_guid(r, 1, &whose))
			take(op, r, fid, guid_is_null(&whose));
	}
	e = db_end(&r, eb);
	return e ? e : name_folders(db, op, eb);
}

/* ---- setting ------------------------------------------------------------------------------- */

static enum err may_set(struct tx *tx, const struct meta_set_op *op, int64_t fid, bool is_shared,
			struct errbuf *eb)
{
	if (!is_shared)
		return may_get(tx->db, &op->who, fid, eb);
	if (fid == 0 && !guid_is_null(&op->who.principal))
		return err_set(eb, ERR_DENIED, "shared annotations of the mailbox");
	return access_check(tx->db, &op->who, fid, RIGHT_WRITE, eb);
}

static enum err set_one(struct tx *tx, const struct meta_set_op *op, int64_t fid,
			const struct store_meta *m, struct errbuf *eb)
{
	const struct guid *whose = &op->who.principal;
	const char *name = NULL;
	bool is_shared;
	int64_t count;
	enum err e;

	if (!scope_of(m->entry, &is_shared, &name) || strlen(m->entry) > META_NAME_MAX)
		return err_set(eb, ERR_INVALID, "entry");
	if (m->value.p && m->value.n > META_VALUE_MAX)
		return err_set(eb, ERR_LIMIT, "a value of %zu bytes", m->value.n);
	if (is_shared)
		whose = &shared;
	e = may_set(tx, op, fid, is_shared, eb);
	if (e)
		return e;
	if (m->value.p == NULL)
		return db_run(tx->db, &q_drop, eb, "iigt", op->who.mbx, fid, whose, name);
	e = db_run(tx->db, &q_put, eb, "iigtb", op->who.mbx, fid, whose, name, m->value.p,
		   m->value.n);
	if (e == ERR_OK)
		e = db_get_int(tx->db, &q_count, &count, eb, "iig", op->who.mbx, fid, whose);
	if (e == ERR_OK && count > META_ENTRIES)
		e = err_set(eb, ERR_LIMIT, "%lld entries", (long long)count);
	return e;
}

enum err metadata_set(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct meta_set_op *op = arg;
	int64_t fid, bytes = 0;
	struct mbx_row *m;
	enum err e = tx_mailbox(tx, op->who.mbx, &m, eb);

	if (e == ERR_OK)
		e = metadata_folder(tx->db, &tx->arena, op->who.mbx, op->path, &fid, eb);
	for (size_t i = 0; e == ERR_OK && i < op->n; i++)
		e = set_one(tx, op, fid, &op->list[i], eb);
	if (e == ERR_OK)
		e = db_get_int(tx->db, &q_bytes, &bytes, eb, "i", op->who.mbx);
	if (e == ERR_OK && bytes > META_MAILBOX)
		e = err_set(eb, ERR_LIMIT, "%lld bytes of annotations", (long long)bytes);
	if (e == ERR_OK && fid)
		e = folder_changed(tx, m, fid, eb);
	if (e == ERR_OK)
		op->cn = (uint64_t)tx_cn(tx, m);
	return e;
}

/* ---- usage ---------------------------------------------------------------------------------- */

enum err mailbox_usage(struct db *db, void *arg, struct errbuf *eb)
{
	struct usage_op *op = arg;
	const struct store_info *i = &op->open.info;
	int64_t folders = 0, bytes = 0;
	enum err e = mailbox_open(db, &op->open, eb);

	if (e == ERR_OK)
		e = db_get_int(db, &q_folders, &folders, eb, "i", op->open.mbx);
	if (e == ERR_OK)
		e = db_get_int(db, &q_bytes, &bytes, eb, "i", op->open.mbx);
	op->result = (struct store_usage){
		.size = i->size, .quota_warn = i->quota_warn, .quota_send = i->quota_send,
		.quota_recv = i->quota_recv, .items = i->items, .folders = (uint64_t)folders,
		.folders_max = FOLDERS_MAX, .meta = (uint64_t)bytes, .meta_max = META_MAILBOX,
	};
	return e;
}
