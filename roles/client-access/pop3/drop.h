#ifndef CAS_POP3_DROP_H
#define CAS_POP3_DROP_H
/*
 * drop - the maildrop of one POP3 session: what was in the inbox at login
 *
 * Messages are numbered from 1 (RFC 1939), in the order of their UIDs.  Eight
 * bytes a message; a bit more for each once anything is marked as deleted.
 *
 * An inbox with more than POP3_MAX_MESSAGES shows its oldest; the others come when
 * those are gone.
 */
#include "common/api/store.h"
#include "common/base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define POP3_MAX_MESSAGES 1000000u
/* Runs of deleted messages in one session: their list must fit one call. */
#define POP3_MAX_RUNS	  8192u

struct drop_message {
	uint32_t uid;
	uint32_t size;		/* octets; beyond 4 GiB - 1 that */
};

struct drop {
	struct drop_message *m;
	uint8_t *deleted;	/* a bit each; NULL: none */
	uint32_t n, cap, n_deleted, n_runs;
	uint64_t size, deleted_size;
};

void drop_init(struct drop *d);		/* the same as zeroing it */
void drop_fini(struct drop *d);

/* UIDs ascend.  INVALID if they do not; LIMIT when it is full (nothing changes). */
enum err drop_add(struct drop *d, uint32_t uid, uint64_t size) A_MUST_USE;
void drop_trim(struct drop *d);		/* no more are added */

/* The message of this number; NULL if there is none or it is marked. */
const struct drop_message *drop_get(const struct drop *d, uint32_t number);
/* number is one that drop_get() finds.  LIMIT: too many runs. */
enum err drop_delete(struct drop *d, uint32_t number) A_MUST_USE;
void drop_reset(struct drop *d);	/* unmark all */

static inline uint32_t drop_count(const struct drop *d)		/* of what is not marked */
{
	return d->n - d->n_deleted;
}

static inline uint64_t drop_size(const struct drop *d)
{
	return d->size - d->deleted_size;
}

/* What is marked, as UID ranges; the caller frees *out.  UIDs between two marked
 * neighbours are in the range too: those messages were gone before the snapshot,
 * and a UID is never used again.  Returns how many. */
size_t drop_ranges(const struct drop *d, struct uid_range **out);
#endif
