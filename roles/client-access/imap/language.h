#ifndef CAS_IMAP_LANGUAGE_H
#define CAS_IMAP_LANGUAGE_H
/* language - the human-readable text of tagged responses in other languages (RFC 5255) */
#include "common/base/span.h"

enum language {
	LANGUAGE_DEFAULT,	/* i-default: English */
	LANGUAGE_EN,
	LANGUAGE_DE,
	LANGUAGE_COUNT
};

extern const char *const language_tags[LANGUAGE_COUNT];

/* The language a client's range names ("de", "DE-at", "default"); LANGUAGE_COUNT: none. */
enum language language_find(struct span range);
/* The same text in this language; text itself where it has not been translated. */
const char *language_text(enum language l, const char *text);
#endif
