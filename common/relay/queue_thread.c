/*
 * The queue's writer thread: group commit.
 *
 * It takes all requests that wait (at most GROUP_MAX, or GROUP_BYTES of bodies),
 * runs those that write in one transaction, commits, runs those that read, and
 * sends all of them back.  While it commits the next group gathers.
 */
#include "common/relay/queue_priv.h"

#include "common/base/check.h"
#include "common/base/log.h"

#include <stdlib.h>

#define GROUP_MAX   512
#define GROUP_BYTES (8u * 1024 * 1024)

struct queue_thread {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct list waiting;		/* struct queue_req */
	bool stop;
	struct queue_stats stats;	/* under the lock */
	struct queue_db *qd;
	struct inbox *in;
};

static const struct {
	enum err (*run)(struct queue_db *qd, struct queue_req *r);
	bool writes;
} ops[REQ_KINDS] = {
	[REQ_ADD] = { queue_run_add, true },
	[REQ_FINISH] = { queue_run_finish, true },
	[REQ_KICK] = { queue_run_kick, true },
	[REQ_DONE_BELOW] = { queue_run_done_below, true },
	[REQ_NOTE_DERIVED] = { queue_run_note_derived, true },
	[REQ_ORDER] = { queue_run_order, true },
	[REQ_RESERVE] = { queue_run_reserve, true },
	[REQ_TAKE] = { queue_run_take, false },
	[REQ_RELEASE] = { queue_run_release, false },
	[REQ_DUE] = { queue_run_due, false },
	[REQ_HELD] = { queue_run_held, false },
	[REQ_DERIVED] = { queue_run_derived, false },
	[REQ_LIST] = { queue_run_list, false },
	[REQ_MESSAGES] = { queue_run_messages, false },
};

/* After these nothing more can succeed in the transaction. */
static bool is_fatal(enum err e)
{
	return e == ERR_FULL || e == ERR_CORRUPT || e == ERR_AGAIN;
}

static enum err run_one(struct queue_db *qd, struct queue_req *r)
{
	enum err e = db_savepoint(qd->db, &r->eb);

	if (e)
		return e;
	e = ops[r->kind].run(qd, r);
	if (e) {
		db_rollback_savepoint(qd->db);
		return e;
	}
	return db_release(qd->db, &r->eb);
}

/* All writing requests of the group in one transaction.  OK, or what made the
 * whole of it void. */
static enum err commit_group(struct queue_db *qd, struct list *group, struct errbuf *eb)
{
	enum err e = db_begin(qd->db, eb);

	if (e)
		return e;
	LIST_EACH (group, n) {
		struct queue_req *r = CONTAINER_OF(n, struct queue_req, node);

		if (!ops[r->kind].writes)
			continue;
		r->e = run_one(qd, r);
		if (is_fatal(r->e)) {
			*eb = r->eb;
			db_rollback(qd->db);
			return r->e;
		}
	}
	return db_commit(qd->db, eb);
}

static size_t count_writes(struct list *group)
{
	size_t n = 0;

	LIST_EACH (group, i)
		n += ops[CONTAINER_OF(i, struct queue_req, node)->kind].writes;
	return n;
}

static void run_group(struct queue_thread *t, struct list *group)
{
	struct errbuf eb = { "" };
	enum err e = ERR_OK;

	if (count_writes(group) > 0)
		e = commit_group(t->qd, group, &eb);
	if (e) {
		log_error(NULL, "queue commit failed err=%s detail=%s", err_text(e), eb.text);
		db_rollback(t->qd->db);
	}
	LIST_EACH (group, n) {
		struct queue_req *r = CONTAINER_OF(n, struct queue_req, node);

		if (ops[r->kind].writes) {
			if (e) {
				r->e = e;
				r->eb = eb;
			}
			if (r->e)
				queue_undone(t->qd, r);
			else
				queue_after(t->qd, r);
		}
	}
	LIST_EACH (group, n) {
		struct queue_req *r = CONTAINER_OF(n, struct queue_req, node);

		if (!ops[r->kind].writes)
			r->e = ops[r->kind].run(t->qd, r);
	}
}

/* Moves what waits to group; false: told to stop, and nothing waits. */
static bool gather(struct queue_thread *t, struct list *group)
{
	size_t n = 0, bytes = 0;
	bool more;

	pthread_mutex_lock(&t->lock);
	while (list_empty(&t->waiting) && !t->stop)
		pthread_cond_wait(&t->wake, &t->lock);
	while (!list_empty(&t->waiting) && n < GROUP_MAX && bytes < GROUP_BYTES) {
		struct list *i = list_pop(&t->waiting);

		bytes += CONTAINER_OF(i, struct queue_req, node)->bytes;
		list_add_tail(group, i);
		n++;
	}
	more = n > 0;
	pthread_mutex_unlock(&t->lock);
	return more;
}

static void send_back(struct queue_thread *t, struct list *group)
{
	struct list *i;
	size_t n = 0, bytes = 0;

	LIST_EACH (group, r) {
		n++;
		bytes += CONTAINER_OF(r, struct queue_req, node)->bytes;
	}
	pthread_mutex_lock(&t->lock);
	t->stats.waiting -= n;
	t->stats.waiting_bytes -= bytes;
	t->stats.requests += n;
	t->stats.commits += count_writes(group) > 0;
	t->stats.messages = t->qd->messages;
	t->stats.bytes = t->qd->bytes;
	t->stats.poison = t->qd->poison;
	pthread_mutex_unlock(&t->lock);
	while ((i = list_pop(group)))
		inbox_post(t->in, &CONTAINER_OF(i, struct queue_req, node)->back);
}

static void *thread_main(void *arg)
{
	struct queue_thread *t = arg;
	struct list group;

	list_init(&group);
	while (gather(t, &group)) {
		run_group(t, &group);
		send_back(t, &group);
	}
	return NULL;
}

struct queue_thread *queue_thread_start(struct queue_db *qd, struct inbox *in)
{
	struct queue_thread *t = xcalloc(1, sizeof(*t));

	t->qd = qd;
	t->in = in;
	list_init(&t->waiting);
	t->stats.messages = qd->messages;
	t->stats.bytes = qd->bytes;
	t->stats.poison = qd->poison;
	CHECK(pthread_mutex_init(&t->lock, NULL) == 0);
	CHECK(pthread_cond_init(&t->wake, NULL) == 0);
	CHECK(pthread_create(&t->thread, NULL, thread_main, t) == 0);
	return t;
}

void queue_thread_post(struct queue_thread *t, struct queue_req *r)
{
	pthread_mutex_lock(&t->lock);
	list_add_tail(&t->waiting, &r->node);
	t->stats.waiting++;
	t->stats.waiting_bytes += r->bytes;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
}

void queue_thread_stop(struct queue_thread **tp)
{
	struct queue_thread *t = *tp;

	*tp = NULL;
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

void queue_thread_stats(struct queue_thread *t, struct queue_stats *out)
{
	pthread_mutex_lock(&t->lock);
	*out = t->stats;
	pthread_mutex_unlock(&t->lock);
}
