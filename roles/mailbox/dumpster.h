#ifndef MAILBOX_DUMPSTER_H
#define MAILBOX_DUMPSTER_H
/* dumpster - deleted messages: listing, bringing back, letting go */
#include "roles/mailbox/access.h"
#include "roles/mailbox/tx.h"

struct dumpster_item {
	uint64_t mid, fid, size;
	int64_t deleted_ms, received_ms;
	const char *subject, *from, *folder;	/* folder "": it is gone */
};

struct dumpster_op {
	struct who who;
	uint64_t fid;		/* of one folder; 0: all */
	uint32_t limit;		/* 0: 100 */
	uint64_t after_mid;
	struct arena *arena;
	/* results */
	struct dumpster_item *items;
	size_t n;
	bool more;
};
enum err dumpster_list(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;

struct restore_op {
	struct who who;
	const uint64_t *mids;
	size_t n_mids;
	uint64_t to_fid;	/* 0: where it was, else the inbox */
	uint32_t restored;	/* result */
};
enum err dumpster_restore(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;

/* Destroy what was deleted before this time, at most max. */
enum err dumpster_purge(struct tx *tx, int64_t mbx, int64_t before_ms, int max, bool *more,
			struct errbuf *eb) A_MUST_USE;
#endif
