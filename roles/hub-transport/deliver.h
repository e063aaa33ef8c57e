#ifndef HUB_DELIVER_H
#define HUB_DELIVER_H
/*
 * deliver - messages into mailbox databases
 *
 * One call of the store for all recipients of a database.  deliver_send() is one
 * try; deliver_due() works a database's queue with such tries, several at a time.
 */
#include "common/relay/queue.h"

struct hub;
struct deliver;
struct drop;		/* one try under way */

/* What became of recipient i (index into m->rcpts) of a try. */
enum drop_result {
	DROP_DONE,
	DROP_AGAIN,		/* also when nobody answered: the store knows the identity */
	DROP_FULL,		/* over quota */
	DROP_UNKNOWN,		/* the mailbox is not in this database */
	DROP_REFUSED,
};
/* One result per recipient asked for; away: the store did not answer at all. */
typedef void drop_cb(void *ctx, const enum drop_result *results, size_t n, bool away);

#define DROP_MAX_RCPTS 500

/* m's recipients which[0..n), n <= DROP_MAX_RCPTS, all of this database.  NULL:
 * the store cannot be reached now.  cb comes once, from the loop; not after
 * drop_cancel(). */
struct drop *drop_send(struct hub *h, struct mail *m, const struct guid *database,
		       const uint32_t *which, size_t n, unsigned timeout_ms, drop_cb *cb,
		       void *ctx);
void drop_cancel(struct drop **d);
/* Is a connection up to the server of the database so named? */
bool drop_can_reach(struct hub *h, const char *database);

struct deliver *deliver_new(struct hub *h);
void deliver_free(struct deliver **d);
void deliver_due(struct deliver *d, const struct queue_hop *hop);
#endif
