#ifndef MAILBOX_READER_H
#define MAILBOX_READER_H
/*
 * reader - threads that only read, each with its own connection
 *
 * A read job runs with no transaction open and opens one as short as it can: no
 * snapshot is kept longer than READ_MS, for an open reader keeps the log from
 * being reused.  Long scans go in pages: struct slice says when one is over.
 */
#include "roles/mailbox/mdb.h"

enum { READ_MS = 100 };

struct reader *reader_new(struct mdb *m);
void reader_free(struct reader **r);		/* after what was submitted is done */
void reader_submit(struct reader *r, struct job *j);

/* One page of a scan: begin, then rows as long as it goes on. */
struct slice {
	struct db *db;
	int64_t until_us;
};
enum err slice_begin(struct slice *s, struct db *db, struct errbuf *eb) A_MUST_USE;
bool slice_goes_on(const struct slice *s);
void slice_end(struct slice *s);
#endif
