/* Private to verb_copy.c and copy_far.c: one COPY or MOVE. */
#ifndef CAS_IMAP_COPY_H
#define CAS_IMAP_COPY_H

#include "roles/client-access/imap/namespace.h"

struct copy_far;

struct copy_run {
	bool move, elsewhere;
	struct ns_place to;
	struct uid_ranges uids;		/* in the command's arena */
	struct copy_far *far;		/* set while copy_far() works */
};

/* Into a mailbox that the source's store cannot reach: s->run is the copy_run, with
 * `to` and `uids`.  Ends the command. */
enum next copy_far(struct imap_session *s);

/* The end of a command that went well; gone: what a MOVE took from the source. */
void copy_say(struct imap_session *s, uint32_t uidvalidity, struct uid_ranges from,
	      struct uid_ranges to, struct uid_ranges gone);
/* "* OK [COPYUID ...] text" */
void copy_say_untagged(struct imap_session *s, uint32_t uidvalidity, struct uid_ranges from,
		       struct uid_ranges to, const char *text);
const char *copy_refusal(enum err e);

#endif
