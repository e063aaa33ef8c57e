#ifndef DB_DB_H
#define DB_DB_H
/*
 * db - SQLite behind a statement API: the only code that sees sqlite3.h
 *
 * A struct db is one connection; it belongs to one thread at a time.  Files are
 * in WAL mode with synchronous=FULL, 8 KiB pages that carry a checksum (written
 * and verified by our VFS), incremental vacuum, and no automatic checkpoints
 * unless asked for.  Only one process opens a file: db_open() takes a lock.
 *
 * Statements are const objects, prepared once per connection and kept:
 *
 *	DB_SQL(q_find, "SELECT fid, name FROM folder WHERE mbx = ?1 AND name_key = ?2");
 *
 *	struct db_row *r = db_query(db, &q_find, "it", mbx, key);
 *	if (db_next(r))
 *		fid = db_int(r, 0);
 *	e = db_end(&r, eb);
 *
 * Arguments, one letter each: i int64_t, t text (NUL-terminated or NULL), b
 * blob (pointer, size_t), s text with length (pointer, size_t), f double, n SQL
 * NULL (no argument), g GUID (const struct guid *, NULL allowed).  Integers
 * must be passed as int64_t: cast what is narrower.
 *
 * Errors: AGAIN (busy, out of memory, I/O), FULL (disk), EXISTS (constraint),
 * CORRUPT, INTERNAL.  After FULL, CORRUPT or I/O inside a transaction only
 * db_rollback() is useful.
 */
#include "common/base/err.h"
#include "common/base/guid.h"
#include <stdbool.h>
#include <stdint.h>

struct db;
struct sqlite3;
struct db_row;

struct db_sql {
	const char *text;
};

/* All statements of a program stand in one ELF section, so that a test can walk
 * them (EXPLAIN QUERY PLAN: no scan of a large table). */
#define DB_SQL(name, sql)                                                            \
	static const struct db_sql name                                              \
		__attribute__((section("bourse_sql"), used)) = { sql }

enum db_flags {
	DB_READONLY = 1,	/* a reader's connection; the file must exist */
	DB_CREATE = 2,
	DB_CHECKPOINT = 4,	/* small databases: SQLite checkpoints by itself */
	DB_SHARED = 8,		/* a further connection of the process that holds the lock */
};

struct db_conf {
	const char *path;
	unsigned flags;
	size_t cache_bytes;	/* page cache of this connection; 0: 2 MiB */
	int64_t max_pages;	/* file size limit in pages, 0: none (tests of a full disk) */
};

/* A schema is a list of steps; step n brings a file from version n to n + 1.
 * A file of an unknown newer version is refused untouched (INVALID). */
struct db_schema {
	const char *const *steps;	/* SQL scripts */
	unsigned n_steps;
	uint32_t application_id;	/* a file with another one is refused */
};

enum err db_open(const struct db_conf *conf, const struct db_schema *schema,
		 struct db **out, struct errbuf *eb) A_MUST_USE;
void db_close(struct db **db);
/* Only the lock of db_open(), for tools that read a file some other way; AGAIN: in use. */
enum err db_lock(const char *path, int *fd, struct errbuf *eb) A_MUST_USE;
void db_unlock(int *fd);

/* ---- statements ---------------------------------------------------------- */

/* Start a query.  Never NULL; errors come out of db_end(). */
struct db_row *db_query(struct db *db, const struct db_sql *q, const char *types, ...);
bool db_next(struct db_row *r);		/* false: end, or error */
int64_t db_int(struct db_row *r, int col);		/* NULL reads as 0 */
double db_real(struct db_row *r, int col);
const char *db_text(struct db_row *r, int col);		/* until the next step; NULL stays NULL */
const void *db_blob(struct db_row *r, int col, size_t *n);
bool db_is_null(struct db_row *r, int col);
bool db_guid(struct db_row *r, int col, struct guid *out);	/* false: not 16 bytes */
/* Reset the statement; clears *r.  OK, or why stepping failed. */
enum err db_end(struct db_row **r, struct errbuf *eb) A_MUST_USE;

/* Run a statement that yields no rows. */
enum err db_run(struct db *db, const struct db_sql *q, struct errbuf *eb,
		const char *types, ...) A_MUST_USE;
/* One integer; NOTFOUND if there is no row. */
enum err db_get_int(struct db *db, const struct db_sql *q, int64_t *out,
		    struct errbuf *eb, const char *types, ...) A_MUST_USE;
int64_t db_changes(const struct db *db);	/* rows touched by the last db_run() */
int64_t db_total_changes(const struct db *db);	/* by all since it was opened */
int64_t db_last_rowid(const struct db *db);

/* A script of several statements, e.g. in tools and tests. */
enum err db_exec(struct db *db, const char *script, struct errbuf *eb) A_MUST_USE;

/* ---- transactions -------------------------------------------------------- */

enum err db_begin(struct db *db, struct errbuf *eb) A_MUST_USE;		/* IMMEDIATE */
enum err db_begin_read(struct db *db, struct errbuf *eb) A_MUST_USE;	/* one snapshot */
enum err db_commit(struct db *db, struct errbuf *eb) A_MUST_USE;
void db_rollback(struct db *db);		/* no-op outside a transaction */
bool db_in_transaction(const struct db *db);
/* A part of a transaction that may fail alone. */
enum err db_savepoint(struct db *db, struct errbuf *eb) A_MUST_USE;
enum err db_release(struct db *db, struct errbuf *eb) A_MUST_USE;
void db_rollback_savepoint(struct db *db);

/* Private to common/db. */
struct sqlite3 *db_handle(struct db *db);

/* ---- housekeeping -------------------------------------------------------- */

enum err db_checkpoint(struct db *db, int64_t *wal_frames_left, struct errbuf *eb) A_MUST_USE;
int64_t db_wal_bytes(const struct db *db);	/* as of the last commit */
/* PRAGMA integrity_check and every page's checksum; problem gets the first finding. */
enum err db_verify(struct db *db, char *problem, size_t cap, struct errbuf *eb) A_MUST_USE;
void db_shrink_memory(struct db *db);	/* give cache memory back */
size_t db_cache_used(const struct db *db);

/* EXPLAIN QUERY PLAN of every DB_SQL of the program; report(ctx, sql, detail)
 * for each step of each plan. */
enum err db_explain_all(struct db *db, void (*report)(void *ctx, const char *sql,
		const char *detail), void *ctx, struct errbuf *eb) A_MUST_USE;
#endif
