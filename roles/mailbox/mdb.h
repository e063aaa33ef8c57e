#ifndef MAILBOX_MDB_H
#define MAILBOX_MDB_H
/*
 * mdb - one mailbox database: its files, its threads, its state
 *
 * A folder holds store.db (everything), quarantine.db (mailboxes kept shut after
 * damage), search.db (catalogue.h), the database's name in a file `name` (for people
 * and repair) and, after a restore, a file `restored`: its presence at opening means
 * that numbers may have been handed out that this copy does not know, so epoch
 * and every counter move on before anything is served (DESIGN section 5, rule 9).
 *
 * Threads: one writer (writer.c), `readers` readers (reader.c) and one that
 * checkpoints (checkpoint.c).  Writer and readers start with their first job.
 * The loop submits jobs and gets their done(); nothing else is shared but the
 * atomics below.
 */
#include "common/base/err.h"
#include "common/base/guid.h"
#include "roles/mailbox/job.h"
#include <stdatomic.h>
#include <stdbool.h>

struct catalogue;
struct checkpoint;
struct db;
struct reader;
struct writer;
struct mdb;

struct mdb_conf {
	const char *folder;		/* made if missing */
	struct guid guid;
	const char *name;
	struct inbox *inbox;		/* where posts go; its items are struct post */
	unsigned readers;
	bool catalogue;			/* keep search.db (catalogue.h) */
	size_t writer_cache, reader_cache;	/* page cache bytes, per connection */
	int64_t max_pages;		/* tests of a full disk; 0: none */
	int64_t quota_warn, quota_send, quota_recv;	/* policy of the database, bytes */
	/* A group changed these mailboxes; on the loop.  Borrowed. */
	void (*on_changed)(void *ctx, struct mdb *m, const struct changed *c);
	/* A mailbox was shut after damage; on the loop. */
	void (*on_quarantine)(void *ctx, struct mdb *m, int64_t mbx);
	void *ctx;
};

struct mdb {
	struct mdb_conf conf;		/* strings are ours */
	char *path;			/* store.db */
	int64_t epoch;			/* fixed while open */
	struct writer *writer;
	struct reader *reader;
	struct checkpoint *checkpoint;
	struct catalogue *catalogue;	/* NULL: not kept */
	struct db *quarantine;		/* under quarantine_lock */
	pthread_mutex_t quarantine_lock;
	atomic_llong wal_bytes;
	atomic_llong commits, jobs;	/* groups and requests since the start */
	atomic_bool is_damaged;		/* shared tables gave CORRUPT */
	uint64_t room;			/* free on the disk when last asked; the loop's */
	int64_t room_asked_ms;
	bool is_low;
};

/* WAL sizes (bytes): the checkpointer begins; the writer waits for it between
 * groups; deliveries are refused with AGAIN. */
#define WAL_CHECKPOINT (INT64_C(64) << 20)
#define WAL_WAIT       (INT64_C(192) << 20)
#define WAL_REFUSE     (INT64_C(512) << 20)

/* conf is copied.  Makes or migrates the files. */
enum err mdb_open(const struct mdb_conf *conf, struct mdb **out, struct errbuf *eb) A_MUST_USE;
/* Finishes what was submitted; the posts are still to be taken from the inbox
 * afterwards, and may use *m's guid only. */
void mdb_close(struct mdb **m);

void mdb_write(struct mdb *m, struct job *j);	/* any thread */
void mdb_read(struct mdb *m, struct job *j);

/* Are there so many bytes on the disk, beside what deleting and the write-ahead log
 * need (disk_low)?  The disk is asked once a second.  Loop only. */
bool mdb_has_room(struct mdb *m, uint64_t bytes, uint64_t disk_low, int64_t mono_ms);

/* Epoch and counters of every mailbox beyond what a lost copy may have handed out. */
enum err mdb_move_on(struct db *db, struct errbuf *eb) A_MUST_USE;

/* Every mailbox of the file, for the loop's table; at open, before any job. */
struct mdb_mailbox {
	int64_t mbx;
	struct guid guid;
	int state;		/* enum mailbox_state */
	bool is_quarantined;
};
typedef void mdb_each_fn(void *ctx, const struct mdb_mailbox *mb);
enum err mdb_each(struct mdb *m, mdb_each_fn *fn, void *ctx, struct errbuf *eb) A_MUST_USE;

/* The writer or a reader met damage while it worked on this mailbox; 0: on what all
 * share.  Any thread. */
void mdb_damage(struct mdb *m, int64_t mbx, const char *why);
void mdb_shut(struct mdb *m, int64_t mbx, const char *why);
/* An operator had it repaired. */
enum err mdb_reopen(struct mdb *m, const struct guid *mailbox, struct errbuf *eb) A_MUST_USE;
#endif
