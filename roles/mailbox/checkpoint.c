#include "roles/mailbox/checkpoint.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "roles/mailbox/schema.h"
#include "roles/mailbox/writer.h"
#include <pthread.h>
#include <stdlib.h>

struct checkpoint {
	struct mdb *mdb;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool started, wanted, stopping;
};

static enum err fold(struct mdb *m, struct db *db, struct errbuf *eb)
{
	int64_t left = 0, began = clock_mono_ms();
	enum err e = db_checkpoint(db, &left, eb);

	if (e == ERR_OK && (left > 0 || atomic_load(&m->wal_bytes) > WAL_WAIT)) {
		writer_hold(m->writer);
		e = db_checkpoint(db, &left, eb);
		writer_let_go(m->writer);
	}
	if (e == ERR_OK && left > 0)
		log_warn(NULL, "checkpoint held up by a reader database=%s frames=%lld",
			 m->conf.name, (long long)left);
	log_debug(NULL, "checkpoint database=%s ms=%lld", m->conf.name,
		  (long long)(clock_mono_ms() - began));
	return e;
}

/* A connection for each round: they are seconds apart, and it would hold cache. */
static void round_once(struct mdb *m)
{
	struct db_conf conf = { .path = m->path, .flags = DB_SHARED };
	struct errbuf eb = { "" };
	struct db *db = NULL;
	enum err e = db_open(&conf, &store_schema, &db, &eb);

	if (e == ERR_OK)
		e = fold(m, db, &eb);
	if (e)
		log_error(NULL, "checkpoint failed database=%s err=%s detail=%s", m->conf.name,
			  err_text(e), eb.text);
	db_close(&db);
}

static void *checkpoint_main(void *arg)
{
	struct checkpoint *c = arg;

	pthread_setname_np(pthread_self(), "checkpoint");
	pthread_mutex_lock(&c->lock);
	while (!c->stopping) {
		if (!c->wanted) {
			pthread_cond_wait(&c->wake, &c->lock);
			continue;
		}
		pthread_mutex_unlock(&c->lock);
		round_once(c->mdb);
		pthread_mutex_lock(&c->lock);
		c->wanted = false;
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

void checkpoint_hint(struct checkpoint *c, int64_t wal_bytes)
{
	if (wal_bytes < WAL_CHECKPOINT)
		return;
	pthread_mutex_lock(&c->lock);
	if (!c->started) {
		c->started = true;
		CHECK(pthread_create(&c->thread, NULL, checkpoint_main, c) == 0);
	}
	if (!c->wanted) {
		c->wanted = true;
		pthread_cond_signal(&c->wake);
	}
	pthread_mutex_unlock(&c->lock);
}

struct checkpoint *checkpoint_new(struct mdb *m)
{
	struct checkpoint *c = xcalloc(1, sizeof(*c));

	c->mdb = m;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	return c;
}

void checkpoint_free(struct checkpoint **cp)
{
	struct checkpoint *c = *cp;
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
	free(c);
}
