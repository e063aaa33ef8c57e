#ifndef CAS_ACCOUNT_H
#define CAS_ACCOUNT_H
/* account - where the mailbox of a user who has logged in lives now */
#include "common/api/store.h"

struct cas;

/* Fills at for the principal's own mailbox.  NOTFOUND: it has none.  AGAIN: its
 * server is not connected.  Asked before each command, as a database may move. */
enum err account_locate(struct cas *cas, const struct guid *principal, struct store_at *at)
	A_MUST_USE;
/* The same for any mailbox, as it is asked of in the principal's name. */
enum err account_locate_mailbox(struct cas *cas, const struct guid *mailbox,
				const struct guid *principal, struct store_at *at) A_MUST_USE;
#endif
