#ifndef SVC_WORK_H
#define SVC_WORK_H
/*
 * work - long computations off the loop
 *
 * A pool of threads with a bounded queue.  A job is two functions and a context:
 * run(ctx) on some worker thread, then done(ctx) on the loop, exactly once and
 * never from inside work_submit().  Results travel in ctx, which belongs to the
 * job from work_submit() until done() begins.
 *
 * A job whose owner lost interest is cancelled: done() will not be called; drop()
 * is called instead, once the worker has let go of ctx - at once from inside
 * work_cancel() if the job had not begun, else from the loop.
 *
 * Threads are started by the first job.  All calls are made on the loop's thread.
 */
#include "common/base/err.h"
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct work_pool;
struct work;			/* a job between submit and done */

typedef void work_fn(void *ctx);

struct work_conf {
	uv_loop_t *loop;
	unsigned threads;	/* at least 1 */
	size_t max_queue;	/* jobs waiting beside those that run */
};

struct work_pool *work_pool_open(const struct work_conf *conf);
/* Waits: jobs not cancelled are run to their end and done() is called for each
 * before this returns.  *p may be NULL. */
void work_pool_close(struct work_pool **p);

/* AGAIN when the queue is full or the pool is closing (ctx stays the caller's).  out,
 * optional, takes the job for work_cancel(); it is invalid once done() begins. */
enum err work_submit(struct work_pool *p, work_fn *run, work_fn *done, void *ctx,
		     struct work **out) A_MUST_USE;
void work_cancel(struct work **w, work_fn *drop);	/* *w may be NULL; drop may be NULL */

uv_loop_t *work_pool_loop(const struct work_pool *p);

struct work_stats {
	size_t queued, running;
	uint64_t done, refused;
};
void work_get_stats(const struct work_pool *p, struct work_stats *out);
#endif
