#include "common/mime/map_priv.h"

/*
 * The tree is walked once for BODY and once for BODYSTRUCTURE, in the order of
 * its nodes and without recursion: a node is opened when it comes, and closed
 * when one comes that is not below it.
 */
#define FLAT_TYPE "\"application\" \"octet-stream\" NIL"
#define AS_TEXT   "\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\""

static enum err put_text(const struct mime_map *m, const struct map_node *n,
			 enum node_text first, enum node_text last, struct buf *out)
{
	uint32_t start = first ? n->text_end[first - 1] : n->text_start;

	return buf_add(out, m->text.data + start, n->text_end[last] - start);
}

static enum err put_number(struct buf *out, uint64_t v)
{
	return buf_addf(out, " %llu", (unsigned long long)v);
}

static uint64_t body_size(const struct map_node *n)
{
	return n->part.body_end - n->part.body_start;
}

static enum err open_node(const struct mime_map *m, uint32_t i, struct buf *out)
{
	const struct map_node *n = &m->node[i];
	enum err e = buf_addc(out, '(');

	if (e || n->part.kind == MIME_MULTIPART)
		return e;
	if (n->as_text) {
		e = buf_adds(out, AS_TEXT);
	} else if (n->is_rfc822 && n->part.kind == MIME_LEAF) {
		e = buf_adds(out, FLAT_TYPE);
		if (!e)
			e = put_text(m, n, TEXT_FIELDS, TEXT_FIELDS, out);
	} else {
		e = put_text(m, n, TEXT_TYPE, TEXT_FIELDS, out);
	}
	if (!e)
		e = put_number(out, body_size(n));
	if (!e && n->part.kind == MIME_MESSAGE) {
		e = buf_addc(out, ' ');
		if (!e)		/* of the message inside, which comes next */
			e = put_text(m, n + 1, TEXT_ENVELOPE, TEXT_ENVELOPE, out);
		if (!e)
			e = buf_addc(out, ' ');
	}
	return e;
}

static enum err close_node(const struct mime_map *m, uint32_t i, bool extended,
			   struct buf *out)
{
	const struct map_node *n = &m->node[i];
	enum err e = ERR_OK;

	if (n->part.kind == MIME_MULTIPART) {
		e = put_text(m, n, TEXT_SUBTYPE, TEXT_SUBTYPE, out);
		if (!e && extended)
			e = put_text(m, n, TEXT_PARAMS, TEXT_PARAMS, out);
		if (!e && extended)
			e = put_text(m, n, TEXT_TAIL, TEXT_TAIL, out);
		return e ? e : buf_addc(out, ')');
	}
	if (n->is_text || n->as_text || n->part.kind == MIME_MESSAGE)
		e = put_number(out, n->part.lines);
	if (!e && extended)
		e = put_text(m, n, TEXT_MD5, TEXT_TAIL, out);
	return e ? e : buf_addc(out, ')');
}

static enum err render(const struct mime_map *m, bool extended, struct buf *out)
{
	uint32_t open = MAP_NO_NODE;
	enum err e = ERR_OK;

	for (uint32_t i = 0; !e && i < m->n_nodes; i++) {
		for (; !e && open != m->node[i].parent; open = m->node[open].parent)
			e = close_node(m, open, extended, out);
		if (!e)
			e = open_node(m, i, out);
		open = i;
	}
	for (; !e && open != MAP_NO_NODE; open = m->node[open].parent)
		e = close_node(m, open, extended, out);
	return e;
}

enum err map_render(struct mime_map *m)
{
	enum err e;

	buf_clear(&m->envelope);
	buf_clear(&m->body);
	buf_clear(&m->structure);
	e = put_text(m, &m->node[0], TEXT_ENVELOPE, TEXT_ENVELOPE, &m->envelope);
	if (!e)
		e = render(m, false, &m->body);
	if (!e)
		e = render(m, true, &m->structure);
	if (!e && map_blob_fixed(m->n_nodes) + m->envelope.len + m->body.len +
			  m->structure.len > MIME_MAP_MAX)
		e = ERR_LIMIT;
	return e;
}
