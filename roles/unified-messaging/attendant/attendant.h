#ifndef UM_ATTENDANT_ATTENDANT_H
#define UM_ATTENDANT_ATTENDANT_H
/*
 * attendant - find out whom a caller wants, and connect them
 *
 *	MENU -> CONNECTING -> (gone | a message is taken: answer.h)
 *	  |  ^      ^
 *	  v  |      |
 *	NAME -> SEARCHING -> CHOOSING
 *
 * In the menu a caller presses a key of the key map, dials an extension, # for the
 * directory, 0 for the operator (if the map has no other use for it), or * to hear the
 * menu again.  A mapped key that an extension may begin with is acted upon when no
 * other follows within ATTENDANT_DIAL_MS.  In the directory # ends a name and * goes
 * back.  Any key ends what is being said.
 *
 * Only extensions of the dial plan that are mailboxes or attendants may be dialled;
 * the key map and the operator may also name another telephone, with no more digits
 * than the plan's extensions have.  Calls are transferred (REFER) if the gateway takes
 * calls of ours; else, or if nobody is reached, a message is taken.
 */
#include "roles/unified-messaging/call.h"

#define ATTENDANT_DIAL_MS  2500
#define ATTENDANT_QUIET_MS 5000		/* no key at all */

struct route_to;

/* Takes the call for to->target (call_take()); what it needs is copied. */
void attendant_new(struct call *c, const struct route_to *to);
#endif
