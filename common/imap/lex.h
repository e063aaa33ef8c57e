#ifndef IMAP_LEX_H
#define IMAP_LEX_H
/*
 * lex - typed readers over the text of one IMAP command (RFC 3501 section 9)
 *
 * A lexer walks over bytes that are complete: literals stand in the text as
 * they came, "{5}\r\nhello".  Each reader either takes exactly what it is named
 * for and says true, or says false and leaves the reason in l->why (static
 * text, fit for a tagged BAD).  After a false the position is not defined,
 * except where a reader says so.
 *
 * Spans point into the text, or into the arena where quoting had to be undone;
 * they live as long as both.
 */
#include "common/base/arena.h"
#include "common/base/span.h"
#include <stdint.h>

struct imap_lex {
	const char *p, *end;
	struct arena *arena;	/* borrowed */
	const char *why;	/* the first failure, or NULL */
	bool bad_name;		/* a mailbox name that cannot be one: NO, not BAD */
	bool utf8;		/* mailbox names come in UTF-8 (RFC 6855, RFC 9051) */
};

/* RFC 7888 literal header as it stands in a command. */
struct imap_literal {
	uint64_t size;
	bool sync;		/* the client waits for "+ " */
	bool binary;		/* ~{n}: RFC 3516, may hold NUL */
};

void imap_lex_init(struct imap_lex *l, struct span text, struct arena *arena);
bool imap_lex_fail(struct imap_lex *l, const char *why);	/* always false */

/* The next byte, or -1 at the end.  Takes nothing. */
static inline int imap_lex_peek(const struct imap_lex *l)
{
	return l->p < l->end ? (unsigned char)*l->p : -1;
}

bool imap_is_atom_char(int c);

bool imap_lex_char(struct imap_lex *l, char c) A_MUST_USE;
bool imap_lex_sp(struct imap_lex *l) A_MUST_USE;
bool imap_lex_end(struct imap_lex *l) A_MUST_USE;		/* nothing may be left */
/* If the next atom is exactly this word (ASCII case ignored) take it.  Not an
 * error otherwise: false then leaves position and why alone. */
bool imap_lex_word(struct imap_lex *l, const char *word) A_MUST_USE;

bool imap_lex_tag(struct imap_lex *l, struct span *out) A_MUST_USE;
bool imap_lex_atom(struct imap_lex *l, struct span *out) A_MUST_USE;
bool imap_lex_string(struct imap_lex *l, struct span *out) A_MUST_USE;	/* no NUL inside */
bool imap_lex_astring(struct imap_lex *l, struct span *out) A_MUST_USE;
bool imap_lex_nstring(struct imap_lex *l, struct span *out) A_MUST_USE;	/* NIL: p = NULL */
/* "{5}\r\n", without what follows. */
bool imap_lex_literal_head(struct imap_lex *l, struct imap_literal *out) A_MUST_USE;

bool imap_lex_u32(struct imap_lex *l, uint32_t *out) A_MUST_USE;
bool imap_lex_nz32(struct imap_lex *l, uint32_t *out) A_MUST_USE;
bool imap_lex_u63(struct imap_lex *l, uint64_t *out) A_MUST_USE;	/* mod-sequence-valzer */

/* A mailbox name in modified UTF-7 (in UTF-8 if l->utf8), given back as UTF-8 in the arena with INBOX
 * (alone or as the first level, '/' being the delimiter) in upper case. */
bool imap_lex_mailbox(struct imap_lex *l, char **out) A_MUST_USE;
/* The same for LIST: % and * may stand bare, nothing is put in upper case. */
bool imap_lex_list_mailbox(struct imap_lex *l, char **out) A_MUST_USE;
#endif
