#ifndef MIME_WORD_H
#define MIME_WORD_H
/*
 * word - encoded words of RFC 2047, and charsets
 *
 * What comes out is always well-formed UTF-8 on one line: controls become
 * spaces, so that no encoded word can smuggle a line end into a header.
 * Bytes outside encoded words that are not UTF-8 are read as Latin-1.  An
 * encoded word in an unknown charset, or a damaged one, is kept as it stands.
 * Neighbours of one charset are joined before they are converted, since many
 * mailers split characters between them.
 */
#include "common/base/buf.h"
#include "common/base/span.h"

/* Append the text of a raw, possibly folded value.  When out is full the rest
 * is dropped at a character's end. */
void word_decode(struct span value, struct buf *out);

/* Append bytes of a charset as UTF-8; false (nothing appended) if it is not
 * known.  Malformed bytes become U+FFFD. */
bool word_convert(struct span charset, struct span bytes, struct buf *out);

/* Append UTF-8 text, as it is if it may stand so in a header, or as encoded
 * words of at most 75 characters separated by a space. */
enum err word_encode(struct span text, struct buf *out) A_MUST_USE;
#endif
