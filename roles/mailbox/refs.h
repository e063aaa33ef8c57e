#ifndef MAILBOX_REFS_H
#define MAILBOX_REFS_H
/*
 * refs - what THREAD needs of a folder's messages: ids, references, subjects, dates
 *
 * One packed record a message (common/api/store.h, struct store_refs), in the order of
 * uids, in pages of READ_MS.
 */
#include "common/api/store_search.h"
#include "common/base/buf.h"
#include "roles/mailbox/access.h"
#include "roles/mailbox/message.h"

struct refs_op {
	struct who who;
	uint64_t fid;
	const struct uid_range *uids;	/* normalised; n 0: all */
	size_t n_uids;
	/* position, zero at first */
	size_t at;
	uint32_t after;
	bool begun;
	/* results; the caller clears out */
	struct buf out;
	bool done;
};
void refs_init(struct refs_op *op);
void refs_fini(struct refs_op *op);
enum err refs_page(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;	/* a read_fn */
#endif
