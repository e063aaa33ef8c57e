#ifndef UM_SIP_SUBSCRIBE_H
#define UM_SIP_SUBSCRIBE_H
/*
 * subscribe - message waiting for telephones: SUBSCRIBE and NOTIFY (RFC 6665, 3842)
 *
 * Only the event package message-summary; others get 489.  A subscription lasts an
 * hour if the telephone does not say, at least a minute, at most a day.
 */
#include "roles/unified-messaging/sip/stack.h"

struct sip_sub;

/* For the owner: it has run out, was ended or cannot be told; it is still to be
 * closed. */
typedef void sip_sub_closed_cb(void *ctx);
void sip_sub_own(struct sip_sub *s, sip_sub_closed_cb *closed, void *ctx);
/* How many voice messages are new and old. */
void sip_sub_notify(struct sip_sub *s, const char *account, unsigned new_ones, unsigned old_ones);
void sip_sub_close(struct sip_sub **s);		/* *s may be NULL */
#endif
