#ifndef MIME_ADDRESS_H
#define MIME_ADDRESS_H
/*
 * address - address lists of header fields (RFC 5322 sections 3.4 and 4.4)
 *
 * Takes groups, comments at any depth, quoted strings, source routes, the
 * obsolete spaces around dots, UTF-8 (RFC 6532) and plain garbage: parsing
 * always ends with a list, at worst an empty one.  Quoting is removed; encoded
 * words are kept as they are (see word.h).  CR, LF and NUL never come out.
 *
 * parse(write(list)) gives the same list, without its routes: nobody may make them
 * any more.
 */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/span.h"

enum address_kind {
	ADDRESS_MAILBOX,
	ADDRESS_GROUP,		/* begins: name is the group's; never nested */
	ADDRESS_GROUP_END	/* every GROUP has one, before the end of the list */
};

struct address {
	enum address_kind kind;
	struct span name;	/* display name, or the old style comment; n 0: none */
	struct span local;	/* quotes removed */
	struct span host;	/* n 0: there was none */
	struct span route;	/* "@a,@b" of <@a,@b:local@host>; n 0: none */
};

/* The list has at most max elements, further ones are dropped.  It and its
 * bytes live in a; the value may be folded.  Returns their number. */
size_t address_parse(struct arena *a, struct span value, size_t max, struct address **out);

/* The first mailbox of a list, or NULL. */
const struct address *address_first(const struct address *list, size_t n);

/* Append the list in the form of RFC 5322, on one line. */
enum err address_write(const struct address *list, size_t n, struct buf *out) A_MUST_USE;
#endif
