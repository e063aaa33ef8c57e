#ifndef MAILBOX_RUNS_H
#define MAILBOX_RUNS_H
/*
 * runs - lists of uids as ranges, in memory and in the table uid_run
 *
 * In memory a list is sorted, without overlap, neighbours joined.  In the table
 * the runs of a folder are exactly its visible uids: that is the invariant that
 * SELECT lives on, and check.c verifies it.
 */
#include "common/api/store.h"
#include "roles/mailbox/tx.h"

struct runs {
	struct uid_range *r;	/* owned */
	size_t n, cap;
};

void runs_fini(struct runs *l);
void runs_add(struct runs *l, uint32_t uid);		/* any order; ascending is cheap */
void runs_add_range(struct runs *l, uint32_t first, uint32_t last);	/* first <= last */
void runs_copy(struct runs *l, const struct uid_range *r, size_t n);	/* any order */
void runs_normalise(struct runs *l);	/* after adding out of order */
bool runs_contain(const struct runs *l, uint32_t uid);	/* normalised */
void runs_cross(struct runs *out, const struct runs *a, const struct runs *b);	/* in both */
uint64_t runs_count(const struct runs *l);

/* All runs of a folder. */
enum err runs_load(struct db *db, int64_t mbx, int64_t fid, struct runs *out,
		   struct errbuf *eb) A_MUST_USE;
/* At most max runs that begin at or behind from; *more: there are others behind. */
enum err runs_page(struct db *db, const int64_t key[2], uint32_t from, size_t max,
		   struct runs *out, bool *more, struct errbuf *eb) A_MUST_USE;
/* Uids are gone from the folder; gone is normalised. */
enum err runs_remove(struct tx *tx, struct folder_row *f, const struct runs *gone,
		     struct errbuf *eb) A_MUST_USE;
#endif
