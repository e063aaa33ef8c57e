#ifndef IMAP_METADATA_H
#define IMAP_METADATA_H
/*
 * metadata - arguments and answers of GETMETADATA and SETMETADATA (RFC 5464)
 *
 * Names of entries come out in lower case, for they have none, and are checked:
 * below /private/ or /shared/, no empty level, no wildcards, ASCII only.
 */
#include "common/base/buf.h"
#include "common/imap/lex.h"

#define IMAP_META_ENTRIES 100		/* in one command */
#define IMAP_META_NAME	  512		/* bytes of a name */
#define IMAP_META_ALL	  255		/* DEPTH infinity */

struct imap_meta_get {
	char *mailbox;			/* "": the server */
	bool has_maxsize;
	uint64_t maxsize;
	unsigned depth;			/* 0, 1, IMAP_META_ALL */
	const char **entries;		/* NULL-terminated */
};

struct imap_meta_set {
	char *mailbox;
	size_t n;
	struct imap_meta_value {
		const char *entry;
		struct span value;	/* p NULL: NIL; may hold NUL */
	} of[IMAP_META_ENTRIES];
};

/* Options stand before the mailbox, as the grammar has it, or behind, as the
 * examples do. */
bool imap_lex_getmetadata(struct imap_lex *l, struct imap_meta_get *out) A_MUST_USE;
bool imap_lex_setmetadata(struct imap_lex *l, struct imap_meta_set *out) A_MUST_USE;
/* One name, or several in parentheses; for LIST RETURN too (RFC 9590). */
bool imap_lex_meta_entries(struct imap_lex *l, const char ***out) A_MUST_USE;

/* A string, or a literal8 if it holds NUL. */
enum err imap_write_meta_value(struct buf *out, struct span value) A_MUST_USE;
#endif
