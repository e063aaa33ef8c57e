#ifndef MAILBOX_REPAIR_H
#define MAILBOX_REPAIR_H
/*
 * repair - a sound database out of a damaged one, offline
 *
 * Every row on a page that can be read goes into a new file of the same schema
 * (common/db/salvage).  Rows of mailboxes, folders and placements that are lost are
 * made again from the indexes, which stand on other pages.  Then the parts are made
 * to agree: a message without its row or without all of its content is dropped, with
 * a tombstone, and reported; one whose place is lost goes to the inbox; a folder
 * whose row is lost is called "Recovered N"; counters follow from rows (check.h).
 * Epoch and counters move on as after a restore, for the lost pages may have
 * handed out higher numbers.  The damaged file is only read.
 */
#include "common/base/err.h"
#include "common/base/guid.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct repair {
	const char *folder;	/* of the damaged store.db */
	const char *to;		/* where the new one is made; the folder is made if missing */
	struct guid guid;	/* of the database */
	FILE *out;		/* the report */
	FILE *progress;		/* NULL: none */
	/* results */
	int64_t pages, pages_bad, messages, messages_lost;
};

/* AGAIN: a daemon has it open.  EXISTS: there is a store.db in `to`. */
enum err repair_database(struct repair *r, struct errbuf *eb) A_MUST_USE;
/* Put the new one in place; the old one stays beside it as store.db.damaged.
 * Mailboxes are no longer in quarantine. */
enum err repair_swap(const struct repair *r, struct errbuf *eb) A_MUST_USE;

/* A database by its GUID, or by the name that its folder in data/db has noted (mdb.c).
 * NOTFOUND: none; EXISTS: several of that name. */
enum err repair_find(const char *data, const char *word, struct guid *out,
		     struct errbuf *eb) A_MUST_USE;
/* `repair DATABASE [--to FOLDER] [--swap]`, words without the first; data is the
 * daemon's folder. */
enum err repair_main(const char *data, char **words, struct errbuf *eb) A_MUST_USE;
#endif
