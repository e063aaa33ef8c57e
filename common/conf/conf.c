#include "common/conf/conf.h"

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE (1024u * 1024)

/* One value, whatever its type, at the place a table says. */
union place {
	char **str;
	unsigned *uint;
	bool *flag;
	uint64_t *size;
	int64_t *ms;
	char ***list;
};

static union place at(const struct conf_table *t, const struct conf_item *it)
{
	return (union place){ .str = (char **)(void *)((char *)t->into + it->offset) };
}

/* ---- single values --------------------------------------------------------- */

static enum err number(const char *text, uint64_t *out, const char **end)
{
	char *stop;

	if (!isdigit((unsigned char)*text))
		return ERR_INVALID;
	errno = 0;
	*out = strtoull(text, &stop, 10);
	*end = stop;
	return errno ? ERR_INVALID : ERR_OK;
}

enum err conf_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	const char *end, *unit;
	uint64_t v, factor = 1;

	if (number(text, &v, &end))
		return ERR_INVALID;
	if (*end != '\0') {
		unit = strchr(units, toupper((unsigned char)*end));
		if (unit == NULL || end[1] != '\0')
			return ERR_INVALID;
		factor = UINT64_C(1) << (10 * (unit - units + 1));
	}
	if (v > UINT64_MAX / factor)
		return ERR_INVALID;
	*bytes = v * factor;
	return ERR_OK;
}

static const struct {
	const char *name;
	int64_t ms;
} durations[] = {
	/* longest first, for writing */
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};

enum err conf_duration(const char *text, int64_t *ms)
{
	const char *end;
	uint64_t v;

	if (number(text, &v, &end))
		return ERR_INVALID;
	if (v == 0 && *end == '\0') {
		*ms = 0;
		return ERR_OK;
	}
	for (size_t i = 0; i < N_ELEMS(durations); i++) {
		if (strcmp(end, durations[i].name) != 0)
			continue;
		if (v > (uint64_t)(INT64_MAX / durations[i].ms))
			return ERR_INVALID;
		*ms = (int64_t)v * durations[i].ms;
		return ERR_OK;
	}
	return ERR_INVALID;
}

static enum err boolean(const char *text, bool *out)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on" };

	for (size_t i = 0; i < N_ELEMS(words); i++)
		if (strcasecmp(text, words[i]) == 0) {
			*out = i % 2;
			return ERR_OK;
		}
	return ERR_INVALID;
}

static void list_add(char ***list, const char *val)
{
	size_t n = 0;

	while ((*list)[n])
		n++;
	*list = xrealloc(*list, (n + 2) * sizeof(char *));
	(*list)[n] = xstrdup(val);
	(*list)[n + 1] = NULL;
}

static void list_clear(char ***list)
{
	for (char **s = *list; s && *s; s++)
		free(*s);
	free(*list);
	*list = NULL;
}

static enum err in_range(const struct conf_item *it, uint64_t v)
{
	return v < it->min || (it->max > 0 && v > it->max) ? ERR_LIMIT : ERR_OK;
}

/* LIMIT: the form is right, the value is out of range. */
static enum err set(const struct conf_table *t, const struct conf_item *it, const char *val)
{
	union place p = at(t, it);
	int64_t ms = 0;
	uint64_t u = 0;
	const char *end;

	switch (it->type) {
	case CONF_STR:
	case CONF_PATH:
		if (in_range(it, strlen(val)))
			return ERR_LIMIT;
		free(*p.str);
		*p.str = xstrdup(val);
		return ERR_OK;
	case CONF_UINT:
		if (number(val, &u, &end) || *end != '\0')
			return ERR_INVALID;
		if (u > UINT32_MAX || in_range(it, u))
			return ERR_LIMIT;
		*p.uint = (unsigned)u;
		return ERR_OK;
	case CONF_BOOL:
		return boolean(val, p.flag);
	case CONF_SIZE:
		if (conf_size(val, &u))
			return ERR_INVALID;
		*p.size = u;
		return in_range(it, u);
	case CONF_DURATION:
		if (conf_duration(val, &ms))
			return ERR_INVALID;
		*p.ms = ms;
		return in_range(it, (uint64_t)ms);
	case CONF_LIST:
		if (val[0] != '\0')	/* an empty value empties the default */
			list_add(p.list, val);
		return ERR_OK;
	}
	CHECK(!"conf_type");
	return ERR_INTERNAL;
}

static void set_default(const struct conf_table *t, const struct conf_item *it)
{
	const char *def = it->def ? it->def : "";
	char *words, *word, *save = NULL;

	if (it->type == CONF_LIST) {
		*at(t, it).list = xcalloc(1, sizeof(char *));
		words = xstrdup(def);
		for (word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
			list_add(at(t, it).list, word);
		free(words);
	} else if (it->type == CONF_STR || it->type == CONF_PATH) {
		*at(t, it).str = xstrdup(def);
	} else if (!(it->flags & CONF_REQUIRED)) {
		CHECK(set(t, it, def) == ERR_OK);	/* a default of our own */
	}
}

/* ---- a file ------------------------------------------------------------------ */

struct reader {
	const char *name;
	const struct conf_table *tables;
	size_t n_tables;
	unsigned *seen;			/* line of each item, over all tables; 0: not yet */
	struct errbuf *eb;
};

static const char *const type_names[] = {
	[CONF_STR] = "text", [CONF_PATH] = "a path", [CONF_UINT] = "a number",
	[CONF_BOOL] = "yes or no", [CONF_SIZE] = "a size like 64K",
	[CONF_DURATION] = "a duration like 10s", [CONF_LIST] = "text",
};

static enum err bad_value(struct reader *r, unsigned line, const struct conf_item *it, enum err e)
{
	if (e == ERR_INVALID)
		return err_set(r->eb, ERR_INVALID, "%s:%u: %s: want %s", r->name, line,
			       it->name, type_names[it->type]);
	if (it->max == 0)
		return err_set(r->eb, ERR_INVALID, "%s:%u: %s: want at least %llu", r->name,
			       line, it->name, (unsigned long long)it->min);
	return err_set(r->eb, ERR_INVALID, "%s:%u: %s: want %llu to %llu", r->name, line,
		       it->name, (unsigned long long)it->min, (unsigned long long)it->max);
}

static enum err assign(struct reader *r, unsigned line, const char *key, const char *val)
{
	unsigned *seen = r->seen;
	enum err e;

	for (size_t t = 0; t < r->n_tables; seen += r->tables[t].n, t++) {
		const struct conf_table *tab = &r->tables[t];

		for (size_t i = 0; i < tab->n; i++) {
			const struct conf_item *it = &tab->items[i];

			if (strcmp(it->name, key) != 0)
				continue;
			if (seen[i] && it->type != CONF_LIST)
				return err_set(r->eb, ERR_INVALID,
					       "%s:%u: %s is set already in line %u", r->name,
					       line, key, seen[i]);
			if (!seen[i] && it->type == CONF_LIST) {
				list_clear(at(tab, it).list);
				*at(tab, it).list = xcalloc(1, sizeof(char *));
			}
			seen[i] = line;
			e = set(tab, it, val);
			return e ? bad_value(r, line, it, e) : ERR_OK;
		}
	}
	return err_set(r->eb, ERR_INVALID, "%s:%u: unknown key %.60s", r->name, line, key);
}

static char *trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

/* What stands behind '=': quoted, or up to a comment.  Changes s. */
static enum err value(char *s, char **out)
{
	char *end;

	s = trim(s);
	if (*s == '"') {
		end = strchr(++s, '"');
		if (end == NULL)
			return ERR_INVALID;
		*end = '\0';
		end = trim(end + 1);
		*out = s;
		return *end == '\0' || *end == '#' ? ERR_OK : ERR_INVALID;
	}
	for (end = s; *end; end++)
		if (*end == '#' && (end == s || isspace((unsigned char)end[-1]))) {
			*end = '\0';
			break;
		}
	*out = trim(s);
	return ERR_OK;
}

static enum err read_line(struct reader *r, unsigned no, char *line)
{
	char *key, *eq, *val;

	key = trim(line);
	if (*key == '\0' || *key == '#')
		return ERR_OK;
	eq = strchr(key, '=');
	if (eq == NULL || eq == key)
		return err_set(r->eb, ERR_INVALID, "%s:%u: want key = value", r->name, no);
	*eq = '\0';
	if (value(eq + 1, &val))
		return err_set(r->eb, ERR_INVALID, "%s:%u: quotes do not match", r->name, no);
	return assign(r, no, trim(key), val);
}

static enum err read_all(struct reader *r, const char *text, size_t len)
{
	char *copy = xmemdup(text, len), *line = copy, *end;
	enum err e = ERR_OK;
	unsigned no = 0;

	if (strlen(copy) != len)
		e = err_set(r->eb, ERR_INVALID, "%s: holds a NUL byte", r->name);
	for (; e == ERR_OK && *line; line = end) {
		end = strchrnul(line, '\n');
		if (*end)
			*end++ = '\0';
		e = read_line(r, ++no, line);
	}
	free(copy);
	return e;
}

static enum err all_required(const struct reader *r)
{
	unsigned *seen = r->seen;

	for (size_t t = 0; t < r->n_tables; seen += r->tables[t].n, t++)
		for (size_t i = 0; i < r->tables[t].n; i++)
			if ((r->tables[t].items[i].flags & CONF_REQUIRED) && !seen[i])
				return err_set(r->eb, ERR_INVALID, "%s: %s is not set",
					       r->name, r->tables[t].items[i].name);
	return ERR_OK;
}

/* ---- paths -------------------------------------------------------------------- */

static void below(const char *dir, char **path)
{
	char *joined;

	if ((*path)[0] == '\0' || (*path)[0] == '/')
		return;
	joined = xasprintf("%s/%s", dir, *path);
	free(*path);
	*path = joined;
}

static void resolve_paths(const struct reader *r)
{
	const char *slash = strrchr(r->name, '/');
	char *here = slash ? xstrndup(r->name, slash == r->name ? 1 : (size_t)(slash - r->name))
			   : xstrdup(".");
	const char *base = here;

	for (int pass = 0; pass < 2; pass++)	/* `data`, then what lies below it */
		for (size_t t = 0; t < r->n_tables; t++)
			for (size_t i = 0; i < r->tables[t].n; i++) {
				const struct conf_item *it = &r->tables[t].items[i];
				bool is_data = strcmp(it->name, "data") == 0;

				if (it->type != CONF_PATH || is_data != (pass == 0))
					continue;
				below(base, at(&r->tables[t], it).str);
				if (is_data && (*at(&r->tables[t], it).str)[0])
					base = *at(&r->tables[t], it).str;
			}
	free(here);
}

/* ---- public ------------------------------------------------------------------- */

enum err conf_parse(const char *name, const char *text, size_t len,
		    const struct conf_table *tables, size_t n_tables, struct errbuf *eb)
{
	struct reader r = { name, tables, n_tables, NULL, eb };
	size_t n_items = 0;
	enum err e;

	for (size_t t = 0; t < n_tables; t++) {
		n_items += tables[t].n;
		for (size_t i = 0; i < tables[t].n; i++)
			set_default(&tables[t], &tables[t].items[i]);
	}
	r.seen = xcalloc(n_items + 1, sizeof(*r.seen));
	e = read_all(&r, text, len);
	if (e == ERR_OK)
		e = all_required(&r);
	if (e == ERR_OK)
		resolve_paths(&r);
	for (size_t t = 0; e == ERR_OK && t < n_tables; t++)
		if (tables[t].check)
			e = tables[t].check(tables[t].into, eb);
	if (e)
		conf_free(tables, n_tables);
	free(r.seen);
	return e;
}

static enum err slurp(const char *path, struct buf *out, struct errbuf *eb)
{
	enum err e = ERR_OK;
	char chunk[4096];
	size_t n;
	FILE *f;

	f = fopen(path, "re");
	if (f == NULL)
		return err_errno(eb, errno, path);
	while (e == ERR_OK && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		if (buf_add(out, chunk, n))
			e = err_set(eb, ERR_INVALID, "%s: longer than %u bytes", path, MAX_FILE);
	if (e == ERR_OK && ferror(f))
		e = err_errno(eb, errno, path);
	fclose(f);
	return e;
}

enum err conf_load(const char *path, const struct conf_table *tables, size_t n_tables,
		   struct errbuf *eb)
{
	struct buf text;
	enum err e;

	buf_init(&text, MAX_FILE);
	e = slurp(path, &text, eb);
	if (e == ERR_OK)
		e = conf_parse(path, text.data, text.len, tables, n_tables, eb);
	buf_fini(&text);
	return e;
}

void conf_free(const struct conf_table *tables, size_t n_tables)
{
	for (size_t t = 0; t < n_tables; t++)
		for (size_t i = 0; i < tables[t].n; i++) {
			const struct conf_item *it = &tables[t].items[i];
			union place p = at(&tables[t], it);

			if (it->type == CONF_LIST) {
				list_clear(p.list);
			} else if (it->type == CONF_STR || it->type == CONF_PATH) {
				free(*p.str);
				*p.str = NULL;
			}
		}
}

/* ---- reload -------------------------------------------------------------------- */

static size_t extent(const struct conf_table *t)
{
	size_t end = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->items[i].offset + sizeof(uint64_t) > end)
			end = t->items[i].offset + sizeof(uint64_t);
	return end;
}

static bool same(const struct conf_item *it, union place a, union place b)
{
	char **x, **y;

	switch (it->type) {
	case CONF_STR:
	case CONF_PATH: return strcmp(*a.str, *b.str) == 0;
	case CONF_UINT: return *a.uint == *b.uint;
	case CONF_BOOL: return *a.flag == *b.flag;
	case CONF_SIZE: return *a.size == *b.size;
	case CONF_DURATION: return *a.ms == *b.ms;
	case CONF_LIST:
		for (x = *a.list, y = *b.list; *x && *y && strcmp(*x, *y) == 0; x++, y++)
			;
		return *x == NULL && *y == NULL;
	}
	return false;
}

static void exchange(const struct conf_item *it, union place a, union place b)
{
	static const size_t sizes[] = {
		[CONF_STR] = sizeof(char *), [CONF_PATH] = sizeof(char *),
		[CONF_UINT] = sizeof(unsigned), [CONF_BOOL] = sizeof(bool),
		[CONF_SIZE] = sizeof(uint64_t), [CONF_DURATION] = sizeof(int64_t),
		[CONF_LIST] = sizeof(char **),
	};
	char tmp[sizeof(uint64_t)];

	memcpy(tmp, a.str, sizes[it->type]);
	memcpy(a.str, b.str, sizes[it->type]);
	memcpy(b.str, tmp, sizes[it->type]);
}

enum err conf_reload(const char *path, const struct conf_table *tables, size_t n_tables,
		     struct errbuf *eb)
{
	struct conf_table *fresh = xcalloc(n_tables + 1, sizeof(*fresh));
	enum err e;

	for (size_t t = 0; t < n_tables; t++) {
		fresh[t] = tables[t];
		fresh[t].into = xcalloc(1, extent(&tables[t]) + 1);
	}
	e = conf_load(path, fresh, n_tables, eb);
	for (size_t t = 0; e == ERR_OK && t < n_tables; t++)
		for (size_t i = 0; i < tables[t].n; i++) {
			const struct conf_item *it = &tables[t].items[i];
			union place now = at(&tables[t], it), then = at(&fresh[t], it);

			if (same(it, now, then))
				continue;
			if (it->flags & CONF_LIVE)
				exchange(it, now, then);
			else
				log_warn(NULL, "setting-needs-restart key=%s", it->name);
		}
	if (e == ERR_OK)
		conf_free(fresh, n_tables);
	for (size_t t = 0; t < n_tables; t++)
		free(fresh[t].into);
	free(fresh);
	return e;
}

/* ---- printing -------------------------------------------------------------------- */

static void print_text(const char *s, FILE *to)
{
	size_t n = strlen(s);
	bool quote = n > 0 && (isspace((unsigned char)s[0]) || isspace((unsigned char)s[n - 1]) ||
			       strchr(s, '#'));

	fprintf(to, quote ? "\"%s\"\n" : "%s\n", s);
}

static void print_size(uint64_t v, FILE *to)
{
	static const char units[] = "TGMK";

	for (int i = 0; i < 4; i++) {
		unsigned shift = 10u * (unsigned)(4 - i);

		if (v > 0 && v >> shift << shift == v) {
			fprintf(to, "%llu%c\n", (unsigned long long)(v >> shift), units[i]);
			return;
		}
	}
	fprintf(to, "%llu\n", (unsigned long long)v);
}

static void print_duration(int64_t ms, FILE *to)
{
	for (size_t i = 0; ms > 0 && i < N_ELEMS(durations); i++)
		if (ms % durations[i].ms == 0) {
			fprintf(to, "%lld%s\n", (long long)(ms / durations[i].ms), durations[i].name);
			return;
		}
	fprintf(to, "0\n");
}

static void print_value(const struct conf_item *it, union place p, FILE *to)
{
	switch (it->type) {
	case CONF_STR:
	case CONF_PATH: print_text(*p.str, to); break;
	case CONF_UINT: fprintf(to, "%u\n", *p.uint); break;
	case CONF_BOOL: fprintf(to, "%s\n", *p.flag ? "yes" : "no"); break;
	case CONF_SIZE: print_size(*p.size, to); break;
	case CONF_DURATION: print_duration(*p.ms, to); break;
	case CONF_LIST: break;		/* a line per value: the caller's */
	}
}

void conf_dump(const struct conf_table *tables, size_t n_tables, FILE *to)
{
	for (size_t t = 0; t < n_tables; t++)
		for (size_t i = 0; i < tables[t].n; i++) {
			const struct conf_item *it = &tables[t].items[i];
			union place p = at(&tables[t], it);

			if (it->flags & CONF_SECRET) {
				fprintf(to, "# %s is %s\n", it->name,
					it->type != CONF_STR || **p.str ? "set" : "not set");
			} else if (it->type == CONF_LIST) {
				if (**p.list == NULL)
					fprintf(to, "%s =\n", it->name);
				for (char **s = *p.list; *s; s++) {
					fprintf(to, "%s = ", it->name);
					print_text(*s, to);
				}
			} else {
				fprintf(to, "%s = ", it->name);
				print_value(it, p, to);
			}
		}
}

void conf_help(const struct conf_table *tables, size_t n_tables, FILE *to)
{
	for (size_t t = 0; t < n_tables; t++)
		for (size_t i = 0; i < tables[t].n; i++) {
			const struct conf_item *it = &tables[t].items[i];

			fprintf(to, "  %-20s %s", it->name, it->help);
			if (it->flags & CONF_REQUIRED)
				fprintf(to, " (required)\n");
			else
				fprintf(to, " (default: %s)\n",
					it->def && *it->def ? it->def : "empty");
		}
}

/* roff takes '.' and '\'' at the start of a line, and '\' anywhere, for itself. */
static void print_roff(const char *s, FILE *to)
{
	if (*s == '.' || *s == '\'')
		fputs("\\&", to);
	for (; *s; s++) {
		if (*s == '\\')
			fputs("\\e", to);
		else if (*s == '-')
			fputs("\\-", to);
		else
			fputc(*s, to);
	}
}

void conf_man(const struct conf_table *tables, size_t n_tables, FILE *to)
{
	for (size_t t = 0; t < n_tables; t++)
		for (size_t i = 0; i < tables[t].n; i++) {
			const struct conf_item *it = &tables[t].items[i];

			fprintf(to, ".TP\n.B ");
			print_roff(it->name, to);
			fprintf(to, " \\fR(%s%s%s)\n", type_names[it->type],
				it->type == CONF_LIST ? ", may be given several times" : "",
				it->flags & CONF_LIVE ? ", live" : "");
			print_roff(it->help, to);
			if (it->flags & CONF_REQUIRED) {
				fprintf(to, ".\nRequired.\n");
			} else {
				fprintf(to, ".\nDefault: ");
				print_roff(it->def && *it->def ? it->def : "empty", to);
				fprintf(to, ".\n");
			}
		}
}
