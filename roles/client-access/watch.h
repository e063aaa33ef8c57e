#ifndef CAS_WATCH_H
#define CAS_WATCH_H
/*
 * watch - tell sessions that something in their mailbox changed
 *
 * One watch for each mailbox that any session looks at, whatever their number; all
 * those of a server are one call (store_watch).  A hint says that there is something newer, not what.  When the
 * store goes away everybody gets one hint and the watch begins anew once
 * watches_retry() is called, because a server came back.
 */
#include "common/api/store.h"
#include "common/base/hash.h"
#include "common/base/list.h"

struct cas;
struct watch;

struct watches {
	struct cas *cas;
	struct hash table;
};

void watches_init(struct watches *w, struct cas *cas);
void watches_fini(struct watches *w);		/* nobody may be joined */
void watches_retry(struct watches *w);
size_t watches_count(const struct watches *w);	/* mailboxes watched */

/* Embedded in whoever wants hints. */
struct watch_seat {
	struct list node;
	struct watch *watch;
	/* From the loop, never from inside watch_join(). */
	void (*hint)(struct watch_seat *seat);
};

/* at->mailbox is watched, changes above cn count.  True: there is something newer
 * already, and no hint will come for that. */
bool watch_join(struct watches *w, struct watch_seat *seat, const struct store_at *at,
		uint64_t cn);
void watch_leave(struct watches *w, struct watch_seat *seat);	/* fine if not joined */
#endif
