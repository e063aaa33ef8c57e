#include "common/mime/map.h"

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/mime/map_priv.h"

#include <stdlib.h>

/*
 * The stream is cut into lines.  Only a header's lines and lines beginning with
 * "--" are looked at; the others are counted.  A line that arrives in pieces is
 * remembered by its first LINE_KEEP bytes: a longer one is no boundary.
 *
 * 1. m->cur is the innermost node whose end is unknown; its ancestors are open.
 * 2. m->bound holds the open multiparts whose closing boundary has not come,
 *    outermost first.
 * 3. While in_header, m->hdr has the header's bytes of m->cur so far.
 */
#define LINE_KEEP (MAP_BOUNDARY_MAX * 2)

struct mime_map *mime_map_new(void)
{
	struct mime_map *m = xcalloc(1, sizeof(*m));

	buf_init(&m->hdr, MIME_HEADER_MAX);
	buf_init(&m->line, LINE_KEEP);
	buf_init(&m->text, MIME_MAP_MAX);
	buf_init(&m->envelope, MIME_MAP_MAX);
	buf_init(&m->body, MIME_MAP_MAX);
	buf_init(&m->structure, MIME_MAP_MAX);
	m->cap_nodes = 8;
	m->node = xcalloc(m->cap_nodes, sizeof(*m->node));
	m->node[0].parent = MAP_NO_NODE;
	m->n_nodes = 1;
	m->in_header = true;
	return m;
}

static void drop_bounds(struct mime_map *m, size_t n)
{
	while (m->n_bounds > n) {
		struct map_bound *b = &m->bound[--m->n_bounds];

		m->bucket[b->hash % MAP_BUCKETS] = b->below;
		free(b->text);
	}
}

void mime_map_free(struct mime_map **mp)
{
	struct mime_map *m = *mp;

	if (m == NULL)
		return;
	drop_bounds(m, 0);
	free(m->bound);
	free(m->node);
	buf_fini(&m->hdr);
	buf_fini(&m->line);
	buf_fini(&m->text);
	buf_fini(&m->envelope);
	buf_fini(&m->body);
	buf_fini(&m->structure);
	arena_fini(&m->scratch);
	arena_fini(&m->keep);
	free(m);
	*mp = NULL;
}

/* A limit was met: from here on the message is one part without structure. */
static void flatten(struct mime_map *m)
{
	struct map_node *root = &m->node[0];

	drop_bounds(m, 0);
	m->is_flat = true;
	m->in_header = false;
	m->n_nodes = 1;
	m->cur = 0;
	root->part.kind = MIME_LEAF;
	root->part.n_children = 0;
	root->as_text = false;
	buf_cut(&m->text, root->text_end[TEXT_COUNT - 1]);
}

static bool add_node(struct mime_map *m, uint32_t parent, uint64_t start)
{
	uint32_t depth = m->node[parent].depth + 1;

	if (m->n_nodes == MIME_PARTS_MAX || depth > MIME_DEPTH_MAX)
		return false;
	if (m->n_nodes == m->cap_nodes) {
		m->cap_nodes *= 2;
		m->node = xrealloc(m->node, m->cap_nodes * sizeof(*m->node));
	}
	m->node[parent].part.n_children++;
	m->cur = (uint32_t)m->n_nodes++;
	m->node[m->cur] = (struct map_node){ .parent = parent, .depth = depth,
					     .part.hdr_start = start };
	m->in_header = true;
	buf_clear(&m->hdr);
	m->hdr_mark = 0;
	return true;
}

static void add_bound(struct mime_map *m, struct span boundary)
{
	uint16_t *bucket;
	struct map_bound *b;

	if (m->n_bounds == m->cap_bounds) {
		m->cap_bounds = m->cap_bounds ? m->cap_bounds * 2 : 4;
		m->bound = xrealloc(m->bound, m->cap_bounds * sizeof(*m->bound));
	}
	b = &m->bound[m->n_bounds++];
	*b = (struct map_bound){ .node = m->cur, .n = boundary.n,
				 .hash = hash_bytes(boundary.p, boundary.n),
				 .text = xmemdup(boundary.p, boundary.n) };
	bucket = &m->bucket[b->hash % MAP_BUCKETS];
	b->below = *bucket;
	*bucket = (uint16_t)m->n_bounds;	/* bounded by MIME_DEPTH_MAX */
}

/* The header of m->cur is complete and its body begins at body_start. */
static void end_header(struct mime_map *m, uint64_t body_start, uint64_t lines)
{
	struct span boundary = { NULL, 0 };
	struct map_node *n = &m->node[m->cur];
	bool is_root = m->cur == 0;
	enum err e;

	n->part.body_start = body_start;
	n->start_lines = lines;
	m->in_header = false;
	if (is_root)
		summary_parse(&m->keep, (struct span){ m->hdr.data, m->hdr.len }, &m->summary);
	e = map_read_header(m, m->cur, &boundary);
	if (e) {
		CHECK(!is_root);	/* one header always fits */
		flatten(m);
	} else if (n->is_rfc822) {
		if (!add_node(m, m->cur, body_start))
			flatten(m);
	} else if (boundary.n) {
		add_bound(m, boundary);
	}
	arena_reset(&m->scratch);
}

/* The body of m->cur ends before the line end in front of the current line, if
 * that is its own and not the empty line of its header.  Returns how much of it
 * was given to the boundary: what encloses the node ends where the node does. */
static size_t close_node(struct mime_map *m, uint64_t end, size_t eol)
{
	struct map_node *n = &m->node[m->cur];

	if (eol && end - eol >= n->part.body_start) {
		n->part.body_end = end - eol;
		n->part.lines = m->lines - n->start_lines - 1;
	} else {
		eol = 0;
		n->part.body_end = end;
		n->part.lines = m->lines - n->start_lines;
	}
	if (n->part.kind == MIME_MULTIPART && n->part.n_children == 0) {
		n->part.kind = MIME_LEAF;
		n->as_text = true;
	}
	m->cur = n->parent;
	return eol;
}

/* The innermost open boundary of that text: its index + 1, or 0.  Buckets keep
 * this cheap for a message of a thousand levels and nothing but dashes. */
static size_t find_text(const struct mime_map *m, struct span text)
{
	uint64_t h = hash_bytes(text.p, text.n);
	size_t i = m->bucket[h % MAP_BUCKETS];

	while (i) {
		const struct map_bound *b = &m->bound[i - 1];

		if (b->hash == h && span_eq((struct span){ b->text, b->n }, text))
			break;
		i = b->below;
	}
	return i;
}

/* Which open boundary is this line?  The index, or n_bounds. */
static size_t find_bound(const struct mime_map *m, struct span line, bool *is_end)
{
	size_t i = find_text(m, line), end = 0;

	if (line.n > 2 && memcmp(line.p + line.n - 2, "--", 2) == 0)
		end = find_text(m, (struct span){ line.p, line.n - 2 });
	*is_end = end > i;
	i = *is_end ? end : i;
	return i ? i - 1 : m->n_bounds;
}

static struct span cut_line(const char *p, size_t n, size_t eol)
{
	struct span s = { p + 2, n - 2 - eol };

	while (s.n && strchr(" \t\r", s.p[s.n - 1]) && s.p[s.n - 1])
		s.n--;
	return s;
}

/* A line beginning with "--".  True if it was a boundary. */
static bool take_boundary(struct mime_map *m, const char *p, size_t n, size_t eol)
{
	bool is_end = false;
	size_t i = find_bound(m, cut_line(p, n, eol), &is_end);
	size_t gap = m->prev_eol;
	uint32_t owner;

	if (i == m->n_bounds)
		return false;
	owner = m->bound[i].node;
	/* A header that a boundary cuts off has no body; it may still announce a
	 * message, which is then an empty one. */
	while (m->in_header) {
		buf_cut(&m->hdr, m->hdr_mark);
		end_header(m, m->pos, m->lines);
	}
	if (m->is_flat)
		return true;
	drop_bounds(m, i + 1);
	while (m->cur != owner)
		gap = close_node(m, m->pos, gap);
	if (is_end)
		drop_bounds(m, i);
	else if (!add_node(m, owner, m->pos + n))
		flatten(m);
	return true;
}

/* One whole line: p has its first kept bytes, len is its length.  kept < len
 * only for lines beyond LINE_KEEP. */
static void take_line(struct mime_map *m, const char *p, size_t kept, uint64_t len,
		      size_t eol, bool in_hdr)
{
	bool done = false;

	if (m->n_bounds && kept == len && len <= LINE_KEEP && len - eol >= 2 &&
	    p[0] == '-' && p[1] == '-')
		done = take_boundary(m, p, kept, eol);
	if (!done && m->in_header) {
		size_t room = m->hdr.max - m->hdr.len;
		size_t n = kept < room ? kept : room;

		if (!in_hdr && buf_add(&m->hdr, p, n))
			CHECK(false);			/* n was made to fit */
		m->hdr_mark = m->hdr.len;
		if (eol && len == eol)
			end_header(m, m->pos + len, m->lines + 1);
	}
	m->pos += len;
	m->lines += eol > 0;
	m->prev_eol = eol;
}

/* A piece of a line that is not whole in this chunk. */
static void take_piece(struct mime_map *m, const char *p, size_t n)
{
	size_t room = m->line.max - m->line.len;

	if (m->in_header) {
		size_t hdr_room = m->hdr.max - m->hdr.len;

		if (buf_add(&m->hdr, p, n < hdr_room ? n : hdr_room))
			CHECK(false);
	}
	if (buf_add(&m->line, p, n < room ? n : room))
		CHECK(false);
	m->line_len += n;
	m->last = p[n - 1];
}

static void end_pieces(struct mime_map *m, size_t eol)
{
	uint64_t len = m->line_len;

	m->line_len = 0;
	take_line(m, m->line.data, m->line.len, len, eol, true);
	buf_clear(&m->line);
}

static void count_rest(struct mime_map *m, const char *p, size_t n)
{
	const char *end = p + n;

	m->pos += n;
	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		m->lines++;
		if (++p == end)
			break;
	}
}

void mime_map_feed(struct mime_map *m, const char *p, size_t n)
{
	CHECK(!m->is_finished);
	while (n) {
		const char *nl;
		size_t len;

		/* Nothing can end the body any more. */
		if (!m->in_header && m->n_bounds == 0 && m->line_len == 0) {
			count_rest(m, p, n);
			return;
		}
		nl = memchr(p, '\n', n);
		len = nl ? (size_t)(nl - p) + 1 : n;
		if (nl && m->line_len == 0) {
			take_line(m, p, len, len, len > 1 && nl[-1] == '\r' ? 2 : 1, false);
		} else {
			char before = len > 1 ? p[len - 2] : m->last;

			take_piece(m, p, len);
			if (nl)
				end_pieces(m, before == '\r' ? 2 : 1);
		}
		p += len;
		n -= len;
	}
}

void mime_map_finish(struct mime_map *m)
{
	enum err e;

	CHECK(!m->is_finished);
	if (m->line_len)
		end_pieces(m, 0);
	while (m->in_header)
		end_header(m, m->pos, m->lines);
	drop_bounds(m, 0);
	while (m->cur != MAP_NO_NODE)
		close_node(m, m->pos, 0);
	for (size_t i = 0; i < m->n_nodes; i++)
		m->has_attach |= m->node[i].is_attachment;
	m->is_finished = true;
	e = map_render(m);
	if (e) {
		flatten(m);
		e = map_render(m);
		CHECK(!e);			/* one part always fits */
	}
	buf_fini(&m->text);
	buf_fini(&m->hdr);
}

const struct summary *mime_map_summary(const struct mime_map *m)
{
	return &m->summary;
}

bool mime_map_has_attach(const struct mime_map *m)
{
	return m->has_attach;
}

uint64_t mime_map_size(const struct mime_map *m)
{
	return m->pos;
}

uint64_t mime_map_header_size(const struct mime_map *m)
{
	return m->node[0].part.body_start;
}
