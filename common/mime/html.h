#ifndef MIME_HTML_H
#define MIME_HTML_H
/*
 * html - the words of an HTML text, as a reader sees them
 *
 * Fed in pieces cut anywhere (not inside a character's bytes if the output is to stay
 * well-formed).  Tags, comments, scripts and styles vanish; what begins a new block
 * becomes a space, as does any run of white space; character references become their
 * characters, unknown ones stay.  Bytes above ASCII pass as they are.  Never fails and
 * never looks ahead further than a few bytes; the output is never longer than three
 * times the input.
 */
#include "common/base/buf.h"
#include "common/base/span.h"
#include <stdbool.h>

struct html {			/* zeroed at first */
	int state;
	char word[24];		/* of a tag's name, or of a reference */
	size_t n_word;
	char quote;		/* inside an attribute's value */
	unsigned dashes;	/* of a comment's end */
	char skip[8];		/* "script" or "style": nothing until it ends */
	bool gap;		/* white space is due before the next character */
	bool begun;		/* something was said */
};

/* Append to out, which must have room for 3 * n + 32 bytes. */
void html_feed(struct html *h, const char *p, size_t n, struct buf *out);
void html_end(struct html *h, struct buf *out);
#endif
