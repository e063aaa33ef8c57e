#ifndef MAILBOX_THREAD_H
#define MAILBOX_THREAD_H
/*
 * thread - which messages belong together
 *
 * A thread's id is the iid of the message that began it; a message alone has
 * none.  msgref holds the hash of each message's own id and of those it refers
 * to, so that a parent is found when its child comes, and a child when its parent
 * comes late.
 */
#include "common/mime/summary.h"
#include "roles/mailbox/tx.h"

#define THREAD_REFS 10		/* of a message, the newest, are noted */

/* The thread that a new message with this summary belongs to; 0: alone so far. */
enum err thread_find(struct tx *tx, int64_t mbx, const struct summary *s, int64_t *thread,
		     struct errbuf *eb) A_MUST_USE;
/* Note its ids. */
enum err thread_note(struct tx *tx, int64_t mbx, int64_t iid, const struct summary *s,
		     struct errbuf *eb) A_MUST_USE;
/* The message is destroyed: its hashes, own first. */
enum err thread_drop(struct tx *tx, int64_t mbx, int64_t iid, const uint64_t *hash, size_t n,
		     struct errbuf *eb) A_MUST_USE;
#endif
