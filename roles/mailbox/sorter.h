#ifndef MAILBOX_SORTER_H
#define MAILBOX_SORTER_H
/*
 * sorter - any number of messages in the order of their keys, in bounded memory
 *
 * Keys compare as bytes, then the uid decides.  What does not fit into SORTER_MEMORY
 * is sorted in pieces that go to a file without a name beside the database, and the
 * pieces are merged as the result is read.
 *
 *	s = sorter_new(folder);
 *	sorter_add() for each
 *	sorter_finish()
 *	sorter_next() until it gives none
 */
#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SORTER_MEMORY  (4u << 20)	/* keys held, and a third of it for their places */
#define SORTER_KEY_MAX 8192

struct sorter;

struct sorter *sorter_new(const char *folder);	/* folder is copied */
void sorter_free(struct sorter **s);		/* *s may be NULL */

/* n <= SORTER_KEY_MAX.  FULL, AGAIN: the disk. */
enum err sorter_add(struct sorter *s, const void *key, size_t n, uint32_t uid,
		    struct errbuf *eb) A_MUST_USE;
enum err sorter_finish(struct sorter *s, struct errbuf *eb) A_MUST_USE;
/* At most max uids; *n 0: that was all. */
enum err sorter_next(struct sorter *s, uint32_t *uids, size_t max, size_t *n,
		     struct errbuf *eb) A_MUST_USE;
#endif
