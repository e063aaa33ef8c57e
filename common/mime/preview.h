#ifndef MIME_PREVIEW_H
#define MIME_PREVIEW_H
/*
 * preview - the first words of a message, for listings (RFC 8970)
 *
 * The message is fed from its first byte on.  What comes out is the beginning of its
 * first text that has any, as one line of UTF-8: white space and what is not to be seen
 * becomes one space, at most PREVIEW_CHARS characters.  Empty where there is no text.
 */
#include "common/base/buf.h"
#include "common/mime/map.h"

#define PREVIEW_CHARS 200
#define PREVIEW_BYTES (4 * PREVIEW_CHARS + 1)

struct preview;

struct preview *preview_new(const struct mime_view *map);	/* borrowed until the end */
void preview_free(struct preview **p);				/* *p may be NULL */
/* False: it is complete, or nothing that follows matters. */
bool preview_feed(struct preview *p, const char *bytes, size_t n);
/* No more bytes; p gives the text until it is freed. */
struct span preview_end(struct preview *p);
#endif
