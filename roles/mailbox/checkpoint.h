#ifndef MAILBOX_CHECKPOINT_H
#define MAILBOX_CHECKPOINT_H
/*
 * checkpoint - the thread that folds a database's log into its file
 *
 * It begins when the log is past 64 MiB, beside the writer.  The log can only
 * start over when all of it is folded in and nobody reads it, which a busy writer
 * never allows; so when one pass left the log large, the writer is held for a
 * second, short one.
 */
#include "roles/mailbox/mdb.h"

struct checkpoint *checkpoint_new(struct mdb *m);
void checkpoint_free(struct checkpoint **c);
void checkpoint_hint(struct checkpoint *c, int64_t wal_bytes);	/* from the writer */
#endif
