#ifndef RELAY_QUEUE_PRIV_H
#define RELAY_QUEUE_PRIV_H
/*
 * queue_priv - what the queue's own files share; nobody else includes it
 *
 * queue.c runs on the loop: it makes requests and gives their answers out.
 * queue_thread.c runs the writer thread: it groups requests and commits.
 * queue_sql.c and queue_admin.c are the requests themselves, on that thread.
 *
 * A request belongs to the loop until it is posted, then to the thread until it
 * comes back through the inbox.  Requests that write run inside the group's
 * transaction, each in a savepoint; those that only read run after the commit,
 * so an answer never speaks of what might yet be rolled back.  What a request
 * changes in memory (counters, items that are out, files) happens in its
 * `after`, once it is committed.
 */
#include "common/base/hash.h"
#include "common/base/list.h"
#include "common/db/db.h"
#include "common/relay/queue.h"
#include "common/relay/spool.h"
#include "common/svc/inbox.h"

#include <pthread.h>

#define QUEUE_HOPS_A_TICK 64
#define QUEUE_SEQ_BLOCK	  65536

/* One (message, hop) that is out. */
struct queue_out {
	struct hash_node node;
	struct {
		int64_t row, hop;
	} key;
};

/* What the thread owns. */
struct queue_db {
	struct db *db;
	struct spool *spool;
	struct guid instance;
	int64_t expire_ms, notice_ms;
	struct hash out;		/* struct queue_out */
	int64_t due_cursor;		/* hops up to here had their turn */
	uint64_t messages, bytes, poison;	/* copied out under the lock */
};

enum queue_req_kind {
	REQ_ADD, REQ_FINISH, REQ_KICK, REQ_DONE_BELOW, REQ_NOTE_DERIVED, REQ_ORDER, REQ_RESERVE,
	REQ_TAKE, REQ_RELEASE, REQ_DUE, REQ_HELD, REQ_DERIVED, REQ_LIST, REQ_MESSAGES,
	REQ_KINDS
};

struct queue_req {
	struct list node;
	struct inbox_item back;
	enum queue_req_kind kind;
	int64_t now_ms;
	struct arena arena;		/* strings of question and answer */
	size_t bytes;			/* counted while it waits */

	/* the question */
	struct mail *mail;		/* ADD */
	struct queue_item *item;	/* FINISH, RELEASE */
	struct queue_result result;	/* FINISH; verdicts and error in the arena */
	struct queue_hop hop;		/* TAKE; KICK: kind and name */
	struct guid guid, origin;
	uint64_t seq;
	int64_t hop_id, row, after;
	unsigned limit;
	enum queue_order order;
	int64_t expire_ms, notice_ms;	/* DUE: the settings now */

	/* the answer */
	enum err e;
	struct errbuf eb;
	struct queue_item **items;	/* TAKE */
	struct queue_hop *hops;		/* DUE */
	struct queue_line *lines;
	struct queue_message *messages;
	struct guid *guids;
	size_t n;
	uint64_t value;
	/* changes of the counters, and files to remove, once committed */
	int64_t d_messages, d_bytes;
	char **files;
	size_t n_files, cap_files;
	char *new_file;			/* ADD: removed if not committed */
	bool kick;			/* something may be due at once */

	queue_done_cb *done;
	queue_items_cb *on_items;
	queue_held_cb *on_held;
	queue_guids_cb *on_guids;
	queue_list_cb *on_list;
	queue_messages_cb *on_messages;
	void *ctx;
};

/* An item's private part: the hops it holds. */
struct queue_item_own {
	struct queue_item item;		/* first */
	int64_t *hops;
	size_t n_hops;
};

struct queue_thread;

/* queue_thread.c: posted requests come back through `in`. */
struct queue_thread *queue_thread_start(struct queue_db *qd, struct inbox *in);
void queue_thread_post(struct queue_thread *t, struct queue_req *r);
/* Everything posted is committed and has come back when this returns. */
void queue_thread_stop(struct queue_thread **t);
void queue_thread_stats(struct queue_thread *t, struct queue_stats *out);

/* queue_sql.c */
enum err queue_db_open(struct queue_db *qd, const struct queue_conf *conf, uint64_t *first_seq,
		       uint64_t *end_seq, struct errbuf *eb) A_MUST_USE;
void queue_db_close(struct queue_db *qd);
enum err queue_run_add(struct queue_db *qd, struct queue_req *r);
enum err queue_run_finish(struct queue_db *qd, struct queue_req *r);
enum err queue_run_kick(struct queue_db *qd, struct queue_req *r);
enum err queue_run_done_below(struct queue_db *qd, struct queue_req *r);
enum err queue_run_note_derived(struct queue_db *qd, struct queue_req *r);
enum err queue_run_reserve(struct queue_db *qd, struct queue_req *r);
enum err queue_run_release(struct queue_db *qd, struct queue_req *r);
enum err queue_run_due(struct queue_db *qd, struct queue_req *r);
enum err queue_run_held(struct queue_db *qd, struct queue_req *r);
enum err queue_run_derived(struct queue_db *qd, struct queue_req *r);
void queue_after(struct queue_db *qd, struct queue_req *r);	/* committed */
void queue_undone(struct queue_db *qd, struct queue_req *r);	/* not committed */
/* The hop's next due time follows from its recipients and its gate. */
enum err queue_hop_settle(struct queue_db *qd, int64_t hop, struct errbuf *eb);
enum err queue_hop_get(struct queue_db *qd, enum hop_kind kind, const char *name, int64_t *id,
		       struct errbuf *eb);
/* Message gone: row, body, file later. */
enum err queue_drop_message(struct queue_db *qd, struct queue_req *r, int64_t row);
void queue_item_out(struct queue_db *qd, struct queue_item_own *it, int64_t hop);
bool queue_is_out(const struct queue_db *qd, int64_t row, int64_t hop);

/* queue_poison.c */
/* All of a message waits for nothing; NOTFOUND.  In a transaction of its own. */
enum err queue_poison_in(struct queue_db *qd, const struct mail_id *id, struct errbuf *eb);
/* ... and goes where it was, at once. */
enum err queue_poison_out(struct queue_db *qd, struct queue_req *r, int64_t row);
enum err queue_poison_all_out(struct queue_db *qd, struct queue_req *r, int64_t hop);
bool queue_poison_is_hop(struct queue_db *qd, int64_t hop, enum err *e, struct errbuf *eb);
bool queue_poison_holds(struct queue_db *qd, int64_t row, enum err *e, struct errbuf *eb);
enum err queue_poison_why(struct queue_db *qd, struct errbuf *eb);	/* what its hop says */
enum err queue_poison_count(struct queue_db *qd, struct errbuf *eb);	/* into qd->poison */
/* queue_take.c */
enum err queue_run_take(struct queue_db *qd, struct queue_req *r);
/* queue_admin.c */
enum err queue_run_list(struct queue_db *qd, struct queue_req *r);
enum err queue_run_messages(struct queue_db *qd, struct queue_req *r);
enum err queue_run_order(struct queue_db *qd, struct queue_req *r);
#endif
