#ifndef RELAY_TRACK_H
#define RELAY_TRACK_H
/*
 * track - the message tracking log: what became of each message here
 *
 * One line an event and recipient, tab-separated, in files of a folder, a new one
 * each day or 16 MB.  Lines are gathered and written about once a second, so that
 * mail passed through costs no disk write of its own; what a crash loses is the
 * last second of the log, never mail.  Files older than max_days go, and the
 * oldest when all of them exceed max_bytes.
 *
 * Searching reads the files on a worker thread.
 */
#include "common/base/err.h"
#include "common/relay/mail.h"
#include "common/svc/work.h"

struct track;

struct track_conf {
	const char *dir;		/* made if missing */
	uint64_t max_bytes;		/* 0: 256 MiB */
	unsigned max_days;		/* 0: 30 */
	struct work_pool *pool;		/* for searches */
};

/* Events: receive, deliver, hand, send, expand, fail, defer, report, drop. */
enum err track_open(const struct track_conf *conf, struct track **out,
		    struct errbuf *eb) A_MUST_USE;
void track_close(struct track **t);	/* writes what is gathered; after the pool */

/* r NULL: about all recipients.  detail may be NULL. */
void track_add(struct track *t, int64_t now_ms, const char *event, const struct mail *m,
	       const struct mail_rcpt *r, const char *detail);
void track_tick(struct track *t, int64_t now_ms);

struct track_query {
	const char *message_id, *recipient, *sender;	/* whole, ASCII case ignored; NULL, "": any */
	int64_t since_ms;
	unsigned limit;			/* 0: 500; at most that */
};
struct track_line {
	int64_t at_ms;
	uint64_t size;
	const char *event, *id, *message_id, *sender, *recipient, *detail;
};
/* Newest lines that match, oldest of them first.  AGAIN: too many searches. */
typedef void track_cb(void *ctx, enum err e, const struct track_line *l, size_t n, bool more);
void track_find(struct track *t, const struct track_query *q, track_cb *cb, void *ctx);
#endif
