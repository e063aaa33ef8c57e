#ifndef MAILBOX_EXPUNGE_H
#define MAILBOX_EXPUNGE_H
/*
 * expunge - messages are removed from a folder: all of them or none, in steps
 */
#include "roles/mailbox/bulk.h"

struct expunge_op {
	struct bulk bulk;		/* first; as long as it goes on, expunge() again */
	struct who who;
	uint64_t fid;
	const struct uid_range *uids;	/* normalised, borrowed; n 0: all \Deleted */
	size_t n_uids;
	bool any_flag;
	/* results, once bulk.has_happened */
	struct runs gone;
	uint64_t modseq;
};
enum err expunge(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;

/* Everything in the folder, before it is deleted. */
enum err expunge_all(struct tx *tx, struct mbx_row *m, int64_t fid, const struct guid *by,
		     struct errbuf *eb) A_MUST_USE;
#endif
