#ifndef CAS_IMAP_ROW_QUEUE_H
#define CAS_IMAP_ROW_QUEUE_H
/*
 * row_queue - rows of the store, copied, waiting for their turn
 *
 * Its size is bounded by the store's window: bytes are acknowledged when a chunk
 * was used up, not when it came.
 */
#include "common/api/store.h"

struct row_chunk;

struct row_queue {
	struct row_chunk *first, **last;
	size_t at;			/* in first */
};

void row_queue_init(struct row_queue *q);
void row_queue_fini(struct row_queue *q);
void row_queue_add(struct row_queue *q, const struct store_row *rows, size_t n, size_t bytes);
/* The next row, valid until the call after it; NULL: empty.  *used: bytes of
 * chunks that are used up now, for api_grant(). */
struct store_row *row_queue_next(struct row_queue *q, size_t *used);
/* The k-th of those that row_queue_next() will give, from 0; NULL: not there yet, or
 * in another chunk than the first. */
const struct store_row *row_queue_peek(const struct row_queue *q, size_t k);
/* A walk over the rows behind the one in hand, without taking them. */
struct row_walk {
	struct row_chunk *chunk;
	size_t at;
};
void row_walk_init(struct row_walk *w, const struct row_queue *q);
struct store_row *row_walk_next(struct row_walk *w);	/* NULL: no more */
#endif
