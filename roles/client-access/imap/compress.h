#ifndef CAS_COMPRESS_H
#define CAS_COMPRESS_H
/*
 * compress - the layer of COMPRESS=DEFLATE (RFC 4978) between a session and its
 * connection
 *
 * Both directions are raw DEFLATE.  What the client sent is held as it came, at most
 * COMPRESS_HELD bytes, and inflated by pieces, only when the session wants more: so a
 * bomb costs the time of the commands in it, which have limits of their own, and no
 * memory.
 *
 * Memory of a session: about 42 KiB to inflate (zlib's state and the client's window
 * of 32 KiB) and about 38 KiB to deflate, the latter only until compress_rest(): a
 * sync flush ends at a byte, so a new deflater goes on where the old one stopped, and
 * only forgets the text it could refer to.
 */
#include "common/base/buf.h"
#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>

#define COMPRESS_HELD  (1u << 20)	/* more than one read of the connection */
#define COMPRESS_PIECE (16u << 10)	/* inflated at a time */

struct compress;

struct compress *compress_new(void);
void compress_free(struct compress **c);	/* *c may be NULL */

/* The client's bytes; copied.  LIMIT: it sends faster than it is paused. */
enum err compress_feed(struct compress *c, const void *p, size_t n) A_MUST_USE;
/* Is there something to inflate? */
bool compress_waits(const struct compress *c);
/* Adds at most COMPRESS_PIECE bytes to out, or none if it needs more input.
 * INVALID: this is not DEFLATE, or it has ended; nothing more can be read. */
enum err compress_read(struct compress *c, struct buf *out) A_MUST_USE;

/* Deflates p and hands it to send, so that the client can inflate all of it now. */
void compress_write(struct compress *c, const void *p, size_t n,
		    void (*send)(void *ctx, const void *p, size_t n), void *ctx);
/* Nothing will be said for a while: give the deflater's memory back. */
void compress_rest(struct compress *c);
#endif
