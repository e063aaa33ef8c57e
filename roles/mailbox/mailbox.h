#ifndef MAILBOX_MAILBOX_H
#define MAILBOX_MAILBOX_H
/*
 * mailbox - making, shutting and taking up mailboxes
 *
 * A mailbox's GUID is that of its object in the directory.  When the object goes,
 * the mailbox is disconnected: kept 30 days, to be reconnected to another object,
 * then purged.
 */
#include "common/api/store.h"
#include "roles/mailbox/tx.h"

enum mailbox_state {
	MAILBOX_LIVE, MAILBOX_DISCONNECTED, MAILBOX_MOVING, MAILBOX_PURGING,
	MAILBOX_GONE,		/* only its number is left */
};

/* Bytes; a negative one means the database's policy. */
struct quotas {
	int64_t warn, send, recv;
};

struct provision_op {
	struct guid guid;
	char public_name[128 + 1];	/* a public folder's: one folder of this name; "": a user's */
	struct quotas quotas;
	/* results */
	int64_t mbx;
	bool made;
};
/* With its folders.  One that is there is left as it is, but comes back to life if
 * it was disconnected, and takes the quotas. */
enum err mailbox_provision(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;

struct state_op {
	int64_t mbx;
	struct guid as;		/* reconnect: the new owner */
	int64_t replaced;	/* out: the empty mailbox that made room, or 0 */
};
enum err mailbox_disconnect(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;
/* EXISTS: `as` has a mailbox with something in it. */
enum err mailbox_reconnect(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;

/* What store.open answers. */
struct open_op {
	struct guid mailbox, principal;
	int64_t mbx;
	struct store_info info;
	struct quotas policy;
};
enum err mailbox_open(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;
#endif
