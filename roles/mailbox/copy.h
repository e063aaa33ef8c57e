#ifndef MAILBOX_COPY_H
#define MAILBOX_COPY_H
/*
 * copy - COPY and MOVE inside a database: all or nothing, of any size (bulk.h)
 *
 * A copy links: the target gets a second placement of the item, which shares its
 * flags and keywords.  Into a folder that already holds the item, and into another
 * mailbox, it makes a new item on the same content.  A move makes a new placement and
 * a tombstone; into another mailbox it is a copy and an expunge in one.
 */
#include "roles/mailbox/bulk.h"

struct copy_op {
	struct bulk bulk;		/* first; as long as it goes on, copy() again */
	struct who who;
	uint64_t fid;
	const struct uid_range *uids;	/* normalised, borrowed */
	size_t n_uids;
	struct who to;			/* mbx 0: the same mailbox */
	uint64_t to_fid;		/* 0: by path */
	const char *to_path;
	bool move;
	/* while it goes on */
	int64_t into;			/* the target's fid */
	int64_t first, cn;		/* set aside */
	unsigned allowed;		/* flags that may be set in the target */
	bool may_keyword;
	/* results, once bulk.has_happened: from and to_uids correspond in order */
	struct runs from, to_uids;
	uint32_t uidvalidity;
	uint64_t modseq;		/* of the source folder */
};
/* NOTFOUND: no such target.  LIMIT: new items are more than the quota allows. */
enum err copy(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;

/* Every message of a folder into another one. */
enum err move_all(struct tx *tx, struct mbx_row *m, int64_t from, int64_t to,
		  struct errbuf *eb) A_MUST_USE;
#endif
