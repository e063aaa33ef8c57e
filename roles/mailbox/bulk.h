#ifndef MAILBOX_BULK_H
#define MAILBOX_BULK_H
/*
 * bulk - a change of any size in steps of bounded size
 *
 * COPY, MOVE and EXPUNGE of more than BULK_STEP messages are a row of the writer's
 * requests.  Others' requests run between them, only this mailbox's own changes wait
 * (struct hold).  What the steps put into the file is hidden until one of them reveals
 * all of it (hidden.h), and that one is when the change has happened:
 *
 *	BEGIN --> GATHER ... --> REVEAL --> SWEEP ... --> DONE
 *	  |          +--- failed ---+--> ABANDON -> SWEEP ...
 *	  +-- small enough: all of it --> DONE
 *
 * A step may be run more than once before it stands (job.h), so it reads `at` and
 * writes `next`; bulk_stands() makes the one the other.
 */
#include "roles/mailbox/job.h"
#include "roles/mailbox/leaving.h"

#define BULK_STEP 500u		/* messages; some 20 ms */

enum bulk_phase { BULK_BEGIN, BULK_GATHER, BULK_REVEAL, BULK_SWEEP, BULK_ABANDON, BULK_DONE };

/* What a number of messages come to in a folder's counters. */
struct tally {
	int64_t n, unread, deleted, size;
};

struct bulk {
	struct hold hold;
	struct bulk_at {
		enum bulk_phase phase;
		struct leaving_at from;
		struct tally tally, there;	/* in the source; in a copy's target */
		int64_t below;		/* the source's uidnext when it began */
		unsigned tries;
	} at, next;
	bool has_happened;	/* durable, and for everybody to see: the results count */
	enum err e;		/* else: what it failed with */
	struct errbuf eb;
};

/* At the beginning and at the end of each step. */
void bulk_enter(struct bulk *b);
enum err bulk_leave(struct bulk *b, enum err e, enum bulk_phase next);
/* The step's job is done with e.  True: submit the next one. */
bool bulk_stands(struct bulk *b, enum err e, const struct errbuf *eb);

/* A step of BULK_SWEEP, of this mailbox. */
enum err bulk_sweep(struct tx *tx, struct bulk *b, int64_t mbx, struct errbuf *eb) A_MUST_USE;

void tally_add(struct tally *t, unsigned flags, int64_t size);
/* Into the folder's counters (by 1) or out of them (by -1), as a change of this part. */
void tally_count(struct tx *tx, struct mbx_row *m, struct folder_row *f, const struct tally *t,
		 int by);
#endif
