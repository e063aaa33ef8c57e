#ifndef MAILBOX_CHECK_H
#define MAILBOX_CHECK_H
/*
 * check - does a database say the same thing everywhere?
 *
 * Pages and b-trees first (db_verify), then, mailbox by mailbox: counters of
 * folders and mailboxes against their rows, uid runs against placements, items
 * without a place, placements without an item, flags that differ between an item
 * and its placements; then contents' reference counts.  With fix, what follows
 * from rows is made to follow from them.
 *
 * As one request of the writer: the database's other writes wait meanwhile.
 */
#include "roles/mailbox/tx.h"

enum { CHECK_FINDINGS = 200, CHECK_TEXT = 160 };

struct check_op {
	bool fix;
	/* results */
	char (*findings)[CHECK_TEXT];	/* CHECK_FINDINGS of them, the caller's */
	size_t n;
	uint64_t mailboxes, items;
	uint32_t fixed;
};
enum err check_database(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;
#endif
