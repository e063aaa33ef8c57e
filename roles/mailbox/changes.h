#ifndef MAILBOX_CHANGES_H
#define MAILBOX_CHANGES_H
/*
 * changes - what changed in a folder since a change number
 *
 * One indexed feed: placements by modseq, and tombstones by cn.  It costs what
 * changed, not what is there.  A page never ends in the middle of a change
 * number, so `until` is always a place to go on from.
 *
 * Tombstones are kept for a while only: below mailbox.tomb_floor, or for another
 * epoch's numbers, the answer is `reset`.
 */
#include "roles/mailbox/access.h"
#include "roles/mailbox/message.h"
#include "roles/mailbox/runs.h"

struct changes_op {
	struct who who;
	uint64_t fid, since;
	uint32_t limit;			/* rows about so many; 0: 5,000 */
	bool gone_only;			/* no rows */
	/* results */
	struct buf rows;		/* packed: flags, keywords, modseq */
	struct runs gone;
	uint64_t until;
	bool more, reset;
	uint32_t uidnext, total, unread;
	uint64_t highestmodseq;		/* of the folder */
};
enum err changes_page(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;

/* Uids that left the folder above since. */
enum err changes_gone(struct db *db, int64_t mbx, uint64_t fid, uint64_t since, struct runs *out,
		      struct errbuf *eb) A_MUST_USE;
#endif
