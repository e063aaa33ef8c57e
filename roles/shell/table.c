#include "roles/shell/table.h"

#include "common/base/check.h"
#include <inttypes.h>
#include <string.h>
#include <time.h>

/* The year 10000, which RFC 3339 cannot write: what is due then is never due. */
#define END_OF_TIME_MS 253402300800000

struct item {
	struct item *next;
	const char *text;
};

struct cell {
	struct cell *next;
	const char *name;
	enum cell_type type;
	const char *text;
	int64_t number;
	struct item *items, *last_item;
};

struct row {
	struct row *next;
	struct cell *cells, *last;
	size_t n;
};

struct table {
	struct arena *arena;
	bool single;
	const char *columns[32];
	size_t n_columns, n_rows;
	struct row *rows, *last;
};

struct table *table_new(struct arena *a, const char *columns)
{
	struct table *t = arena_alloc(a, sizeof(*t));
	char *save = NULL, *list = arena_str(a, columns), *w;

	t->arena = a;
	for (w = strtok_r(list, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		CHECK(t->n_columns < N_ELEMS(t->columns));
		t->columns[t->n_columns++] = w;
	}
	return t;
}

struct table *table_single(struct arena *a)
{
	struct table *t = arena_alloc(a, sizeof(*t));

	t->arena = a;
	t->single = true;
	table_row(t);
	return t;
}

void table_row(struct table *t)
{
	struct row *r = arena_alloc(t->arena, sizeof(*r));

	if (t->last)
		t->last->next = r;
	else
		t->rows = r;
	t->last = r;
	t->n_rows++;
}

static struct cell *cell(struct table *t, const char *name, enum cell_type type)
{
	struct cell *c = arena_alloc(t->arena, sizeof(*c));
	struct row *r = t->last;

	CHECK(r != NULL && (t->single || r->n < t->n_columns));
	c->name = t->single ? name : t->columns[r->n];
	c->type = type;
	if (r->last)
		r->last->next = c;
	else
		r->cells = c;
	r->last = c;
	r->n++;
	return c;
}

void table_text(struct table *t, const char *name, const char *s)
{
	struct cell *c = cell(t, name, s ? CELL_TEXT : CELL_NONE);

	if (s)
		c->text = arena_str(t->arena, s);
}

void table_number(struct table *t, const char *name, int64_t v)
{
	cell(t, name, CELL_NUMBER)->number = v;
}

void table_bool(struct table *t, const char *name, bool v)
{
	cell(t, name, CELL_BOOL)->number = v;
}

void table_size(struct table *t, const char *name, int64_t bytes)
{
	cell(t, name, CELL_SIZE)->number = bytes;
}

void table_time(struct table *t, const char *name, int64_t ms)
{
	cell(t, name, ms > 0 && ms < END_OF_TIME_MS ? CELL_TIME : CELL_NONE)->number = ms;
}

void table_duration(struct table *t, const char *name, int64_t ms)
{
	cell(t, name, CELL_DURATION)->number = ms;
}

void table_list(struct table *t, const char *name)
{
	cell(t, name, CELL_LIST);
}

void table_item(struct table *t, const char *s)
{
	struct cell *c = t->last->last;
	struct item *it = arena_alloc(t->arena, sizeof(*it));

	CHECK(c && c->type == CELL_LIST);
	it->text = arena_str(t->arena, s);
	if (c->last_item)
		c->last_item->next = it;
	else
		c->items = it;
	c->last_item = it;
}

size_t table_rows(const struct table *t)
{
	return t->n_rows;
}

/* ---- text -------------------------------------------------------------------- */

static const char *as_time(struct arena *a, int64_t ms, bool json)
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	char out[40];

	gmtime_r(&s, &tm);
	strftime(out, sizeof(out), json ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
	return arena_printf(a, json ? "%s.%03dZ" : "%s", out, (int)(ms % 1000));
}

static const char *as_size(struct arena *a, int64_t n)
{
	static const char units[] = "BKMGT";
	size_t u = 0;
	double v = (double)n;

	while (v >= 1024 && units[u + 1]) {
		v /= 1024;
		u++;
	}
	if (u == 0)
		return arena_printf(a, "%" PRId64 "B", n);
	return arena_printf(a, v < 10 ? "%.1f%c" : "%.0f%c", v, units[u]);
}

static const char *as_duration(struct arena *a, int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" } };

	for (size_t i = 0; i < N_ELEMS(units); i++)
		if (ms >= units[i].ms && ms % units[i].ms == 0)
			return arena_printf(a, "%" PRId64 "%s", ms / units[i].ms, units[i].unit);
	return arena_printf(a, "%" PRId64 "ms", ms);
}

static const char *as_text(struct arena *a, const struct cell *c)
{
	const char *s = "";

	switch (c->type) {
	case CELL_NONE:	    return "-";
	case CELL_TEXT:	    return c->text;
	case CELL_NUMBER:   return arena_printf(a, "%" PRId64, c->number);
	case CELL_BOOL:	    return c->number ? "yes" : "no";
	case CELL_SIZE:	    return as_size(a, c->number);
	case CELL_TIME:	    return as_time(a, c->number, false);
	case CELL_DURATION: return as_duration(a, c->number);
	case CELL_LIST:	    break;
	}
	for (const struct item *it = c->items; it; it = it->next)
		s = *s ? arena_printf(a, "%s, %s", s, it->text) : it->text;
	return s;
}

/* Characters as a terminal shows them, near enough: UTF-8 leads, and control
 * characters of hostile subjects made harmless by put_clean(). */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void put_clean(const char *s, FILE *to)
{
	for (; *s; s++)
		putc((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s, to);
}

static void pad(const char *s, size_t w, FILE *to)
{
	put_clean(s, to);
	for (size_t n = width(s); n < w; n++)
		putc(' ', to);
}

static void print_single(const struct table *t, FILE *to)
{
	size_t w = 0;

	for (const struct cell *c = t->rows->cells; c; c = c->next)
		if (strlen(c->name) > w)
			w = strlen(c->name);
	for (const struct cell *c = t->rows->cells; c; c = c->next) {
		if (c->type == CELL_LIST && c->items) {
			for (const struct item *it = c->items; it; it = it->next) {
				pad(it == c->items ? c->name : "", w + 2, to);
				put_clean(it->text, to);
				putc('\n', to);
			}
			continue;
		}
		pad(c->name, w + 2, to);
		put_clean(as_text(t->arena, c), to);
		putc('\n', to);
	}
}

static bool is_right(const struct cell *c)
{
	return c->type == CELL_NUMBER || c->type == CELL_SIZE || c->type == CELL_DURATION;
}

static void print_rows(const struct table *t, FILE *to)
{
	size_t w[N_ELEMS(t->columns)] = { 0 }, i;

	for (i = 0; i < t->n_columns; i++)
		w[i] = strlen(t->columns[i]);
	for (const struct row *r = t->rows; r; r = r->next) {
		i = 0;
		for (const struct cell *c = r->cells; c; c = c->next, i++)
			if (width(as_text(t->arena, c)) > w[i])
				w[i] = width(as_text(t->arena, c));
	}
	for (i = 0; i < t->n_columns; i++)
		pad(t->columns[i], i + 1 < t->n_columns ? w[i] + 2 : 0, to);
	putc('\n', to);
	for (const struct row *r = t->rows; r; r = r->next) {
		i = 0;
		for (const struct cell *c = r->cells; c; c = c->next, i++) {
			const char *s = as_text(t->arena, c);

			if (is_right(c)) {
				for (size_t n = width(s); n < w[i]; n++)
					putc(' ', to);
				pad(s, c->next ? width(s) + 2 : 0, to);
			} else {
				pad(s, c->next ? w[i] + 2 : 0, to);
			}
		}
		putc('\n', to);
	}
}

/* ---- JSON, RFC 8259 ------------------------------------------------------------ */

static void json_text(const char *s, FILE *to)
{
	putc('"', to);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(to, "\\%c", c);
		else if (c < 0x20)
			fprintf(to, "\\u%04x", c);
		else
			putc(c, to);
	}
	putc('"', to);
}

static void json_cell(struct arena *a, const struct cell *c, FILE *to)
{
	switch (c->type) {
	case CELL_NONE:
		fputs("null", to);
		break;
	case CELL_TEXT:
		json_text(c->text, to);
		break;
	case CELL_TIME:
		json_text(as_time(a, c->number, true), to);
		break;
	case CELL_BOOL:
		fputs(c->number ? "true" : "false", to);
		break;
	case CELL_NUMBER:
	case CELL_SIZE:
	case CELL_DURATION:
		fprintf(to, "%" PRId64, c->number);
		break;
	case CELL_LIST:
		putc('[', to);
		for (const struct item *it = c->items; it; it = it->next) {
			json_text(it->text, to);
			if (it->next)
				putc(',', to);
		}
		putc(']', to);
		break;
	}
}

static void json_row(struct arena *a, const struct row *r, FILE *to)
{
	putc('{', to);
	for (const struct cell *c = r->cells; c; c = c->next) {
		json_text(c->name, to);
		putc(':', to);
		json_cell(a, c, to);
		if (c->next)
			putc(',', to);
	}
	putc('}', to);
}

static void print_json(const struct table *t, FILE *to)
{
	if (t->single) {
		json_row(t->arena, t->rows, to);
	} else {
		putc('[', to);
		for (const struct row *r = t->rows; r; r = r->next) {
			json_row(t->arena, r, to);
			if (r->next)
				fputs(",\n ", to);
		}
		putc(']', to);
	}
	putc('\n', to);
}

void table_print(const struct table *t, bool json, FILE *to)
{
	if (json)
		print_json(t, to);
	else if (t->single)
		print_single(t, to);
	else if (t->n_rows > 0)
		print_rows(t, to);
}
