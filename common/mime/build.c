#include "common/mime/build.h"

#include "common/mime/date.h"
#include "common/mime/word.h"

#include <stdio.h>

#define FOLD_AT 76
#define VALUE_MAX (256 * 1024)

static enum err add_name(struct buf *out, const char *name)
{
	enum err e;

	if (*name == '\0')
		return ERR_INVALID;
	for (const char *p = name; *p; p++)
		if (*p <= ' ' || *p == ':' || *p >= 0x7f)
			return ERR_INVALID;
	e = buf_adds(out, name);
	return e ? e : buf_addc(out, ':');
}

/* The value, broken before words that would pass the margin.  A word longer
 * than a line stays whole: nowhere may a token be broken. */
static enum err add_folded(struct buf *out, size_t col, struct span v)
{
	enum err e = ERR_OK;
	size_t at = 0;

	while (!e && at < v.n) {
		size_t from = at, word;

		while (at < v.n && v.p[at] == ' ')
			at++;
		word = at;
		while (at < v.n && v.p[at] != ' ')
			at++;
		if (word == at)
			break;				/* trailing space */
		if (col + at - from > FOLD_AT && col > 1) {
			e = buf_adds(out, "\r\n");
			col = 0;
		}
		if (!e && from == word)
			e = buf_addc(out, ' ');
		if (!e)
			e = buf_add(out, v.p + from, at - from);
		col += at - from + (from == word);
	}
	return e ? e : buf_adds(out, "\r\n");
}

static void clear_controls(struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if ((unsigned char)b->data[i] < ' ' || b->data[i] == 0x7f)
			b->data[i] = ' ';
}

enum err build_field(struct buf *out, const char *name, struct span text)
{
	struct buf clean, value;
	enum err e;

	buf_init(&clean, VALUE_MAX);
	buf_init(&value, VALUE_MAX * 4);
	e = buf_add(&clean, text.p, text.n);
	clear_controls(&clean);
	if (!e)
		e = word_encode((struct span){ clean.data, clean.len }, &value);
	if (!e)
		e = add_name(out, name);
	if (!e)
		e = add_folded(out, strlen(name) + 1, (struct span){ value.data, value.len });
	buf_fini(&clean);
	buf_fini(&value);
	return e;
}

enum err build_raw_field(struct buf *out, const char *name, struct span value)
{
	struct buf clean;
	enum err e;

	buf_init(&clean, VALUE_MAX);
	e = buf_add(&clean, value.p, value.n);
	clear_controls(&clean);
	if (!e)
		e = add_name(out, name);
	if (!e)
		e = add_folded(out, strlen(name) + 1, (struct span){ clean.data, clean.len });
	buf_fini(&clean);
	return e;
}

enum err build_addresses(struct buf *out, const char *name, const struct address *list,
			 size_t n)
{
	struct buf names, value;
	struct address *copy;
	struct arena a = { 0 };
	enum err e = ERR_OK;

	buf_init(&names, VALUE_MAX);
	buf_init(&value, VALUE_MAX);
	copy = arena_alloc(&a, (n + 1) * sizeof(*copy));
	for (size_t i = 0; !e && i < n; i++) {
		copy[i] = list[i];
		buf_clear(&names);
		e = word_encode(list[i].name, &names);
		copy[i].name = (struct span){ arena_dup(&a, names.data, names.len), names.len };
	}
	if (!e)
		e = address_write(copy, n, &value);
	if (!e)
		e = build_raw_field(out, name, (struct span){ value.data, value.len });
	arena_fini(&a);
	buf_fini(&names);
	buf_fini(&value);
	return e;
}

enum err build_date(struct buf *out, int64_t ms, int offset_min)
{
	char text[DATE_TEXT_MAX];
	size_t n = date_write(text, ms, offset_min);

	return build_raw_field(out, "Date", (struct span){ text, n });
}

void build_boundary(char dst[BUILD_BOUNDARY_MAX], uint64_t seed, unsigned nth)
{
	snprintf(dst, BUILD_BOUNDARY_MAX, "=_%016llx_%u", (unsigned long long)seed, nth);
}
