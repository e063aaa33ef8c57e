/* LIST ... RETURN (METADATA (...)): the entries of the folders that were said
 * (RFC 9590).  They are asked for all of a mailbox at once, page by page. */
#include "roles/client-access/imap/list_run.h"

#include "common/api/store_meta.h"
#include "common/base/check.h"
#include "common/imap/metadata.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct list_meta {
	const char *path;		/* as the client knows it */
	const struct span *value;	/* of each entry that is asked for; p NULL: none */
};

static size_t n_entries(const struct list_run *r)
{
	size_t n = 0;

	while (r->args.metadata[n])
		n++;
	return n;
}

void list_meta_note(struct imap_session *s, struct list_run *r, const char *path)
{
	struct arena *a = &s->reader.arena;

	if (r->n_meta == r->cap_meta) {
		size_t cap = r->cap_meta ? r->cap_meta * 2 : 32;
		struct list_meta *more = arena_alloc(a, cap * sizeof(*more));

		if (r->n_meta)
			memcpy(more, r->meta, r->n_meta * sizeof(*more));
		r->meta = more;
		r->cap_meta = cap;
	}
	r->meta[r->n_meta++] = (struct list_meta){ .path = arena_str(a, path) };
}

static int by_path(const void *a, const void *b)
{
	const struct list_meta *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void keep(struct imap_session *s, struct list_run *r, const char *path,
		 const struct store_meta *m)
{
	struct list_meta key = { .path = path }, *f;
	struct arena *a = &s->reader.arena;
	struct span *values;

	f = bsearch(&key, r->meta, r->n_meta, sizeof(key), by_path);
	if (f == NULL)
		return;		/* not listed */
	if (f->value == NULL)
		f->value = arena_alloc(a, n_entries(r) * sizeof(*values));
	values = (struct span *)(uintptr_t)f->value;
	for (size_t i = 0; r->args.metadata[i]; i++)
		if (strcasecmp(r->args.metadata[i], m->entry) == 0)
			values[i] = (struct span){ arena_dup(a, m->value.p ? m->value.p : "",
							     m->value.n), m->value.n };
}

static void say_all(struct imap_session *s, struct list_run *r)
{
	const struct span none = { NULL, 0 };

	for (size_t i = 0; i < r->n_meta; i++) {
		const struct list_meta *f = &r->meta[i];

		out_str(s, "* METADATA ");
		out_mailbox(s, f->path);
		for (size_t k = 0; r->args.metadata[k]; k++) {
			out_fmt(s, "%s%s ", k ? " " : " (", r->args.metadata[k]);
			out_done(s, imap_write_meta_value(&s->out, f->value ? f->value[k] : none));
		}
		out_str(s, ")\r\n");
	}
}

static void ask(struct imap_session *s);

/* A server that cannot say has nothing to say: the folders stand already. */
static void got(void *ctx, enum err e, const struct store_meta *m, size_t n, const char *more)
{
	struct imap_session *s = ctx;
	struct list_run *r = s->run;

	imap_call_done(s);
	for (size_t i = 0; e == ERR_OK && i < n; i++)
		keep(s, r, ns_path(s, &r->place, m[i].path), &m[i]);
	if (e == ERR_OK && more) {
		r->meta_after = arena_str(&s->reader.arena, more);
		ask(s);
	} else {
		say_all(s, r);
		r->n_meta = 0;
		r->meta_then(s);
	}
	imap_pump(s);
}

static void ask(struct imap_session *s)
{
	struct list_run *r = s->run;

	s->call = store_meta_get(&s->at, &(struct store_meta_ask){
		.after = r->meta_after, .entries = r->args.metadata,
	}, got, s);
	imap_await(s);
}

void list_meta_say(struct imap_session *s, void (*then)(struct imap_session *s))
{
	struct list_run *r = s->run;

	if (r->n_meta == 0) {
		then(s);
		return;
	}
	qsort(r->meta, r->n_meta, sizeof(*r->meta), by_path);
	r->meta_after = NULL;
	r->meta_then = then;
	ask(s);
}
