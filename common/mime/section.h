#ifndef MIME_SECTION_H
#define MIME_SECTION_H
/*
 * section - HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 3501 section 6.4.5)
 *
 * The chosen fields are given byte for byte in their order, then the empty line
 * that every header section ends with, even if nothing matched.
 */
#include "common/base/buf.h"
#include "common/base/span.h"

/* Append to out the fields of header that are (or with `not`, are not) in
 * names.  LIMIT if out is full; out then holds a part of it. */
enum err section_fields(struct span header, const struct span *names, size_t n_names,
			bool not, struct buf *out) A_MUST_USE;
#endif
