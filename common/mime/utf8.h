#ifndef MIME_UTF8_H
#define MIME_UTF8_H
/* utf8 - well-formed UTF-8 (RFC 3629) in texts whose bytes came from outside */
#include "common/base/span.h"

/* Length of the well-formed character at p, 0 if there is none. */
size_t utf8_char(const char *p, size_t n);
bool utf8_valid(struct span s);
/* The longest beginning of s, at most max bytes, that splits no character. */
size_t utf8_cut(struct span s, size_t max);
#endif
