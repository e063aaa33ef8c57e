#ifndef MAILBOX_EXPUNGE_H
#define MAILBOX_EXPUNGE_H
/*
 * expunge - messages leave a folder
 *
 * A placement that goes leaves a tombstone; an item that loses its last one goes
 * into the dumpster of that folder, from where it can be restored until it is
 * purged (dumpster.c).
 */
#include "roles/mailbox/access.h"
#include "roles/mailbox/message.h"

/* What removing needs to know of a placement. */
struct leaving {
	int64_t uid, mid, iid, cn_added, sort_date, size;
	unsigned flags;
};

struct leaving_list {
	struct leaving *of;	/* in the part's arena */
	size_t n;
};

/* Which of a folder's placements: uids n 0 means all. */
struct leaving_ask {
	int64_t mbx, fid;
	const struct uid_range *uids;	/* normalised */
	size_t n_uids;
	bool only_deleted;
	size_t max;		/* 0: no limit */
};
enum err leaving_find(struct tx *tx, const struct leaving_ask *ask, struct leaving_list *out,
		      bool *more, struct errbuf *eb) A_MUST_USE;

enum fate {
	FATE_DUMPSTER,		/* the item too, if this was its last placement */
	FATE_MOVED,		/* the item has a placement elsewhere by now */
};
/* All of list leave the folder.  gone, if not NULL, gets their uids added. */
enum err placements_remove(struct tx *tx, struct mbx_row *m, struct folder_row *f,
			   const struct leaving_list *list, enum fate fate,
			   const struct guid *by, struct runs *gone, struct errbuf *eb) A_MUST_USE;

struct expunge_op {
	struct who who;
	uint64_t fid;
	const struct uid_range *uids;	/* normalised, borrowed; n 0: all \Deleted */
	size_t n_uids;
	bool any_flag;
	/* results; gone collects over several runs, as long as more is set */
	struct runs gone;
	uint64_t modseq;
	bool more;
};
/* At most EXPUNGE_STEP messages. */
#define EXPUNGE_STEP 2000
enum err expunge(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;

/* Everything in the folder, before it is deleted. */
enum err expunge_all(struct tx *tx, struct mbx_row *m, int64_t fid, const struct guid *by,
		     struct errbuf *eb) A_MUST_USE;
#endif
