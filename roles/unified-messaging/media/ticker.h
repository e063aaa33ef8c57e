#ifndef UM_MEDIA_TICKER_H
#define UM_MEDIA_TICKER_H
/*
 * ticker - one timer of 20 ms for all calls
 *
 * Ticks follow the clock: one that came late is followed by as many as are due, but
 * not by more than TICKER_CATCH_UP; beyond that time is lost, as it would be for the
 * ear.
 */
#include <uv.h>

#define TICKER_MS	20
#define TICKER_CATCH_UP 5

struct ticker;
struct ticker_seat;

struct ticker *ticker_open(uv_loop_t *loop);
void ticker_close(struct ticker **t);		/* seats must have left; *t may be NULL */

/* fn may leave, and others may, while it runs. */
struct ticker_seat *ticker_join(struct ticker *t, void (*fn)(void *ctx), void *ctx);
void ticker_leave(struct ticker_seat **s);	/* *s may be NULL */
uint64_t ticker_late(const struct ticker *t);	/* ticks that were left out */
#endif
