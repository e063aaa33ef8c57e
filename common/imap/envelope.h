#ifndef IMAP_ENVELOPE_H
#define IMAP_ENVELOPE_H
/* envelope - reading an ENVELOPE as a server writes it (RFC 9051 7.5.2): its addresses */
#include "common/imap/lex.h"

enum imap_envelope_list {
	IMAP_ENVELOPE_FROM,
	IMAP_ENVELOPE_SENDER,
	IMAP_ENVELOPE_REPLY_TO,
	IMAP_ENVELOPE_TO,
	IMAP_ENVELOPE_CC,
	IMAP_ENVELOPE_BCC
};

struct imap_address {
	struct span name;	/* as in the header: encoded words are not undone */
	struct span mailbox;	/* where a group begins: its name; n 0: where it ends */
	struct span host;	/* n 0: begin or end of a group */
};

/* Stand at the beginning of a list's addresses, the lexer over the whole ENVELOPE;
 * false: the list is NIL, or the text is no ENVELOPE. */
bool imap_envelope_open(struct imap_lex *l, struct span envelope, struct arena *a,
			enum imap_envelope_list which) A_MUST_USE;
/* The next address of the list; false at its end. */
bool imap_envelope_next(struct imap_lex *l, struct imap_address *out) A_MUST_USE;
#endif
