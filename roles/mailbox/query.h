#ifndef MAILBOX_QUERY_H
#define MAILBOX_QUERY_H
/*
 * query - which messages of a folder have these flags, dates, sizes
 *
 * The narrowest index serves: unread ones by theirs, a span of dates by the date,
 * all else by uid.  What no index knows is compared row by row.  Scans go in pages
 * of READ_MS, so the answer may be of several moments, each uid of one.
 */
#include "roles/mailbox/access.h"
#include "roles/mailbox/message.h"

struct query_op {
	struct who who;
	uint64_t fid;
	unsigned flags_set, flags_clear;
	const char *const *kw_set, *const *kw_clear;	/* NULL-terminated or NULL */
	int64_t since_ms, before_ms, sent_since_ms, sent_before_ms;	/* 0: open */
	uint64_t larger, smaller, modseq;				/* 0: open */
	const struct uid_range *uids;	/* normalised; n 0: all */
	size_t n_uids;
	uint32_t limit;			/* 0: none */
	bool newest_first;
	/* results */
	struct runs runs;
	uint64_t highestmodseq;
	bool more;			/* the limit cut it */
};
enum err query(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;
#endif
