#include "common/mime/map_priv.h"

#include "common/base/check.h"

#include <stdlib.h>

/*
 * The blob, all numbers little endian:
 *
 *	version 1, flags 1, n_parts 2, size 6, lengths of the three texts 3 * 4
 *	n_parts records of RECORD bytes, then ENVELOPE, BODY, BODYSTRUCTURE
 *
 * Records are ordered by depth, so that the children of a part stand side by
 * side behind it and the n-th is found by counting.
 */
#define BLOB_VERSION 1
#define HEAD      22
#define RECORD    30
#define FLAG_ATTACH 1
#define FLAG_FLAT   2

size_t map_blob_fixed(size_t n_parts)
{
	return HEAD + RECORD * n_parts;
}

static void put_le(unsigned char *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static uint64_t get_le(const unsigned char *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static void put_record(unsigned char *p, const struct mime_part *t)
{
	p[0] = (unsigned char)t->kind;
	p[1] = (unsigned char)t->encoding;
	put_le(p + 2, t->hdr_start, 6);
	put_le(p + 8, t->body_start - t->hdr_start, 6);
	put_le(p + 14, t->body_end - t->body_start, 6);
	put_le(p + 20, t->lines, 6);
	put_le(p + 26, t->first_child, 2);
	put_le(p + 28, t->n_children, 2);
}

struct mime_part mime_view_part(const struct mime_view *v, size_t i)
{
	const unsigned char *p = v->table + i * RECORD;
	struct mime_part t = { .kind = (enum mime_kind)p[0],
			       .encoding = (enum mime_encoding)p[1] };

	CHECK(i < v->n_parts);
	t.hdr_start = get_le(p + 2, 6);
	t.body_start = t.hdr_start + get_le(p + 8, 6);
	t.body_end = t.body_start + get_le(p + 14, 6);
	t.lines = get_le(p + 20, 6);
	t.first_child = (uint32_t)get_le(p + 26, 2);
	t.n_children = (uint32_t)get_le(p + 28, 2);
	return t;
}

/* place[i]: where node i stands when sorted by depth (a counting sort). */
static void sort_by_depth(const struct mime_map *m, uint32_t *place)
{
	uint32_t start[MIME_DEPTH_MAX + 2] = { 0 };

	for (size_t i = 0; i < m->n_nodes; i++)
		start[m->node[i].depth + 1]++;
	for (size_t d = 0; d <= MIME_DEPTH_MAX; d++)
		start[d + 1] += start[d];
	for (size_t i = 0; i < m->n_nodes; i++)
		place[i] = start[m->node[i].depth]++;
}

static void put_table(const struct mime_map *m, unsigned char *table)
{
	uint32_t *place = xcalloc(m->n_nodes, 2 * sizeof(*place));
	uint32_t *first = place + m->n_nodes;	/* child of each node, 0: none yet */

	sort_by_depth(m, place);
	for (size_t i = 1; i < m->n_nodes; i++)
		if (first[m->node[i].parent] == 0)
			first[m->node[i].parent] = place[i];
	for (size_t i = 0; i < m->n_nodes; i++) {
		struct mime_part t = m->node[i].part;

		t.first_child = first[i];
		put_record(table + (size_t)place[i] * RECORD, &t);
	}
	free(place);
}

enum err mime_map_encode(const struct mime_map *m, struct buf *out)
{
	size_t fixed = map_blob_fixed(m->n_nodes);
	unsigned char *p;
	enum err e;

	CHECK(m->is_finished);
	e = buf_reserve(out, fixed + m->envelope.len + m->body.len + m->structure.len);
	if (e)
		return e;
	p = (unsigned char *)out->data + out->len;
	p[0] = BLOB_VERSION;
	p[1] = (unsigned char)((m->has_attach ? FLAG_ATTACH : 0) |
			       (m->is_flat ? FLAG_FLAT : 0));
	put_le(p + 2, m->n_nodes, 2);
	put_le(p + 4, m->pos, 6);
	put_le(p + 10, m->envelope.len, 4);
	put_le(p + 14, m->body.len, 4);
	put_le(p + 18, m->structure.len, 4);
	put_table(m, p + HEAD);
	buf_grown(out, fixed);
	e = buf_add(out, m->envelope.data, m->envelope.len);
	if (!e)
		e = buf_add(out, m->body.data, m->body.len);
	return e ? e : buf_add(out, m->structure.data, m->structure.len);
}

/* Ranges inside the message, children behind their parent and in order, each
 * part the child of one. */
static enum err check_table(const struct mime_view *v, struct errbuf *eb)
{
	uint64_t next = 1;

	for (size_t i = 0; i < v->n_parts; i++) {
		struct mime_part t = mime_view_part(v, i);
		bool has_children = t.n_children > 0;

		if (t.kind > MIME_MESSAGE || t.encoding > MIME_OTHER ||
		    t.body_end > v->size || (i == 0 && t.hdr_start != 0))
			return err_set(eb, ERR_CORRUPT, "MIME map: part %zu", i);
		if (has_children != (t.kind != MIME_LEAF) ||
		    (t.kind == MIME_MESSAGE && t.n_children != 1) ||
		    (has_children && (t.first_child != next || next <= i)))
			return err_set(eb, ERR_CORRUPT, "MIME map: children of %zu", i);
		next += t.n_children;
	}
	if (next != v->n_parts)
		return err_set(eb, ERR_CORRUPT, "MIME map: %zu parts", v->n_parts);
	return ERR_OK;
}

enum err mime_map_decode(struct span blob, struct mime_view *out, struct errbuf *eb)
{
	const unsigned char *p = (const unsigned char *)blob.p;
	uint64_t n_env, n_body, n_struct, fixed;

	*out = (struct mime_view){ 0 };
	if (blob.n < HEAD || blob.n > MIME_MAP_MAX)
		return err_set(eb, ERR_CORRUPT, "MIME map: %zu bytes", blob.n);
	if (p[0] != BLOB_VERSION)
		return err_set(eb, ERR_INVALID, "MIME map: version %u", p[0]);
	out->n_parts = (size_t)get_le(p + 2, 2);
	n_env = get_le(p + 10, 4);
	n_body = get_le(p + 14, 4);
	n_struct = get_le(p + 18, 4);
	fixed = map_blob_fixed(out->n_parts);
	if (out->n_parts == 0 || out->n_parts > MIME_PARTS_MAX ||
	    fixed + n_env + n_body + n_struct != blob.n)
		return err_set(eb, ERR_CORRUPT, "MIME map: lengths");
	out->has_attach = p[1] & FLAG_ATTACH;
	out->is_flat = p[1] & FLAG_FLAT;
	out->size = get_le(p + 4, 6);
	out->table = p + HEAD;
	out->envelope = (struct span){ blob.p + fixed, (size_t)n_env };
	out->body = (struct span){ out->envelope.p + n_env, (size_t)n_body };
	out->bodystructure = (struct span){ out->body.p + n_body, (size_t)n_struct };
	return check_table(out, eb);
}

/* ---- sections --------------------------------------------------------------------- */

/* The next "12." or "12" of s, or 0. */
static uint32_t take_number(struct span *s)
{
	uint32_t v = 0;
	size_t i = 0;

	for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++)
		if (v <= MIME_PARTS_MAX)
			v = v * 10 + (uint32_t)(s->p[i] - '0');
	if (i == 0 || s->p[0] == '0')
		return 0;
	if (i < s->n && (s->p[i] != '.' || i + 1 == s->n))
		return 0;
	i += i < s->n;
	s->p += i;
	s->n -= i;
	return v;
}

/* Part number k of part i, which is a multipart or a message's content. */
static bool child(const struct mime_view *v, size_t *i, uint32_t k, bool is_content)
{
	struct mime_part t = mime_view_part(v, *i);

	if (t.kind == MIME_MULTIPART) {
		if (k > t.n_children)
			return false;
		*i = t.first_child + k - 1;
		return true;
	}
	return is_content && k == 1;	/* its only part is itself */
}

static enum err range(const struct mime_view *v, size_t i, bool header,
		      struct mime_range *out)
{
	struct mime_part t = mime_view_part(v, i);

	out->part = i;
	out->start = header ? t.hdr_start : t.body_start;
	out->len = header ? t.body_start - t.hdr_start : t.body_end - t.body_start;
	return ERR_OK;
}

enum err mime_map_part(const struct mime_view *v, struct span section,
		       struct mime_range *out)
{
	bool is_content = true;		/* at a message's own header and body */
	size_t at = 0;

	*out = (struct mime_range){ 0, v->size, 0 };
	if (section.n == 0)
		return ERR_OK;
	while (section.n && section.p[0] >= '0' && section.p[0] <= '9') {
		struct mime_part t = mime_view_part(v, at);
		uint32_t k = take_number(&section);

		if (k == 0)
			return ERR_INVALID;
		if (!is_content && t.kind == MIME_MESSAGE) {
			at = t.first_child;
			is_content = true;
		}
		if (!child(v, &at, k, is_content))
			return ERR_NOTFOUND;
		is_content = false;
	}
	if (section.n == 0)
		return range(v, at, false, out);
	if (span_is(section, "MIME"))
		return is_content ? ERR_INVALID : range(v, at, true, out);
	if (!span_is(section, "HEADER") && !span_is(section, "TEXT"))
		return ERR_INVALID;
	if (!is_content) {
		struct mime_part t = mime_view_part(v, at);

		if (t.kind != MIME_MESSAGE)
			return ERR_NOTFOUND;
		at = t.first_child;
	}
	return range(v, at, span_is(section, "HEADER"), out);
}
