#ifndef UM_ANSWER_ANSWER_H
#define UM_ANSWER_ANSWER_H
/*
 * answer - take a message for somebody who does not answer
 *
 *	GREETING -> BEEP -> RECORDING -> REVIEW -> END
 *	    |                   |          |  ^
 *	    +-- gone: missed    +-- gone --+--+-- gone: the message is sent
 *
 * The greeting can be cut short with #.  A recording ends with #, a silence of the dial
 * plan's length, its longest time, or the caller's going; what was left is sent unless
 * it is shorter than ANSWER_MIN_MS: then it is a missed call.  After # the caller hears
 * the review menu: 1 listen, 2 anew, 3 urgent, 4 private, # send.
 */
#include "roles/unified-messaging/call.h"

#define ANSWER_MIN_MS 1000

struct route_to;

/* Takes the call for to->target (call_take()); what it needs is copied. */
void answer_new(struct call *c, const struct route_to *to);
#endif
