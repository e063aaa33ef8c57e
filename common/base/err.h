#ifndef BASE_ERR_H
#define BASE_ERR_H
/*
 * err - one small set of errors for the whole suite
 *
 * An error says what the caller must do, not what broke: that story goes into
 * an errbuf, for the log, and never to a client.  Each protocol maps enum err
 * to its own replies in one table.
 *
 * The numbers travel in the bus envelope: append, never renumber.
 */
#include "common/base/attr.h"

#define ERR_MAP(X)                                                             \
	X(OK, "success")                                                       \
	X(AGAIN, "temporarily unavailable") /* retry may succeed */            \
	X(INVALID, "malformed request")     /* the sender's bug */             \
	X(NOTFOUND, "no such object")                                          \
	X(EXISTS, "already exists")                                            \
	X(DENIED, "permission denied")                                         \
	X(LIMIT, "over a limit or quota")                                      \
	X(CORRUPT, "stored data damaged") /* an operator must look */          \
	X(INTERNAL, "internal error")                                          \
	X(STALE, "changed meanwhile") /* re-read, then decide again */         \
	X(FULL, "no space left")      /* retry after space is made */

enum err {
#define X(name, text) ERR_##name,
	ERR_MAP(X)
#undef X
		ERR_COUNT
};

/* Optional story behind an enum err, for the log.  Callers that do not care
 * pass NULL; functions never read it back. */
struct errbuf {
	char text[240];
};

const char *err_text(enum err e);

/* An error number from the bus; what a newer peer knows is INTERNAL to us. */
enum err err_from_wire(unsigned v);

/* Fill eb (if any) and return code, so that a failure is one line:
 *     return err_set(eb, ERR_LIMIT, "literal of %zu bytes", n);            */
enum err err_set(struct errbuf *eb, enum err code, const char *fmt, ...) A_PRINTF(3, 4);

/* The same for errno. */
enum err err_errno(struct errbuf *eb, int number, const char *what);
#endif
