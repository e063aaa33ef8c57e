#ifndef MAILBOX_LEAVING_H
#define MAILBOX_LEAVING_H
/*
 * leaving - placements that leave a folder, or are looked at to be copied
 *
 * A placement that goes leaves a tombstone; an item that loses its last one goes
 * into the dumpster of that folder, from where it can be restored until it is
 * purged (dumpster.c).
 */
#include "roles/mailbox/access.h"
#include "roles/mailbox/message.h"

/* What removing and copying need to know of a placement. */
struct leaving {
	int64_t uid, mid, iid, cn_added, sort_date, size;
	unsigned flags;		/* with FLAG_DELETED */
	struct kwset kw;	/* in the part's arena */
};

struct leaving_list {
	struct leaving *of;	/* in the part's arena */
	size_t n;
};

/* How far a search in steps has come; zero at first. */
struct leaving_at {
	size_t range;
	uint32_t after;
};

/* Which of a folder's placements: n_uids 0 means all. */
struct leaving_ask {
	int64_t mbx, fid;
	const struct uid_range *uids;	/* normalised */
	size_t n_uids;
	int64_t below;			/* only uids below it; 0: no limit */
	bool only_deleted;
	bool hidden;			/* also those that are not to be seen */
	size_t max;			/* 0: no limit */
};
/* at (may be NULL) is where to go on, and moves on.  more: the limit was met. */
enum err leaving_find(struct tx *tx, const struct leaving_ask *ask, struct leaving_at *at,
		      struct leaving_list *out, bool *more, struct errbuf *eb) A_MUST_USE;

/* All of list leave the folder, by the part's change number: rows, runs, counters.
 * gone, if not NULL, gets their uids added. */
enum err leaving_remove(struct tx *tx, struct mbx_row *m, struct folder_row *f,
			const struct leaving_list *list, const struct guid *by,
			struct runs *gone, struct errbuf *eb) A_MUST_USE;
/* Only their rows, and what becomes of the items: gone since the change cn. */
enum err leaving_sweep(struct tx *tx, struct mbx_row *m, int64_t fid,
		       const struct leaving_list *list, int64_t cn, const struct guid *by,
		       struct errbuf *eb) A_MUST_USE;
/* A copy's placements that nobody has seen, and items made for it. */
enum err leaving_undo(struct tx *tx, struct mbx_row *m, int64_t fid,
		      const struct leaving_list *list, struct errbuf *eb) A_MUST_USE;
#endif
