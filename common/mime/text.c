#include "common/mime/text.h"

#include "common/base/check.h"
#include "common/mime/codec.h"
#include "common/mime/header.h"
#include "common/mime/html.h"
#include "common/mime/param.h"
#include "common/mime/utf8.h"
#include "common/mime/word.h"
#include <stdlib.h>

#define MAX_HEADER (256u << 10)		/* of one header looked at */
#define MAX_BLOCK  (64u << 10)		/* of decoded text converted at a time */

/* What is being read: the parts' headers and bodies, in order of offset. */
enum region { IN_HEADER, IN_TEXT, IN_OTHER };

struct mime_text {
	struct mime_text_to to;
	const struct mime_view *map;

	uint64_t pos, end;		/* of the region */
	enum region region;
	size_t part;			/* the next one to begin */
	struct mime_part now;
	bool header_done;		/* the message's own */
	bool said;			/* a piece of this part */
	bool is_html;

	struct buf header;		/* the header being read */
	struct buf charset;
	struct buf block;		/* decoded, not converted yet */
	struct buf text, plain;		/* scratch */
	struct b64_dec b64;
	struct qp_dec qp;
	struct html html;
};

/* ---- text --------------------------------------------------------------------- */

static void say(struct mime_text *t, struct span s)
{
	while (s.n > 0) {
		size_t n = utf8_cut(s, MIME_TEXT_PIECE);

		if (n == 0)		/* cannot be: all here is well-formed */
			n = s.n < MIME_TEXT_PIECE ? s.n : MIME_TEXT_PIECE;
		t->to.text(t->to.ctx, (struct span){ s.p, n }, !t->said);
		t->said = true;
		s.p += n;
		s.n -= n;
	}
}

static void say_text(struct mime_text *t, struct span s)
{
	if (!t->is_html) {
		say(t, s);
		return;
	}
	buf_clear(&t->plain);
	html_feed(&t->html, s.p, s.n, &t->plain);
	say(t, (struct span){ t->plain.data, t->plain.len });
}

/* Bytes at the end that are the beginning of a character, if this is UTF-8. */
static size_t open_end(const struct buf *b)
{
	size_t n = 0;

	while (n < 3 && n < b->len && ((unsigned char)b->data[b->len - 1 - n] & 0xc0) == 0x80)
		n++;
	return n < b->len && (unsigned char)b->data[b->len - 1 - n] >= 0xc0 ? n + 1 : 0;
}

/* Convert and say what was decoded; all, or up to where no character is cut: behind
 * the last line's end, or where there is none, the last whole character. */
static void flush_block(struct mime_text *t, bool all)
{
	size_t n = t->block.len;
	struct span charset = { t->charset.data, t->charset.len };

	if (!all) {
		const char *lf = memrchr(t->block.data, '\n', n);

		if (lf)
			n = (size_t)(lf - t->block.data) + 1;
		else if (t->block.len >= MAX_BLOCK)
			n -= open_end(&t->block);
		else
			n = 0;
	}
	if (n == 0)
		return;
	buf_clear(&t->text);
	if (!word_convert(charset, (struct span){ t->block.data, n }, &t->text))
		(void)word_convert(SPAN("utf-8"), (struct span){ t->block.data, n }, &t->text);
	say_text(t, (struct span){ t->text.data, t->text.len });
	buf_drop(&t->block, n);
}

static void feed_text(struct mime_text *t, const char *p, size_t n)
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
		p += k;
		n -= k;
	}
}

/* ---- headers ------------------------------------------------------------------- */

static void say_field(struct mime_text *t, const struct header_field *f)
{
	buf_clear(&t->text);
	word_decode(f->value, &t->text);
	t->to.field(t->to.ctx, f->name,
		    (struct span){ t->text.data, utf8_cut((struct span){ t->text.data,
		    t->text.len }, MIME_TEXT_PIECE) });
}

static void say_name(struct mime_text *t, const struct param_value *v, const char *param)
{
	buf_clear(&t->text);
	if (!param_text(v, param, &t->text))
		return;
	t->said = false;
	say(t, (struct span){ t->text.data, t->text.len });
}

/* The header of a part: names of files, or what a message attached says of itself. */
static void say_part_field(struct mime_text *t, const struct header_field *f)
{
	static const char *const told[] = { "Subject", "From", "To", "Cc" };
	struct arena a = { 0 };
	struct param_value v;

	for (size_t i = 0; i < N_ELEMS(told); i++)
		if (span_is(f->name, told[i])) {
			buf_clear(&t->text);
			word_decode(f->value, &t->text);
			t->said = false;
			say(t, (struct span){ t->text.data, t->text.len });
			return;
		}
	if (span_is(f->name, "Content-Type") || span_is(f->name, "Content-Disposition")) {
		param_parse(&a, f->value, &v);
		say_name(t, &v, span_is(f->name, "Content-Type") ? "name" : "filename");
		arena_fini(&a);
	}
}

/* The body of t->now begins: is it text, and in which charset? */
static void begin_body(struct mime_text *t)
{
	struct header_field f;
	struct arena a = { 0 };
	struct param_value v;

	t->region = t->now.kind == MIME_LEAF ? IN_TEXT : IN_OTHER;
	t->is_html = false;
	t->said = false;
	buf_clear(&t->charset);
	if (header_find((struct span){ t->header.data, t->header.len }, "Content-Type", &f)) {
		param_parse(&a, f.value, &v);
		if (v.type.n > 0 && !span_is(v.type, "text"))
			t->region = IN_OTHER;
		t->is_html = span_is(v.subtype, "html");
		if (!param_text(&v, "charset", &t->charset))
			buf_clear(&t->charset);
	}
	if (t->charset.len == 0 && buf_adds(&t->charset, "utf-8") != ERR_OK)
		buf_clear(&t->charset);
	arena_fini(&a);
	memset(&t->b64, 0, sizeof(t->b64));
	memset(&t->qp, 0, sizeof(t->qp));
	memset(&t->html, 0, sizeof(t->html));
	buf_clear(&t->block);
}

static void end_header(struct mime_text *t)
{
	struct span rest = { t->header.data, t->header.len };
	struct header_field f;

	while (header_next(&rest, &f))
		if (t->header_done)
			say_part_field(t, &f);
		else
			say_field(t, &f);
	t->header_done = true;
	begin_body(t);
	t->end = t->now.body_end;
	/* The children of a multipart lie inside its body: their headers end it. */
	if (t->now.kind != MIME_LEAF)
		t->end = t->now.body_start;
}

/* ---- regions ------------------------------------------------------------------- */

static void end_text(struct mime_text *t)
{
	if (t->now.encoding == MIME_QP)
		CHECK(qp_dec_end(&t->qp, &t->block) == ERR_OK);
	flush_block(t, true);
	if (!t->is_html)
		return;
	buf_clear(&t->plain);
	html_end(&t->html, &t->plain);
	say(t, (struct span){ t->plain.data, t->plain.len });
}

/* The region is over: choose the next.  False: nothing is left. */
static bool next_region(struct mime_text *t)
{
	if (t->region == IN_HEADER) {
		end_header(t);
		if (t->end > t->pos)
			return true;
	} else if (t->region == IN_TEXT) {
		end_text(t);
	}
	t->region = IN_OTHER;
	while (t->map && t->part < t->map->n_parts) {
		t->now = mime_view_part(t->map, t->part++);
		if (t->now.hdr_start < t->pos)
			continue;
		if (t->now.hdr_start > t->pos) {	/* a boundary line between */
			t->part--;
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

struct mime_text *mime_text_new(const struct mime_view *map, const struct mime_text_to *to)
{
	struct mime_text *t = xcalloc(1, sizeof(*t));

	t->to = *to;
	t->map = map;
	buf_init(&t->header, MAX_HEADER);
	buf_init(&t->charset, 256);
	buf_init(&t->block, 4 * MAX_BLOCK);
	buf_init(&t->text, 4 * MAX_HEADER + 16);
	buf_init(&t->plain, 3 * t->text.max + 32);
	t->region = IN_OTHER;
	return t;
}

void mime_text_free(struct mime_text **tp)
{
	struct mime_text *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	buf_fini(&t->header);
	buf_fini(&t->charset);
	buf_fini(&t->block);
	buf_fini(&t->text);
	buf_fini(&t->plain);
	free(t);
}

static bool is_enough(const struct mime_text *t)
{
	return t->to.enough && t->to.enough(t->to.ctx, t->header_done);
}

bool mime_text_feed(struct mime_text *t, const char *p, size_t n)
{
	while (n > 0) {
		size_t k;

		while (t->pos >= t->end)
			if (!next_region(t) || is_enough(t))
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
	return !is_enough(t);
}

uint64_t mime_text_idle(const struct mime_text *t)
{
	return t->region == IN_OTHER && t->end > t->pos ? t->end - t->pos : 0;
}

void mime_text_skip(struct mime_text *t, uint64_t n)
{
	CHECK(n <= mime_text_idle(t));
	t->pos += n;
}

void mime_text_end(struct mime_text *t)
{
	while (t->pos >= t->end)
		if (!next_region(t))
			return;
	if (t->region == IN_TEXT)
		end_text(t);
	else if (t->region == IN_HEADER)
		end_header(t);
	t->region = IN_OTHER;
	t->end = t->pos + 1;		/* said once */
}
