#ifndef MAILBOX_PURGE_H
#define MAILBOX_PURGE_H
/*
 * purge - what is deleted for good: items, and mailboxes nobody took up again
 */
#include "roles/mailbox/tx.h"

/* One item, whose placements and dumpster row are gone already: its rows, its
 * reference to the content, a tombstone. */
enum err purge_item(struct tx *tx, struct mbx_row *m, int64_t iid, struct errbuf *eb) A_MUST_USE;

/* A mailbox without items. */
enum err purge_empty(struct tx *tx, struct mbx_row *m, struct errbuf *eb) A_MUST_USE;

/* A step on a disconnected mailbox whose time is over: some of its items, in the
 * end itself.  gone: it is no more. */
enum err purge_step(struct tx *tx, int64_t mbx, int max, bool *gone, struct errbuf *eb) A_MUST_USE;
#endif
