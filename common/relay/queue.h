#ifndef RELAY_QUEUE_H
#define RELAY_QUEUE_H
/*
 * queue - messages that a hub or an edge has taken responsibility for
 *
 * One SQLite database, UNIQUE on a message's identity.  A thread of its own
 * does all that touches it: it takes the requests that wait, commits them as one
 * group with one fsync, and only then answers them through the loop.  Bodies up
 * to MAIL_INLINE are in the database; larger ones are files of the spool, synced
 * before the commit that names them.
 *
 * A message's recipients wait per next hop.  The queue says which hops have
 * something due (on_due); the owner takes items, tries, and hands each back with
 * one result per recipient.  An item that is out is handed to nobody else; what
 * was out when the process died is due again after the restart.  Nothing but the
 * items that are out is in memory: a queue of any length opens at once.
 *
 * Time is an argument (wall clock, ms).  queue_tick() is called about once a
 * second; on_due comes from the loop, at most 64 hops a tick, in turn.
 *
 * Sequence numbers are handed out from blocks reserved in the database, so none
 * is ever used twice; the instance that goes with them is random per database.
 *
 * Callbacks fire exactly once, from the loop, never from inside the call.
 */
#include "common/base/err.h"
#include "common/relay/mail.h"
#include <uv.h>

struct poison;
struct queue;

struct queue_hop {
	int64_t id;
	enum hop_kind kind;
	const char *name;
	unsigned tries;		/* failed connections in a row */
	bool expired;		/* its messages' time is over; id is 0 (see queue_take) */
	bool late;		/* its messages' senders are to be told of the delay; id 0 */
};

struct queue_conf {
	uv_loop_t *loop;
	const char *path;	/* of the database */
	struct spool *spool;	/* outlives the queue; kept bodies that no message names are removed */
	size_t cache_bytes;	/* page cache; 0: 2 MiB */
	int64_t max_pages;	/* tests of a full disk; 0: none */
	int64_t expire_ms;	/* a message's age when it is given up; 0: 2 days */
	int64_t notice_ms;	/* age when its sender is told; 0: 4 hours */
	struct poison *poison;	/* what is poison is set apart when opening; borrowed, may be NULL */
	void (*on_due)(void *ctx, const struct queue_hop *hop);
	void *ctx;
};

enum err queue_open(const struct queue_conf *conf, struct queue **out,
		    struct errbuf *eb) A_MUST_USE;
/* Waits for what was posted to be committed; callbacks that are left are called,
 * and what they ask is answered AGAIN.  Clears *q when that is over. */
void queue_close(struct queue **q);
/* Live settings; 0 leaves the value. */
void queue_set_ages(struct queue *q, int64_t expire_ms, int64_t notice_ms);

const struct guid *queue_instance(const struct queue *q);
/* A sequence number of our own; 0: none reserved now (the writer is stuck). */
uint64_t queue_next_seq(struct queue *q);
uint64_t queue_seq_now(const struct queue *q);	/* the next one: all handed out are below */

/* ---- putting in ------------------------------------------------------------ */

/* OK: durable.  EXISTS: this identity is held, or was and is remembered: the
 * same promise.  AGAIN, FULL: not taken. */
typedef void queue_done_cb(void *ctx, enum err e);

/* m (counted) must not be changed until the answer. */
void queue_add(struct queue *q, struct mail *m, int64_t now_ms, queue_done_cb *cb, void *ctx);

/* ---- taking out ------------------------------------------------------------ */

struct queue_item {
	int64_t row;		/* of the message */
	struct queue_hop hop;	/* name lives in mail's arena */
	struct mail *mail;	/* its rcpts: those due on this hop, at most MAIL_MAX_RCPTS */
	size_t bytes;		/* held in memory for it */
};

/* items (n may be 0) become the receiver's: each must come back by
 * queue_finish() or queue_release(). */
typedef void queue_items_cb(void *ctx, struct queue_item **items, size_t n);

/* Up to max_items that are due on this hop.  hop->expired: messages whose time
 * is over, with all their recipients that are not out; hop->late: those whose
 * sender is to be told. */
void queue_take(struct queue *q, const struct queue_hop *hop, size_t max_items,
		int64_t now_ms, queue_items_cb *cb, void *ctx);

enum queue_verdict {
	QUEUE_GONE,		/* delivered, handed on or reported: forget the recipient */
	QUEUE_RETRY,		/* at rcpt.due_ms */
	QUEUE_MOVE,		/* to the hop the recipient names now (mail_route, mail_report) */
};

enum queue_hop_state {
	QUEUE_HOP_ASIS,
	QUEUE_HOP_UP,		/* it answered: its tries start anew */
	QUEUE_HOP_DOWN,		/* it did not: nothing goes there before hop_due_ms */
};

struct queue_result {
	enum queue_hop_state state;
	int64_t hop_due_ms;
	const char *error;	/* last error, shown to administrators; copied; NULL: none */
	const enum queue_verdict *verdicts;	/* in order of item->mail->rcpts; copied */
	struct mail *replace;	/* its recipients take the place of the item's, whatever the
				 * verdicts (which may be NULL then); NULL: none; counted */
	struct mail *report;	/* a DSN to put in with the same commit, or NULL; counted */
	bool noticed;		/* the sender was told of the delay: do not again */
};

/* Give an item back.  Takes it; cb may be NULL.  What the disk refuses is tried
 * again until it takes it: a result is never dropped. */
void queue_finish(struct queue *q, struct queue_item *it, const struct queue_result *r,
		  int64_t now_ms, queue_done_cb *cb, void *ctx);
/* Give it back untouched, due as before. */
void queue_release(struct queue *q, struct queue_item *it);
void queue_item_free(struct queue_item **it);	/* for the queue itself and its fakes */

void queue_tick(struct queue *q, int64_t now_ms);
/* Whatever waits for hops of this kind (name NULL: all of them) is due now. */
void queue_kick(struct queue *q, enum hop_kind kind, const char *name, int64_t now_ms);

/* ---- who holds what -------------------------------------------------------- */

/* Lowest sequence number of this root held here, taken after everything posted
 * before; UINT64_MAX: none. */
typedef void queue_held_cb(void *ctx, enum err e, uint64_t lowest);
void queue_held(struct queue *q, const struct guid *root, queue_held_cb *cb, void *ctx);

/* Nobody holds identities of root below seq any more: forget what is remembered
 * of them. */
void queue_done_below(struct queue *q, const struct guid *root, uint64_t seq);

/* Origins derived from root that were used here, so that stores can forget them
 * along with it. */
typedef void queue_guids_cb(void *ctx, enum err e, const struct guid *g, size_t n);
void queue_derived(struct queue *q, const struct guid *root, queue_guids_cb *cb, void *ctx);

/* An origin derived from root passed here without being queued: remember it for
 * queue_derived(). */
void queue_note_derived(struct queue *q, const struct guid *root, const struct guid *origin);

/* ---- administration -------------------------------------------------------- */

struct queue_line {
	int64_t id;
	enum hop_kind kind;
	const char *name, *error;
	uint64_t messages, recipients;
	int64_t due_ms, oldest_ms;
	unsigned tries;
	bool suspended;
};
typedef void queue_list_cb(void *ctx, enum err e, const struct queue_line *l, size_t n);
/* Hops with id above `after`, at most 500 in order of id. */
void queue_list(struct queue *q, int64_t after, queue_list_cb *cb, void *ctx);

struct queue_message {
	int64_t row;
	struct mail_id id;
	const char *sender, *message_id, *recipient, *hop, *error;
	enum hop_kind kind;
	uint32_t recipients;
	uint64_t size;
	int64_t received_ms, due_ms;
	bool suspended;
};
typedef void queue_messages_cb(void *ctx, enum err e, const struct queue_message *m, size_t n);
/* Messages waiting on a hop (0: on any), row above `after`, at most `limit` (500). */
void queue_messages(struct queue *q, int64_t hop, int64_t after, unsigned limit,
		    queue_messages_cb *cb, void *ctx);

enum queue_order {
	QUEUE_ORDER_RETRY,	/* hop or message: due now */
	QUEUE_ORDER_SUSPEND,
	QUEUE_ORDER_RESUME,	/* on the poison hop RETRY and RESUME: back to where it was */
	QUEUE_ORDER_REMOVE,	/* message: with a DSN to its sender */
	QUEUE_ORDER_DROP,	/* message: without */
	QUEUE_ORDER_RESUBMIT,	/* hop: all of it back to the categoriser */
};
/* hop and row: one of them is 0.  NOTFOUND. */
void queue_order(struct queue *q, enum queue_order o, int64_t hop, int64_t row, int64_t now_ms,
		 queue_done_cb *cb, void *ctx);

struct queue_stats {
	uint64_t messages, bytes;	/* in the database */
	uint64_t poison;		/* ... of them on the poison hop, as of the last tick */
	uint64_t added, finished, commits, requests;
	size_t out, out_bytes;		/* items taken and not given back */
	size_t waiting, waiting_bytes;	/* requests not yet committed */
};
void queue_get_stats(const struct queue *q, struct queue_stats *out);
#endif
