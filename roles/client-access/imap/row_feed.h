#ifndef CAS_IMAP_ROW_FEED_H
#define CAS_IMAP_ROW_FEED_H
/*
 * row_feed - the rows of many messages of the selected folder, one after the other
 *
 * The store is asked for some thousand messages at a time; rows wait, copied, until
 * they are taken, and are acknowledged as they are used up.  The next are asked for
 * while the last are worked on.  So whoever takes them holds about one window of rows
 * here and nothing in the store, however many there are.
 *
 * Rows come in the order of their UIDs.  Those of messages that went away meanwhile
 * do not come.  One call is in flight at most; each answer pumps the session.
 */
#include "roles/client-access/imap/imap.h"
#include "roles/client-access/imap/row_queue.h"

struct row_feed {
	struct imap_session *s;
	struct view_todo todo;
	struct store_fetch fetch;	/* what is asked; its uids are filled in */
	uint32_t at_once;		/* messages asked for in one call */
	struct row_queue rows;
	size_t held;			/* bytes that wait in rows */
	size_t settled;			/* of them, from calls that are over: not to be granted */
	struct store_row run;		/* a row that stands for several */
	uint32_t more;			/* of them still to be given */
	struct api_call *call;
	enum err err;
};

/* uids: of the view.  fetch: columns and conditions; copied, fid and uids are set
 * here.  The feed lives in the command's arena. */
void row_feed_init(struct row_feed *f, struct imap_session *s, struct uid_ranges uids,
		   const struct store_fetch *fetch, uint32_t at_once);
void row_feed_fini(struct row_feed *f);		/* also of a zeroed one */

enum row_feed_next {
	ROW_FEED_ROW,		/* *row: valid until the next call */
	ROW_FEED_WAIT,		/* the session is pumped when there is more */
	ROW_FEED_END,
	ROW_FEED_FAILED		/* f->err says why */
};
enum row_feed_next row_feed_next(struct row_feed *f, struct store_row **row) A_MUST_USE;
#endif
