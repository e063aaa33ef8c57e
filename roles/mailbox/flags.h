#ifndef MAILBOX_FLAGS_H
#define MAILBOX_FLAGS_H
/*
 * flags - flags and keywords change
 *
 * They belong to the item: a change shows in every folder the item is linked to.
 * \Deleted belongs to the placement.  A large STORE runs in steps of FLAGS_STEP
 * messages, each a change of its own.
 */
#include "roles/mailbox/access.h"
#include "roles/mailbox/message.h"

#define FLAGS_STEP 1000

struct flags_op {
	struct who who;
	uint64_t fid;
	const struct uid_range *uids;	/* normalised, borrowed */
	size_t n_uids;
	enum store_flags_mode mode;
	unsigned flags;
	const char *const *keywords;	/* NULL-terminated or NULL; borrowed */
	bool check_unchanged;
	uint64_t unchanged_since;
	/* position: zero at first; next is where the step's end is (flags_stand) */
	struct flags_at {
		size_t range;
		uint32_t after;
	} at, next;
	/* results; the caller takes rows after each step */
	struct buf rows;		/* packed: flags, keywords, modseq of what changed */
	struct runs modified;		/* over all steps: refused by unchanged_since */
	uint64_t highestmodseq;
	bool more;
};
enum err flags_set(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;
/* The step's job is done, which may have run it twice.  True: one more is needed. */
bool flags_stand(struct flags_op *op);
#endif
