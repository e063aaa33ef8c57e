#ifndef MAILBOX_MESSAGE_H
#define MAILBOX_MESSAGE_H
/*
 * message - items and their placements: putting them in and reading them
 */
#include "common/api/row.h"
#include "common/api/store.h"
#include "roles/mailbox/access.h"
#include "roles/mailbox/content.h"
#include "roles/mailbox/keyword.h"
#include "roles/mailbox/runs.h"
#include "roles/mailbox/seen.h"
#include "roles/mailbox/tx.h"

#define ITEM_FLAGS (FLAG_SEEN | FLAG_ANSWERED | FLAG_FORWARDED | FLAG_DRAFT | FLAG_MDNSENT | FLAG_FLAGGED)

/* A new item in a folder. */
struct new_message {
	const struct content *content;
	int64_t bid;			/* its row, the reference already counted */
	unsigned flags;			/* enum store_flag */
	struct kwset kw;
	int64_t received_ms;
	/* results */
	int64_t iid, mid, uid, modseq;
};
enum err message_add(struct tx *tx, struct mbx_row *m, struct folder_row *f,
		     struct new_message *n, struct errbuf *eb) A_MUST_USE;

/* A placement as a row of the table. */
struct placement {
	int64_t mbx, fid, uid, mid, iid, modseq, cn_added, sort_date;
	unsigned flags;			/* with FLAG_DELETED */
	struct kwset kw;
};
enum err placement_add(struct tx *tx, const struct placement *p, struct errbuf *eb) A_MUST_USE;

/* Count a message in or out (by 1 or -1) in its folder's row. */
void folder_count(struct tx *tx, struct mbx_row *m, struct folder_row *f, int by,
		  unsigned flags, int64_t size);

/* The packed bag of item.props that we write: message id, hashes of references. */
struct bag {
	struct span message_id;
	const uint8_t *refs;		/* 8 bytes each, little endian */
	size_t n_refs;
	uint64_t own_hash;
	int sent_zone;			/* minutes east of UTC; search compares local days */
};
void bag_read(const void *p, size_t n, struct bag *out);	/* what is damaged is left out */

/* ---- reading ----------------------------------------------------------------------- */

struct fetch_op {
	struct who who;
	uint64_t fid;
	const struct uid_range *uids;	/* normalised, borrowed */
	size_t n_uids;
	unsigned columns;
	uint64_t changed_since;
	bool vanished;
	/* position: zero at first, kept between pages */
	size_t at;			/* index into uids */
	uint32_t after;			/* last uid done */
	bool begun;
	struct seen seen;		/* known once begun */
	struct zpool *zpool;		/* for COL_CONTENT and COL_HEADER */
	struct buf raw;			/* the content in hand */
	/* results */
	struct buf rows;		/* packed; the caller clears it between pages */
	uint32_t n_rows;
	bool done;
	uint64_t highestmodseq;
	struct runs gone;		/* with the first page */
};
/* One page: FETCH_PAGE bytes or READ_MS.  A read_fn. */
#define FETCH_PAGE (160u * 1024)
enum err message_fetch(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;

struct content_op {
	struct who who;
	struct zpool *zpool;
	uint64_t fid;
	uint32_t uid;
	uint64_t offset, length;	/* length 0: to the end */
	/* results */
	struct buf bytes;
	uint64_t size, modseq;
	unsigned flags;
	int64_t bid;			/* 0 at first; known after the first page */
	bool done;
};
enum err message_content(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;

struct select_op {
	struct who who;
	uint64_t fid;
	bool read_write, with_runs;
	bool paged;			/* the runs from runs_from on, as many as fit */
	uint32_t runs_from;
	struct arena *arena;
	struct runs runs;
	bool wants_claim;		/* out: there is \Recent to claim: run select_claim */
	struct store_selected result;	/* runs.r points into runs above */
};
enum err message_select(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;
/* Writer: claim \Recent; result.recent_uid gets what was claimed before. */
enum err select_claim(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;
#endif
