#ifndef DIRECTORY_AUDIT_H
#define DIRECTORY_AUDIT_H
/*
 * audit - who changed what, when, from which value to which
 *
 * A line is written in the transaction of its change; a change that was refused
 * gets one as well.  Secrets appear as "(secret)".  Lines are only ever added;
 * directory_tidy() drops those older than the setting `audit`.
 */
#include "common/api/object.h"
#include "common/db/db.h"

struct audit_line {
	uint64_t seq;
	int64_t at_ms;
	const char *who, *what, *object, *detail, *result;
};

enum err audit_add(struct db *db, const struct audit_line *l, struct errbuf *eb) A_MUST_USE;
/* The newest n before seq (0: from the end), newest first, in a. */
size_t audit_list(struct db *db, uint64_t before, struct audit_line *out, size_t n,
		  struct arena *a);
enum err audit_purge(struct db *db, int64_t before_ms, struct errbuf *eb) A_MUST_USE;

/* "quota-send: 1 -> 2; address: +x@y -z@y"; was or is may be NULL. */
const char *audit_diff(struct arena *a, const struct object *was, const struct object *is);
#endif
