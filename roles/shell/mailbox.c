#include "roles/shell/nouns.h"
#include "roles/shell/objects.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- import ------------------------------------------------------------------------ */

#define MAX_COLUMNS 64

struct import {
	struct shell *sh;
	const char *columns[MAX_COLUMNS];
	size_t n_columns;
	unsigned rows, made, failed;
	bool progress;
};

struct import_row {
	struct import *im;
	unsigned line;
	char name[128];
};

/* One record of RFC 4180 cut into fields in place; a quoted field may hold commas
 * and doubled quotes, not line ends.  False: a quote is not closed, or too many. */
static bool csv_fields(char *line, char **out, size_t *n)
{
	char *r = line, *w = line;

	*n = 0;
	for (;;) {
		bool quoted = *r == '"';

		if (*n == MAX_COLUMNS)
			return false;
		out[(*n)++] = w;
		if (quoted)
			r++;
		while (*r && (quoted || *r != ',')) {
			if (quoted && *r == '"') {
				if (r[1] != '"')
					break;
				r++;
			}
			*w++ = *r++;
		}
		if (quoted) {
			if (*r++ != '"' || (*r && *r != ','))
				return false;
		}
		if (*r == '\0') {
			*w = '\0';
			return true;
		}
		r++;
		*w++ = '\0';
	}
}

static void row_done(void *ctx, enum err e, const char *detail)
{
	struct import_row *row = ctx;
	struct import *im = row->im;

	if (e == ERR_OK) {
		im->made++;
	} else {
		im->failed++;
		fprintf(stderr, "line %u: %s%s%s\n", row->line, row->name, row->name[0] ? ": " : "",
			detail);
	}
	if (im->progress && (im->made + im->failed) % 50 == 0)
		fprintf(stderr, "\r%u done", im->made + im->failed);
	free(row);
}

/* Fields of one line as a creation.  Empty fields say nothing. */
static enum err row_apply(struct import *im, char **fields, struct apply *a)
{
	struct shell *sh = im->sh;
	char *words[MAX_COLUMNS];
	int n = 0;

	for (size_t i = 0; i < im->n_columns; i++) {
		const char *c = im->columns[i];

		if (fields[i][0] == '\0')
			continue;
		if (strcmp(c, "name") == 0)
			a->name = fields[i];
		else if (strcmp(c, "password") == 0)
			a->password = fields[i];
		else if (strcmp(c, "password-hash") == 0)
			a->imported_hash = fields[i];
		else
			words[n++] = arena_printf(&sh->arena, "%s=%s", c, fields[i]);
	}
	if (a->name == NULL)
		return err_set(&sh->eb, ERR_INVALID, "no name");
	return object_changes(sh, CLASS_MAILBOX, words, n, &a->changes);
}

static void import_line(struct import *im, char *line, unsigned number)
{
	struct apply a = { .what = APPLY_CREATE, .klass = CLASS_MAILBOX };
	struct import_row *row = calloc(1, sizeof(*row));
	char *fields[MAX_COLUMNS];
	enum err e = ERR_OK;
	size_t n;

	if (row == NULL)
		abort();
	row->im = im;
	row->line = number;
	im->rows++;
	if (!csv_fields(line, fields, &n) || n != im->n_columns)
		e = err_set(&im->sh->eb, ERR_INVALID, "%zu fields expected", im->n_columns);
	else
		e = row_apply(im, fields, &a);
	if (e == ERR_OK) {
		snprintf(row->name, sizeof(row->name), "%s", a.name);
		e = ask_apply_start(im->sh, &a, row_done, row);
	}
	if (e)
		row_done(row, e, im->sh->eb.text);
}

static enum err import_header(struct import *im, char *line)
{
	char *fields[MAX_COLUMNS];
	bool has_name = false;
	size_t n;

	if (!csv_fields(line, fields, &n))
		return err_set(&im->sh->eb, ERR_INVALID, "the first line does not name columns");
	for (size_t i = 0; i < n; i++) {
		const char *c = fields[i];

		has_name |= strcmp(c, "name") == 0;
		if (strcmp(c, "name") != 0 && strcmp(c, "password") != 0 &&
		    strcmp(c, "password-hash") != 0 && attr_by_name(CLASS_MAILBOX, c) == NULL)
			return err_set(&im->sh->eb, ERR_INVALID, "no column can be called \"%s\"", c);
		im->columns[i] = arena_str(&im->sh->arena, c);
	}
	im->n_columns = n;
	return has_name ? ERR_OK : err_set(&im->sh->eb, ERR_INVALID, "no column is called name");
}

enum err mailbox_import_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	struct import im = { .sh = sh, .progress = isatty(STDERR_FILENO) };
	struct arena keep;
	unsigned number = 0;
	char *line = NULL;
	size_t cap = 0;
	enum err e = ERR_OK;
	ssize_t n;
	FILE *f = strcmp(argv[0], "-") == 0 ? stdin : fopen(argv[0], "re");

	(void)v;
	(void)argc;
	if (f == NULL)
		return err_errno(&sh->eb, errno, argv[0]);
	while (e == ERR_OK && (n = getline(&line, &cap, f)) >= 0) {
		while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			line[--n] = '\0';
		number++;
		if (n == 0)
			continue;
		if (im.n_columns == 0) {
			e = import_header(&im, line);
			keep = sh->arena;
			arena_init(&sh->arena);
			continue;
		}
		import_line(&im, line, number);
		arena_reset(&sh->arena);	/* the call has its own copy */
	}
	ask_wait(sh);
	if (im.n_columns) {
		arena_fini(&sh->arena);
		sh->arena = keep;
	}
	if (line)
		sodium_memzero(line, cap);	/* passwords */
	free(line);
	if (f != stdin)
		fclose(f);
	if (im.progress && im.rows >= 50)
		fputc('\n', stderr);
	if (e)
		return e;
	sh->table = table_single(&sh->arena);
	table_number(sh->table, "made", im.made);
	table_number(sh->table, "failed", im.failed);
	return im.failed ? err_set(&sh->eb, ERR_EXISTS, "%u of %u lines were not imported",
				   im.failed, im.rows) : ERR_OK;
}

/* ---- the mailbox itself ---------------------------------------------------------------- */

enum err mailbox_disable_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	(void)argc;
	return object_order(sh, v->klass, argv[0], APPLY_DISABLE);
}

/* Back to the same user, or, with --to, its content to another one. */
enum err mailbox_reconnect_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	const char *to = take_option(&argc, argv, "--to"), *server;
	struct object *old, *user;
	struct guid content;
	enum err e = ERR_OK;

	if (argc != 1)
		return ERR_INVALID;
	if (to == NULL)
		return object_order(sh, v->klass, argv[0], APPLY_RECONNECT);
	/* A removed user has no name any more; the mailbox server logged its GUID. */
	if (guid_parse(argv[0], &content) != ERR_OK) {
		e = ask_get(sh, CLASS_MAILBOX, argv[0], &old);
		if (e == ERR_OK)
			content = old->guid;
	}
	if (e == ERR_OK)
		e = object_mailbox(sh, to, &user, &server);
	if (e == ERR_OK)
		e = ask_reconnect(sh, server, &content, &user->guid);
	return e;
}

enum err mailbox_stat_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	const char *server;
	struct object *o;
	enum err e = object_mailbox(sh, argv[0], &o, &server);

	(void)v;
	(void)argc;
	if (e)
		return e;
	sh->table = table_single(&sh->arena);
	table_text(sh->table, "mailbox", object_text(o, OBJ_NAME));
	table_text(sh->table, "server", server);
	return ask_mailbox_stat(sh, server, &o->guid, sh->table);
}

enum err mailbox_folders_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	const char *server;
	struct object *o;
	enum err e = object_mailbox(sh, argv[0], &o, &server);

	(void)v;
	(void)argc;
	if (e)
		return e;
	sh->table = table_new(&sh->arena, "folder role messages unread size");
	return ask_folders(sh, server, &o->guid, sh->table);
}
