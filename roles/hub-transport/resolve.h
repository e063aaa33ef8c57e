#ifndef HUB_RESOLVE_H
#define HUB_RESOLVE_H
/*
 * resolve - the categoriser: from the addresses of an envelope to next hops
 *
 * Each recipient is looked up in the replica.  Groups become their members,
 * nested ones too, each mailbox once; contacts their outside address; forwarding
 * is followed; restrictions (who may send to whom, sizes, authenticated senders
 * only) are applied at every step.  What cannot be delivered becomes a recipient
 * of HOP_REPORT with the status that its sender is to be told.
 *
 * A large group takes a while, so the work is done in steps: resolve_step() does
 * a bounded part and is called until it says that it is done.
 *
 * A group with more members than an object can hold has them in pages.  What does not
 * fit into one result is put off: a recipient of HOP_SUBMIT whose target is the page,
 * which the next resolving of the message goes on with.  The limit on recipients does
 * not count who came by a page.
 *
 * Promises: a mailbox is named at most once in the result; the result has at
 * most MAIL_MAX_RCPTS recipients; loops of groups and forwards end.
 */
#include "common/relay/mail.h"
#include "common/replica/replica.h"
#include "common/relay/route.h"

struct resolve;

/* m is borrowed until resolve_free(); relay: its recipients outside may be
 * anybody's (an authenticated sender, or a server of ours). */
struct resolve *resolve_new(struct replica *r, const struct route *route, struct mail *m,
			    bool relay, int64_t now_ms);
bool resolve_step(struct resolve *rs, unsigned budget);	/* true: done */
/* The same message to resolved recipients; the caller's reference.  At least one
 * recipient, or NULL if nothing is left to do (all were duplicates). */
struct mail *resolve_take(struct resolve *rs);
void resolve_free(struct resolve **rs);		/* *rs may be NULL */

/* An answer at RCPT TO.  OK, NOTFOUND: unknown here, DENIED: not to be relayed,
 * AGAIN: cannot tell now. */
enum err resolve_rcpt(struct replica *r, const char *address, bool relay) A_MUST_USE;

/* May this authenticated user send as `address`? */
bool resolve_may_send_as(struct replica *r, const struct guid *user, const char *address);
/* The largest message this user may send: their own limit, else the organisation's. */
uint64_t resolve_max_send(struct replica *r, const struct route *route, const struct guid *user);
#endif
