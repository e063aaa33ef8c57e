#ifndef MAILBOX_HIDDEN_H
#define MAILBOX_HIDDEN_H
/*
 * hidden - placements that are in the table but not in the folder
 *
 * What is copied, moved or expunged by the thousand changes the file in pieces, with
 * other writes between them, and yet at once for everybody who looks.  So some rows
 * are hidden for a while, as ranges of uids in the table `hidden`:
 *
 *  - A copy's new placements, until one change reveals them all.  Their uids are set
 *    aside at the folder's end when it begins, with room below for what is delivered
 *    meanwhile (tx_take_uids), so that nothing ever appears below what was seen; so
 *    is their change number, which is above all others when they appear.
 *  - Placements that are gone since a change, until they are swept away.  Their
 *    tombstones come as they go; until then the range stands for them (hidden_gone).
 *
 * Whoever reads placements leaves out what hidden_load() names, which is nearly
 * always nothing.  While a mailbox has a hold (writer.h) nobody else changes its
 * folders' rows; what a crash or a full disk leaves is swept by hidden_recover() at
 * the next opening, and by the housekeeper.
 */
#include "roles/mailbox/runs.h"

/* hidden.cn; above 0: gone since that change. */
enum { HIDDEN_PLACING = 0, HIDDEN_ABANDONED = -1 };

/* For readers: the ranges not to be shown, added to *out and normalised. */
enum err hidden_load(struct db *db, int64_t mbx, int64_t fid, struct runs *out,
		     struct errbuf *eb) A_MUST_USE;
/* What is gone by changes in (since, until] and has no tombstones yet, added to *out;
 * not normalised. */
enum err hidden_gone(struct db *db, int64_t mbx, int64_t fid, uint64_t since, uint64_t until,
		     struct runs *out, struct errbuf *eb) A_MUST_USE;
/* The first uid of a copy being placed in the folder; 0: there is none. */
enum err hidden_barrier(struct db *db, int64_t mbx, int64_t fid, int64_t *uid,
			struct errbuf *eb) A_MUST_USE;

/* Set [first, last] aside for a copy. */
enum err hidden_begin(struct tx *tx, struct folder_row *f, int64_t first, int64_t last,
		      struct errbuf *eb) A_MUST_USE;
/* They may be seen: the folder goes on at the first of them. */
enum err hidden_reveal(struct tx *tx, struct folder_row *f, struct errbuf *eb) A_MUST_USE;
/* They never will be; the folder goes on behind them. */
enum err hidden_abandon(struct tx *tx, struct folder_row *f, struct errbuf *eb) A_MUST_USE;
/* These are gone since cn, which the runs and the folder's counters know already.
 * by (may be NULL): who deleted them. */
enum err hidden_leave(struct tx *tx, struct folder_row *f, const struct runs *gone, int64_t cn,
		      const struct guid *by, struct errbuf *eb) A_MUST_USE;

/* Take up to max rows of what is gone or abandoned out of the file; mbx 0: of any
 * mailbox. */
enum err hidden_sweep(struct tx *tx, int64_t mbx, size_t max, bool *more,
		      struct errbuf *eb) A_MUST_USE;
/* At the opening of a file, before anybody else: all of it. */
enum err hidden_recover(struct db *db, int64_t now_ms, struct errbuf *eb) A_MUST_USE;
#endif
