#ifndef MAILBOX_KEEP_H
#define MAILBOX_KEEP_H
/*
 * keep - the housekeeper: what is done by time
 *
 * For each database, every `keep.every`: contents nobody refers to, deleted
 * messages past their days, mailboxes disconnected past theirs, change history
 * beyond TOMBS_MAX a mailbox, deliveries whose origin has declared them done.  In
 * steps of the background lane, each a few milliseconds; while a step found all it
 * may do, the next follows at once.
 */
#include "roles/mailbox/role.h"

enum { TOMBS_MAX = 50000 };

void keep_start(struct role *st);
void keep_stop(struct role *st);
void keep_now(struct role *st);		/* a round, now */

/* One step. */
enum err keep_step(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;
#endif
