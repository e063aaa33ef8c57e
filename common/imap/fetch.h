#ifndef IMAP_FETCH_H
#define IMAP_FETCH_H
/*
 * fetch - what FETCH asks for (RFC 3501 6.4.5, RFC 7162 3.1.4)
 *
 * Macros are expanded, plain items become bits, and each body section becomes a
 * struct, RFC822.* included: they are spelled differently but mean the same.
 * BINARY (RFC 3516) sections are those whose transfer encoding is to be undone.
 */
#include "common/base/buf.h"
#include "common/imap/lex.h"

enum imap_fetch_item {
	IMAP_FETCH_UID = 1,
	IMAP_FETCH_FLAGS = 2,
	IMAP_FETCH_INTERNALDATE = 4,
	IMAP_FETCH_SIZE = 8,
	IMAP_FETCH_ENVELOPE = 16,
	IMAP_FETCH_BODY = 32,		/* the structure without extensions */
	IMAP_FETCH_BODYSTRUCTURE = 64,
	IMAP_FETCH_MODSEQ = 128,
	IMAP_FETCH_EMAILID = 256,	/* RFC 8474 */
	IMAP_FETCH_THREADID = 512,
	IMAP_FETCH_SAVEDATE = 1024,	/* RFC 8514 */
	IMAP_FETCH_PREVIEW = 2048,	/* RFC 8970 */
	IMAP_FETCH_LAZY = 4096		/* PREVIEW: only if it is at hand */
};

enum imap_section_text {
	IMAP_TEXT_ALL,			/* [] or [1.2] */
	IMAP_TEXT_HEADER,
	IMAP_TEXT_HEADER_FIELDS,
	IMAP_TEXT_HEADER_FIELDS_NOT,
	IMAP_TEXT_TEXT,
	IMAP_TEXT_MIME			/* only with a part */
};

enum imap_section_name {
	IMAP_NAME_BODY,			/* BODY[...] */
	IMAP_NAME_RFC822,
	IMAP_NAME_RFC822_HEADER,
	IMAP_NAME_RFC822_TEXT,
	IMAP_NAME_BINARY,
	IMAP_NAME_BINARY_SIZE		/* only how long it is */
};

#define IMAP_MAX_SECTIONS 64		/* in one FETCH */
#define IMAP_MAX_PARTS	  100		/* levels of one section */
#define IMAP_MAX_FIELDS	  256		/* header names of one section */

struct imap_section {
	uint32_t *part;			/* 1.2.3; none: the message */
	size_t n_part;
	enum imap_section_text text;
	struct span *fields;
	size_t n_fields;
	bool peek;			/* does not set \Seen */
	bool partial;			/* <offset.count> */
	uint64_t offset, count;		/* count > 0; RFC 9051: 63 bits */
	enum imap_section_name name;
};

/* Results from .. to, counted from 1, or with from_end from the last one back; to >=
 * from.  from 0: all. */
struct imap_partial {
	uint32_t from, to;
	bool from_end;
};
/* "3:7" or "-1:-100" (RFC 9394 3.1). */
bool imap_lex_partial(struct imap_lex *l, struct imap_partial *out) A_MUST_USE;

struct imap_fetch {
	unsigned items;			/* enum imap_fetch_item */
	struct imap_section *sections;
	size_t n_sections;
	bool has_changed_since;
	uint64_t changed_since;		/* asks for MODSEQ as well */
	bool vanished;			/* RFC 7162 3.2.6 */
	struct imap_partial partial;	/* RFC 9394 */
};

/* What stands behind the set, to the end of the command. */
bool imap_lex_fetch(struct imap_lex *l, struct imap_fetch *out) A_MUST_USE;
/* Would answering set \Seen? */
bool imap_fetch_marks_seen(const struct imap_fetch *f);

/* The name of the answer: "BODY[1.HEADER.FIELDS (FROM)]<0>", "RFC822". */
enum err imap_write_section(struct buf *out, const struct imap_section *s) A_MUST_USE;
#endif
