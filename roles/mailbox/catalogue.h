#ifndef MAILBOX_CATALOGUE_H
#define MAILBOX_CATALOGUE_H
/*
 * catalogue - where words are: search.db beside store.db
 *
 * For every message the catalogue knows which runs of three characters occur in its
 * header and in its text, as common/mime/text.h reads them and common/mime/casemap.h
 * compares them.  A text of three characters or more can then be looked for without
 * reading mail: what is found is what may hold it, and has to be looked into; what is
 * not found does not hold it.
 *
 * One thread per database, of the lowest priority, follows the store: it reads items
 * in the order of their numbers, so that one number per mailbox (done.upto) says how
 * far it is.  What it has not reached yet counts as "may hold it"; so does a message
 * of which only the beginning was read (partial).  So an answer is always complete.
 *
 * Nothing in the store depends on it.  A disk that is full stops it for a minute; a
 * damaged or missing search.db is made anew.  Messages that are destroyed stay in the
 * catalogue: their numbers are never used again, so nobody finds them.  When more
 * than half of it is such waste, it is made anew too.
 *
 * Memory: CATALOGUE_DOC twice, two page caches of 1 MiB, 16 bytes per mailbox.
 */
#include "common/api/store_search.h"
#include "common/base/buf.h"
#include "roles/mailbox/access.h"
#include "roles/mailbox/runs.h"

#define CATALOGUE_DOC	 (256u << 10)	/* bytes of a header's or a text's key, at most */
#define CATALOGUE_CHARS	 3		/* characters of a text that can be looked for */

struct catalogue;
struct indexer;
struct mdb;

/* Of the database in m's folder.  The thread starts with the first hint. */
struct catalogue *catalogue_new(struct mdb *m);
void catalogue_free(struct catalogue **c);	/* waits for the message in hand */
void catalogue_hint(struct catalogue *c);	/* the store has changed; any thread */
void catalogue_rebuild(struct catalogue *c);	/* begin anew; any thread */

struct catalogue_state {
	int64_t bytes;			/* of the file */
	int64_t known, waiting;		/* messages: in it, and not yet */
	bool is_stopped;		/* by a full disk or an error: tried again */
};
void catalogue_state(struct catalogue *c, struct catalogue_state *out);	/* any thread */

/* ---- without a thread: what the thread does, for it and for tests -------------------- */

/* store: a connection to store.db, for reading.  path: of search.db. */
struct indexer *indexer_new(struct db *store, const char *path);
void indexer_free(struct indexer **ix);
/* Take in at most `max` messages; *more: there are others.  CORRUPT: search.db is
 * damaged, indexer_drop() it. */
enum err indexer_step(struct indexer *ix, unsigned max, bool *more,
		      struct errbuf *eb) A_MUST_USE;
void indexer_count(const struct indexer *ix, int64_t *known, int64_t *waiting);
/* Delete the files of this search.db. */
void indexer_drop(const char *path);

/* ---- looking ------------------------------------------------------------------------- */

struct find_needle {
	struct span text;
	bool header, body;
	/* results */
	bool known;
	struct runs maybe;
};

struct find_op {
	struct who who;
	uint64_t fid;
	const char *path;		/* of search.db */
	struct find_needle *needles;
	size_t n;
};
/* A read_fn.  OK also without a search.db: then nothing is known. */
enum err catalogue_find(struct db *store, void *op, struct errbuf *eb) A_MUST_USE;
void find_fini(struct find_op *op);
#endif
