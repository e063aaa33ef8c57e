#include "common/mime/summary.h"

#include <endian.h>

/*
 * Version 1; flags 1; then the texts in the order below, each as its length (2 bytes)
 * and bytes, a missing one as 0xffff; three numbers of 8 bytes; the references as
 * their count (2 bytes) and 8 bytes each.  All little endian.
 */
enum { BLOB_VERSION = 2, FLAG_REPLY = 1, FLAG_DATE = 2, ABSENT = 0xffff };

/* Whoever adds a field to struct summary adds it here. */
_Static_assert(sizeof(struct summary) == 6 * sizeof(struct span) + 7 * 8, "a field is not packed");

static enum err put_u16(struct buf *out, size_t v)
{
	uint16_t le = htole16((uint16_t)v);

	return buf_add(out, &le, sizeof(le));
}

static enum err put_u64(struct buf *out, uint64_t v)
{
	v = htole64(v);
	return buf_add(out, &v, sizeof(v));
}

static enum err put_text(struct buf *out, struct span s)
{
	size_t n = s.n < ABSENT ? s.n : ABSENT - 1;	/* the longest has SUMMARY_*_MAX */
	enum err e = put_u16(out, s.p ? n : ABSENT);

	return e || s.p == NULL ? e : buf_add(out, s.p, n);
}

enum err summary_pack(const struct summary *s, struct buf *out)
{
	const struct span texts[] = { s->subject, s->base_subject, s->from_name, s->from_addr,
				      s->to_text, s->message_id };
	const uint64_t numbers[] = { (uint64_t)s->sent_ms, s->message_id_hash,
				     s->in_reply_to_hash };
	const char head[] = { BLOB_VERSION,
			      (char)((s->is_reply ? FLAG_REPLY : 0) | (s->has_date ? FLAG_DATE : 0)) };
	size_t n_refs = s->n_refs < SUMMARY_REFS_MAX ? s->n_refs : SUMMARY_REFS_MAX;
	enum err e = buf_add(out, head, sizeof(head));

	for (size_t i = 0; e == ERR_OK && i < N_ELEMS(texts); i++)
		e = put_text(out, texts[i]);
	for (size_t i = 0; e == ERR_OK && i < N_ELEMS(numbers); i++)
		e = put_u64(out, numbers[i]);
	if (e == ERR_OK)
		e = put_u16(out, (uint16_t)(int16_t)s->sent_zone);
	if (e == ERR_OK)
		e = put_u16(out, n_refs);
	for (size_t i = 0; e == ERR_OK && i < n_refs; i++)
		e = put_u64(out, s->refs[i]);
	return e;
}

/* ---- reading: *in walks over the bytes, false at their end -------------------------- */

static bool get(struct span *in, void *out, size_t n)
{
	if (in->n < n)
		return false;
	memcpy(out, in->p, n);
	in->p += n;
	in->n -= n;
	return true;
}

static bool get_u16(struct span *in, size_t *v)
{
	uint16_t le;
	bool ok = get(in, &le, sizeof(le));

	*v = ok ? le16toh(le) : 0;
	return ok;
}

static bool get_u64(struct span *in, uint64_t *v)
{
	bool ok = get(in, v, sizeof(*v));

	*v = ok ? le64toh(*v) : 0;
	return ok;
}

static bool get_text(struct span *in, struct arena *a, struct span *out)
{
	size_t n;

	*out = (struct span){ NULL, 0 };
	if (!get_u16(in, &n))
		return false;
	if (n == ABSENT)
		return true;
	if (n > in->n)
		return false;
	*out = (struct span){ arena_dup(a, in->p, n), n };
	in->p += n;
	in->n -= n;
	return true;
}

static bool get_refs(struct span *in, struct arena *a, struct summary *s)
{
	uint64_t *refs;

	if (!get_u16(in, &s->n_refs) || s->n_refs > SUMMARY_REFS_MAX)
		return false;
	refs = arena_alloc(a, (s->n_refs + 1) * sizeof(*refs));
	s->refs = refs;
	for (size_t i = 0; i < s->n_refs; i++)
		if (!get_u64(in, &refs[i]))
			return false;
	return in->n == 0;
}

enum err summary_unpack(struct span blob, struct arena *a, struct summary *out)
{
	struct span *const texts[] = { &out->subject, &out->base_subject, &out->from_name,
				       &out->from_addr, &out->to_text, &out->message_id };
	char head[2];
	uint64_t sent;
	size_t zone;

	*out = (struct summary){ .n_refs = 0 };
	if (!get(&blob, head, sizeof(head)) || head[0] != BLOB_VERSION)
		return ERR_CORRUPT;
	out->is_reply = head[1] & FLAG_REPLY;
	out->has_date = head[1] & FLAG_DATE;
	for (size_t i = 0; i < N_ELEMS(texts); i++)
		if (!get_text(&blob, a, texts[i]))
			return ERR_CORRUPT;
	if (!get_u64(&blob, &sent) || !get_u64(&blob, &out->message_id_hash) ||
	    !get_u64(&blob, &out->in_reply_to_hash) || !get_u16(&blob, &zone) ||
	    !get_refs(&blob, a, out))
		return ERR_CORRUPT;
	out->sent_ms = (int64_t)sent;
	out->sent_zone = (int16_t)zone;
	return ERR_OK;
}
