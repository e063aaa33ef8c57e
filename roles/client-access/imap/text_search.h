#ifndef CAS_IMAP_TEXT_SEARCH_H
#define CAS_IMAP_TEXT_SEARCH_H
/*
 * text_search - which of some texts occur in a message
 *
 * For the SEARCH keys BODY, TEXT and HEADER.  The message is fed once, from its first
 * byte on, in pieces of any size, and read as common/mime/text.h says; texts compare by
 * i;unicode-casemap.  Memory does not depend on the message.
 */
#include "common/base/arena.h"
#include "common/base/span.h"
#include "common/mime/map.h"

enum text_where {
	TEXT_HEADER_FIELD,	/* in a field of the message's header */
	TEXT_BODY,
	TEXT_ANYWHERE
};

struct text_needle {
	enum text_where where;
	struct span field;	/* TEXT_HEADER_FIELD */
	struct span text;	/* UTF-8; "" is in every field there is, and in every text */
	bool hit;
	/* private */
	struct span key;
};

struct text_search;

/* needles and map are borrowed until the end; hits are reset.  Without a map only
 * the header is looked into. */
struct text_search *text_search_new(struct text_needle *needles, size_t n,
				    const struct mime_view *map);
void text_search_free(struct text_search **t);	/* *t may be NULL */

/* False: nothing that follows can add a hit. */
bool text_search_feed(struct text_search *t, const char *p, size_t n);
/* So many bytes that come next hold no text: skip as many as you like. */
uint64_t text_search_idle(const struct text_search *t);
void text_search_skip(struct text_search *t, uint64_t n);	/* n <= text_search_idle() */
void text_search_end(struct text_search *t);	/* no more bytes: hits are final */

/* Is text in s (both UTF-8), case ignored? */
bool text_contains(struct span s, struct span text);
#endif
