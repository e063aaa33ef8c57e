#include "common/mime/unbinary.h"

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/mime/codec.h"
#include "common/mime/header.h"
#include "common/mime/param.h"
#include <stdlib.h>
#include <string.h>

/*
 * 1. In BODY with open boundaries a line end is held back in eol until the next line is
 *    known not to be a boundary, to which it would belong.
 * 2. A line is held back in line as long as it may be a boundary: is_start.
 * 3. In HEAD all of the header is held back; its last line begins at head_line.
 */
#define BOUNDARY_MAX 200u
#define LINE_KEEP    (2 * BOUNDARY_MAX)

enum state { HEAD, BODY, PASS };

struct bound {
	char text[BOUNDARY_MAX];
	size_t n;
	bool is_digest;			/* parts without a type are messages */
};

struct unbinary {
	enum state state;
	struct buf head, line;
	size_t head_line;
	bool in_digest;			/* the header is that of one of its parts */
	bool is_start;
	char eol[2];
	size_t n_eol;
	bool encodes;
	struct b64_enc enc;
	struct bound bound[UNBINARY_DEPTH];
	size_t n_bounds;
};

struct unbinary *unbinary_new(void)
{
	struct unbinary *u = xcalloc(1, sizeof(*u));

	buf_init(&u->head, MIME_HEADER_MAX);
	buf_init(&u->line, LINE_KEEP);
	return u;
}

void unbinary_free(struct unbinary **up)
{
	struct unbinary *u = *up;

	*up = NULL;
	if (u == NULL)
		return;
	buf_fini(&u->head);
	buf_fini(&u->line);
	free(u);
}

static enum err pour(struct unbinary *u, const char *p, size_t n, struct buf *out)
{
	if (n == 0)
		return ERR_OK;
	return u->encodes ? b64_enc_feed(&u->enc, p, n, out) : buf_add(out, p, n);
}

static enum err pour_eol(struct unbinary *u, struct buf *out)
{
	size_t n = u->n_eol;

	u->n_eol = 0;
	return pour(u, u->eol, n, out);
}

/* ---- headers -------------------------------------------------------------------------- */

/* How a part is called that was binary; NULL: it is not touched. */
static const char *new_encoding(struct unbinary *u, const struct param_value *type,
				const struct param *boundary)
{
	if (u->state == HEAD)
		return "8bit";
	if (span_is(type->type, "multipart"))
		return boundary ? "8bit" : NULL;
	if (span_is(type->type, "message"))
		return NULL;
	u->encodes = true;
	u->enc = (struct b64_enc){ .n_hold = 0 };
	return "base64";
}

static bool is_message(const struct unbinary *u, const struct param_value *type, bool has_type)
{
	if (!has_type)
		return u->in_digest;
	return span_is(type->type, "message") &&
	       (span_is(type->subtype, "rfc822") || span_is(type->subtype, "global"));
}

/* What stands behind this header?  False: nothing that may be changed. */
static bool enter(struct unbinary *u, const struct param_value *type, bool has_type,
		  const struct param *boundary)
{
	struct bound *b;

	u->state = is_message(u, type, has_type) ? HEAD : BODY;
	if (!has_type || !span_is(type->type, "multipart"))
		return true;
	if (span_is(type->subtype, "signed") || u->n_bounds == UNBINARY_DEPTH)
		return false;
	if (boundary == NULL)
		return true;
	b = &u->bound[u->n_bounds++];
	memcpy(b->text, boundary->value.p, boundary->value.n);
	b->n = boundary->value.n;
	b->is_digest = span_is(type->subtype, "digest");
	return true;
}

static const struct param *boundary_of(const struct param_value *type)
{
	const struct param *b = param_find(type, "boundary");

	return b && b->value.n > 0 && b->value.n <= BOUNDARY_MAX ? b : NULL;
}

/* The header with its encoding called something else. */
static enum err put_head(struct unbinary *u, const struct header_field *f, const char *name,
			 struct buf *out)
{
	size_t before = (size_t)(f->raw.p - u->head.data);
	enum err e = buf_add(out, u->head.data, before);

	if (!e)
		e = buf_addf(out, "Content-Transfer-Encoding: %s\r\n", name);
	return e ? e : buf_add(out, f->raw.p + f->raw.n, u->head.len - before - f->raw.n);
}

static enum err end_head(struct unbinary *u, struct buf *out)
{
	const struct span head = { u->head.data, u->head.len };
	struct param_value type = { .n_params = 0 };
	struct header_field f, cte;
	bool has_type = header_find(head, "Content-Type", &f), goes_on;
	const struct param *boundary = NULL;
	const char *name = NULL;
	struct arena a = { 0 };
	enum err e;

	if (has_type) {
		param_parse(&a, f.value, &type);
		boundary = boundary_of(&type);
	}
	goes_on = enter(u, &type, has_type, boundary);
	/* Said twice it may mean either. */
	if (goes_on && header_count(head, "Content-Transfer-Encoding") == 1 &&
	    header_count(head, "Content-Type") <= 1 &&
	    header_find(head, "Content-Transfer-Encoding", &cte) &&
	    span_is(header_trim(cte.value), "binary"))
		name = new_encoding(u, &type, boundary);
	e = name ? put_head(u, &cte, name, out) : buf_add(out, head.p, head.n);
	if (!goes_on)
		u->state = PASS;
	arena_fini(&a);
	buf_clear(&u->head);
	u->head_line = 0;
	u->in_digest = false;
	u->is_start = true;
	u->n_eol = 0;
	return e;
}

/* ---- boundaries ------------------------------------------------------------------------ */

static bool is_bound(const struct bound *b, struct span line, bool *is_end)
{
	*is_end = line.n == b->n + 2 && line.p[b->n] == '-' && line.p[b->n + 1] == '-';
	return (*is_end || line.n == b->n) && memcmp(line.p, b->text, b->n) == 0;
}

/* The innermost open boundary that this line is, + 1, or 0. */
static size_t find_bound(const struct unbinary *u, struct span line, bool *is_end)
{
	size_t i = u->n_bounds;

	*is_end = false;
	if (line.n < 2 || line.p[0] != '-' || line.p[1] != '-')
		return 0;
	line = (struct span){ line.p + 2, line.n - 2 };
	while (line.n > 0 && memchr(" \t\r\n", line.p[line.n - 1], 4))
		line.n--;
	while (i > 0 && !is_bound(&u->bound[i - 1], line, is_end))
		i--;
	return i;
}

/* The line closes a part, if it is a boundary: *met. */
static enum err take_bound(struct unbinary *u, struct span line, struct buf *out, bool *met)
{
	bool is_end;
	size_t i = find_bound(u, line, &is_end);
	enum err e;

	*met = i > 0;
	if (i == 0)
		return ERR_OK;
	if (u->state == HEAD)
		e = buf_add(out, u->head.data, u->head_line);	/* it has no body */
	else
		e = u->encodes ? b64_enc_end(&u->enc, out) : pour_eol(u, out);
	if (!e)
		e = buf_add(out, line.p, line.n);
	u->encodes = false;
	u->n_eol = 0;
	u->n_bounds = is_end ? i - 1 : i;
	u->state = is_end ? BODY : HEAD;
	u->in_digest = !is_end && u->bound[i - 1].is_digest;
	u->is_start = true;
	u->head_line = 0;
	buf_clear(&u->head);
	return e;
}

/* ---- feeding ----------------------------------------------------------------------------- */

/* Each takes some bytes from the front of *in, at least one. */
static enum err feed_head(struct unbinary *u, struct span *in, struct buf *out)
{
	const char *nl = memchr(in->p, '\n', in->n);
	size_t n = nl ? (size_t)(nl - in->p) + 1 : in->n;
	struct span line;
	bool met;
	enum err e;

	if (n > u->head.max - u->head.len) {
		u->state = PASS;
		return buf_add(out, u->head.data, u->head.len);
	}
	e = buf_add(&u->head, in->p, n);
	*in = (struct span){ in->p + n, in->n - n };
	if (e || nl == NULL)
		return e;
	line = (struct span){ u->head.data + u->head_line, u->head.len - u->head_line };
	if (line.n == 1 || (line.n == 2 && line.p[0] == '\r'))
		return end_head(u, out);
	e = take_bound(u, line, out, &met);
	if (!met)
		u->head_line = u->head.len;
	return e;
}

/* Up to the end of a line that is no boundary. */
static enum err feed_line(struct unbinary *u, struct span *in, struct buf *out)
{
	const char *nl = memchr(in->p, '\n', in->n);
	size_t n = nl ? (size_t)(nl - in->p) : in->n, keep;
	enum err e = ERR_OK;

	if (n > 0 && u->n_eol)			/* that CR ends nothing */
		e = pour_eol(u, out);
	keep = n > 0 && in->p[n - 1] == '\r';
	if (!e)
		e = pour(u, in->p, n - keep, out);
	if (keep)
		u->eol[u->n_eol++] = '\r';
	if (nl) {
		u->eol[u->n_eol++] = '\n';
		u->is_start = true;
		n++;
	}
	*in = (struct span){ in->p + n, in->n - n };
	return e;
}

/* The line is no boundary: it is a line like others. */
static enum err give_up(struct unbinary *u, struct buf *out)
{
	struct span line = { u->line.data, u->line.len };
	enum err e = pour_eol(u, out);

	u->is_start = false;
	while (!e && line.n > 0)
		e = feed_line(u, &line, out);
	buf_clear(&u->line);
	return e;
}

static enum err feed_start(struct unbinary *u, struct span *in, struct buf *out)
{
	char c = *in->p;
	enum err e = buf_addc(&u->line, c);
	bool met;

	*in = (struct span){ in->p + 1, in->n - 1 };
	if (e)
		return e;
	if (c == '\n') {
		struct span line = { u->line.data, u->line.len };

		e = take_bound(u, line, out, &met);
		if (met)
			buf_clear(&u->line);
		return met || e ? e : give_up(u, out);
	}
	if ((u->line.len <= 2 && c != '-') || u->line.len == LINE_KEEP)
		return give_up(u, out);
	return ERR_OK;
}

enum err unbinary_feed(struct unbinary *u, const char *p, size_t n, struct buf *out)
{
	struct span in = { p, n };
	enum err e = ERR_OK;

	while (!e && in.n > 0) {
		if (u->state == HEAD) {
			e = feed_head(u, &in, out);
		} else if (u->state == PASS || u->n_bounds == 0) {
			e = u->state == PASS ? buf_add(out, in.p, in.n)
					     : pour(u, in.p, in.n, out);
			in.n = 0;
		} else {
			e = u->is_start ? feed_start(u, &in, out) : feed_line(u, &in, out);
		}
	}
	return e;
}

enum err unbinary_end(struct unbinary *u, struct buf *out)
{
	const struct span line = { u->line.data, u->line.len };
	bool met = false;
	enum err e = ERR_OK;

	if (u->state == HEAD)
		return buf_add(out, u->head.data, u->head.len);
	if (line.n > 0)
		e = take_bound(u, line, out, &met);
	if (!e && line.n > 0 && !met)
		e = give_up(u, out);
	if (!e)
		e = pour_eol(u, out);
	return e || !u->encodes ? e : b64_enc_end(&u->enc, out);
}
