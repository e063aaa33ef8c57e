#ifndef MIME_MAP_H
#define MIME_MAP_H
/*
 * map - one pass over a message: where its parts are and what IMAP says of them
 *
 * The bytes are fed as they come, cut anywhere; memory stays below MIME_MAP_MAX
 * times a small factor whatever they are.  What comes out is a blob kept beside
 * the message: the texts of ENVELOPE, BODY and BODYSTRUCTURE (RFC 3501 section
 * 7.4.2) ready to send, and a table from which a section's byte range is
 * found without reading the message.
 *
 *	m = mime_map_new();
 *	while (there is more)
 *		mime_map_feed(m, p, n);
 *	mime_map_finish(m);
 *	... mime_map_summary(m), mime_map_encode(m, &blob) ...
 *	mime_map_free(&m);
 *
 * How bytes are read:
 * - A line ends with LF.  The line end before a boundary belongs to the
 *   boundary (RFC 2046 section 5.1.1), the empty line behind a header to the
 *   header.
 * - A boundary line is "--", the boundary, perhaps "--", then only white space.
 *   The innermost open boundary wins; an outer one closes all within.
 * - A multipart in which no part was found is shown as one text/plain part.
 * - Above MIME_PARTS_MAX parts, MIME_DEPTH_MAX levels or a blob of MIME_MAP_MAX
 *   bytes the message is shown as one part of its own type (message/rfc822,
 *   which cannot be one part, as application/octet-stream).
 * - Of each header the first MIME_HEADER_MAX bytes are understood.
 */
#include "common/base/buf.h"
#include "common/base/span.h"
#include "common/mime/summary.h"
#include <stdint.h>

#define MIME_PARTS_MAX  10000
#define MIME_DEPTH_MAX  1000
#define MIME_MAP_MAX    (4u << 20)
#define MIME_HEADER_MAX (256u << 10)

enum mime_kind {
	MIME_LEAF,
	MIME_MULTIPART,		/* at least one child */
	MIME_MESSAGE		/* message/rfc822; its one child is the message */
};

enum mime_encoding {		/* Content-Transfer-Encoding */
	MIME_7BIT, MIME_8BIT, MIME_BINARY, MIME_QP, MIME_BASE64,
	MIME_OTHER		/* a name we do not know */
};

/* Offsets count from the first byte of the message. */
struct mime_part {
	enum mime_kind kind;
	enum mime_encoding encoding;
	uint64_t hdr_start;
	uint64_t body_start;	/* hdr_start + the header with its empty line */
	uint64_t body_end;
	uint64_t lines;		/* line ends in the body */
	uint32_t first_child, n_children;	/* indexes into the table */
};

struct mime_map;

struct mime_map *mime_map_new(void);
void mime_map_free(struct mime_map **m);
void mime_map_feed(struct mime_map *m, const char *p, size_t n);
/* No more bytes.  The calls below are valid from here on. */
void mime_map_finish(struct mime_map *m);

/* Borrowed until the map is freed. */
const struct summary *mime_map_summary(const struct mime_map *m);
bool mime_map_has_attach(const struct mime_map *m);
uint64_t mime_map_size(const struct mime_map *m);
uint64_t mime_map_header_size(const struct mime_map *m);

/* Append the blob, at most MIME_MAP_MAX bytes.  LIMIT only from out. */
enum err mime_map_encode(const struct mime_map *m, struct buf *out) A_MUST_USE;

/* A blob opened for reading: all spans point into it. */
struct mime_view {
	struct span envelope, body, bodystructure;
	uint64_t size;		/* of the message */
	size_t n_parts;		/* part 0 is the message itself */
	bool has_attach;
	bool is_flat;		/* a limit was met: shown as one part */
	const unsigned char *table;	/* private */
};

/* Check and open a blob.  CORRUPT if it is damaged in any way that could make
 * a range leave the message or a walk not end; INVALID for an unknown version. */
enum err mime_map_decode(struct span blob, struct mime_view *out,
			 struct errbuf *eb) A_MUST_USE;

/* The i-th part of the table, i < n_parts.  Children stand behind parents. */
struct mime_part mime_view_part(const struct mime_view *v, size_t i);

struct mime_range {
	uint64_t start, len;
	size_t part;		/* the part that was meant */
};

/*
 * The bytes of an IMAP section: "", "HEADER", "TEXT", "1.2", "1.2.MIME",
 * "1.2.HEADER", "1.2.TEXT", case ignored.  HEADER.FIELDS is the range of HEADER
 * given to section_fields().  NOTFOUND if the message has no such section,
 * INVALID if the text is none.
 */
enum err mime_map_part(const struct mime_view *v, struct span section,
		       struct mime_range *out) A_MUST_USE;
#endif
