#include "roles/mailbox/catalogue.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "roles/mailbox/mdb.h"
#include "roles/mailbox/schema.h"
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum {
	STEP = 64,		/* messages in one transaction */
	PAUSE_MS = 500,		/* between rounds, so that what comes singly is taken together */
	IDLE_MS = 20000,	/* then the connections are closed */
	RETRY_MS = 60000,	/* after an error */
};
#define ROOM (UINT64_C(512) << 20)	/* free bytes on the disk: the rest is for mail */

struct catalogue {
	struct mdb *mdb;
	char *path;
	struct db *store;
	struct indexer *ix;
	ino_t inode;			/* of the search.db that ix works on */
	pthread_t thread;
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t wake;
	bool started, wanted, anew, stopping;
	struct catalogue_state state;
};

/* ---- rounds ----------------------------------------------------------------------------- */

static void close_all(struct catalogue *c)
{
	indexer_free(&c->ix);
	db_close(&c->store);
	malloc_trim(0);
}

static enum err open_store(struct catalogue *c, struct errbuf *eb)
{
	struct db_conf conf = { .path = c->mdb->path, .flags = DB_READONLY | DB_SHARED,
				.cache_bytes = 1u << 20 };

	return c->store ? ERR_OK : db_open(&conf, &store_schema, &c->store, eb);
}

/* An operator may have deleted the file. */
static void look_at_file(struct catalogue *c)
{
	struct stat st;

	if (c->ix && c->inode && (stat(c->path, &st) < 0 || st.st_ino != c->inode)) {
		indexer_free(&c->ix);
		indexer_drop(c->path);
	}
	c->inode = 0;
}

static enum err has_room(struct catalogue *c, struct errbuf *eb)
{
	struct statvfs fs;

	if (statvfs(c->mdb->conf.folder, &fs) == 0 &&
	    (uint64_t)fs.f_bavail * fs.f_frsize < ROOM)
		return err_set(eb, ERR_FULL, "little room is left on the disk");
	return ERR_OK;
}

static bool is_stopping(struct catalogue *c)
{
	bool stop;

	pthread_mutex_lock(&c->lock);
	stop = c->stopping || c->anew;
	pthread_mutex_unlock(&c->lock);
	return stop;
}

static void note_state(struct catalogue *c, bool stopped)
{
	struct catalogue_state s = { .is_stopped = stopped };
	struct stat st;

	if (c->ix)
		indexer_count(c->ix, &s.known, &s.waiting);
	if (stat(c->path, &st) == 0) {
		s.bytes = (int64_t)st.st_size;
		c->inode = st.st_ino;
	}
	pthread_mutex_lock(&c->lock);
	c->state = s;
	pthread_mutex_unlock(&c->lock);
}

static enum err steps(struct catalogue *c, struct errbuf *eb)
{
	bool more = true;
	enum err e = open_store(c, eb);

	if (e == ERR_OK && c->ix == NULL)
		c->ix = indexer_new(c->store, c->path);
	while (e == ERR_OK && more && !is_stopping(c)) {
		e = has_room(c, eb);
		if (e == ERR_OK)
			e = indexer_step(c->ix, STEP, &more, eb);
		note_state(c, e != ERR_OK);
	}
	return e;
}

/* False: wait before the next one. */
static bool run_round(struct catalogue *c, bool anew)
{
	struct errbuf eb = { "" };
	enum err e;

	look_at_file(c);
	if (anew) {
		indexer_free(&c->ix);
		indexer_drop(c->path);
	}
	e = steps(c, &eb);
	if (e == ERR_OK)
		return true;
	log_warn(NULL, "catalogue stopped database=%s err=%s detail=%s", c->mdb->conf.name,
		 err_text(e), eb.text);
	close_all(c);
	if (e == ERR_CORRUPT || e == ERR_INVALID)
		indexer_drop(c->path);
	return false;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Until woken or so long; the lock is held. */
static bool wait_for(struct catalogue *c, long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return pthread_cond_timedwait(&c->wake, &c->lock, &t) == 0;
}

static void rest(struct catalogue *c, long ms)
{
	while (!c->stopping && !c->anew && wait_for(c, ms))
		;
}

static void *catalogue_main(void *arg)
{
	struct catalogue *c = arg;

	pthread_setname_np(pthread_self(), "catalogue");
	(void)!setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
	pthread_mutex_lock(&c->lock);
	while (!c->stopping) {
		bool anew = c->anew, went_well;

		if (!c->wanted && !anew) {
			if (!wait_for(c, IDLE_MS) && c->store) {
				pthread_mutex_unlock(&c->lock);
				close_all(c);
				pthread_mutex_lock(&c->lock);
			}
			continue;
		}
		c->wanted = c->anew = false;
		pthread_mutex_unlock(&c->lock);
		went_well = run_round(c, anew);
		pthread_mutex_lock(&c->lock);
		if (!went_well)
			c->wanted = true;
		rest(c, went_well ? PAUSE_MS : RETRY_MS);
	}
	pthread_mutex_unlock(&c->lock);
	close_all(c);
	return NULL;
}

static void ask(struct catalogue *c, bool anew)
{
	pthread_mutex_lock(&c->lock);
	if (!c->started && !c->stopping) {
		c->started = true;
		CHECK(pthread_create(&c->thread, NULL, catalogue_main, c) == 0);
	}
	if (!c->wanted || anew) {
		c->wanted = true;
		c->anew |= anew;
		pthread_cond_signal(&c->wake);
	}
	pthread_mutex_unlock(&c->lock);
}

void catalogue_hint(struct catalogue *c)
{
	ask(c, false);
}

void catalogue_rebuild(struct catalogue *c)
{
	ask(c, true);
}

void catalogue_state(struct catalogue *c, struct catalogue_state *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->state;
	pthread_mutex_unlock(&c->lock);
}

struct catalogue *catalogue_new(struct mdb *m)
{
	struct catalogue *c = xcalloc(1, sizeof(*c));
	pthread_condattr_t mono;

	c->mdb = m;
	c->path = xasprintf("%s/search.db", m->conf.folder);
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &mono);
	pthread_condattr_destroy(&mono);
	return c;
}

void catalogue_free(struct catalogue **cp)
{
	struct catalogue *c = *cp;
	bool started;

	*cp = NULL;
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	started = c->started;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	if (started)
		pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c->path);
	free(c);
}
