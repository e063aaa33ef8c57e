#ifndef MAILBOX_NAME_H
#define MAILBOX_NAME_H
/*
 * name - folder names and paths
 *
 * A path is 1 to NAME_DEPTH components joined by '/', each 1 to NAME_MAX_BYTES
 * bytes of UTF-8 without control characters.  Names are kept in NFC and compared
 * by their key: NFC, case folded.  INBOX at the top is INBOX in any case.
 */
#include "common/base/arena.h"
#include "common/base/err.h"
#include <stdbool.h>

#define NAME_MAX_BYTES 255
#define NAME_DEPTH     32

struct path {
	size_t n;
	const char *name[NAME_DEPTH];	/* NFC */
	const char *key[NAME_DEPTH];
};

/* Both live in a.  INVALID: not a path; the text says why. */
enum err path_parse(struct arena *a, const char *text, struct path *out,
		    struct errbuf *eb) A_MUST_USE;
/* The key of one name. */
enum err name_key(struct arena *a, const char *name, const char **out,
		  struct errbuf *eb) A_MUST_USE;
bool path_is_inbox(const struct path *p);	/* INBOX itself */
/* The first n components, in NFC. */
const char *path_text(struct arena *a, const struct path *p, size_t n);
#endif
