#ifndef IMAP_APPEND_H
#define IMAP_APPEND_H
/*
 * append - the arguments of APPEND and REPLACE, as far as they have come
 *
 * RFC 3501 6.3.11 with MULTIAPPEND (3502), CATENATE (4469), literal8 (3516), UTF8
 * (6855), and REPLACE (8508):
 *
 *	[number SP] mailbox 1*([SP flags] [SP date] SP data)
 *	data = literal / "UTF8" SP "(" literal8 ")" / "CATENATE" SP "(" part *(SP part) ")"
 *	part = "TEXT" SP literal / "URL" SP astring
 *
 * The text comes in pieces, each ending where a literal begins that is not read
 * into memory, the last one where the command ends.  imap_append_next() walks over
 * a piece and says what it met; after _LITERAL the next piece begins behind the
 * literal's bytes.
 */
#include "common/imap/flags.h"
#include "common/imap/lex.h"

enum imap_append_met {
	IMAP_APPEND_BAD,	/* l->why says why */
	IMAP_APPEND_TARGET,	/* mailbox, and number for REPLACE */
	IMAP_APPEND_MESSAGE,	/* a message begins: flags, date, kind */
	IMAP_APPEND_URL,	/* a part of it: url */
	IMAP_APPEND_LITERAL,	/* its bytes or a part of it follow; the piece is over */
	IMAP_APPEND_MESSAGE_END,
	IMAP_APPEND_END		/* of the arguments, at least one message being there */
};

enum imap_append_kind { IMAP_APPEND_PLAIN, IMAP_APPEND_CATENATE, IMAP_APPEND_UTF8 };

struct imap_append {
	bool replace;			/* one message, and a number before the mailbox */
	int state;			/* private */
	unsigned n_messages;
	/* what was met; flags and url live as long as text and arena of the lexer */
	char *mailbox;
	uint32_t number;		/* UINT32_MAX: "*" */
	struct imap_flags flags;
	bool has_date;
	int64_t date_s;
	enum imap_append_kind kind;
	struct span url;
};

void imap_append_init(struct imap_append *p, bool replace);
/* literal: the piece ends at one.  l is moved over what was read; its arena may be
 * reset between messages. */
enum imap_append_met imap_append_next(struct imap_append *p, struct imap_lex *l, bool literal);

/* For the reader: do the arguments before a literal say that it is a message, or a
 * part of one, which nobody wants in memory?  A mailbox and a URL may be literals too.
 * goes_on: l is a later piece. */
bool imap_append_is_content(struct imap_lex l, bool replace, bool goes_on) A_MUST_USE;
#endif
