#ifndef IMAP_STATUS_H
#define IMAP_STATUS_H
/* status - the items of STATUS (RFC 3501 6.3.10, RFC 7162, 7889, 8438, 8474, 9051) */
#include "common/imap/lex.h"

enum imap_status_item {
	IMAP_STATUS_MESSAGES = 1,
	IMAP_STATUS_RECENT = 2,
	IMAP_STATUS_UIDNEXT = 4,
	IMAP_STATUS_UIDVALIDITY = 8,
	IMAP_STATUS_UNSEEN = 16,
	IMAP_STATUS_HIGHESTMODSEQ = 32,
	IMAP_STATUS_SIZE = 64,
	IMAP_STATUS_DELETED = 128,
	IMAP_STATUS_APPENDLIMIT = 256,
	IMAP_STATUS_MAILBOXID = 512
};

/* "(MESSAGES UNSEEN)" as a bit set. */
bool imap_lex_status(struct imap_lex *l, unsigned *items) A_MUST_USE;
#endif
