#ifndef SHELL_TABLE_H
#define SHELL_TABLE_H
/*
 * table - what a command found: named columns, rows of typed cells
 *
 * Printed as aligned text for people or as JSON for programs.  In JSON a table
 * is an array of objects, one object when made with table_single(); times are
 * RFC 3339 UTC, sizes bytes, durations milliseconds.
 */
#include "common/base/arena.h"
#include "common/base/span.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum cell_type { CELL_NONE, CELL_TEXT, CELL_NUMBER, CELL_BOOL, CELL_SIZE, CELL_TIME, CELL_DURATION, CELL_LIST };

struct table;

/* columns: names parted by blanks.  Everything lives in a. */
struct table *table_new(struct arena *a, const char *columns);
/* One thing, printed as lines "name: value". */
struct table *table_single(struct arena *a);

void table_row(struct table *t);		/* begin a row */
/* Fill the next column of the row; with table_single(), name it. */
void table_text(struct table *t, const char *name, const char *s);	/* copied; NULL: none */
void table_number(struct table *t, const char *name, int64_t v);
void table_bool(struct table *t, const char *name, bool v);
void table_size(struct table *t, const char *name, int64_t bytes);
void table_time(struct table *t, const char *name, int64_t ms);	/* 0 or the end of time: none */
void table_duration(struct table *t, const char *name, int64_t ms);
/* A list of texts: begin with table_list(), then one table_item() each. */
void table_list(struct table *t, const char *name);
void table_item(struct table *t, const char *s);

size_t table_rows(const struct table *t);
void table_print(const struct table *t, bool json, FILE *to);
#endif
