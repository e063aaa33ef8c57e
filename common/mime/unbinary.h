#ifndef MIME_UNBINARY_H
#define MIME_UNBINARY_H
/*
 * unbinary - parts of a message that are sent as they are (Content-Transfer-Encoding:
 * binary, RFC 2045 section 2.9) become base64, in one pass (RFC 3516 section 4.4)
 *
 * The bytes are fed as they come, cut anywhere; no more than a header is held back.
 * - A part that has others within is called 8bit instead; it must not be base64.
 * - Every other byte stays: what names no binary comes out as it went in, whatever it
 *   holds (NUL is the caller's to refuse).
 * - From a multipart/signed on nothing is changed, for its signature would break; nor
 *   where more is nested than a mailer does, or a header is larger than MIME_HEADER_MAX.
 * - What a boundary is, map.h says.
 */
#include "common/mime/map.h"

#define UNBINARY_DEPTH 32
#define UNBINARY_HELD  (MIME_HEADER_MAX + 1024)	/* bytes, at most */

struct unbinary;

struct unbinary *unbinary_new(void);
void unbinary_free(struct unbinary **u);
/* Adds at most UNBINARY_HELD + 2 * n + 256 bytes to out; LIMIT if that is full, and u is
 * then no longer of use. */
enum err unbinary_feed(struct unbinary *u, const char *p, size_t n, struct buf *out)
	A_MUST_USE;
enum err unbinary_end(struct unbinary *u, struct buf *out) A_MUST_USE;
#endif
