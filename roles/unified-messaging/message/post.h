#ifndef UM_MESSAGE_POST_H
#define UM_MESSAGE_POST_H
/*
 * post - from a note and its recording to "a hub holds it"
 *
 * A folder of its own.  ID.note and ID.pcm are a recording that runs or was left behind;
 * SEQ.mail is a message that is ready, durable, and to be given to a hub: it goes when a
 * hub says that it holds it.  At the start recordings without an end are ended, and
 * mail that is there is sent, so neither a kill nor a hub that is away loses anything.
 *
 * SEQ is the number of the message's identity (common/relay/mail.h); numbers are taken
 * from blocks that are reserved on disk, so none is given twice.  A message goes to one
 * hub at a time, and to another only when that one says it does not hold it or was away
 * for ten minutes (DESIGN section 6).
 *
 * Memory: the list of waiting messages, at most POST_MAX; beyond that recordings stay
 * as they are until there is room.
 */
#include "common/api/hub.h"
#include "roles/unified-messaging/message/note.h"
#include <uv.h>

#define POST_MAX 10000
#define POST_ID	 48		/* of a recording, with NUL */

struct post;
struct rpc;
struct work_pool;

struct post_conf {
	uv_loop_t *loop;
	struct work_pool *pool;
	const char *dir;		/* made if missing; copied */
	const char *hostname;		/* of Message-IDs; copied */
	/* Who may take mail now; NULL: not connected yet. */
	struct rpc *(*rpc)(void *ctx);
	bool (*all_hubs_up)(void *ctx);	/* those of the directory: then can be told what is done */
	void (*on_sent)(void *ctx);	/* one more is held by a hub; optional */
	void *ctx;
};

/* CORRUPT, FULL, INTERNAL: the folder cannot be used. */
enum err post_open(const struct post_conf *conf, struct post **out, struct errbuf *eb) A_MUST_USE;
/* After the pool was closed, whose jobs use it, and before the bus; *p may be NULL. */
void post_close(struct post **p);

/* A recording begins: its note is written (and synced by a worker); path is where the
 * samples are to go. */
enum err post_begin(struct post *p, const struct note *n, char id[POST_ID], char *path,
		    size_t cap, struct errbuf *eb) A_MUST_USE;
/* It has ended: the note with what is known now, the file is complete. */
void post_end(struct post *p, const char *id, const struct note *n);
/* Nothing is to be sent; the note goes (the recording is the recorder's). */
void post_forget(struct post *p, const char *id);
/* Mail without a recording. */
void post_note(struct post *p, const struct note *n);

void post_kick(struct post *p);		/* a hub has come: try now */
size_t post_waiting(const struct post *p);
#endif
