#ifndef HUB_BEHALF_H
#define HUB_BEHALF_H
/*
 * behalf - in whose name a user may write, and who keeps a copy of it
 *
 * An address in From must be the user's own, or one that he may send as, or one that
 * he may send on behalf of: then the message says so in Sender.  From may also name
 * people elsewhere, whom we cannot ask; Sender says who it was then, too.
 */
#include "common/relay/stamp.h"
#include "common/replica/replica.h"

enum send_right { SEND_NOT, SEND_ON_BEHALF, SEND_AS };
enum send_right behalf_right(struct replica *r, const struct guid *user, const char *address);

/* Checks what a submitted message's header says, puts Sender where it is missing.
 * name: the user's address.  DENIED: it says what it may not. */
enum err behalf_stamp(struct replica *r, struct mail *m, const struct stamp_header *sh,
		      const struct guid *user, const char *name) A_MUST_USE;
/* The copy that the mailbox in whose name m goes wants to keep ("sent-copy"), ready to
 * be carried, or NULL.  Its identity is derived from m's. */
struct mail *behalf_copy(struct replica *r, struct mail *m, const struct stamp_header *sh,
			 const struct guid *user);
/* Is it such a copy?  It goes into the folder of sent messages, read. */
bool behalf_is_copy(const struct mail *m);
#endif
