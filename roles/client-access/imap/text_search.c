#include "roles/client-access/imap/text_search.h"

#include "common/base/check.h"
#include "common/mime/codec.h"
#include "common/mime/header.h"
#include "common/mime/param.h"
#include "common/mime/word.h"
#include <stdlib.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#define MAX_HEADER (256u << 10)	/* of one header looked at */
#define MAX_BLOCK  (64u << 10)	/* of decoded text converted at a time */

/* What is being read: the parts' headers and bodies, in order of offset. */
enum region { IN_HEADER, IN_TEXT, IN_OTHER };

struct text_search {
	struct text_needle *needles;
	size_t n;
	const struct mime_view *map;
	struct arena arena;		/* the folded needles */

	uint64_t pos, end;		/* of the region */
	enum region region;
	size_t part;			/* the next one to begin */
	struct mime_part now;
	bool header_done;		/* the message's own */

	struct buf header;		/* the header being read */
	struct buf charset;
	struct buf block;		/* decoded, not converted yet */
	struct buf text, fold;		/* scratch; fold keeps a tail for the next block */
	size_t longest;			/* folded needle, in bytes */
	struct b64_dec b64;
	struct qp_dec qp;
};

/* ---- folding ------------------------------------------------------------------ */

/* Append s folded.  Malformed bytes become U+FFFD. */
static void fold(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.n;) {
		unsigned char c = (unsigned char)s.p[i];
		char utf8[4];
		int32_t at = (int32_t)i, n = 0;
		UChar32 u;

		if (c < 0x80) {
			utf8[n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
			i++;
		} else {
			U8_NEXT_OR_FFFD(s.p, at, (int32_t)s.n, u);
			i = (size_t)at;
			u = u_foldCase(u, U_FOLD_CASE_DEFAULT);
			U8_APPEND_UNSAFE(utf8, n, u);
		}
		if (buf_add(out, utf8, (size_t)n) != ERR_OK)
			return;
	}
}

static bool has(struct span hay, struct span needle)
{
	return needle.n == 0 || memmem(hay.p, hay.n, needle.p, needle.n) != NULL;
}

bool text_contains(struct span s, struct span text)
{
	struct buf a, b;
	bool found;

	buf_init(&a, 4 * s.n + 4);
	buf_init(&b, 4 * text.n + 4);
	fold(s, &a);
	fold(text, &b);
	found = has((struct span){ a.data, a.len }, (struct span){ b.data, b.len });
	buf_fini(&a);
	buf_fini(&b);
	return found;
}

/* ---- matching ----------------------------------------------------------------- */

static bool is_open(const struct text_needle *k)
{
	return !k->hit;
}

static void match_field(struct text_search *t, const struct header_field *f)
{
	buf_clear(&t->text);
	buf_clear(&t->fold);
	word_decode(f->value, &t->text);
	fold((struct span){ t->text.data, t->text.len }, &t->fold);
	for (size_t i = 0; i < t->n; i++) {
		struct text_needle *k = &t->needles[i];

		if (k->where == TEXT_BODY || !is_open(k))
			continue;
		if (k->where == TEXT_HEADER_FIELD &&
		    (k->field.n != f->name.n ||
		     strncasecmp(k->field.p, f->name.p, f->name.n) != 0))
			continue;
		k->hit = has((struct span){ t->fold.data, t->fold.len }, k->folded);
	}
}

/* t->fold has grown by a block. */
static void match_block(struct text_search *t)
{
	size_t keep = t->longest ? t->longest - 1 : 0;

	for (size_t i = 0; i < t->n; i++) {
		struct text_needle *k = &t->needles[i];

		if (k->where != TEXT_HEADER_FIELD && is_open(k))
			k->hit = has((struct span){ t->fold.data, t->fold.len }, k->folded);
	}
	if (t->fold.len > keep)
		buf_drop(&t->fold, t->fold.len - keep);
}

/* ---- regions ------------------------------------------------------------------- */

/* Convert and match what was decoded; all, or up to the last line's end, so that
 * no character is cut. */
static void flush_block(struct text_search *t, bool all)
{
	size_t n = t->block.len;
	struct span raw;

	if (!all) {
		const char *lf = memrchr(t->block.data, '\n', n);

		if (lf)
			n = (size_t)(lf - t->block.data) + 1;
	}
	if (n == 0)
		return;
	raw = (struct span){ t->block.data, n };
	buf_clear(&t->text);
	if (word_convert((struct span){ t->charset.data, t->charset.len }, raw, &t->text))
		raw = (struct span){ t->text.data, t->text.len };
	fold(raw, &t->fold);
	match_block(t);
	buf_drop(&t->block, n);
}

static void feed_text(struct text_search *t, const char *p, size_t n)
{
	while (n > 0) {
		size_t k = n < MAX_BLOCK ? n : MAX_BLOCK;
		enum err e;

		if (t->now.encoding == MIME_BASE64)
			e = b64_dec_feed(&t->b64, p, k, &t->block);
		else if (t->now.encoding == MIME_QP)
			e = qp_dec_feed(&t->qp, p, k, &t->block);
		else
			e = buf_add(&t->block, p, k);
		CHECK(e == ERR_OK);	/* decoding never makes more of it */
		if (t->block.len >= MAX_BLOCK)
			flush_block(t, false);
		if (t->block.len >= MAX_BLOCK)	/* one endless line */
			flush_block(t, true);
		p += k;
		n -= k;
	}
}

/* The body of t->now begins: is it text, and in which charset? */
static void begin_body(struct text_search *t)
{
	struct header_field f;
	struct arena a = { 0 };
	struct param_value v;

	t->region = t->now.kind == MIME_LEAF ? IN_TEXT : IN_OTHER;
	buf_clear(&t->charset);
	if (header_find((struct span){ t->header.data, t->header.len }, "Content-Type", &f)) {
		param_parse(&a, f.value, &v);
		if (v.type.n > 0 && !span_is(v.type, "text"))
			t->region = IN_OTHER;
		if (!param_text(&v, "charset", &t->charset))
			buf_clear(&t->charset);
	}
	if (t->charset.len == 0 && buf_adds(&t->charset, "utf-8") != ERR_OK)
		buf_clear(&t->charset);
	arena_fini(&a);
	memset(&t->b64, 0, sizeof(t->b64));
	memset(&t->qp, 0, sizeof(t->qp));
	buf_clear(&t->block);
	buf_clear(&t->fold);
}

static void end_header(struct text_search *t)
{
	struct span rest = { t->header.data, t->header.len };
	struct header_field f;

	while (!t->header_done && header_next(&rest, &f))
		match_field(t, &f);
	t->header_done = true;
	begin_body(t);
	t->end = t->now.body_end;
	/* The children of a multipart lie inside its body: their headers end it. */
	if (t->now.kind != MIME_LEAF)
		t->end = t->now.body_start;
}

/* The region is over: choose the next.  False: nothing is left. */
static bool next_region(struct text_search *t)
{
	if (t->region == IN_HEADER) {
		end_header(t);
		if (t->end > t->pos)
			return true;
	} else if (t->region == IN_TEXT) {
		if (t->now.encoding == MIME_QP)
			CHECK(qp_dec_end(&t->qp, &t->block) == ERR_OK);
		flush_block(t, true);
	}
	while (t->map && t->part < t->map->n_parts) {
		t->now = mime_view_part(t->map, t->part++);
		if (t->now.hdr_start < t->pos)
			continue;
		if (t->now.hdr_start > t->pos) {	/* a boundary line between */
			t->part--;
			t->region = IN_OTHER;
			t->end = t->now.hdr_start;
			return true;
		}
		buf_clear(&t->header);
		t->region = IN_HEADER;
		t->end = t->now.body_start;
		if (t->end > t->pos)
			return true;
		end_header(t);
		if (t->end > t->pos)
			return true;
	}
	return false;
}

struct text_search *text_search_new(struct text_needle *needles, size_t n,
				    const struct mime_view *map)
{
	struct text_search *t = xcalloc(1, sizeof(*t));

	t->needles = needles;
	t->n = n;
	t->map = map;
	buf_init(&t->header, MAX_HEADER);
	buf_init(&t->charset, 256);
	buf_init(&t->block, 4 * MAX_BLOCK);
	buf_init(&t->text, 4 * MAX_HEADER + 16);
	for (size_t i = 0; i < n; i++) {
		struct buf b;

		buf_init(&b, 4 * needles[i].text.n + 4);
		fold(needles[i].text, &b);
		needles[i].hit = false;
		needles[i].folded = (struct span){ arena_dup(&t->arena, b.data, b.len), b.len };
		if (b.len > t->longest)
			t->longest = b.len;
		buf_fini(&b);
	}
	buf_init(&t->fold, 16 * MAX_HEADER + t->longest);
	t->region = IN_OTHER;
	return t;
}

void text_search_free(struct text_search **tp)
{
	struct text_search *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	buf_fini(&t->header);
	buf_fini(&t->charset);
	buf_fini(&t->block);
	buf_fini(&t->text);
	buf_fini(&t->fold);
	arena_fini(&t->arena);
	free(t);
}

static bool wants_more(const struct text_search *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (is_open(&t->needles[i]) &&
		    (t->needles[i].where != TEXT_HEADER_FIELD || !t->header_done))
			return true;
	return false;
}

bool text_search_feed(struct text_search *t, const char *p, size_t n)
{
	while (n > 0) {
		size_t k;

		while (t->pos >= t->end)
			if (!next_region(t) || !wants_more(t))
				return false;
		k = t->end - t->pos < n ? (size_t)(t->end - t->pos) : n;
		if (t->region == IN_HEADER) {
			size_t room = t->header.max - t->header.len;

			CHECK(buf_add(&t->header, p, k < room ? k : room) == ERR_OK);
		} else if (t->region == IN_TEXT) {
			feed_text(t, p, k);
		}
		t->pos += k;
		p += k;
		n -= k;
	}
	return wants_more(t);
}

void text_search_end(struct text_search *t)
{
	while (t->pos >= t->end)
		if (!next_region(t))
			return;
	if (t->region == IN_TEXT)
		flush_block(t, true);
	else if (t->region == IN_HEADER)
		end_header(t);
}
