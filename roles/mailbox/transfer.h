#ifndef MAILBOX_TRANSFER_H
#define MAILBOX_TRANSFER_H
/*
 * transfer - messages from one folder into another, row by row (copy.c)
 */
#include "roles/mailbox/leaving.h"

struct transfer {
	struct tx *tx;
	struct mbx_row *m, *to_m;	/* may be the same */
	struct folder_row *from, *to;
	bool move;
	unsigned allowed;		/* flags that go along, unless items are linked */
	bool may_keyword;
	bool part_ways;			/* copies are items of their own: a link would carry
					 * rights on the target over to the source */
	const struct guid *by;		/* who moves; may be NULL */
	int64_t uid;			/* the next in the target */
	int64_t cn;			/* of the new placements; 0: this part's */
	bool has_names;
	struct kwnames names;		/* the source's keywords, for another mailbox */
};

/* The flags that a message arrives with. */
unsigned transfer_flags(const struct transfer *t, const struct leaving *l);
/* A placement in the target for each of list, from t->uid on; nothing is counted.
 * LIMIT: the quota. */
enum err transfer_place(struct transfer *t, const struct leaving_list *list,
			struct errbuf *eb) A_MUST_USE;
/* All of it at once: uids, placements, counters, and a move's leaving. */
enum err transfer_now(struct transfer *t, const struct leaving_list *list,
		      struct errbuf *eb) A_MUST_USE;
#endif
