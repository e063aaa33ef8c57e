#ifndef API_OBJECTID_H
#define API_OBJECTID_H
/*
 * objectid - folders, messages and threads by names that hold everywhere
 *
 * A letter, the mailbox's GUID and the number the object has in it, as 29 characters
 * of A-Z a-z 0-9 _ -: what RFC 8474 calls an objectid and RFC 8620 an Id.  Numbers are
 * never used again inside a mailbox and go with it to another database, so the name
 * stays as long as the object does.
 */
#include "common/base/err.h"
#include "common/base/guid.h"
#include "common/base/span.h"

#define OBJECTID_TEXT 30	/* with NUL */

enum objectid_kind { OBJECTID_FOLDER = 'F', OBJECTID_MESSAGE = 'M', OBJECTID_THREAD = 'T' };

/* n < 2^40.  Returns out. */
const char *objectid_text(enum objectid_kind kind, const struct guid *mailbox, uint64_t n,
			  char out[OBJECTID_TEXT]);
/* NOTFOUND: not one of this kind and mailbox; there is no such object here then. */
enum err objectid_parse(struct span text, enum objectid_kind kind, const struct guid *mailbox,
			uint64_t *n) A_MUST_USE;
#endif
