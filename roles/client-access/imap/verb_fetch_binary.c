/*
 * BINARY, BINARY.PEEK and BINARY.SIZE: parts without their transfer encoding
 * (RFC 3516, RFC 9051 6.4.5).
 *
 * The length stands before the bytes, and whether there is a NUL among them decides
 * between a literal and a literal8, so a part is read and decoded twice; at no time
 * more than a slice of it is here.
 */
#include "roles/client-access/imap/fetch.h"

#include "common/imap/write.h"

/* How the part is encoded; only leaves are. */
static enum mime_encoding encoding_of(const struct mime_view *map,
				      const struct imap_section *sec,
				      const struct mime_range *at)
{
	struct mime_part part;

	if (sec->n_part == 0 || at->part >= map->n_parts)
		return MIME_BINARY;
	part = mime_view_part(map, at->part);
	if (part.kind != MIME_LEAF)
		return MIME_BINARY;
	return part.encoding == MIME_7BIT || part.encoding == MIME_8BIT ? MIME_BINARY
									: part.encoding;
}

static enum err locate(const struct fetch_run *r, const struct imap_section *sec,
		       struct mime_range *out)
{
	struct buf text;
	enum err e = ERR_OK;

	*out = (struct mime_range){ .len = r->row->size };
	if (sec->n_part == 0)
		return ERR_OK;
	buf_init(&text, 2048);
	for (size_t i = 0; i < sec->n_part && !e; i++)
		e = buf_addf(&text, "%s%u", i ? "." : "", sec->part[i]);
	if (!e)
		e = mime_map_part(&r->map, (struct span){ text.data, text.len }, out);
	buf_fini(&text);
	return e;
}

static enum next section_done(struct fetch_run *r)
{
	r->section++;
	r->phase = FETCH_SECTION;
	return NEXT_MORE;
}

static void restart(struct fetch_run *r, enum fetch_sink sink)
{
	struct fetch_binary *b = &r->binary;

	b->b64 = (struct b64_dec){ 0 };
	b->qp = (struct qp_dec){ 0 };
	fetch_read(r, sink, b->start, b->len);
}

enum next fetch_binary(struct imap_session *s, const struct imap_section *sec)
{
	struct fetch_run *r = s->run;
	struct fetch_binary *b = &r->binary;
	struct mime_range at;
	const enum err e = locate(r, sec, &at);

	fetch_section_name(s, sec);
	b->encoding = e ? MIME_BINARY : encoding_of(&r->map, sec, &at);
	if (b->encoding == MIME_OTHER)
		r->unknown_cte = true;
	if (e || b->encoding == MIME_OTHER) {
		fetch_put(s, buf_adds(&r->head, sec->name == IMAP_NAME_BINARY ? "NIL" : "0"));
		return section_done(r);
	}
	b->start = at.start;
	b->len = at.len;
	b->total = 0;
	b->has_nul = false;
	restart(r, SINK_COUNT);
	return NEXT_MORE;
}

/* ---- bytes -------------------------------------------------------------------------- */

static void use(struct imap_session *s, struct span got)
{
	struct fetch_run *r = s->run;
	struct fetch_binary *b = &r->binary;
	size_t skip;

	if (r->sink == SINK_COUNT) {
		b->total += got.n;
		b->has_nul |= got.n > 0 && memchr(got.p, '\0', got.n) != NULL;
		return;
	}
	skip = b->skip < got.n ? (size_t)b->skip : got.n;
	b->skip -= skip;
	got.p += skip;
	got.n -= skip;
	if (got.n > b->left)
		got.n = (size_t)b->left;
	b->left -= got.n;
	if (got.n > 0)
		out_add(s, got.p, got.n);
}

void fetch_binary_take(struct imap_session *s, struct span got)
{
	struct fetch_run *r = s->run;
	struct fetch_binary *b = &r->binary;
	enum err e = ERR_OK;

	buf_clear(&b->out);
	switch (b->encoding) {
	case MIME_BASE64:
		e = b64_dec_feed(&b->b64, got.p, got.n, &b->out);
		break;
	case MIME_QP:
		e = qp_dec_feed(&b->qp, got.p, got.n, &b->out);
		break;
	default:
		use(s, got);
		return;
	}
	fetch_put(s, e);
	use(s, (struct span){ b->out.data, b->out.len });
}

static void decoder_end(struct imap_session *s)
{
	struct fetch_run *r = s->run;
	struct fetch_binary *b = &r->binary;

	if (b->encoding != MIME_QP)
		return;
	buf_clear(&b->out);
	fetch_put(s, qp_dec_end(&b->qp, &b->out));
	use(s, (struct span){ b->out.data, b->out.len });
}

/* ---- the answer ----------------------------------------------------------------------- */

static enum next counted(struct imap_session *s)
{
	struct fetch_run *r = s->run;
	struct fetch_binary *b = &r->binary;
	const struct imap_section *sec = &r->f.sections[r->section];

	if (sec->name == IMAP_NAME_BINARY_SIZE) {
		fetch_put(s, buf_addu(&r->head, b->total));
		return section_done(r);
	}
	b->skip = 0;
	b->left = b->total;
	if (sec->partial) {
		b->skip = sec->offset < b->total ? sec->offset : b->total;
		b->left = b->total - b->skip;
		if (b->left > sec->count)
			b->left = sec->count;
	}
	if (b->left == 0) {
		fetch_put(s, buf_adds(&r->head, "\"\""));
		fetch_read_nothing(s);
		return NEXT_MORE;
	}
	fetch_put(s, b->has_nul ? imap_write_literal8_head(&r->head, b->left)
				: imap_write_literal_head(&r->head, b->left));
	fetch_say_head(s);
	restart(r, SINK_DECODE);
	r->literal_open = true;
	return NEXT_MORE;
}

enum next fetch_binary_end(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	decoder_end(s);
	if (r->sink == SINK_COUNT)
		return counted(s);
	if (r->binary.left > 0)		/* the store gave other bytes this time */
		s->broken = true;
	return section_done(r);
}
