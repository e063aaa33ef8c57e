#include "roles/shell/nouns.h"
#include "roles/shell/objects.h"

#include "common/base/clock.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- status ------------------------------------------------------------------------ */

/* Notes of one server: into the cell "notes" of its row for programs, below the table
 * for people. */
static void note(struct shell *sh, const char *server, const char *text)
{
	if (sh->json)
		table_item(sh->table, text);
	else
		sh->below = arena_printf(&sh->arena, "%s%s: %s\n",
					 sh->below ? sh->below : "\nTo do:\n", server, text);
}

static void begin_notes(struct shell *sh)
{
	if (sh->json)
		table_list(sh->table, NULL);
}

static const char *lag(struct shell *sh, uint64_t usn, uint64_t own)
{
	return own >= usn ? "current" : arena_printf(&sh->arena, "%" PRIu64 " behind", usn - own);
}

static void status_notes(struct shell *sh, const char *name, uint64_t usn, const struct status *s)
{
	begin_notes(sh);
	for (const struct fact *f = s->facts; f; f = f->next)
		if (strcmp(f->key, "note") == 0)
			note(sh, name, f->value);
	if (s->usn < usn)
		note(sh, name, arena_printf(&sh->arena, "its replica of the directory is %s",
					    lag(sh, usn, s->usn)));
	if (s->links_down[0])
		note(sh, name, arena_printf(&sh->arena, "it does not reach %s", s->links_down));
}

static void status_row(struct shell *sh, const char *name, const char *role, uint64_t usn,
		       const struct status *s)
{
	struct table *t = sh->table;
	const char *facts = "";

	for (const struct fact *f = s->facts; f; f = f->next)
		if (strcmp(f->key, "note") != 0)
			facts = arena_printf(&sh->arena, "%s%s%s=%s", facts, *facts ? " " : "",
					     f->key, f->value);
	table_row(t);
	table_text(t, NULL, name);
	table_text(t, NULL, role);
	table_text(t, NULL, "up");
	table_text(t, NULL, lag(sh, usn, s->usn));
	table_text(t, NULL, s->links_all == s->links_up
		? arena_printf(&sh->arena, "%u of %u", s->links_up, s->links_all)
		: arena_printf(&sh->arena, "%u of %u, not %s", s->links_up, s->links_all, s->links_down));
	table_size(t, NULL, (int64_t)s->rss_bytes);
	table_time(t, NULL, s->started_ms);
	table_text(t, NULL, s->version);
	table_text(t, NULL, facts);
	status_notes(sh, name, usn, s);
}

static void status_row_down(struct shell *sh, const struct member_line *m, uint64_t usn)
{
	struct table *t = sh->table;

	table_row(t);
	table_text(t, NULL, m->name);
	table_text(t, NULL, m->role);
	table_text(t, NULL, m->up ? "no answer" : "DOWN");
	table_text(t, NULL, lag(sh, usn, m->usn));
	table_text(t, NULL, NULL);
	table_text(t, NULL, NULL);
	table_time(t, NULL, m->started_ms);
	table_text(t, NULL, m->version);
	table_text(t, NULL, sh->eb.text);
	begin_notes(sh);
	note(sh, m->name, "it does not answer: start it, or take it away with bourse server remove");
}

enum err status_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	struct members m = { 0 };
	struct status s;
	unsigned down = 0;
	enum err e = ask_members(sh, &m);

	(void)v;
	(void)argc;
	(void)argv;
	if (e == ERR_OK)
		e = ask_status(sh, NULL, &s);
	if (e)
		return e;
	sh->table = table_new(&sh->arena, sh->json
		? "server role state replica links memory started version facts notes"
		: "server role state replica links memory started version facts");
	status_row(sh, "directory", "directory", m.usn, &s);
	for (size_t i = 0; i < m.n; i++) {
		if (m.m[i].role_bit == RPC_DIRECTORY)
			continue;
		sh->eb.text[0] = '\0';
		if (m.m[i].up && ask_status(sh, m.m[i].name, &s) == ERR_OK) {
			status_row(sh, m.m[i].name, m.m[i].role, m.usn, &s);
		} else {
			status_row_down(sh, &m.m[i], m.usn);
			down++;
		}
	}
	if (down)
		return err_set(&sh->eb, ERR_AGAIN, "%u of %zu servers do not answer", down, m.n);
	return ERR_OK;
}

/* ---- figures ------------------------------------------------------------------------ */

struct metric_line {
	struct metric_line *next;
	const char *name, *labels, *help;
	double value;
	bool counter;
};

struct metric_list {
	struct shell *sh;
	struct metric_line *first;
	size_t n;
};

static void keep_metric(void *ctx, const char *name, const char *labels, const char *help,
			double value, bool counter)
{
	struct metric_list *l = ctx;
	struct metric_line *m = arena_alloc(&l->sh->arena, sizeof(*m));

	*m = (struct metric_line){
		.next = l->first, .name = arena_str(&l->sh->arena, name), .labels = labels,
		.help = arena_str(&l->sh->arena, help), .value = value, .counter = counter,
	};
	l->first = m;
	l->n++;
}

static int by_name(const void *a, const void *b)
{
	const struct metric_line *x = *(struct metric_line *const *)a;
	const struct metric_line *y = *(struct metric_line *const *)b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->labels, y->labels);
}

/* The text format of Prometheus wants all samples of a name together. */
static void print_prometheus(struct metric_line **m, size_t n)
{
	const char *last = "";

	for (size_t i = 0; i < n; i++) {
		if (strcmp(m[i]->name, last) != 0)
			printf("# HELP %s %s\n# TYPE %s %s\n", m[i]->name, m[i]->help,
			       m[i]->name, m[i]->counter ? "counter" : "gauge");
		last = m[i]->name;
		printf("%s{%s} %.17g\n", m[i]->name, m[i]->labels, m[i]->value);
	}
}

static void metric_table(struct shell *sh, struct metric_line **m, size_t n)
{
	sh->table = table_new(&sh->arena, "name labels value");
	for (size_t i = 0; i < n; i++) {
		table_row(sh->table);
		table_text(sh->table, NULL, m[i]->name);
		table_text(sh->table, NULL, m[i]->labels);
		table_text(sh->table, NULL, arena_printf(&sh->arena, "%.15g", m[i]->value));
	}
}

enum err stats_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	bool prometheus = take_flag(&argc, argv, "--prometheus");
	const char *want = argc > 0 ? argv[0] : NULL;
	struct metric_list list = { .sh = sh };
	struct metric_line **sorted;
	struct members m = { 0 };
	bool known = want == NULL || strcmp(want, "directory") == 0;
	enum err e, worst = ERR_OK;
	size_t n = 0;

	(void)v;
	if (argc > 1)
		return ERR_INVALID;
	if (known)
		worst = ask_stats(sh, NULL, "directory", keep_metric, &list);
	e = ask_members(sh, &m);
	for (size_t i = 0; e == ERR_OK && i < m.n; i++) {
		const struct member_line *l = &m.m[i];

		if (l->role_bit == RPC_DIRECTORY ||
		    (want && strcmp(want, l->name) != 0 && strcmp(want, l->role) != 0))
			continue;
		known = true;
		if (!l->up) {
			fprintf(stderr, "%s: is down\n", l->name);
			worst = ERR_AGAIN;
		} else if (ask_stats(sh, l->name, l->role, keep_metric, &list) != ERR_OK) {
			fprintf(stderr, "%s: %s\n", l->name, sh->eb.text);
			worst = ERR_AGAIN;
		}
	}
	if (e == ERR_OK && !known)
		e = err_set(&sh->eb, ERR_NOTFOUND, "no server or role called %s", want);
	if (e)
		return e;
	sorted = arena_alloc(&sh->arena, (list.n + 1) * sizeof(*sorted));
	for (struct metric_line *l = list.first; l; l = l->next)
		sorted[n++] = l;
	qsort(sorted, n, sizeof(*sorted), by_name);
	if (prometheus)
		print_prometheus(sorted, n);
	else
		metric_table(sh, sorted, n);
	return worst;
}

/* ---- the rest ------------------------------------------------------------------------ */

enum err log_level_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	const char *server = strcmp(argv[0], "directory") == 0 ? NULL : argv[0];
	const char *now;
	enum err e = ask_log_level(sh, server, argc > 1 ? argv[1] : "", &now);

	(void)v;
	if (e)
		return e;
	sh->table = table_single(&sh->arena);
	table_text(sh->table, "server", argv[0]);
	table_text(sh->table, "level", now);
	return ERR_OK;
}

enum err audit_list_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	const char *limit = take_option(&argc, argv, "--limit");
	uint64_t n;
	enum err e;

	(void)v;
	if (argc > 0)
		return ERR_INVALID;
	e = number_word(sh, "--limit", limit, 100, UINT32_MAX, &n);
	return e ? e : ask_audit(sh, (unsigned)n);
}

static enum err keep_object(struct shell *sh, struct object *o, void *ctx)
{
	struct object **out = ctx;

	(void)sh;
	*out = o;
	return ERR_OK;
}

/* There is one object of these classes, so nobody has to know its name. */
static enum err find_transport(struct shell *sh, unsigned klass, struct object **out)
{
	enum err e;

	*out = NULL;
	e = ask_list(sh, klass, NULL, keep_object, out);
	if (e == ERR_OK && *out == NULL)
		e = err_set(&sh->eb, ERR_NOTFOUND, "no %s settings", class_name(klass));
	return e;
}

enum err transport_show_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	struct object *o;
	enum err e = find_transport(sh, v->klass, &o);

	(void)argc;
	(void)argv;
	if (e)
		return e;
	sh->table = table_single(&sh->arena);
	object_describe(sh, o, sh->table);
	return ERR_OK;
}

enum err transport_set_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	char **words = arena_alloc(&sh->arena, ((size_t)argc + 2) * sizeof(*words));
	struct object *o;
	enum err e = find_transport(sh, v->klass, &o);

	if (e)
		return e;
	words[0] = arena_str(&sh->arena, object_text(o, OBJ_NAME));
	for (int i = 0; i < argc; i++)
		words[i + 1] = argv[i];
	return object_set_verb(sh, v, argc + 1, words);
}
