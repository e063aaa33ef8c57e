#ifndef UM_MESSAGE_ADDRESS_H
#define UM_MESSAGE_ADDRESS_H
/* address - to whom a note goes, and whom mail of ours is from */
#include "roles/unified-messaging/message/note.h"

struct object;

/* Fills mailbox, to, to_name and from.  A mailbox without an address has none in the
 * note either, and its mail is refused by the hub. */
void address_note(const struct object *mailbox, struct note *n);
#endif
