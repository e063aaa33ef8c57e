#ifndef MIME_TEXT_H
#define MIME_TEXT_H
/*
 * text - what a person would find in a message when looking for words
 *
 * The message is fed once, from its first byte on, in pieces of any size; out come, in
 * UTF-8 with transfer encodings, encoded words and charsets undone:
 *
 * - the fields of the message's own header, one by one;
 * - the text of its text parts (HTML without its tags), in pieces that split no
 *   character; `first` marks the first piece of a part, before which no text goes on;
 * - of parts within: names of attachments, and subjects and addresses of messages
 *   attached, as pieces with `first` set.
 *
 * Memory does not depend on the message.  Search of a mailbox and its catalogue read
 * messages by this module, so that they agree.
 */
#include "common/base/span.h"
#include "common/mime/map.h"

#define MIME_TEXT_PIECE (200u << 10)	/* bytes of a piece or a field, at most */

struct mime_text_to {
	void (*field)(void *ctx, struct span name, struct span text);
	void (*text)(void *ctx, struct span piece, bool first);
	/* Nothing that follows (in the body, if in_body) is of use.  Optional. */
	bool (*enough)(void *ctx, bool in_body);
	void *ctx;
};

struct mime_text;

/* map is borrowed until the end.  Without one only the header is read. */
struct mime_text *mime_text_new(const struct mime_view *map, const struct mime_text_to *to);
void mime_text_free(struct mime_text **t);	/* *t may be NULL */

/* False: nothing that follows matters. */
bool mime_text_feed(struct mime_text *t, const char *p, size_t n);
/* So many bytes that come next say nothing (an attachment): skip as many as you like
 * instead of feeding them. */
uint64_t mime_text_idle(const struct mime_text *t);
void mime_text_skip(struct mime_text *t, uint64_t n);	/* n <= mime_text_idle() */
void mime_text_end(struct mime_text *t);	/* no more bytes */
#endif
