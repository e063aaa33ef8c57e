#ifndef MAILBOX_WATCH_H
#define MAILBOX_WATCH_H
/*
 * watch - telling front ends that mailboxes changed
 *
 * A feed is one front end's long call with any number of watches, each of a mailbox.
 * A hint says that something newer than what was told is there; it is never data.
 * While the caller gives no credit, a mailbox's hints fold into one, so a slow caller
 * costs nothing and misses nothing.
 *
 * What was told is told once more with the next digest (watch_digest, every 5 s), so
 * that a front end that lost a hint on its way is behind for so long at most.
 */
#include "roles/mailbox/role.h"

#define WATCH_DIGEST_MS 5000
#define WATCHES_MAX	200000	/* of one feed */

struct watch {
	struct hash_node node;		/* in feed.watches, by id */
	struct list at_ref;		/* in mref.watchers */
	struct list due, recent;	/* in the feed's lists, or alone */
	struct watch_feed *feed;
	struct mref *ref;		/* NULL: over, as soon as that is told */
	uint64_t id;			/* the caller's */
	uint64_t told;			/* newest cn that the caller knows, or will with due */
	uint64_t epoch;
	bool is_digest;			/* due only to be said again */
	enum err status;		/* why it is over */
};

struct watch_feed {
	struct role *st;
	struct hash watches;
	struct list due, recent;
	/* Something became due: on the loop, may be called often. */
	void (*pump)(struct watch_feed *f);
};

void watch_feed_init(struct watch_feed *f, struct role *st);
void watch_feed_fini(struct watch_feed *f);
/* Begin to watch; an id in use is begun anew.  If that cannot be, it is due with its
 * status. */
void watch_add(struct watch_feed *f, uint64_t id, const struct guid *mailbox, uint64_t since);
void watch_drop(struct watch_feed *f, uint64_t id);
/* The next that is to be told; NULL: none.  watch_is_told() after it was put on the
 * stream: w may be gone then. */
struct watch *watch_next_due(const struct watch_feed *f);
void watch_is_told(struct watch *w);
void watch_digest(struct watch_feed *f);

void watch_tell(struct mref *m, uint64_t epoch, uint64_t cn);
void watch_end(struct mref *m, enum err e);	/* ends all watches of it */
#endif
