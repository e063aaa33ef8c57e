#ifndef IMAP_FLAGS_H
#define IMAP_FLAGS_H
/*
 * flags - system flags as bits, keywords as names (RFC 3501 section 2.3.2)
 *
 * Keywords keep the case they came in; two that differ only in case are one.
 * \Recent and system flags we do not know are read and left out: PERMANENTFLAGS
 * tells the client, and refusing them breaks clients that copy flags about.
 */
#include "common/base/buf.h"
#include "common/imap/lex.h"

enum imap_flag {
	IMAP_SEEN = 1,
	IMAP_ANSWERED = 2,
	IMAP_FLAGGED = 4,
	IMAP_DELETED = 8,
	IMAP_DRAFT = 16,
	IMAP_RECENT = 32	/* written, never read */
};

#define IMAP_MAX_KEYWORDS 64	/* in one command */
#define IMAP_MAX_KEYWORD  100	/* bytes of one */

struct imap_flags {
	unsigned system;	/* enum imap_flag */
	struct span *keywords;	/* in the arena */
	size_t n_keywords;
};

/* "(\Seen $Forwarded)"; with bare also "\Seen $Forwarded", as STORE allows. */
bool imap_lex_flags(struct imap_lex *l, bool bare, struct imap_flags *out) A_MUST_USE;

/* "(\Seen $Forwarded)" */
enum err imap_write_flags(struct buf *out, unsigned system, const struct span *keywords,
			  size_t n_keywords) A_MUST_USE;
#endif
