#ifndef AUTH_THROTTLE_H
#define AUTH_THROTTLE_H
/*
 * throttle - remember who fails to log in and how long they must wait
 *
 * A throttle counts failures per key (an address, an account) and turns the
 * count into a delay that doubles with each failure.  Counts fade: a key that
 * stays quiet for `forget_ms` is dropped.
 *
 * The table is bounded.  When it is full the key that failed longest ago makes
 * room, so an attacker with many addresses costs us accuracy, not memory.  Keys
 * are kept as hashes: an entry is small whatever its key.
 *
 * Not thread-safe: one throttle belongs to one loop.  Time is always passed in
 * and must not go backwards; the module never reads a clock.
 */
#include "common/base/attr.h"
#include <stddef.h>
#include <stdint.h>

struct throttle;

struct throttle_conf {
	unsigned max_keys;	/* table size, at least 1 */
	unsigned free_tries;	/* failures that cost nothing */
	int64_t first_ms;	/* the delay after the first failure that costs */
	int64_t max_ms;		/* delays grow no further */
	int64_t forget_ms;	/* of silence that clear a key */
};

/* conf is copied.  Never fails; the result is freed with throttle_free(). */
struct throttle *throttle_new(const struct throttle_conf *conf);
void throttle_free(struct throttle **t);	/* clears *t; *t may be NULL */

/* Record one failure.  key is not kept. */
void throttle_fail(struct throttle *t, const void *key, size_t len, int64_t now_ms);
/* Forget a key, e.g. after a successful login.  Unknown keys are fine. */
void throttle_clear(struct throttle *t, const void *key, size_t len);
/* Milliseconds key must still wait before its next try; 0 = go ahead. */
int64_t throttle_wait(struct throttle *t, const void *key, size_t len, int64_t now_ms)
	A_MUST_USE;
size_t throttle_keys(const struct throttle *t);	/* for stats */
#endif
