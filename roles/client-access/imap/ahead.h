#ifndef CAS_IMAP_AHEAD_H
#define CAS_IMAP_AHEAD_H
/*
 * ahead - content of the messages to come, asked for while one is being worked on
 *
 * A message of a few KiB costs its way to the store and back more than anything
 * else.  So FETCH and SEARCH ask early for the first bytes that each of the next
 * rows will want, if they are few and asking changes nothing (\Seen).  At most
 * AHEAD_SLOTS * AHEAD_MAX bytes wait here.
 */
#include "roles/client-access/imap/imap.h"

#define AHEAD_SLOTS 8u
#define AHEAD_MAX   (32u << 10)		/* bytes of one; larger ones need no hurry */

struct ahead_slot {
	struct imap_session *s;
	uint32_t uid;			/* 0: free */
	uint64_t pos, size;		/* size: of the message, when answered */
	size_t n;
	struct api_call *call;		/* NULL: answered */
	struct buf bytes;
	enum err err;
};

struct ahead {
	struct ahead_slot slot[AHEAD_SLOTS];
};

void ahead_init(struct ahead *a, struct imap_session *s);
void ahead_fini(struct ahead *a);		/* also of a zeroed one */
bool ahead_has_room(const struct ahead *a);
bool ahead_has(const struct ahead *a, uint32_t uid);
/* Ask, if there is room and nothing was asked of this message.  n <= AHEAD_MAX.
 * The answer pumps the session. */
void ahead_ask(struct ahead *a, uint32_t uid, uint64_t pos, size_t n);
/* The slot that asks for, or holds, exactly these bytes; NULL. */
struct ahead_slot *ahead_find(struct ahead *a, uint32_t uid, uint64_t pos, size_t n);
/* Its bytes go to out, which gives it its (empty) memory; the slot is free. */
void ahead_take(struct ahead_slot *slot, struct buf *out);
void ahead_forget(struct ahead *a, uint32_t uid);	/* what is below this UID */
#endif
