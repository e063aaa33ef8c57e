#ifndef MAILBOX_STAGE_H
#define MAILBOX_STAGE_H
/*
 * stage - messages that come one by one and get their places all at once
 *
 * A caller names a batch by a GUID it makes, stages messages 0, 1, 2 ... of it and
 * then has the whole batch placed in one folder: all or nothing, consecutive UIDs,
 * in one transaction, with one message of the mailbox expunged in return if asked
 * for (RFC 8508).  A batch belongs to its mailbox and principal; nobody else can
 * place it.  Staging a number again replaces what was there.
 *
 * What is staged and not placed within STAGE_MS is forgotten, its content an hour
 * after it came.  A batch is placed once: whoever asks again meanwhile is given the
 * first answer.
 */
#include "roles/mailbox/access.h"
#include "roles/mailbox/content.h"
#include "roles/mailbox/tx.h"

#define STAGE_MAX 10000			/* messages of a batch */
#define STAGE_MS  (50 * 60 * 1000)	/* less than the hour content has (content.c) */

struct stage_op {
	struct who who;
	uint64_t fid;			/* where it shall go: asked for rights and room */
	struct guid batch;
	uint32_t ord;
	unsigned flags;
	const char *const *keywords;	/* NULL-terminated or NULL */
	int64_t internal_ms;		/* 0: when it is placed */
	const struct content *content;	/* finished; borrowed */
	int64_t staged;			/* its staging row, or 0 */
};
/* LIMIT: over the quota, too many, too many keywords.  NOTFOUND: no folder. */
enum err stage(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;

struct place_op {
	struct who who;
	uint64_t fid;
	struct guid batch;
	uint32_t n;			/* messages 0 ... n - 1, and no others */
	uint64_t replace_fid;		/* replace_uid there goes; 0: none */
	uint32_t replace_uid;
	/* results */
	uint32_t uidvalidity, uid;	/* of the first */
	uint64_t modseq;
	bool repeat;
};
/* NOTFOUND: the folder, or the message to be replaced.  STALE: not all of the batch
 * is here (any more).  LIMIT: the quota. */
enum err place(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;

/* Forget some of what is too old; for the housekeeper. */
enum err stage_prune(struct tx *tx, int max, bool *more, struct errbuf *eb) A_MUST_USE;
#endif
