#ifndef IMAP_STORE_H
#define IMAP_STORE_H
/* store - the arguments of STORE behind its set (RFC 3501 6.4.6, RFC 7162 3.1.3) */
#include "common/imap/flags.h"

enum imap_store_how { IMAP_STORE_REPLACE, IMAP_STORE_ADD, IMAP_STORE_REMOVE };

struct imap_store {
	enum imap_store_how how;
	bool silent;
	bool has_unchanged_since;
	uint64_t unchanged_since;
	struct imap_flags flags;
};

/* "(UNCHANGEDSINCE 12) +FLAGS.SILENT (\Seen)", to the
 * end of the command. */
bool imap_lex_store(struct imap_lex *l, struct imap_store *out) A_MUST_USE;
#endif
