#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H
/*
 * reply - what a server says: written, and read back (RFC 5321 4.2, RFC 2034)
 *
 * The writer keeps lines within the 512 octets of RFC 5321 4.5.3.1.5 by breaking
 * the text at blanks, and says nothing but printable ASCII.
 *
 * The parser takes a reply in pieces.  Its memory is bounded however long a
 * server talks: text beyond SMTP_REPLY_TEXT_MAX is dropped, a line beyond
 * SMTP_REPLY_LINE_MAX or more than SMTP_REPLY_LINES_MAX lines is BAD.  A bare LF
 * ends a line, because servers do that and nothing hangs on it here.
 */
#include "common/base/buf.h"
#include "common/base/span.h"
#include "common/smtp/command.h"

#define SMTP_REPLY_LINE_MAX  2048
#define SMTP_REPLY_LINES_MAX 256
#define SMTP_REPLY_TEXT_MAX  8192

/* code 200..599.  enhanced: "2.1.0", or NULL for none (greeting, HELO, EHLO, 3xx).
 * Each '\n' in text begins another line of the reply.  LIMIT when out is full;
 * out is then as it was. */
enum err smtp_reply_write(struct buf *out, unsigned code, const char *enhanced,
			  const char *text) A_MUST_USE;

enum smtp_reply_result { SMTP_REPLY_MORE, SMTP_REPLY_DONE, SMTP_REPLY_BAD };

struct smtp_reply {
	unsigned code;
	char enhanced[12];	/* "5.1.1" of the first line that has one, or "" */
	struct buf text;	/* lines joined by '\n', enhanced codes taken out */
	/* private */
	char line[SMTP_REPLY_LINE_MAX];
	size_t n_line;
	unsigned n_lines;
};

void smtp_reply_init(struct smtp_reply *r);
void smtp_reply_fini(struct smtp_reply *r);
void smtp_reply_reset(struct smtp_reply *r);	/* before the next reply */

/* Takes from the front of *in what belongs to this reply.  After BAD the
 * connection is of no more use. */
enum smtp_reply_result smtp_reply_feed(struct smtp_reply *r, struct span *in) A_MUST_USE;

/* What a DONE reply to EHLO offers: SMTP_EXT_*.  *max_size: SIZE, 0 if not said.
 * auth (may be NULL) gets the mechanisms, separated by blanks. */
unsigned smtp_reply_extensions(const struct smtp_reply *r, uint64_t *max_size,
			       char *auth, size_t auth_cap);

/* An enhanced code in front of text: its length, 0 if there is none. */
size_t smtp_enhanced_length(struct span text);
#endif
