#ifndef MAILBOX_SEEN_H
#define MAILBOX_SEEN_H
/*
 * seen - \Seen that is each reader's own, in folders of public folder mailboxes
 *
 * Where folder.seen_mode is 1 the bit in placement.flags means nothing.  What a reader
 * has seen is a row of seen_by with the change number of when he did, and
 *
 *	MODSEQ of a message	= max(placement.modseq, seen_by.cn)
 *	HIGHESTMODSEQ		= max(folder.modseq, seen_state.cn)
 *
 * for him, so that CONDSTORE and QRESYNC hold per reader and nobody is told of what
 * others have read.  Rows of messages that are gone are swept out as new ones come.
 * Servers and owners have no \Seen of their own: they see the common bit.
 */
#include "roles/mailbox/access.h"
#include "roles/mailbox/tx.h"

/* One reader of one folder. */
struct seen {
	bool own;			/* false: nothing here applies */
	int64_t mbx, fid;
	struct guid reader;
};

enum err seen_open(struct db *db, const struct who *w, int64_t fid, struct seen *out,
		   struct errbuf *eb) A_MUST_USE;
/* A message's flags and modseq as the reader has them. */
enum err seen_overlay(struct db *db, const struct seen *s, int64_t uid, unsigned *flags,
		      uint64_t *modseq, struct errbuf *eb) A_MUST_USE;
/* A folder's figures as the reader has them.  first may be NULL: not asked for. */
enum err seen_figures(struct db *db, const struct seen *s, uint32_t total, uint32_t *unread,
		      uint64_t *highestmodseq, uint32_t *first, struct errbuf *eb) A_MUST_USE;

/* The reader has seen it, or not.  The change number is the part's. */
enum err seen_put(struct tx *tx, struct mbx_row *m, const struct seen *s, int64_t uid, bool on,
		  struct errbuf *eb) A_MUST_USE;
/* \Seen taken out of the flags of a new message is put where it belongs. */
enum err seen_new(struct tx *tx, struct mbx_row *m, const struct seen *s, int64_t uid,
		  unsigned flags, struct errbuf *eb) A_MUST_USE;
/* The folder is gone. */
enum err seen_forget(struct tx *tx, int64_t mbx, int64_t fid, struct errbuf *eb) A_MUST_USE;
#endif
