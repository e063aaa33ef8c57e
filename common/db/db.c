#include "common/db/db.h"

#include "common/base/check.h"
#include "common/base/span.h"
#include "common/db/vfs.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FRAME_BYTES = VFS_PAGE + 24,
	WAL_HEADER = 32,
	BUSY_MS = 2000,
	AUTO_CHECKPOINT_FRAMES = 500,	/* DB_CHECKPOINT: 4 MiB */
	DEFAULT_CACHE = 2 * 1024 * 1024,
};

struct db_row {
	struct db *db;
	sqlite3_stmt *st;
	const struct db_sql *q;
	int rc;
	bool busy;
};

struct db {
	sqlite3 *h;
	int lock_fd;
	unsigned flags;
	struct vfs *vfs;
	int64_t wal_frames;
	struct db_row *rows;	/* one per DB_SQL of the program */
	size_t n_rows;
};

/* The linker marks where the section of DB_SQL() begins and ends. */
extern const struct db_sql __start_bourse_sql[], __stop_bourse_sql[];

DB_SQL(q_begin, "BEGIN IMMEDIATE");
DB_SQL(q_begin_read, "BEGIN");
DB_SQL(q_touch, "SELECT 1 FROM sqlite_schema LIMIT 1");
DB_SQL(q_commit, "COMMIT");
DB_SQL(q_rollback, "ROLLBACK");
DB_SQL(q_savepoint, "SAVEPOINT part");
DB_SQL(q_release, "RELEASE part");
DB_SQL(q_rollback_to, "ROLLBACK TO part");

static enum err map(int rc)
{
	/* A page whose checksum is wrong, and a file system that says so itself. */
	if (rc == SQLITE_IOERR_DATA || rc == SQLITE_IOERR_CORRUPTFS)
		return ERR_CORRUPT;
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return ERR_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_NOMEM:
	case SQLITE_IOERR:
	case SQLITE_INTERRUPT:
	case SQLITE_PROTOCOL:
		return ERR_AGAIN;
	case SQLITE_FULL:
		return ERR_FULL;
	case SQLITE_CONSTRAINT:
		return ERR_EXISTS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_CORRUPT;
	default:
		return ERR_INTERNAL;
	}
}

static enum err fail(struct db *db, int rc, const char *what, struct errbuf *eb)
{
	return err_set(eb, map(rc), "%.100s: %s", what,
		       rc == SQLITE_IOERR_DATA ? "a page's checksum is wrong"
					       : sqlite3_errmsg(db->h));
}

/* ---- statements ---------------------------------------------------------- */

static struct db_row *row_of(struct db *db, const struct db_sql *q)
{
	struct db_row *r;

	CHECK(q >= __start_bourse_sql && q < __stop_bourse_sql);
	r = &db->rows[q - __start_bourse_sql];
	CHECK(!r->busy);	/* a statement is in use once at a time */
	r->db = db;
	r->q = q;
	r->busy = true;
	r->rc = SQLITE_OK;
	if (r->st == NULL)
		r->rc = sqlite3_prepare_v3(db->h, q->text, -1, SQLITE_PREPARE_PERSISTENT,
					   &r->st, NULL);
	return r;
}

static int bind_bytes(struct db_row *r, int i, char type, va_list *ap, sqlite3_destructor_type keep)
{
	const void *p = va_arg(*ap, const void *);
	size_t n = type == 't' ? 0 : va_arg(*ap, size_t);

	if (type == 't')
		return sqlite3_bind_text(r->st, i, p, -1, keep);
	if (type == 's')
		return sqlite3_bind_text64(r->st, i, p ? p : "", n, keep, SQLITE_UTF8);
	return p ? sqlite3_bind_blob64(r->st, i, p, n, keep)
		 : sqlite3_bind_null(r->st, i);
}

static int bind_one(struct db_row *r, int i, char type, va_list *ap, sqlite3_destructor_type keep)
{
	const struct guid *g;

	switch (type) {
	case 'i':
		return sqlite3_bind_int64(r->st, i, va_arg(*ap, int64_t));
	case 'f':
		return sqlite3_bind_double(r->st, i, va_arg(*ap, double));
	case 'n':
		return sqlite3_bind_null(r->st, i);
	case 'g':
		g = va_arg(*ap, const struct guid *);
		return g ? sqlite3_bind_blob(r->st, i, g->b, sizeof(g->b), keep)
			 : sqlite3_bind_null(r->st, i);
	case 't':
	case 's':
	case 'b':
		return bind_bytes(r, i, type, ap, keep);
	default:
		CHECK(!"known argument type");
		return SQLITE_MISUSE;
	}
}

static void bind_all(struct db_row *r, const char *types, va_list *ap, sqlite3_destructor_type keep)
{
	if (r->rc)
		return;
	CHECK((int)strlen(types) == sqlite3_bind_parameter_count(r->st));
	for (int i = 1; *types && r->rc == SQLITE_OK; types++, i++)
		r->rc = bind_one(r, i, *types, ap, keep);
}

struct db_row *db_query(struct db *db, const struct db_sql *q, const char *types, ...)
{
	struct db_row *r = row_of(db, q);
	va_list ap;

	va_start(ap, types);
	bind_all(r, types, &ap, SQLITE_TRANSIENT);
	va_end(ap);
	return r;
}

bool db_next(struct db_row *r)
{
	if (r->rc != SQLITE_OK && r->rc != SQLITE_ROW)
		return false;
	r->rc = sqlite3_step(r->st);
	return r->rc == SQLITE_ROW;
}

int64_t db_int(struct db_row *r, int col)
{
	return sqlite3_column_int64(r->st, col);
}

double db_real(struct db_row *r, int col)
{
	return sqlite3_column_double(r->st, col);
}

const char *db_text(struct db_row *r, int col)
{
	return (const char *)sqlite3_column_text(r->st, col);
}

const void *db_blob(struct db_row *r, int col, size_t *n)
{
	const void *p = sqlite3_column_blob(r->st, col);

	*n = (size_t)sqlite3_column_bytes(r->st, col);
	return p;
}

bool db_is_null(struct db_row *r, int col)
{
	return sqlite3_column_type(r->st, col) == SQLITE_NULL;
}

bool db_guid(struct db_row *r, int col, struct guid *out)
{
	size_t n;
	const void *p = db_blob(r, col, &n);

	if (p == NULL || n != sizeof(out->b))
		return false;
	memcpy(out->b, p, sizeof(out->b));
	return true;
}

enum err db_end(struct db_row **rp, struct errbuf *eb)
{
	struct db_row *r = *rp;
	enum err e = ERR_OK;

	*rp = NULL;
	if (r == NULL)
		return ERR_OK;
	if (r->rc != SQLITE_OK && r->rc != SQLITE_ROW && r->rc != SQLITE_DONE)
		e = fail(r->db, r->rc, r->q->text, eb);
	sqlite3_reset(r->st);
	r->busy = false;
	return e;
}

enum err db_run(struct db *db, const struct db_sql *q, struct errbuf *eb,
		const char *types, ...)
{
	struct db_row *r = row_of(db, q);
	va_list ap;

	va_start(ap, types);
	bind_all(r, types, &ap, SQLITE_STATIC);
	va_end(ap);
	while (db_next(r))
		;
	return db_end(&r, eb);
}

enum err db_get_int(struct db *db, const struct db_sql *q, int64_t *out,
		    struct errbuf *eb, const char *types, ...)
{
	struct db_row *r = row_of(db, q);
	bool found;
	va_list ap;
	enum err e;

	va_start(ap, types);
	bind_all(r, types, &ap, SQLITE_STATIC);
	va_end(ap);
	found = db_next(r);
	if (found)
		*out = db_int(r, 0);
	e = db_end(&r, eb);
	if (e == ERR_OK && !found)
		e = err_set(eb, ERR_NOTFOUND, "no row");
	return e;
}

int64_t db_changes(const struct db *db)
{
	return sqlite3_changes64(db->h);
}

int64_t db_total_changes(const struct db *db)
{
	return sqlite3_total_changes64(db->h);
}

int64_t db_last_rowid(const struct db *db)
{
	return sqlite3_last_insert_rowid(db->h);
}

enum err db_exec(struct db *db, const char *script, struct errbuf *eb)
{
	int rc = sqlite3_exec(db->h, script, NULL, NULL, NULL);

	return rc ? fail(db, rc, script, eb) : ERR_OK;
}

/* ---- transactions -------------------------------------------------------- */

enum err db_begin(struct db *db, struct errbuf *eb)
{
	return db_run(db, &q_begin, eb, "");
}

enum err db_begin_read(struct db *db, struct errbuf *eb)
{
	enum err e = db_run(db, &q_begin_read, eb, "");

	/* BEGIN alone takes no snapshot: the first read does. */
	if (e == ERR_OK)
		e = db_run(db, &q_touch, eb, "");
	if (e)
		db_rollback(db);
	return e;
}

enum err db_commit(struct db *db, struct errbuf *eb)
{
	return db_run(db, &q_commit, eb, "");
}

void db_rollback(struct db *db)
{
	/* SQLite ends a transaction by itself after some errors.  A rollback that
	 * fails leaves nothing to do: the next BEGIN will say so. */
	if (db_in_transaction(db) && db_run(db, &q_rollback, NULL, ""))
		sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
}

bool db_in_transaction(const struct db *db)
{
	return !sqlite3_get_autocommit(db->h);
}

enum err db_savepoint(struct db *db, struct errbuf *eb)
{
	return db_run(db, &q_savepoint, eb, "");
}

enum err db_release(struct db *db, struct errbuf *eb)
{
	return db_run(db, &q_release, eb, "");
}

void db_rollback_savepoint(struct db *db)
{
	if (!db_in_transaction(db))
		return;
	/* If the part cannot be undone alone, nothing of the whole may stay. */
	if (db_run(db, &q_rollback_to, NULL, "") || db_run(db, &q_release, NULL, ""))
		db_rollback(db);
}

/* ---- opening ------------------------------------------------------------- */

static int on_wal(void *ctx, sqlite3 *h, const char *name, int frames)
{
	struct db *db = ctx;

	db->wal_frames = frames;
	if ((db->flags & DB_CHECKPOINT) && frames >= AUTO_CHECKPOINT_FRAMES)
		sqlite3_wal_checkpoint_v2(h, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

static void config_once(void)
{
	/* Statistics cost a process-wide lock at every allocation. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* The lock is on a file beside: closing any descriptor of the database file
 * would drop SQLite's own POSIX locks on it. */
enum err db_lock(const char *path, int *fd, struct errbuf *eb)
{
	char *name = xasprintf("%s.lock", path);
	enum err e = ERR_OK;

	*fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		e = err_errno(eb, errno, name);
	else if (flock(*fd, LOCK_EX | LOCK_NB) < 0)
		e = err_set(eb, ERR_AGAIN, "%s is in use by another process", path);
	free(name);
	if (e)
		db_unlock(fd);
	return e;
}

void db_unlock(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

struct sqlite3 *db_handle(struct db *db)
{
	return db->h;
}

/* A file made here is private from its first moment, and its name is durable. */
static enum err make_file(const char *path, struct errbuf *eb)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), dir;
	char *folder, *slash;
	enum err e = ERR_OK;

	if (fd < 0)
		return errno == EEXIST ? ERR_OK : err_errno(eb, errno, path);
	close(fd);
	folder = xstrdup(path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	dir = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fsync(dir) < 0)
		e = err_errno(eb, errno, folder);
	if (dir >= 0)
		close(dir);
	free(folder);
	return e;
}

static enum err pragma_int(struct db *db, const char *sql, int64_t *out, struct errbuf *eb)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db->h, sql, -1, &st, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(st);
		*out = sqlite3_column_int64(st, 0);
	}
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
	if (rc)
		fail(db, rc, sql, eb);
	sqlite3_finalize(st);
	return map(rc);
}

static enum err pragmaf(struct db *db, struct errbuf *eb, const char *fmt, ...) A_PRINTF(3, 4);
static enum err pragmaf(struct db *db, struct errbuf *eb, const char *fmt, ...)
{
	char sql[120];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sql, sizeof(sql), fmt, ap);
	va_end(ap);
	return db_exec(db, sql, eb);
}

/* What cannot be changed once there is a table.  In this order: auto_vacuum
 * writes the first page. */
static enum err shape(struct db *db, struct errbuf *eb)
{
	int reserve = VFS_RESERVED;
	enum err e = pragmaf(db, eb, "PRAGMA page_size=%d", VFS_PAGE);

	if (e == ERR_OK && sqlite3_file_control(db->h, "main", SQLITE_FCNTL_RESERVE_BYTES,
						&reserve) != SQLITE_OK)
		e = err_set(eb, ERR_INTERNAL, "cannot reserve bytes in pages");
	if (e == ERR_OK)
		e = db_exec(db, "PRAGMA auto_vacuum=INCREMENTAL", eb);
	return e;
}

static enum err settings(struct db *db, const struct db_conf *conf, struct errbuf *eb)
{
	size_t cache = conf->cache_bytes ? conf->cache_bytes : DEFAULT_CACHE;
	enum err e;

	e = db_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			"PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY;"
			"PRAGMA mmap_size=0; PRAGMA cell_size_check=ON;"
			"PRAGMA trusted_schema=OFF; PRAGMA journal_size_limit=67108864", eb);
	if (e == ERR_OK)
		e = pragmaf(db, eb, "PRAGMA cache_size=-%zu", cache / 1024 + 1);
	if (e == ERR_OK && conf->max_pages > 0)
		e = pragmaf(db, eb, "PRAGMA max_page_count=%lld", (long long)conf->max_pages);
	if (e == ERR_OK && (conf->flags & DB_READONLY))
		e = db_exec(db, "PRAGMA query_only=1", eb);
	sqlite3_wal_hook(db->h, on_wal, db);
	return e;
}

static enum err step_forward(struct db *db, const struct db_schema *s, unsigned from,
			     struct errbuf *eb)
{
	enum err e = db_begin(db, eb);

	if (e == ERR_OK)
		e = db_exec(db, s->steps[from], eb);
	if (e == ERR_OK)
		e = pragmaf(db, eb, "PRAGMA application_id=%d; PRAGMA user_version=%u",
			    (int)s->application_id, from + 1);
	if (e == ERR_OK)
		e = db_commit(db, eb);
	db_rollback(db);
	return e;
}

/* Whose file is this, and of which version?  Changes nothing. */
static enum err identify(struct db *db, const struct db_schema *s, const char *path,
			 int64_t *version, bool *fresh, struct errbuf *eb)
{
	int64_t id = 0, objects = 0;
	enum err e = pragma_int(db, "SELECT count(*) FROM sqlite_schema", &objects, eb);

	if (e == ERR_OK)
		e = pragma_int(db, "PRAGMA application_id", &id, eb);
	if (e == ERR_OK)
		e = pragma_int(db, "PRAGMA user_version", version, eb);
	if (e)
		return e;
	*fresh = objects == 0 && *version == 0;
	if (s == NULL || *fresh)
		return ERR_OK;
	if ((uint32_t)id != s->application_id)
		return err_set(eb, ERR_INVALID, "%s is not ours: application id %u", path,
			       (unsigned)id);
	if (*version > s->n_steps)
		return err_set(eb, ERR_INVALID, "%s has schema version %lld, this program knows %u",
			       path, (long long)*version, s->n_steps);
	return ERR_OK;
}

static enum err prepare_file(struct db *db, const struct db_conf *conf,
			     const struct db_schema *s, struct errbuf *eb)
{
	int64_t version = 0;
	bool fresh = false;
	enum err e = identify(db, s, conf->path, &version, &fresh, eb);

	if (e == ERR_OK && fresh && !(conf->flags & DB_READONLY))
		e = shape(db, eb);
	if (e == ERR_OK)
		e = settings(db, conf, eb);
	if (s == NULL || e)
		return e;
	if ((conf->flags & DB_READONLY) && version != s->n_steps)
		return err_set(eb, ERR_INVALID, "%s has schema version %lld, not %u", conf->path,
			       (long long)version, s->n_steps);
	while (e == ERR_OK && version < s->n_steps)
		e = step_forward(db, s, (unsigned)version++, eb);
	return e;
}

static enum err open_handle(struct db *db, const struct db_conf *conf, struct errbuf *eb)
{
	enum err e = vfs_get(conf->path, &db->vfs, eb);

	if (e)
		return e;
	if (sqlite3_open_v2(conf->path, &db->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
			    vfs_name(db->vfs)) != SQLITE_OK)
		return err_set(eb, map(sqlite3_errcode(db->h)), "%s: %s", conf->path,
			       sqlite3_errmsg(db->h));
	sqlite3_extended_result_codes(db->h, 1);
	sqlite3_busy_timeout(db->h, BUSY_MS);
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	return ERR_OK;
}

enum err db_open(const struct db_conf *conf, const struct db_schema *schema,
		 struct db **out, struct errbuf *eb)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct db *db = xcalloc(1, sizeof(*db));
	enum err e = ERR_OK;

	pthread_once(&once, config_once);
	db->lock_fd = -1;
	db->flags = conf->flags;
	db->n_rows = (size_t)(__stop_bourse_sql - __start_bourse_sql);
	db->rows = xcalloc(db->n_rows, sizeof(*db->rows));
	if (!(conf->flags & DB_CREATE) && access(conf->path, F_OK) < 0)
		e = err_set(eb, ERR_NOTFOUND, "%s: no such file", conf->path);
	if (e == ERR_OK && !(conf->flags & DB_SHARED))
		e = db_lock(conf->path, &db->lock_fd, eb);
	if (e == ERR_OK && (conf->flags & DB_CREATE))
		e = make_file(conf->path, eb);
	if (e == ERR_OK)
		e = open_handle(db, conf, eb);
	if (e == ERR_OK)
		e = prepare_file(db, conf, schema, eb);
	if (e)
		db_close(&db);
	*out = db;
	return e;
}

void db_close(struct db **dbp)
{
	struct db *db = *dbp;

	*dbp = NULL;
	if (db == NULL)
		return;
	for (size_t i = 0; i < db->n_rows; i++) {
		CHECK(!db->rows[i].busy);
		sqlite3_finalize(db->rows[i].st);
	}
	CHECK(sqlite3_close(db->h) == SQLITE_OK);
	vfs_put(&db->vfs);
	db_unlock(&db->lock_fd);
	free(db->rows);
	free(db);
}

/* ---- housekeeping -------------------------------------------------------- */

enum err db_checkpoint(struct db *db, int64_t *wal_frames_left, struct errbuf *eb)
{
	int in_wal = 0, done = 0;
	int rc = sqlite3_wal_checkpoint_v2(db->h, "main", SQLITE_CHECKPOINT_PASSIVE, &in_wal,
					   &done);

	*wal_frames_left = in_wal > done ? in_wal - done : 0;
	return rc ? fail(db, rc, "checkpoint", eb) : ERR_OK;
}

int64_t db_wal_bytes(const struct db *db)
{
	return db->wal_frames ? WAL_HEADER + db->wal_frames * FRAME_BYTES : 0;
}

enum err db_verify(struct db *db, char *problem, size_t cap, struct errbuf *eb)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db->h, "PRAGMA integrity_check(1)", -1, &st, NULL);
	enum err e = ERR_OK;

	problem[0] = '\0';
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		if (text == NULL || strcmp(text, "ok") != 0) {
			snprintf(problem, cap, "%s", text ? text : "no answer");
			e = err_set(eb, ERR_CORRUPT, "%s", problem);
		}
	} else {
		e = fail(db, rc, "integrity_check", eb);
		snprintf(problem, cap, "%s", sqlite3_errmsg(db->h));
	}
	sqlite3_finalize(st);
	return e;
}

void db_shrink_memory(struct db *db)
{
	sqlite3_db_release_memory(db->h);
}

size_t db_cache_used(const struct db *db)
{
	int now = 0, high = 0;

	sqlite3_db_status(db->h, SQLITE_DBSTATUS_CACHE_USED, &now, &high, 0);
	return (size_t)now;
}

enum err db_explain_all(struct db *db, void (*report)(void *ctx, const char *sql,
		const char *detail), void *ctx, struct errbuf *eb)
{
	for (const struct db_sql *q = __start_bourse_sql; q < __stop_bourse_sql; q++) {
		char *text = xasprintf("EXPLAIN QUERY PLAN %s", q->text);
		sqlite3_stmt *st = NULL;
		int rc = sqlite3_prepare_v2(db->h, text, -1, &st, NULL);

		free(text);
		if (rc)		/* most often a table of another of the program's files */
			report(ctx, q->text, sqlite3_errmsg(db->h));
		while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
			report(ctx, q->text, (const char *)sqlite3_column_text(st, 3));
			rc = SQLITE_OK;
		}
		sqlite3_finalize(st);
		if (rc != SQLITE_DONE && rc != SQLITE_ERROR)
			return fail(db, rc, q->text, eb);
	}
	return ERR_OK;
}
