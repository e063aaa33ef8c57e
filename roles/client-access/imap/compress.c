#include "roles/client-access/imap/compress.h"

#include "common/base/check.h"
#include <stdlib.h>
#include <zlib.h>

/* Negative: raw, without zlib's header (RFC 4978 section 3).  Ours is a window of
 * 4 KiB with as many bytes of hash chains: mail in base64 does not compress better
 * with more, and answers to FETCH hardly. */
#define IN_BITS	  (-15)
#define OUT_BITS  (-12)
#define OUT_LEVEL 6
#define OUT_MEM	  5

struct compress {
	z_stream in, out;
	bool deflating;			/* out is set up */
	bool full;			/* the last piece was: there may be more inside */
	bool broken;
	struct buf held;
};

struct compress *compress_new(void)
{
	struct compress *c = xcalloc(1, sizeof(*c));

	buf_init(&c->held, COMPRESS_HELD);
	CHECK(inflateInit2(&c->in, IN_BITS) == Z_OK);
	return c;
}

void compress_free(struct compress **cp)
{
	struct compress *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	inflateEnd(&c->in);
	compress_rest(c);
	buf_fini(&c->held);
	free(c);
}

enum err compress_feed(struct compress *c, const void *p, size_t n)
{
	return buf_add(&c->held, p, n);
}

bool compress_waits(const struct compress *c)
{
	return !c->broken && (c->held.len > 0 || c->full);
}

enum err compress_read(struct compress *c, struct buf *out)
{
	enum err e;
	size_t got;
	int r;

	if (c->broken)
		return ERR_INVALID;
	e = buf_reserve(out, COMPRESS_PIECE);
	if (e)
		return e;
	c->in.next_in = (Bytef *)c->held.data;
	c->in.avail_in = (uInt)c->held.len;
	c->in.next_out = (Bytef *)out->data + out->len;
	c->in.avail_out = COMPRESS_PIECE;
	r = inflate(&c->in, Z_SYNC_FLUSH);
	got = COMPRESS_PIECE - c->in.avail_out;
	buf_grown(out, got);
	buf_drop(&c->held, c->held.len - c->in.avail_in);
	buf_release(&c->held);
	c->full = c->in.avail_out == 0;
	/* BUF_ERROR: no progress without more input, which is fine.  A stream that ends
	 * is not: the client would have to log out first. */
	c->broken = r != Z_OK && r != Z_BUF_ERROR;
	return c->broken && got == 0 ? ERR_INVALID : ERR_OK;
}

void compress_write(struct compress *c, const void *p, size_t n,
		    void (*send)(void *ctx, const void *p, size_t n), void *ctx)
{
	char piece[COMPRESS_PIECE];

	if (!c->deflating)
		CHECK(deflateInit2(&c->out, OUT_LEVEL, Z_DEFLATED, OUT_BITS, OUT_MEM,
				   Z_DEFAULT_STRATEGY) == Z_OK);
	c->deflating = true;
	c->out.next_in = (Bytef *)p;
	c->out.avail_in = (uInt)n;
	do {
		c->out.next_out = (Bytef *)piece;
		c->out.avail_out = sizeof(piece);
		CHECK(deflate(&c->out, Z_SYNC_FLUSH) != Z_STREAM_ERROR);
		send(ctx, piece, sizeof(piece) - c->out.avail_out);
	} while (c->out.avail_out == 0);
}

void compress_rest(struct compress *c)
{
	if (c->deflating)
		deflateEnd(&c->out);
	c->deflating = false;
}
