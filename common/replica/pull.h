#ifndef REPLICA_PULL_H
#define REPLICA_PULL_H
/*
 * pull - keeping the copy in step: asks for pages and applies them
 *
 *	IDLE --hint, connection, timer--> ASKED --page--> (apply) --more--> ASKED
 *	                                    |                      `-else--> IDLE
 *	                                    +-need_snapshot--> SNAPSHOT pages into a
 *	                                    |                  file beside, swapped in
 *	                                    +-error--> IDLE, asked again later
 *
 * A page is one transaction with the number it leads to, so a crash leaves the
 * state before or after it.  What comes over the bus is checked: numbers must
 * ascend, a snapshot must move on.  Private to common/replica and its tests.
 */
#include "common/api/directory.h"
#include "common/db/db.h"
#include "common/replica/replica.h"
#include "common/replica/tables.h"
#include <uv.h>

struct pull {
	struct rpc_peer *source;
	struct directory_call call;
	uv_timer_t *timer;		/* freed by its close callback */
	bool again;			/* a hint came while asked */
	unsigned failures;		/* in a row */
	struct db *next;		/* snapshot: the file being filled */
	struct directory_ask ask;	/* what the page under way was asked with */
	uint64_t snapshot_usn;		/* of its first page */
	struct guid snapshot_incarnation;
};

struct replica {
	struct replica_conf conf;
	char *path, *next_path;
	uint8_t feed_key[32];
	bool has_feed_key;
	struct db *db;
	uint64_t usn;
	struct guid incarnation;	/* null: never filled */
	struct tables tables;
	struct pull pull;
};

enum err replica_open_file(struct replica *r, struct errbuf *eb) A_MUST_USE;

void pull_init(struct replica *r);
void pull_fini(struct replica *r);
void pull_now(struct replica *r);
void pull_from(struct replica *r, struct rpc_peer *p);	/* NULL: nobody */
/* The next question.  Tests drive these two without a bus. */
void pull_ask(struct replica *r, struct directory_ask *out);
/* Apply the answer to it; *more: ask again at once. */
enum err pull_take(struct replica *r, const struct directory_page *p, bool *more,
		   struct errbuf *eb) A_MUST_USE;
#endif
