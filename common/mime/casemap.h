#ifndef MIME_CASEMAP_H
#define MIME_CASEMAP_H
/*
 * casemap - i;unicode-casemap (RFC 5051): what IMAP compares texts by (RFC 5255)
 *
 * Two texts are equal, contain each other or stand in order as the bytes of their
 * keys do: letters in simple title case, everything decomposed (compatibility too),
 * in UTF-8.  Malformed bytes become U+FFFD.  A key is at most CASEMAP_GROWTH times as
 * long as its text.
 */
#include "common/base/buf.h"
#include "common/base/span.h"

#define CASEMAP_GROWTH 24u

/* Append the key.  When out is full the rest is dropped at a character's end. */
void casemap(struct span utf8, struct buf *out);
#endif
