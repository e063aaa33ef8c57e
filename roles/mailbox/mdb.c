#include "roles/mailbox/mdb.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "roles/mailbox/catalogue.h"
#include "roles/mailbox/checkpoint.h"
#include "roles/mailbox/hidden.h"
#include "roles/mailbox/reader.h"
#include "roles/mailbox/schema.h"
#include "roles/mailbox/writer.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

DB_SQL(q_database, "SELECT guid, epoch FROM database WHERE one = 1");
DB_SQL(q_new_database,
       "INSERT INTO database(one, guid, name, schema_ver) VALUES(1, ?1, ?2, 1)");
DB_SQL(q_rename_database, "UPDATE database SET name = ?1 WHERE one = 1 AND name != ?1");
DB_SQL(q_all_mailboxes, "SELECT mbx, guid, state FROM mailbox WHERE state != 4");
DB_SQL(q_guid_of, "SELECT guid FROM mailbox WHERE mbx = ?1");
DB_SQL(q_shut, "INSERT OR REPLACE INTO quarantine(guid, since, why) VALUES(?1, ?2, ?3)");
DB_SQL(q_is_shut, "SELECT 1 FROM quarantine WHERE guid = ?1");
DB_SQL(q_reopen, "DELETE FROM quarantine WHERE guid = ?1");

/* What a restored copy must never hand out again. */
static const char jump[] =
	"UPDATE database SET epoch = epoch + 1;"
	"UPDATE mailbox SET next_cn = next_cn + 1048576, next_gc = next_gc + 1048576;"
	"UPDATE folder SET uidnext = uidnext + 65536, visible_uid = uidnext + 65535;";

static enum err read_identity(struct mdb *m, struct db *db, bool *found, struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_database, "");
	struct guid g = { { 0 } };
	enum err e;

	*found = db_next(r);
	if (*found) {
		db_guid(r, 0, &g);
		m->epoch = db_int(r, 1);
	}
	e = db_end(&r, eb);
	if (e == ERR_OK && *found && !guid_eq(&g, &m->conf.guid))
		e = err_set(eb, ERR_INVALID, "%s holds another database", m->path);
	return e;
}

static enum err identify(struct mdb *m, struct db *db, struct errbuf *eb)
{
	bool found;
	enum err e = read_identity(m, db, &found, eb);

	if (e)
		return e;
	if (found)
		return db_run(db, &q_rename_database, eb, "t", m->conf.name);
	m->epoch = 1;
	return db_run(db, &q_new_database, eb, "gt", &m->conf.guid, m->conf.name);
}

enum err mdb_move_on(struct db *db, struct errbuf *eb)
{
	enum err e = db_begin(db, eb);

	if (e == ERR_OK)
		e = db_exec(db, jump, eb);
	if (e == ERR_OK)
		e = db_commit(db, eb);
	db_rollback(db);
	return e;
}

static enum err activate(struct mdb *m, struct db *db, struct errbuf *eb)
{
	char *marker = xasprintf("%s/restored", m->conf.folder);
	enum err e = ERR_OK;
	bool found;

	if (access(marker, F_OK) == 0) {
		e = mdb_move_on(db, eb);
		if (e == ERR_OK)
			e = read_identity(m, db, &found, eb);
		/* A crash before this line only moves the numbers on once more. */
		if (e == ERR_OK && unlink(marker) < 0)
			e = err_errno(eb, errno, marker);
		if (e == ERR_OK)
			log_warn(NULL, "activated restored copy database=%s epoch=%lld",
				 m->conf.name, (long long)m->epoch);
	}
	free(marker);
	return e;
}

static enum err open_quarantine(struct mdb *m, struct errbuf *eb)
{
	char *path = xasprintf("%s/quarantine.db", m->conf.folder);
	struct db_conf conf = {
		.path = path, .flags = DB_CREATE | DB_CHECKPOINT, .cache_bytes = 64 * 1024,
	};
	enum err e = db_open(&conf, &quarantine_schema, &m->quarantine, eb);

	free(path);
	return e;
}

static enum err open_store(struct mdb *m, struct db **db, struct errbuf *eb)
{
	struct db_conf conf = {
		.path = m->path,
		.flags = DB_CREATE,
		.cache_bytes = m->conf.writer_cache,
		.max_pages = m->conf.max_pages,
	};
	enum err e = db_open(&conf, &store_schema, db, eb);

	if (e == ERR_OK)
		e = identify(m, *db, eb);
	if (e == ERR_OK)
		e = activate(m, *db, eb);
	if (e == ERR_OK)
		e = hidden_recover(*db, clock_wall_ms(), eb);
	return e;
}

/* Which database is this folder?  For people, and for repair by name when the file
 * cannot be asked.  Without it the database works all the same. */
static void write_name(const struct mdb *m)
{
	char *path = xasprintf("%s/name", m->conf.folder), *new = xasprintf("%s.new", path);
	FILE *f = fopen(new, "we");
	bool ok = f && fprintf(f, "%s\n", m->conf.name) > 0;

	if (f && fclose(f) != 0)
		ok = false;
	if (!ok || rename(new, path) < 0)
		log_warn(NULL, "database name not noted database=%s", m->conf.name);
	free(new);
	free(path);
}

enum err mdb_open(const struct mdb_conf *conf, struct mdb **out, struct errbuf *eb)
{
	struct mdb *m = xcalloc(1, sizeof(*m));
	struct db *db = NULL;
	enum err e = ERR_OK;

	m->conf = *conf;
	m->conf.folder = xstrdup(conf->folder);
	m->conf.name = xstrdup(conf->name);
	m->path = xasprintf("%s/store.db", conf->folder);
	pthread_mutex_init(&m->quarantine_lock, NULL);
	if (mkdir(conf->folder, 0700) < 0 && errno != EEXIST)
		e = err_errno(eb, errno, conf->folder);
	if (e == ERR_OK)
		e = open_quarantine(m, eb);
	if (e == ERR_OK)
		e = open_store(m, &db, eb);
	if (e) {
		db_close(&db);
		mdb_close(&m);
	} else {
		write_name(m);
		m->checkpoint = checkpoint_new(m);
		m->catalogue = conf->catalogue ? catalogue_new(m) : NULL;
		m->writer = writer_new(m, db);
		m->reader = reader_new(m);
		if (m->catalogue)	/* what came while nobody looked */
			catalogue_hint(m->catalogue);
	}
	*out = m;
	return e;
}

void mdb_close(struct mdb **mp)
{
	struct mdb *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	/* The writer's thread gives hints to the checkpointer, and that one may hold the
	 * writer: so the thread ends first and the writer is freed last.  Its connection
	 * is the last and folds the log in. */
	if (m->writer)
		writer_stop(m->writer);
	catalogue_free(&m->catalogue);
	checkpoint_free(&m->checkpoint);
	reader_free(&m->reader);
	writer_free(&m->writer);
	db_close(&m->quarantine);
	pthread_mutex_destroy(&m->quarantine_lock);
	free(m->path);
	free((char *)(uintptr_t)m->conf.folder);
	free((char *)(uintptr_t)m->conf.name);
	free(m);
}

void mdb_write(struct mdb *m, struct job *j)
{
	writer_submit(m->writer, j);
}

void mdb_read(struct mdb *m, struct job *j)
{
	reader_submit(m->reader, j);
}

/* ---- mailboxes ------------------------------------------------------------------ */

static bool is_shut(struct mdb *m, const struct guid *mailbox)
{
	int64_t one = 0;
	bool shut;

	pthread_mutex_lock(&m->quarantine_lock);
	/* When in doubt it stays shut. */
	shut = db_get_int(m->quarantine, &q_is_shut, &one, NULL, "g", mailbox) != ERR_NOTFOUND;
	pthread_mutex_unlock(&m->quarantine_lock);
	return shut;
}

enum err mdb_each(struct mdb *m, mdb_each_fn *fn, void *ctx, struct errbuf *eb)
{
	struct db_conf conf = { .path = m->path, .flags = DB_READONLY | DB_SHARED };
	struct db *db = NULL;
	struct db_row *r;
	enum err e = db_open(&conf, &store_schema, &db, eb);

	if (e)
		return e;
	r = db_query(db, &q_all_mailboxes, "");
	while (db_next(r)) {
		struct mdb_mailbox mb = { .mbx = db_int(r, 0), .state = (int)db_int(r, 2) };

		if (!db_guid(r, 1, &mb.guid))
			continue;
		mb.is_quarantined = is_shut(m, &mb.guid);
		fn(ctx, &mb);
	}
	e = db_end(&r, eb);
	db_close(&db);
	return e;
}

struct shut_post {
	struct post post;
	struct mdb *mdb;
	int64_t mbx;
};

static void on_shut(struct post *p)
{
	struct shut_post *s = CONTAINER_OF(p, struct shut_post, post);

	s->mdb->conf.on_quarantine(s->mdb->conf.ctx, s->mdb, s->mbx);
	free(s);
}

static enum err guid_of(struct mdb *m, int64_t mbx, struct guid *out)
{
	struct db_conf conf = { .path = m->path, .flags = DB_READONLY | DB_SHARED };
	struct db *db = NULL;
	struct db_row *r;
	bool found;
	enum err e = db_open(&conf, &store_schema, &db, NULL);

	if (e)
		return e;
	r = db_query(db, &q_guid_of, "i", mbx);
	found = db_next(r) && db_guid(r, 0, out);
	e = db_end(&r, NULL);
	db_close(&db);
	return e ? e : found ? ERR_OK : ERR_NOTFOUND;
}

void mdb_shut(struct mdb *m, int64_t mbx, const char *why)
{
	struct shut_post *s;
	struct guid g;
	enum err e = guid_of(m, mbx, &g);

	if (e == ERR_OK) {
		pthread_mutex_lock(&m->quarantine_lock);
		e = db_run(m->quarantine, &q_shut, NULL, "git", &g, clock_wall_ms(), why);
		pthread_mutex_unlock(&m->quarantine_lock);
	}
	if (e)
		log_error(NULL, "quarantine not noted database=%s mbx=%lld err=%s",
			  m->conf.name, (long long)mbx, err_text(e));
	if (m->conf.on_quarantine == NULL)
		return;
	s = xcalloc(1, sizeof(*s));
	*s = (struct shut_post){ .post.fn = on_shut, .mdb = m, .mbx = mbx };
	inbox_post(m->conf.inbox, &s->post.item);
}

/* Is it this mailbox alone, or what all share?  Either way an operator is told. */
void mdb_damage(struct mdb *m, int64_t mbx, const char *why)
{
	log_error(NULL, "store damage database=%s mbx=%lld detail=%s", m->conf.name,
		  (long long)mbx, why);
	if (mbx)
		mdb_shut(m, mbx, why);
	else
		atomic_store(&m->is_damaged, true);
}

enum err mdb_reopen(struct mdb *m, const struct guid *mailbox, struct errbuf *eb)
{
	enum err e;

	pthread_mutex_lock(&m->quarantine_lock);
	e = db_run(m->quarantine, &q_reopen, eb, "g", mailbox);
	pthread_mutex_unlock(&m->quarantine_lock);
	return e;
}

/* ---- room ---------------------------------------------------------------------- */

#define ROOM_MS 1000

static void ask_disk(struct mdb *m, int64_t mono_ms)
{
	struct statvfs fs;

	if (m->room_asked_ms != 0 && mono_ms - m->room_asked_ms < ROOM_MS)
		return;
	m->room_asked_ms = mono_ms;
	if (statvfs(m->path, &fs) == 0)
		m->room = (uint64_t)fs.f_bavail * fs.f_frsize;
	else
		m->room = UINT64_MAX;	/* writing will tell */
}

bool mdb_has_room(struct mdb *m, uint64_t bytes, uint64_t disk_low, int64_t mono_ms)
{
	bool low;

	ask_disk(m, mono_ms);
	low = m->room < disk_low;
	if (low && !m->is_low)
		log_error(NULL, "disk low database=%s free=%llu: nothing is added", m->conf.name,
			  (unsigned long long)m->room);
	if (!low && m->is_low)
		log_warn(NULL, "disk normal database=%s free=%llu", m->conf.name,
			 (unsigned long long)m->room);
	m->is_low = low;
	return !low && m->room - disk_low >= bytes;
}
