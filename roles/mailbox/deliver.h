#ifndef MAILBOX_DELIVER_H
#define MAILBOX_DELIVER_H
/*
 * deliver - putting messages in: from the hub exactly once, from a client
 *
 * A message carries the identity it got where it entered: the instance of that
 * server and a sequence number.  (origin, sequence, mailbox) is unique in the
 * table `delivered`, written in the same transaction as the message, so that a
 * repeat finds the first result.  Identities are forgotten only when their origin
 * says that nobody holds them any more.
 */
#include "roles/mailbox/access.h"
#include "roles/mailbox/content.h"
#include "roles/mailbox/tx.h"

struct deliver_to {
	int64_t mbx;		/* 0: not asked here; its status stands */
	int64_t fid;		/* 0, or gone meanwhile: the inbox */
	unsigned flags;
	const char *role;	/* with fid 0: that folder, if there is one; borrowed, or NULL */
	/* results */
	enum err status;	/* OK NOTFOUND LIMIT */
	bool repeat;
	int64_t in_fid, uid, mid;
};

struct deliver_op {
	struct guid origin;
	uint64_t seq;
	int64_t received_ms;
	const struct content *content;	/* finished; borrowed */
	int64_t staged;
	struct deliver_to *to;
	size_t n_to;
	/* result: messages newly placed */
	unsigned placed;
};
enum err deliver(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;

struct done_below_op {
	struct guid origin;
	uint64_t seq;
};
enum err deliver_done_below(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;
/* Forget some of what is done; for the housekeeper. */
enum err deliver_prune(struct tx *tx, int max, bool *more, struct errbuf *eb) A_MUST_USE;

struct append_op {
	struct who who;
	uint64_t fid;
	unsigned flags;
	const char *const *keywords;	/* NULL-terminated or NULL */
	int64_t internal_ms;		/* 0: now */
	const struct content *content;
	int64_t staged;
	/* results */
	uint32_t uidvalidity, uid;
	uint64_t modseq, mid;
};
/* LIMIT: over the quota for receiving. */
enum err append(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;
#endif
