#ifndef MIME_HEADER_H
#define MIME_HEADER_H
/*
 * header - walk the fields of a message or part header (RFC 5322 section 2.2)
 *
 * Works on raw bytes: lines end with LF, a CR before it is dropped.  A CR alone
 * ends nothing.  The header ends with the first empty line, or with the bytes;
 * every module here agrees on that, so that a field hidden from one reader is
 * hidden from all.
 *
 * A line without a colon that continues nothing is junk: it belongs to the
 * header but is no field.  White space before the colon is tolerated (obsolete
 * syntax) and not part of the name, so "X-Secret : 1" is still X-Secret.
 *
 * Spans are borrowed from the input.  Nothing here allocates or fails.
 */
#include "common/base/span.h"
#include <stdint.h>

struct header_field {
	struct span name;	/* without colon and trailing space; may be empty */
	struct span value;	/* behind the colon, still folded, last line end cut */
	struct span raw;	/* the whole field with its line ends */
};

/* Bytes of the header with its empty line.  *closed (may be NULL) tells if the
 * empty line was there. */
size_t header_length(struct span raw, bool *closed);

/* The next field of *rest, which moves behind it; false at the end of the
 * header.  Start with the whole header. */
bool header_next(struct span *rest, struct header_field *out);

/* The first field of that name, case ignored. */
bool header_find(struct span header, const char *name, struct header_field *out);
size_t header_count(struct span header, const char *name);

/* Does the name begin with prefix, case ignored?  For the header firewall. */
bool header_has_prefix(const struct header_field *f, const char *prefix);

/* The value on one line: line ends are dropped, space around it is trimmed.
 * dst has room for value.n bytes; returns what was written. */
size_t header_unfold(struct span value, char *dst);
/* The same trim without the copy: the span is returned still folded. */
struct span header_trim(struct span value);

/*
 * header_scan finds the end of a header that arrives in chunks.  Nothing is
 * kept of the bytes; the SMTP front refuses what answers LIMIT.
 */
enum header_scan_state { HEADER_MORE, HEADER_DONE, HEADER_LIMIT };

struct header_scan {
	size_t max;		/* bytes allowed, the empty line included */
	size_t len;		/* seen so far; the header's length when DONE */
	size_t n_received;	/* fields named Received so far */
	enum header_scan_state state;
	/* private */
	unsigned col;		/* column in the line, saturated */
	bool only_cr;		/* the line is empty but for a CR */
	unsigned match;		/* bytes of "received" matched, or NO_MATCH */
};

void header_scan_init(struct header_scan *s, size_t max);
/* Feed the next bytes; *used (may be NULL) is how many belonged to the header.
 * DONE and LIMIT are final: later bytes are not looked at. */
enum header_scan_state header_scan_feed(struct header_scan *s, const char *p, size_t n,
					size_t *used);
#endif
