#ifndef DIRECTORY_TOKEN_H
#define DIRECTORY_TOKEN_H
/*
 * token - permission to join, once, within 15 minutes, as one role and name
 *
 * Only a hash of the secret is kept.  It goes in the same transaction in which the
 * server's object is written, so a token cannot be used twice, whatever fails.
 */
#include "common/db/db.h"
#include <stddef.h>

#define TOKEN_MS (15 * 60 * 1000)

struct token {
	unsigned role;
	char name[64];
	int64_t expires_ms;
};

enum err token_add(struct db *db, const uint8_t *secret, size_t n, const struct token *t,
		   const char *who, struct errbuf *eb) A_MUST_USE;
/* DENIED: unknown, used or expired, or for another role or name. */
enum err token_use(struct db *db, const uint8_t *secret, size_t n, unsigned role,
		   const char *name, int64_t now_ms, struct errbuf *eb) A_MUST_USE;
enum err token_purge(struct db *db, int64_t now_ms, struct errbuf *eb) A_MUST_USE;
#endif
