#ifndef DB_SALVAGE_H
#define DB_SALVAGE_H
/*
 * salvage - rows out of a damaged database file, without SQLite's help
 *
 * SQLite gives up where a page is wrong; here a file is a row of pages, each good
 * or bad by its checksum, read one by one in the order of the disk.  Which table a
 * page belongs to is known twice: from the pointer map (files of ours have one,
 * they are auto_vacuum) and from the interior pages above.  So of a bad leaf only
 * its own rows are lost, of a bad interior page at most the rows in its own cells.
 * Where tables begin is taken from the database that is copied into: the same
 * schema makes the same root pages, and the schema's own pages may be bad as well.
 *
 * Frames of the write-ahead log up to its last intact commit count as pages.  Both
 * files are only ever read.
 */
#include "common/db/db.h"

struct salvage_source {
	const char *name;	/* table or index of the damaged file */
	const char *into;	/* table of `to`; an index's entries are its columns, then the key */
	/* results */
	int64_t kept;		/* rows in `into` now */
	int64_t spoilt;		/* rows seen that could not be read or inserted */
	int64_t pages_lost;
};

struct salvage {
	const char *path;	/* damaged; its lock is the caller's (db_lock()) */
	struct db *to;		/* of the same schema version, outside a transaction */
	struct salvage_source *sources;
	size_t n_sources;
	/* Optional: every few thousand pages. */
	void (*progress)(void *ctx, int64_t page, int64_t pages);
	void *ctx;
	/* results */
	int64_t pages;
	int64_t pages_bad;	/* anywhere, those of indexes and of nobody too */
};

/* Schema version as the file says; 0: its first page cannot be read. */
enum err salvage_version(const char *path, int64_t *version, struct errbuf *eb) A_MUST_USE;
/* Copy all rows that can be read.  Rows that the table refuses are left out. */
enum err salvage_run(struct salvage *s, struct errbuf *eb) A_MUST_USE;
#endif
