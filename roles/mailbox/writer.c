#include "roles/mailbox/writer.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "roles/mailbox/catalogue.h"
#include "roles/mailbox/checkpoint.h"
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
	GROUP_US = 20 * 1000,
	GROUP_BYTES = 4 << 20,
	JOB_COST = 4096,	/* what a request costs beside its bytes */
	IDLE_S = 20,		/* then caches are given back */
};

/* Bytes a lane may add per round. */
static const size_t quantum[LANES] = {
	[LANE_INTERACTIVE] = 256 * 1024,
	[LANE_DELIVERY] = 128 * 1024,
	[LANE_BACKGROUND] = 32 * 1024,
};

struct writer {
	struct mdb *mdb;
	struct tx tx;
	pthread_t thread;
	pthread_mutex_t lock;	/* of what follows */
	pthread_cond_t wake;	/* work, or the end; also: the gate opened */
	struct list lane[LANES];
	size_t deficit[LANES];
	unsigned turn;
	size_t waiting;		/* in the lanes */
	bool started, stopping;
	bool in_group, held;
	struct list holds;	/* the thread's own */
};

struct group {
	struct list jobs;
	size_t bytes;
	int64_t began_us;
	bool spoilt;
};

static size_t cost(const struct job *j)
{
	return j->bytes + JOB_COST;
}

/* ---- holds ------------------------------------------------------------------------ */

static bool is_gated(const struct job *j, const struct hold *h)
{
	for (size_t i = 0; i < N_ELEMS(j->gate); i++)
		if (j->gate[i] && (j->gate[i] == h->mbx[0] || j->gate[i] == h->mbx[1]))
			return true;
	return false;
}

/* Whose hold j has to wait for; NULL: nobody's. */
static struct hold *gate_of(const struct writer *w, const struct job *j)
{
	if (j->gate[0] == 0 || (j->hold && j->hold->is_held))
		return NULL;
	LIST_EACH (&w->holds, n) {
		struct hold *h = CONTAINER_OF(n, struct hold, node);

		if (is_gated(j, h))
			return h;
	}
	return NULL;
}

static void hold_take(struct writer *w, struct job *j)
{
	struct hold *h = j->hold;

	if (h == NULL || h->is_held || j->e || !h->wanted)
		return;
	h->is_held = true;
	h->mbx[0] = j->gate[0];
	h->mbx[1] = j->gate[1];
	list_init(&h->parked);
	list_add_tail(&w->holds, &h->node);
}

/* After the job stands, or has failed. */
static void hold_settle(struct writer *w, struct job *j)
{
	struct hold *h = j->hold;
	struct list *n;

	if (h == NULL || !h->is_held || (j->e ? h->wanted_if_failed : h->wanted))
		return;
	list_del(&h->node);
	h->is_held = false;
	pthread_mutex_lock(&w->lock);
	while ((n = list_pop(&h->parked)) != NULL) {
		struct job *p = CONTAINER_OF(n, struct job, node);

		list_add_tail(&w->lane[p->lane], n);
		w->waiting++;
	}
	pthread_mutex_unlock(&w->lock);
}

/* ---- lanes ------------------------------------------------------------------------ */

/* Deficit round robin.  Called with the lock held. */
static struct job *pick(struct writer *w)
{
	for (; w->waiting > 0; w->turn = (w->turn + 1) % LANES) {
		struct list *lane = &w->lane[w->turn];
		struct hold *h;
		struct job *j;

		if (list_empty(lane)) {
			w->deficit[w->turn] = 0;
			continue;
		}
		j = CONTAINER_OF(lane->next, struct job, node);
		h = gate_of(w, j);
		if (h) {
			list_del(&j->node);
			list_add_tail(&h->parked, &j->node);
			w->waiting--;
			continue;
		}
		if (w->deficit[w->turn] >= cost(j)) {
			w->deficit[w->turn] -= cost(j);
			list_del(&j->node);
			w->waiting--;
			return j;
		}
		w->deficit[w->turn] += quantum[w->turn];
	}
	return NULL;
}

static struct job *next_job(struct writer *w)
{
	struct job *j;

	pthread_mutex_lock(&w->lock);
	j = pick(w);
	pthread_mutex_unlock(&w->lock);
	return j;
}

static void run_job(struct writer *w, struct job *j)
{
	j->eb.text[0] = '\0';
	j->e = tx_part(&w->tx, j->write, j->arg, &j->eb);
	hold_take(w, j);
}

static bool group_is_full(const struct group *g)
{
	return g->bytes >= GROUP_BYTES || clock_mono_us() - g->began_us >= GROUP_US;
}

/* Run what waits inside the open transaction. */
static void fill_group(struct writer *w, struct group *g)
{
	struct job *j;

	while (!group_is_full(g) && (j = next_job(w)) != NULL) {
		list_add_tail(&g->jobs, &j->node);
		g->bytes += cost(j);
		run_job(w, j);
		if (tx_is_spoilt(&w->tx, j->e)) {
			g->spoilt = true;
			return;
		}
	}
}

static void finish(struct writer *w, struct group *g)
{
	struct list *n;

	while ((n = list_pop(&g->jobs)) != NULL) {
		struct job *j = CONTAINER_OF(n, struct job, node);

		atomic_fetch_add_explicit(&w->mdb->jobs, 1, memory_order_relaxed);
		hold_settle(w, j);
		inbox_post(w->mdb->conf.inbox, &j->post.item);
	}
}

static void on_changed(struct post *p)
{
	struct changed *c = CONTAINER_OF(p, struct changed, post);

	c->mdb->conf.on_changed(c->mdb->conf.ctx, c->mdb, c);
	free(c);
}

static void tell_changed(struct writer *w, struct changed *c)
{
	if (c == NULL)
		return;
	if (w->mdb->conf.on_changed == NULL) {
		free(c);
		return;
	}
	c->mdb = w->mdb;
	c->post.fn = on_changed;
	inbox_post(w->mdb->conf.inbox, &c->post.item);
}

static enum err commit(struct writer *w, struct errbuf *eb)
{
	struct changed *c = NULL;
	enum err e = tx_commit(&w->tx, &c, eb);

	if (e)
		return e;
	atomic_store(&w->mdb->wal_bytes, db_wal_bytes(w->tx.db));
	atomic_fetch_add_explicit(&w->mdb->commits, 1, memory_order_relaxed);
	tell_changed(w, c);
	return ERR_OK;
}

static void run_alone(struct writer *w, struct job *j)
{
	j->e = tx_begin(&w->tx, clock_wall_ms(), &j->eb);
	if (j->e)
		return;
	run_job(w, j);
	if (j->e == ERR_OK)
		j->e = commit(w, &j->eb);
	else
		tx_rollback(&w->tx);
	if (j->e == ERR_CORRUPT) {
		mdb_damage(w->mdb, w->tx.working, j->eb.text);
		j->e = ERR_AGAIN;	/* the caller may try again later */
	} else if (j->e == ERR_FULL || j->e == ERR_AGAIN)
		log_warn(NULL, "store write failed database=%s err=%s detail=%s",
			 w->mdb->conf.name, err_text(j->e), j->eb.text);
}

static void one_by_one(struct writer *w, struct group *g)
{
	tx_rollback(&w->tx);
	LIST_EACH (&g->jobs, n)
		run_alone(w, CONTAINER_OF(n, struct job, node));
}

static void run_group(struct writer *w)
{
	struct group g = { .began_us = clock_mono_us() };
	struct errbuf eb = { "" };
	enum err e;

	list_init(&g.jobs);
	e = tx_begin(&w->tx, clock_wall_ms(), &eb);
	if (e == ERR_OK) {
		fill_group(w, &g);
		if (!g.spoilt && commit(w, &eb) == ERR_OK) {
			finish(w, &g);
			return;
		}
	} else {
		struct job *j = next_job(w);

		if (j)
			list_add_tail(&g.jobs, &j->node);
	}
	one_by_one(w, &g);
	finish(w, &g);
}

/* ---- the thread ----------------------------------------------------------------- */

/* True: there is work and the gate is open, which is shut behind us. */
static bool wait_for_work(struct writer *w)
{
	struct timespec until;

	pthread_mutex_lock(&w->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_S;
	while (w->held || (w->waiting == 0 && !w->stopping)) {
		if (pthread_cond_timedwait(&w->wake, &w->lock, &until) == 0)
			continue;
		pthread_mutex_unlock(&w->lock);
		tx_shrink(&w->tx);
		malloc_trim(0);		/* the pages are many small pieces of the heap */
		pthread_mutex_lock(&w->lock);
		while (w->held || (w->waiting == 0 && !w->stopping))
			pthread_cond_wait(&w->wake, &w->lock);
	}
	w->in_group = w->waiting > 0;
	pthread_mutex_unlock(&w->lock);
	return w->in_group;
}

static void group_over(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->in_group = false;
	pthread_cond_broadcast(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

/* At the end: whoever has the hold will not come again. */
static void drop_parked(struct writer *w)
{
	struct list *h, *n;

	while ((h = list_pop(&w->holds)) != NULL)
		while ((n = list_pop(&CONTAINER_OF(h, struct hold, node)->parked)) != NULL) {
			struct job *j = CONTAINER_OF(n, struct job, node);

			j->e = err_set(&j->eb, ERR_AGAIN, "the database is being closed");
			inbox_post(w->mdb->conf.inbox, &j->post.item);
		}
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;

	pthread_setname_np(pthread_self(), "writer");
	while (wait_for_work(w)) {
		run_group(w);
		group_over(w);
		checkpoint_hint(w->mdb->checkpoint, atomic_load(&w->mdb->wal_bytes));
		if (w->mdb->catalogue)
			catalogue_hint(w->mdb->catalogue);
	}
	drop_parked(w);
	return NULL;
}

void writer_hold(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->held = true;
	while (w->in_group)
		pthread_cond_wait(&w->wake, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

void writer_let_go(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->held = false;
	pthread_cond_broadcast(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

static void run_post(struct post *p)
{
	struct job *j = CONTAINER_OF(p, struct job, post);

	j->done(j);
}

void writer_submit(struct writer *w, struct job *j)
{
	CHECK(j->write != NULL && (unsigned)j->lane < LANES);
	j->post.fn = run_post;
	pthread_mutex_lock(&w->lock);
	if (!w->started) {
		w->started = true;
		CHECK(pthread_create(&w->thread, NULL, writer_main, w) == 0);
	}
	list_add_tail(&w->lane[j->lane], &j->node);
	w->waiting++;
	pthread_cond_broadcast(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

size_t writer_waiting(struct writer *w)
{
	size_t n;

	pthread_mutex_lock(&w->lock);
	n = w->waiting;
	pthread_mutex_unlock(&w->lock);
	return n;
}

struct writer *writer_new(struct mdb *m, struct db *db)
{
	struct writer *w = xcalloc(1, sizeof(*w));
	pthread_condattr_t mono;

	w->mdb = m;
	tx_init(&w->tx, db);
	w->tx.quota_warn = m->conf.quota_warn;
	w->tx.quota_send = m->conf.quota_send;
	w->tx.quota_recv = m->conf.quota_recv;
	for (unsigned i = 0; i < LANES; i++)
		list_init(&w->lane[i]);
	list_init(&w->holds);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &mono);
	pthread_condattr_destroy(&mono);
	return w;
}

void writer_stop(struct writer *w)
{
	bool started;

	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	started = w->started;
	w->started = false;
	pthread_cond_broadcast(&w->wake);
	pthread_mutex_unlock(&w->lock);
	if (started)
		pthread_join(w->thread, NULL);
}

void writer_free(struct writer **wp)
{
	struct writer *w = *wp;
	struct db *db;

	*wp = NULL;
	if (w == NULL)
		return;
	writer_stop(w);
	db = w->tx.db;
	tx_fini(&w->tx);
	db_close(&db);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
