#include "roles/mailbox/reader.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "roles/mailbox/schema.h"
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_READERS = 16, IDLE_S = 20 };

struct reader {
	struct mdb *mdb;
	pthread_mutex_t lock;	/* of what follows */
	pthread_cond_t wake;
	struct list jobs;
	size_t waiting;
	unsigned started, idle;
	bool stopping;
	pthread_t thread[MAX_READERS];
};

static enum err open_db(struct reader *r, struct db **db, struct errbuf *eb)
{
	struct db_conf conf = {
		.path = r->mdb->path,
		.flags = DB_READONLY | DB_SHARED,
		.cache_bytes = r->mdb->conf.reader_cache,
	};

	return *db ? ERR_OK : db_open(&conf, &store_schema, db, eb);
}

static void run_job(struct reader *r, struct db **db, struct job *j)
{
	j->eb.text[0] = '\0';
	j->e = open_db(r, db, &j->eb);
	if (j->e == ERR_OK) {
		j->e = j->read(*db, j->arg, &j->eb);
		db_rollback(*db);
	}
	if (j->e == ERR_CORRUPT) {
		mdb_damage(r->mdb, j->mbx, j->eb.text);
		j->e = ERR_AGAIN;
	}
	inbox_post(r->mdb->conf.inbox, &j->post.item);
}

/* The next job, or NULL at the end.  Called with the lock held. */
static struct job *take(struct reader *r, struct db **db)
{
	struct timespec until;
	struct list *n;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_S;
	r->idle++;
	while (r->waiting == 0 && !r->stopping) {
		if (*db == NULL) {
			pthread_cond_wait(&r->wake, &r->lock);
		} else if (pthread_cond_timedwait(&r->wake, &r->lock, &until) != 0) {
			/* A connection at rest costs more than opening one. */
			pthread_mutex_unlock(&r->lock);
			db_close(db);
			malloc_trim(0);
			pthread_mutex_lock(&r->lock);
		}
	}
	r->idle--;
	n = list_pop(&r->jobs);
	if (n == NULL)
		return NULL;
	r->waiting--;
	return CONTAINER_OF(n, struct job, node);
}

static void *reader_main(void *arg)
{
	struct reader *r = arg;
	struct db *db = NULL;
	struct job *j;

	pthread_setname_np(pthread_self(), "reader");
	pthread_mutex_lock(&r->lock);
	while ((j = take(r, &db)) != NULL) {
		pthread_mutex_unlock(&r->lock);
		run_job(r, &db, j);
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	db_close(&db);
	return NULL;
}

static void run_post(struct post *p)
{
	struct job *j = CONTAINER_OF(p, struct job, post);

	j->done(j);
}

void reader_submit(struct reader *r, struct job *j)
{
	CHECK(j->read != NULL);
	j->post.fn = run_post;
	pthread_mutex_lock(&r->lock);
	list_add_tail(&r->jobs, &j->node);
	r->waiting++;
	if (r->waiting > r->idle && r->started < r->mdb->conf.readers) {
		CHECK(pthread_create(&r->thread[r->started], NULL, reader_main, r) == 0);
		r->started++;
	}
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

struct reader *reader_new(struct mdb *m)
{
	struct reader *r = xcalloc(1, sizeof(*r));
	pthread_condattr_t mono;

	r->mdb = m;
	CHECK(m->conf.readers >= 1 && m->conf.readers <= MAX_READERS);
	list_init(&r->jobs);
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &mono);
	pthread_condattr_destroy(&mono);
	return r;
}

void reader_free(struct reader **rp)
{
	struct reader *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	for (unsigned i = 0; i < r->started; i++)
		pthread_join(r->thread[i], NULL);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* ---- pages of a scan ------------------------------------------------------------ */

enum err slice_begin(struct slice *s, struct db *db, struct errbuf *eb)
{
	s->db = db;
	s->until_us = clock_mono_us() + READ_MS * 1000;
	return db_begin_read(db, eb);
}

bool slice_goes_on(const struct slice *s)
{
	return clock_mono_us() < s->until_us;
}

void slice_end(struct slice *s)
{
	db_rollback(s->db);
}
