#ifndef MAILBOX_WRITER_H
#define MAILBOX_WRITER_H
/*
 * writer - the one thread that changes a database, in groups
 *
 * What waits is taken into one transaction until 20 ms or 4 MiB are used up, each
 * request in a savepoint of its own; one fsync; then all are answered.  While the
 * disk syncs, the next group gathers: nobody ever waits for company.  Three lanes
 * share the groups by deficit, so that a mass delivery or a purge does not delay
 * a click.
 *
 * A group that meets FULL, CORRUPT or I/O is rolled back and its requests are run
 * again one by one, so that only the one at fault fails.  CORRUPT again shuts the
 * mailbox it was working on.
 */
#include "roles/mailbox/mdb.h"

struct writer *writer_new(struct mdb *m, struct db *db);	/* takes db */
void writer_stop(struct writer *w);	/* after what was submitted is done */
void writer_free(struct writer **w);
void writer_submit(struct writer *w, struct job *j);
size_t writer_waiting(struct writer *w);	/* jobs in the lanes */

/* The checkpointer keeps groups from beginning between these two. */
void writer_hold(struct writer *w);
void writer_let_go(struct writer *w);
#endif
