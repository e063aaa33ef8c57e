#include "common/api/row.h"

#include "common/api/store.h"
#include "common/base/check.h"

enum {
	ROW_HEAD = 12,		/* length, uid, columns, flags */
	ROW_MAX_MAP = 4 << 20,
	ROW_MAX_BYTES = 6 << 20,
	N_SUMMARY = 6,
	PREVIEW = 5,		/* the last of them */
};

/* ---- writing ------------------------------------------------------------------ */

static void put(char **at, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++, v >>= 8)
		*(*at)++ = (char)(v & 0xff);
}

static void put_span(char **at, struct span s, unsigned len_bytes)
{
	put(at, s.n, len_bytes);
	if (s.n)
		memcpy(*at, s.p, s.n);
	*at += s.n;
}

static struct span summary_of(const struct store_row *r, unsigned i)
{
	const struct span s[N_SUMMARY] = { r->subject, r->from_name, r->from_addr,
					   r->to,      r->message_id, r->preview };
	struct span one = s[i];

	/* A field is cut rather than refused: it is only for listings. */
	if (one.n > UINT16_MAX)
		one.n = UINT16_MAX;
	return one;
}

static bool fits(const struct store_row *r)
{
	if (r->n_keywords > ROW_MAX_KEYWORDS || r->map.n > ROW_MAX_MAP ||
	    r->content.n > ROW_MAX_CONTENT)
		return false;
	for (size_t i = 0; i < r->n_keywords; i++)
		if (r->keywords[i].n > UINT8_MAX)
			return false;
	return true;
}

static size_t size_of(const struct store_row *r)
{
	size_t n = ROW_HEAD;

	n += r->columns & COL_MODSEQ ? 8 : 0;
	n += r->columns & COL_DATE ? 8 : 0;
	n += r->columns & COL_SIZE ? 8 : 0;
	n += r->columns & COL_MAP ? 4 + r->map.n : 0;
	n += r->columns & COL_IDS ? 24 : 0;
	n += r->columns & COL_CONTENT ? 4 + r->content.n : 0;
	n += r->columns & COL_SAVED ? 8 : 0;
	n += r->columns & COL_RUN ? 4 : 0;
	n += r->columns & COL_PREVIEW ? 2 + summary_of(r, PREVIEW).n : 0;
	if (r->columns & COL_KEYWORDS) {
		n++;
		for (size_t i = 0; i < r->n_keywords; i++)
			n += 1 + r->keywords[i].n;
	}
	if (r->columns & COL_SUMMARY) {
		n += 8;
		for (unsigned i = 0; i < N_SUMMARY; i++)
			n += 2 + summary_of(r, i).n;
	}
	return n;
}

static void write_columns(char **at, const struct store_row *r)
{
	if (r->columns & COL_MODSEQ)
		put(at, r->modseq, 8);
	if (r->columns & COL_DATE)
		put(at, (uint64_t)r->internal_ms, 8);
	if (r->columns & COL_SIZE)
		put(at, r->size, 8);
	if (r->columns & COL_MAP)
		put_span(at, r->map, 4);
	if (r->columns & COL_KEYWORDS) {
		put(at, r->n_keywords, 1);
		for (size_t i = 0; i < r->n_keywords; i++)
			put_span(at, r->keywords[i], 1);
	}
	if (r->columns & COL_SUMMARY) {
		for (unsigned i = 0; i < N_SUMMARY; i++)
			put_span(at, summary_of(r, i), 2);
		put(at, (uint64_t)r->sent_local_ms, 8);
	}
	if (r->columns & COL_IDS) {
		put(at, r->iid, 8);
		put(at, r->mid, 8);
		put(at, r->thread, 8);
	}
	if (r->columns & COL_CONTENT)
		put_span(at, r->content, 4);
	if (r->columns & COL_SAVED)
		put(at, (uint64_t)r->saved_ms, 8);
	if (r->columns & COL_PREVIEW)
		put_span(at, summary_of(r, PREVIEW), 2);
	if (r->columns & COL_RUN)
		put(at, r->more, 4);
}

enum err row_write(struct buf *out, const struct store_row *r)
{
	size_t n;
	enum err e;
	char *at;

	if (!fits(r))
		return ERR_LIMIT;
	n = size_of(r);
	e = buf_reserve(out, n);
	if (e)
		return e;
	at = out->data + out->len;
	put(&at, n - 4, 4);
	put(&at, r->uid, 4);
	put(&at, r->columns, 2);
	put(&at, r->flags, 2);
	write_columns(&at, r);
	CHECK(at == out->data + out->len + n);
	buf_grown(out, n);
	return ERR_OK;
}

/* ---- reading ------------------------------------------------------------------- */

/* Reading past the end gives zeros and is remembered. */
struct cursor {
	const unsigned char *p;
	size_t n;
	bool bad;
};

static uint64_t get(struct cursor *c, unsigned bytes)
{
	uint64_t v = 0;

	if (c->n < bytes) {
		c->bad = true;
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)c->p[i] << (8 * i);
	c->p += bytes;
	c->n -= bytes;
	return v;
}

static struct span get_span(struct cursor *c, unsigned len_bytes)
{
	size_t n = (size_t)get(c, len_bytes);
	struct span s = { NULL, 0 };

	if (c->bad || c->n < n) {
		c->bad = true;
		return s;
	}
	s = (struct span){ (const char *)c->p, n };
	c->p += n;
	c->n -= n;
	return s;
}

static void read_keywords(struct cursor *c, struct store_row *r, struct arena *a)
{
	size_t n = (size_t)get(c, 1);
	struct span *k;

	if (n > ROW_MAX_KEYWORDS || n > c->n) {
		c->bad = true;
		return;
	}
	k = n ? arena_alloc(a, n * sizeof(*k)) : NULL;
	for (size_t i = 0; i < n; i++)
		k[i] = get_span(c, 1);
	r->keywords = k;
	r->n_keywords = n;
}

static void read_columns(struct cursor *c, struct store_row *r, struct arena *a)
{
	struct span *const summary[N_SUMMARY] = { &r->subject, &r->from_name, &r->from_addr,
						  &r->to,      &r->message_id, &r->preview };

	if (r->columns & COL_MODSEQ)
		r->modseq = get(c, 8);
	if (r->columns & COL_DATE)
		r->internal_ms = (int64_t)get(c, 8);
	if (r->columns & COL_SIZE)
		r->size = get(c, 8);
	if (r->columns & COL_MAP)
		r->map = get_span(c, 4);
	if (r->columns & COL_KEYWORDS)
		read_keywords(c, r, a);
	if (r->columns & COL_SUMMARY) {
		for (unsigned i = 0; i < N_SUMMARY; i++)
			*summary[i] = get_span(c, 2);
		r->sent_local_ms = (int64_t)get(c, 8);
	}
	if (r->columns & COL_IDS) {
		r->iid = get(c, 8);
		r->mid = get(c, 8);
		r->thread = get(c, 8);
	}
	if (r->columns & COL_CONTENT)
		r->content = get_span(c, 4);
	if (r->columns & COL_SAVED)
		r->saved_ms = (int64_t)get(c, 8);
	if (r->columns & COL_PREVIEW)
		r->preview = get_span(c, 2);
	if (r->columns & COL_RUN)
		r->more = (uint32_t)get(c, 4);
	if (r->more > UINT32_MAX - r->uid)
		c->bad = true;
}

enum err row_read(struct span *in, struct store_row *out, struct arena *a)
{
	struct cursor c = { (const unsigned char *)in->p, in->n, false };
	size_t n;

	memset(out, 0, sizeof(*out));
	if (in->n == 0)
		return ERR_NOTFOUND;
	n = (size_t)get(&c, 4);
	if (c.bad || n > c.n || n < ROW_HEAD - 4)
		return ERR_INVALID;
	c.n = n;
	out->uid = (uint32_t)get(&c, 4);
	out->columns = (unsigned)get(&c, 2);
	out->flags = (unsigned)get(&c, 2);
	read_columns(&c, out, a);
	/* Bytes behind the columns we know belong to a newer peer's. */
	if (c.bad)
		return ERR_INVALID;
	in->p += 4 + n;
	in->n -= 4 + n;
	return ERR_OK;
}

static bool whole(struct span in, size_t *size)
{
	struct cursor c = { (const unsigned char *)in.p, in.n, false };
	size_t n = (size_t)get(&c, 4);

	*size = 4 + n;
	if (c.bad)
		return false;
	return n < ROW_HEAD - 4 || n > ROW_MAX_BYTES || n <= c.n;
}

bool row_is_whole(struct span in)
{
	size_t n;

	return whole(in, &n);
}

size_t row_tail(struct span in)
{
	size_t n;

	while (in.n > 0 && whole(in, &n)) {
		if (n > in.n || n < ROW_HEAD)
			return 0;	/* damaged: reading stops there */
		in.p += n;
		in.n -= n;
	}
	return in.n;
}
