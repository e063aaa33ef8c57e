#ifndef SMTP_DATA_H
#define SMTP_DATA_H
/*
 * data - message content as it travels: DATA read, BDAT read, DATA written
 *
 * Reading.  Only <CRLF>.<CRLF> ends DATA (RFC 5321 4.1.1.4; the CRLF behind the
 * command counts as the first).  Bare CR, bare LF and NUL never end anything and
 * are never repaired: where two servers disagree about them, mail is smuggled.
 * Such content is read to its real end and then refused, like content that is
 * over a limit.  So what a reader let through is canonical: lines end in CRLF,
 * and dots are the author's.
 *
 * Invariants
 *  1. The fate of every octet is decided by the octets before it, not by how the
 *     network cut them.
 *  2. Once a fault is seen no more content comes out.  Of several faults the
 *     gravest is reported, whichever came first.
 *
 * Writing is the inverse, and takes any octets: bare CR and bare LF become CRLF,
 * leading dots are doubled.
 */
#include "common/base/buf.h"
#include "common/base/span.h"
#include "common/smtp/command.h"
#include <stdint.h>

struct smtp_data_conf {
	uint64_t max_bytes;	/* content, as stored */
	uint64_t max_header;	/* up to and with the empty line */
	size_t max_line;	/* octets, CRLF not counted; at least 998 */
};

enum smtp_data_fault {		/* the gravest last */
	SMTP_DATA_FINE,
	SMTP_DATA_SIZE,		/* over max_bytes */
	SMTP_DATA_HEADER,	/* over max_header */
	SMTP_DATA_LINE,		/* over max_line */
	SMTP_DATA_BARE		/* bare CR or LF, or a NUL */
};

/* Embedded, owns nothing; the fields below private are for reading. */
struct smtp_data {
	struct smtp_data_conf conf;
	enum smtp_data_fault fault;
	uint64_t bytes;		/* content so far; goes on counting after a fault */
	bool header_8bit;	/* needs SMTPUTF8 onwards */
	bool body_8bit;		/* needs 8BITMIME onwards */
	/* private */
	bool dots, in_header;
	unsigned char at;
	size_t line;		/* octets of the line so far */
};

enum smtp_data_result {
	SMTP_DATA_MORE,		/* *in is used up */
	SMTP_DATA_CHUNK,	/* *out is content, inside what *in was */
	SMTP_DATA_END		/* the dot was read; *in is what follows it */
};

/* conf is copied.  dots: DATA; else chunks of BDAT, whose end the caller counts. */
void smtp_data_init(struct smtp_data *d, const struct smtp_data_conf *conf, bool dots);

/* Take from the front of *in.  Call until MORE or END. */
enum smtp_data_result smtp_data_next(struct smtp_data *d, struct span *in,
				     struct span *out) A_MUST_USE;

/* No more chunks follow (BDAT LAST).  Finds what only the end shows: a CR alone. */
void smtp_data_finish(struct smtp_data *d);

/* The reply a fault deserves; NULL for FINE. */
const struct smtp_fault *smtp_data_reply(enum smtp_data_fault f);

/* Embedded; zeroed is ready. */
struct smtp_data_writer {
	bool inside;	/* something of a line was written */
	bool cr;	/* the last octet was a CR, not yet written */
};

/* LIMIT: out has no room for 2 * in.n + 2 octets; nothing was taken. */
enum err smtp_data_write(struct smtp_data_writer *w, struct span in,
			 struct buf *out) A_MUST_USE;
/* Completes the last line and adds the final dot; at most 5 octets. */
enum err smtp_data_write_end(struct smtp_data_writer *w, struct buf *out) A_MUST_USE;
#endif
