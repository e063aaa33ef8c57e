#include "roles/client-access/imap/text_search.h"

#include "common/base/check.h"
#include "common/mime/casemap.h"
#include "common/mime/text.h"
#include "common/mime/utf8.h"
#include <stdlib.h>

#define MAX_PIECE (32u << 10)	/* of text whose key is made at a time */

struct text_search {
	struct text_needle *needles;
	size_t n;
	struct arena arena;		/* the needles' keys */
	struct mime_text *reader;
	size_t longest;			/* key of a needle, in bytes */
	struct buf line;		/* "Name: value" */
	struct buf key;			/* of a piece, behind the tail of the one before */
};

static struct span key_of(const struct buf *b)
{
	return (struct span){ b->data, b->len };
}

static bool has(struct span hay, struct span needle)
{
	return needle.n == 0 || (hay.n >= needle.n && memmem(hay.p, hay.n, needle.p, needle.n));
}

bool text_contains(struct span s, struct span text)
{
	struct buf a, b;
	bool found;

	buf_init(&a, CASEMAP_GROWTH * s.n + 8);
	buf_init(&b, CASEMAP_GROWTH * text.n + 8);
	casemap(s, &a);
	casemap(text, &b);
	found = has(key_of(&a), key_of(&b));
	buf_fini(&a);
	buf_fini(&b);
	return found;
}

/* ---- what the reader says ---------------------------------------------------------- */

static bool is_field(const struct text_needle *k, struct span name)
{
	return k->field.n == name.n && strncasecmp(k->field.p, name.p, name.n) == 0;
}

/* The text t->key + s, piece by piece; keep: the next s goes on behind it. */
static void match(struct text_search *t, struct span s,
		  bool (*wanted)(const struct text_needle *k, struct span name), struct span name)
{
	size_t keep = t->longest ? t->longest - 1 : 0;

	do {
		size_t n = utf8_cut(s, MAX_PIECE);

		if (n == 0)
			n = s.n < MAX_PIECE ? s.n : MAX_PIECE;
		casemap((struct span){ s.p, n }, &t->key);
		for (size_t i = 0; i < t->n; i++) {
			struct text_needle *k = &t->needles[i];

			if (!k->hit && wanted(k, name))
				k->hit = has(key_of(&t->key), k->key);
		}
		if (t->key.len > keep)
			buf_drop(&t->key, t->key.len - keep);
		s.p += n;
		s.n -= n;
	} while (s.n > 0);
}

static bool wants_field(const struct text_needle *k, struct span name)
{
	return k->where == TEXT_HEADER_FIELD && is_field(k, name);
}

static bool wants_line(const struct text_needle *k, struct span name)
{
	(void)name;
	return k->where == TEXT_ANYWHERE;
}

static bool wants_body(const struct text_needle *k, struct span name)
{
	(void)name;
	return k->where != TEXT_HEADER_FIELD;
}

/* TEXT looks at whole fields, with their names. */
static void on_field(void *ctx, struct span name, struct span text)
{
	struct text_search *t = ctx;

	buf_clear(&t->key);
	match(t, text, wants_field, name);
	buf_clear(&t->line);
	if (buf_add(&t->line, name.p, name.n) || buf_add(&t->line, ": ", 2) ||
	    buf_add(&t->line, text.p, text.n))
		buf_clear(&t->line);
	buf_clear(&t->key);
	match(t, key_of(&t->line), wants_line, name);
}

static void on_text(void *ctx, struct span piece, bool first)
{
	struct text_search *t = ctx;

	if (first)
		buf_clear(&t->key);
	match(t, piece, wants_body, piece);
}

static bool enough(void *ctx, bool in_body)
{
	const struct text_search *t = ctx;

	for (size_t i = 0; i < t->n; i++)
		if (!t->needles[i].hit &&
		    (t->needles[i].where != TEXT_HEADER_FIELD || !in_body))
			return false;
	return true;
}

/* ---- life --------------------------------------------------------------------------- */

struct text_search *text_search_new(struct text_needle *needles, size_t n,
				    const struct mime_view *map)
{
	struct text_search *t = xcalloc(1, sizeof(*t));
	const struct mime_text_to to = { .field = on_field, .text = on_text, .enough = enough,
					 .ctx = t };

	t->needles = needles;
	t->n = n;
	for (size_t i = 0; i < n; i++) {
		struct buf b;

		buf_init(&b, CASEMAP_GROWTH * needles[i].text.n + 8);
		casemap(needles[i].text, &b);
		needles[i].hit = false;
		needles[i].key = (struct span){ arena_dup(&t->arena, b.data, b.len), b.len };
		if (b.len > t->longest)
			t->longest = b.len;
		buf_fini(&b);
	}
	buf_init(&t->line, MIME_TEXT_PIECE + (300u << 10));
	buf_init(&t->key, CASEMAP_GROWTH * MAX_PIECE + 8 + t->longest);
	t->reader = mime_text_new(map, &to);
	return t;
}

void text_search_free(struct text_search **tp)
{
	struct text_search *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	mime_text_free(&t->reader);
	buf_fini(&t->line);
	buf_fini(&t->key);
	arena_fini(&t->arena);
	free(t);
}

bool text_search_feed(struct text_search *t, const char *p, size_t n)
{
	return mime_text_feed(t->reader, p, n);
}

uint64_t text_search_idle(const struct text_search *t)
{
	return mime_text_idle(t->reader);
}

void text_search_skip(struct text_search *t, uint64_t n)
{
	mime_text_skip(t->reader, n);
}

void text_search_end(struct text_search *t)
{
	mime_text_end(t->reader);
}
