#ifndef MIME_BUILD_H
#define MIME_BUILD_H
/*
 * build - write the headers of our own messages: DSNs, notices, journal reports
 *
 * Fields come out encoded where needed and folded at 76 characters, with CRLF.
 * No value can add a line of its own: controls in it become spaces.
 */
#include "common/base/buf.h"
#include "common/mime/address.h"
#include <stdint.h>

#define BUILD_BOUNDARY_MAX 48

/* "Name: text", for unstructured fields: RFC 2047 words where text needs them.
 * INVALID if name is no field name. */
enum err build_field(struct buf *out, const char *name, struct span text) A_MUST_USE;
/* The same for structured values that are ASCII already: never encoded. */
enum err build_raw_field(struct buf *out, const char *name, struct span value) A_MUST_USE;
/* An address list; display names are encoded. */
enum err build_addresses(struct buf *out, const char *name, const struct address *list,
			 size_t n) A_MUST_USE;
/* "Date: ..." */
enum err build_date(struct buf *out, int64_t ms, int offset_min) A_MUST_USE;

/* A boundary for multiparts, NUL-terminated; seed is the caller's (random, or a
 * queue id), nth tells the boundaries of one message apart.  It holds "=_",
 * which neither base64 nor quoted-printable can produce. */
void build_boundary(char dst[BUILD_BOUNDARY_MAX], uint64_t seed, unsigned nth);
#endif
