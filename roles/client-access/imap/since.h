#ifndef CAS_IMAP_SINCE_H
#define CAS_IMAP_SINCE_H
/*
 * since - what changed in, and went from, the selected folder since a mod-sequence
 *
 * For FETCH with CHANGEDSINCE and VANISHED, and for SELECT with QRESYNC (RFC 7162
 * section 3.2).  The store's feed of changes is read, so it costs what changed and
 * not what is there; where very many changed it gives up listing them, and whoever
 * asked reads the rows of the whole set with a condition instead.
 */
#include "roles/client-access/imap/imap.h"

struct since {
	struct imap_session *s;
	imap_work_fn *then;
	uint64_t at;			/* read up to here */
	bool wants_gone;
	/* results */
	bool too_many;			/* changed is not known */
	bool forgotten;			/* what is not there counts as gone */
	uint32_t *uid;			/* changed, of the view; sorted at the end */
	size_t n_uid, cap_uid;
	struct uid_range *gone;		/* sorted, joined */
	size_t n_gone, cap_gone;
};

/* Learn it, then then().  A failure ends the command. */
enum next since_start(struct since *c, struct imap_session *s, uint64_t modseq,
		      bool wants_gone, imap_work_fn *then);
void since_fini(struct since *c);		/* also of a zeroed one */

/* The ranges of `in` cut down to what changed; in the arena.  Not if too_many. */
struct uid_ranges since_changed(const struct since *c, struct uid_ranges in);

/* VANISHED (EARLIER) of those of a set that went away, in lines of bounded length. */
struct vanished {
	const struct since *c;
	struct uid_ranges set;		/* ascending, borrowed */
	size_t i;
	uint32_t from;			/* UIDs below were told */
};
void vanished_init(struct vanished *v, const struct since *c, struct uid_ranges set,
		   uint32_t from);
bool vanished_say(struct vanished *v);		/* one line; false: nothing was left to say */
#endif
