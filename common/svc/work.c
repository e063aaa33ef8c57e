#include "common/svc/work.h"

#include "common/base/check.h"
#include "common/base/list.h"
#include "common/svc/inbox.h"
#include <stdbool.h>
#include <stdlib.h>

/* Enough for libsodium, libcrypt and SQLite; untouched pages cost nothing, but
 * the default of 8 MiB is address space that a container may count. */
#define STACK_BYTES (512u * 1024)

/*
 * A job is queued (in pool->queue), running (in no list, its worker holds it) or
 * ready (in the inbox).  Only the loop frees it.  `cancelled` and `drop` belong
 * to the loop; the worker never looks at them.
 */
enum job_state { JOB_QUEUED, JOB_RUNNING };

struct work {
	struct inbox_item ready;
	struct list node;
	struct work_pool *pool;
	work_fn *run, *done, *drop;
	void *ctx;
	enum job_state state;		/* under pool->lock */
	bool cancelled;
};

struct work_pool {
	struct work_conf conf;
	uv_mutex_t lock;
	uv_cond_t wake;
	struct list queue;		/* under lock, as are the three below */
	size_t n_queued, n_running;
	bool stopping;
	uv_thread_t *threads;
	bool started;
	struct inbox *inbox;
	size_t n_open;			/* jobs not yet freed */
	uint64_t n_done, n_refused;
};

static struct work *next_job(struct work_pool *p)
{
	struct list *n;
	struct work *w;

	uv_mutex_lock(&p->lock);
	while (list_empty(&p->queue) && !p->stopping)
		uv_cond_wait(&p->wake, &p->lock);
	n = list_pop(&p->queue);
	w = n ? CONTAINER_OF(n, struct work, node) : NULL;
	if (w) {
		w->state = JOB_RUNNING;
		p->n_queued--;
		p->n_running++;
	}
	uv_mutex_unlock(&p->lock);
	return w;
}

static void worker(void *arg)
{
	struct work_pool *p = arg;
	struct work *w;

	while ((w = next_job(p)) != NULL) {
		w->run(w->ctx);
		uv_mutex_lock(&p->lock);
		p->n_running--;
		uv_mutex_unlock(&p->lock);
		inbox_post(p->inbox, &w->ready);
	}
}

/* On the loop: a job came back. */
static void on_ready(void *ctx, struct inbox_item *item)
{
	struct work *w = CONTAINER_OF(item, struct work, ready);
	struct work_pool *p = ctx;
	work_fn *fn = w->cancelled ? w->drop : w->done;
	void *job = w->ctx;

	p->n_done++;
	if (--p->n_open == 0)
		inbox_unref(p->inbox);
	free(w);
	if (fn)
		fn(job);
}

struct work_pool *work_pool_open(const struct work_conf *conf)
{
	struct work_pool *p = xcalloc(1, sizeof(*p));

	CHECK(conf->threads > 0);
	p->conf = *conf;
	list_init(&p->queue);
	CHECK(uv_mutex_init(&p->lock) == 0);
	CHECK(uv_cond_init(&p->wake) == 0);
	p->inbox = inbox_open(conf->loop, on_ready, p);
	inbox_unref(p->inbox);
	return p;
}

static void start(struct work_pool *p)
{
	uv_thread_options_t opt = { UV_THREAD_HAS_STACK_SIZE, STACK_BYTES };

	p->started = true;
	p->threads = xcalloc(p->conf.threads, sizeof(*p->threads));
	for (unsigned i = 0; i < p->conf.threads; i++)
		CHECK(uv_thread_create_ex(&p->threads[i], &opt, worker, p) == 0);
}

void work_pool_close(struct work_pool **pp)
{
	struct work_pool *p = *pp;
	struct inbox *inbox;

	*pp = NULL;
	if (p == NULL)
		return;
	uv_mutex_lock(&p->lock);
	p->stopping = true;		/* workers leave when the queue is empty */
	uv_cond_broadcast(&p->wake);
	uv_mutex_unlock(&p->lock);
	for (unsigned i = 0; p->started && i < p->conf.threads; i++)
		uv_thread_join(&p->threads[i]);
	inbox = p->inbox;		/* on_ready() still uses it */
	inbox_close(&inbox);
	CHECK(p->n_open == 0);
	uv_cond_destroy(&p->wake);
	uv_mutex_destroy(&p->lock);
	free(p->threads);
	free(p);
}

/* A job that a free worker will take at once does not wait. */
static bool is_full(struct work_pool *p)
{
	bool full;

	uv_mutex_lock(&p->lock);
	full = p->n_queued + p->n_running >= p->conf.max_queue + p->conf.threads;
	uv_mutex_unlock(&p->lock);
	return full;
}

enum err work_submit(struct work_pool *p, work_fn *run, work_fn *done, void *ctx,
		     struct work **out)
{
	struct work *w;

	if (p->stopping || is_full(p)) {
		p->n_refused++;
		return ERR_AGAIN;
	}
	if (!p->started)
		start(p);
	w = xcalloc(1, sizeof(*w));
	w->pool = p;
	w->run = run;
	w->done = done;
	w->ctx = ctx;
	list_init(&w->node);
	if (p->n_open++ == 0)
		inbox_ref(p->inbox);
	uv_mutex_lock(&p->lock);
	list_add_tail(&p->queue, &w->node);
	p->n_queued++;
	uv_cond_signal(&p->wake);
	uv_mutex_unlock(&p->lock);
	if (out)
		*out = w;
	return ERR_OK;
}

void work_cancel(struct work **wp, work_fn *drop)
{
	struct work *w = *wp;
	struct work_pool *p;
	bool queued;
	void *ctx;

	*wp = NULL;
	if (w == NULL)
		return;
	p = w->pool;
	uv_mutex_lock(&p->lock);
	queued = w->state == JOB_QUEUED;
	if (queued) {
		list_del(&w->node);
		p->n_queued--;
	}
	uv_mutex_unlock(&p->lock);
	w->cancelled = true;
	w->drop = drop;
	if (!queued)
		return;
	ctx = w->ctx;
	if (--p->n_open == 0)
		inbox_unref(p->inbox);
	free(w);
	if (drop)
		drop(ctx);
}

uv_loop_t *work_pool_loop(const struct work_pool *p)
{
	return p->conf.loop;
}

void work_get_stats(const struct work_pool *cp, struct work_stats *out)
{
	struct work_pool *p = (struct work_pool *)cp;	/* for its lock only */

	uv_mutex_lock(&p->lock);
	*out = (struct work_stats){ p->n_queued, p->n_running, p->n_done, p->n_refused };
	uv_mutex_unlock(&p->lock);
}
