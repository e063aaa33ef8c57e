/*
 * \Seen of messages whose content came with their row.
 *
 * Those that wait in the queue are marked together, by one call, before the first
 * of them is said: RFC 3501 6.4.5 wants the new flags in the same answer.  What was
 * not received by then is not marked, so a client that goes away in the middle of
 * a folder leaves the rest of it unread.
 */
#include "roles/client-access/imap/fetch.h"

#include <stdlib.h>

#define RANGES_AT_ONCE 500

static bool unseen(const struct store_row *row)
{
	return !(row->flags & FLAG_SEEN) && (row->columns & COL_CONTENT);
}

bool fetch_must_mark(const struct fetch_run *r)
{
	return r->marks_seen && unseen(r->row);
}

static void note(struct imap_session *s, struct store_row *row, const struct store_row *now)
{
	row->flags = now->flags;
	row->modseq = now->modseq;
	row->columns |= ROW_MARKED;
	own_note(&s->own, now->uid, now->modseq);
}

/* Changed rows come in the order of their UIDs, as those that wait do. */
static void on_marked(void *ctx, const struct store_row *rows, size_t n, size_t bytes)
{
	struct imap_session *s = ctx;
	struct fetch_run *r = s->run;
	size_t i = 0;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	if (n > 0 && r->row->uid == rows[0].uid)
		note(s, r->row, &rows[i++]);
	while (i < n) {
		struct row_walk at = r->marking;
		struct store_row *row = row_walk_next(&at);

		if (row && row->uid <= rows[i].uid)
			r->marking = at;
		if (row && row->uid < rows[i].uid)
			continue;
		if (row && row->uid == rows[i].uid)
			note(s, row, &rows[i]);
		i++;
	}
	api_grant(r->content, bytes);
}

static void marked(void *ctx, enum err e, struct uid_ranges modified, uint64_t highestmodseq)
{
	struct imap_session *s = ctx;
	struct fetch_run *r = s->run;

	(void)modified;
	(void)highestmodseq;
	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	r->content = NULL;
	/* Who may only read does not fail for that, and is not asked again. */
	if (e)
		r->marks_seen = false;
	imap_pump(s);
}

void fetch_mark(struct imap_session *s)
{
	struct fetch_run *r = s->run;
	struct uid_range *ranges = xcalloc(RANGES_AT_ONCE, sizeof(*ranges));
	struct store_flags f = { .fid = s->view.fid, .mode = FLAGS_ADD, .flags = FLAG_SEEN };
	const struct store_row *row = r->row;
	struct row_walk at;

	row_walk_init(&at, &r->feed.rows);
	r->marking = at;
	for (; row; row = row_walk_next(&at)) {
		struct uid_range *last = f.uids.n ? &ranges[f.uids.n - 1] : NULL;

		if (!unseen(row))
			continue;
		if (last && last->last + 1 == row->uid)
			last->last = row->uid;
		else if (f.uids.n == RANGES_AT_ONCE)
			break;
		else
			ranges[f.uids.n++] = (struct uid_range){ row->uid, row->uid };
	}
	f.uids.r = ranges;
	r->content = store_flags(&s->at, &f, on_marked, marked, s);
	free(ranges);
}
