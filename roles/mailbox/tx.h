#ifndef MAILBOX_TX_H
#define MAILBOX_TX_H
/*
 * tx - the writer's view of a database: one transaction for many requests
 *
 * Only a database's writer thread owns a tx.  A group is tx_begin(), any number
 * of requests, tx_commit().  The rows that every change touches - a mailbox's
 * counters, a folder's - are read once, changed in memory and written once a
 * group, however many requests changed them; they stay known between groups.
 *
 * A request runs as a part: whatever it did, in the file and in these rows, is
 * undone if it fails, and the rest of the group stands.
 *
 * In the writer, counters are only read and written through here; SQL on other
 * columns of `mailbox` and `folder` is free.
 */
#include "common/base/arena.h"
#include "common/base/hash.h"
#include "common/base/list.h"
#include "common/db/db.h"
#include "roles/mailbox/post.h"
#include <stdbool.h>

struct mdb;

#define RID(mbx, iid) ((int64_t)(mbx) << 40 | (int64_t)(iid))
#define IID_OF(rid) ((rid) & ((INT64_C(1) << 40) - 1))

enum row_kind { ROW_MAILBOX, ROW_FOLDER };

/* What a row in memory begins with; private to tx.c. */
struct row {
	struct hash_node node;
	struct list dirty;	/* in tx.dirty, or alone */
	struct list touched;	/* in tx.touched, or alone */
	uint64_t part;		/* the part that touched it last */
	uint64_t loaded;	/* the part that loaded it */
	void *before;		/* its values when that part touched it */
	bool was_dirty, is_deleted;
	enum row_kind kind;
	int64_t key[2];		/* mbx, fid */
};

/* Rows are read freely; call tx_touch() before changing one. */
struct mbx_row {
	struct row row;
	struct guid guid;
	struct mbx_values {
		int64_t state, next_cn, next_gc, next_uidvalidity, tomb_floor;
		int64_t cn_email, cn_folder, cn_thread;
		int64_t size_live, size_dumpster, n_items;
		int64_t quota_warn, quota_send, quota_recv;	/* bytes; 0: none */
	} v;
	int64_t cn_part;	/* the cn of the part `cn_of` */
	uint64_t cn_of;
	bool is_noted;		/* in tx.changed */
	int64_t inbox;		/* its fid, once asked for; an inbox is for good */
};

struct folder_row {
	struct row row;
	struct folder_values {
		int64_t uidvalidity, uidnext, visible_uid, recent_uid;
		int64_t modseq, cn, cn_counts;
		int64_t n_total, n_unread, n_deleted, size;
		int64_t run_first, run_last;	/* the last uid run; 0, 0: none */
		int64_t run_stored;		/* run_first as in the file; 0: not there */
		int64_t barrier;		/* uids from here on are a copy's that is
						 * being placed (hidden.h); 0: none */
	} v;
};

/* Mailboxes that a group changed, for the watchers: freed by whoever takes it. */
struct changed {
	struct post post;	/* how it travels to the loop */
	struct mdb *mdb;
	size_t n;
	struct changed_one {
		int64_t mbx;
		struct guid guid;
		uint64_t cn;
	} of[];
};

struct tx {
	struct db *db;
	int64_t working;		/* the mailbox last asked for; 0: shared tables */
	int64_t now_ms;
	int64_t epoch;
	int64_t changes_before;		/* db_total_changes() when the group began */
	struct arena arena;		/* lives as long as the part */
	uint64_t part;			/* number of the running part */
	struct hash rows;
	struct list dirty, touched;
	struct list changed;		/* mailboxes with new changes in this group */
	struct hash origins;		/* guid -> number, see deliver.c */
	bool wrote_out;			/* this part called tx_write_out() */
	bool must_forget;		/* SQL changed counters: read rows anew after this group */
	int64_t quota_warn, quota_send, quota_recv;	/* of the database's policy */
};

void tx_init(struct tx *tx, struct db *db);
void tx_fini(struct tx *tx);

enum err tx_begin(struct tx *tx, int64_t now_ms, struct errbuf *eb) A_MUST_USE;
/* Write the rows and commit.  On failure all is rolled back.  changed (may be
 * NULL) gets the changed mailboxes, or NULL if there is none. */
enum err tx_commit(struct tx *tx, struct changed **changed, struct errbuf *eb) A_MUST_USE;
void tx_rollback(struct tx *tx);	/* also forgets all rows */

typedef enum err tx_fn(struct tx *tx, void *arg, struct errbuf *eb);
/* Run fn as a part of the group. */
enum err tx_part(struct tx *tx, tx_fn *fn, void *arg, struct errbuf *eb) A_MUST_USE;
/* Has the failure of a part ended the whole transaction, or spoilt it? */
bool tx_is_spoilt(const struct tx *tx, enum err e);
/* Begin, fn, commit: for what is not worth a group (start, tools, tests). */
enum err tx_once(struct tx *tx, int64_t now_ms, tx_fn *fn, void *arg,
		 struct errbuf *eb) A_MUST_USE;

/* NOTFOUND if there is none, or if the mailbox is not live. */
enum err tx_mailbox(struct tx *tx, int64_t mbx, struct mbx_row **out,
		    struct errbuf *eb) A_MUST_USE;
/* The same whatever its state. */
enum err tx_mailbox_any(struct tx *tx, int64_t mbx, struct mbx_row **out,
			struct errbuf *eb) A_MUST_USE;
enum err tx_folder(struct tx *tx, int64_t mbx, int64_t fid, struct folder_row **out,
		   struct errbuf *eb) A_MUST_USE;
void tx_touch(struct tx *tx, struct row *row);
/* The folder's row is deleted by SQL in this part. */
void tx_delete_folder(struct tx *tx, struct folder_row *f);
void tx_delete_mailbox(struct tx *tx, struct mbx_row *m);
/* The row was changed in the file by SQL. */
void tx_forget(struct tx *tx, struct row *row);

/* The change number of this part in this mailbox: the first call takes a new one. */
int64_t tx_cn(struct tx *tx, struct mbx_row *m);
/* A change number above those handed out, for the next chunk of a long part. */
int64_t tx_next_cn(struct tx *tx, struct mbx_row *m);
/* Makes cn, which was set aside and is not reached yet, the change number of this
 * part, which took none so far. */
void tx_jump_cn(struct tx *tx, struct mbx_row *m, int64_t cn);
int64_t tx_gc(struct tx *tx, struct mbx_row *m);	/* a new id: iid, mid or fid */
/* One more uid range of n at the end of the folder, seen from now on; returns the
 * first.  A copy being placed whose room they would take is abandoned. (tx_uid.c) */
int64_t tx_take_uids(struct tx *tx, struct folder_row *f, int64_t n, enum err *e,
		     struct errbuf *eb);
/* The folder's last run into the table, and anew from it. */
enum err tx_write_run(struct tx *tx, struct folder_row *f, struct errbuf *eb) A_MUST_USE;
enum err tx_read_run(struct tx *tx, struct folder_row *f, struct errbuf *eb) A_MUST_USE;
/* All rows of the group so far into the file, so that SQL sees them.  If the part
 * fails after this, the group does. */
enum err tx_write_out(struct tx *tx, struct errbuf *eb) A_MUST_USE;
void tx_shrink(struct tx *tx);		/* idle: forget rows, give memory back */
#endif
