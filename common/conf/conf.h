#ifndef CONF_CONF_H
#define CONF_CONF_H
/*
 * conf - settings as a table
 *
 * A role describes its settings in a const table: name, type, where the value
 * goes, default, bounds, help.  The parser, -n, the dump, the man page and the
 * tests are made from it.
 *
 *	struct hub_conf { char **listen; int64_t retry_ms; uint64_t max_queue; };
 *	#define C(member) offsetof(struct hub_conf, member)
 *	static const struct conf_item items[] = {
 *	 { "listen",     CONF_LIST,     C(listen),    "*:587", 0, 0, 0, "addresses" },
 *	 { "retry",      CONF_DURATION, C(retry_ms),  "1m", 1000, 0, CONF_LIVE, "..." },
 *	 { "queue.size", CONF_SIZE,     C(max_queue), "4G", 1 << 20, 0, 0, "..." },
 *	};
 *
 * A file is lines of `key = value`.  '#' begins a comment at the start of a line
 * or after a blank.  A value runs to the end of the line, blanks around it cut.
 * A value in double quotes keeps blanks and '#'; there are no escapes in it.
 * Unknown keys, a key given twice (except CONF_LIST) and bad values are errors
 * that name file and line.
 *
 *   type           C type     written
 *   CONF_STR       char *     any text
 *   CONF_PATH      char *     absolute; else below the setting `data` (see there)
 *   CONF_UINT      unsigned   decimal
 *   CONF_BOOL      bool       yes no true false on off
 *   CONF_SIZE      uint64_t   bytes, or with K M G T (powers of 1,024)
 *   CONF_DURATION  int64_t    ms, written with its unit: 500ms 10s 5m 2h 4d; 0
 *   CONF_LIST      char **    the key once per value; NULL-terminated, never NULL
 *
 * Relative CONF_PATHs lie below the value of the setting called `data`, if a
 * table has one, else below the folder of the file; `data` itself and its
 * default likewise below the folder of the file.  The empty path stays empty.
 */
#include "common/base/err.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum conf_type {
	CONF_STR,
	CONF_PATH,
	CONF_UINT,
	CONF_BOOL,
	CONF_SIZE,
	CONF_DURATION,
	CONF_LIST,
};

enum conf_flags {
	CONF_LIVE = 1,		/* may change by a reload */
	CONF_SECRET = 2,	/* the dump shows only whether it is set */
	CONF_REQUIRED = 4,	/* must be in the file; def is not used */
};

struct conf_item {
	const char *name;
	enum conf_type type;
	size_t offset;		/* of the value in the role's struct */
	const char *def;	/* as written in a file; a list: values split at blanks */
	uint64_t min, max;	/* UINT, SIZE, DURATION; STR, PATH: length; LIST: count.
				 * max 0: none */
	unsigned flags;		/* enum conf_flags */
	const char *help;	/* for people: the man page's text */
};

/* Several tables may share a file: those of the role and those of svc. */
struct conf_table {
	const struct conf_item *items;
	size_t n;
	void *into;		/* the role's struct, zeroed before conf_load() */
	/* Optional: what a table cannot say.  Asked when all tables are filled, by a
	 * reload before anything changes. */
	enum err (*check)(const void *into, struct errbuf *eb);
};

/* Read path and fill every table.  NOTFOUND without a file, else INVALID.  On
 * failure nothing in the tables needs freeing. */
enum err conf_load(const char *path, const struct conf_table *tables, size_t n_tables,
		   struct errbuf *eb) A_MUST_USE;
/* The same from memory; name stands for the file in errors, and its folder is
 * where relative paths begin. */
enum err conf_parse(const char *name, const char *text, size_t len,
		    const struct conf_table *tables, size_t n_tables,
		    struct errbuf *eb) A_MUST_USE;
void conf_free(const struct conf_table *tables, size_t n_tables);

/* Read the file again.  If all of it is valid, settings with CONF_LIVE take
 * their new value: strings and lists are freed, so keep no pointer to a live
 * one.  Any other setting that differs stays and is logged as needing a restart. */
enum err conf_reload(const char *path, const struct conf_table *tables, size_t n_tables,
		     struct errbuf *eb) A_MUST_USE;

/* Every setting with the value in force, in a form that conf_load() reads. */
void conf_dump(const struct conf_table *tables, size_t n_tables, FILE *to);
/* Every setting with default and help: plain text, or roff for man5. */
void conf_help(const struct conf_table *tables, size_t n_tables, FILE *to);
void conf_man(const struct conf_table *tables, size_t n_tables, FILE *to);

/* Parsers of single values, also for the shell and the directory's settings. */
enum err conf_size(const char *text, uint64_t *bytes) A_MUST_USE;
enum err conf_duration(const char *text, int64_t *ms) A_MUST_USE;
#endif
