#ifndef UM_MWI_MWI_H
#define UM_MWI_MWI_H
/*
 * mwi - telephones that show whether there are messages (RFC 3842)
 *
 * A telephone subscribes to its extension.  The store is watched, so the lamp follows
 * whatever client reads or deletes a message, within about a second.  Voice messages
 * are known by the Message-ID that compose.h gives them; the newest MWI_LOOK_BACK
 * messages of the inbox are looked at.
 */
#include "common/base/list.h"
#include "roles/unified-messaging/sip/subscribe.h"

#define MWI_LOOK_BACK 4000u

struct um;

struct mwi {
	struct um *um;
	struct list watches;
};

void mwi_init(struct mwi *m, struct um *um);
void mwi_fini(struct mwi *m);			/* before the stack and the bus */
/* sip_stack_conf.on_subscribe; ctx is the um. */
bool mwi_subscribe(void *um, struct sip_sub *s, const struct number *called);
void mwi_tick(struct mwi *m, int64_t mono_ms);	/* about every 100 ms */
#endif
