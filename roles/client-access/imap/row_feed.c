#include "roles/client-access/imap/row_feed.h"

#include <stdlib.h>

#define RANGES_AT_ONCE 500
#define AHEAD_BYTES    (256u << 10)	/* with more waiting nothing is asked for ahead */

void row_feed_init(struct row_feed *f, struct imap_session *s, struct uid_ranges uids,
		   const struct store_fetch *fetch, uint32_t at_once)
{
	*f = (struct row_feed){ .s = s, .fetch = *fetch, .at_once = at_once };
	f->fetch.fid = s->view.fid;
	row_queue_init(&f->rows);
	view_todo(s, &f->todo, uids);
}

void row_feed_fini(struct row_feed *f)
{
	api_cancel(&f->call);
	row_queue_fini(&f->rows);
}

/* False: nothing is left to ask for. */
static bool ask(struct row_feed *f);

static void on_rows(void *ctx, const struct store_row *rows, size_t n, size_t bytes)
{
	struct row_feed *f = ctx;

	CHECK_OBJ(f->s, IMAP_SESSION_MAGIC);
	row_queue_add(&f->rows, rows, n, bytes);
	f->held += bytes;
	imap_pump(f->s);
}

static void rows_done(void *ctx, enum err e, uint64_t highestmodseq, struct uid_ranges vanished)
{
	struct row_feed *f = ctx;

	(void)highestmodseq;
	(void)vanished;
	CHECK_OBJ(f->s, IMAP_SESSION_MAGIC);
	f->call = NULL;
	f->err = e;
	f->settled = f->held;
	if (!e && f->held > 0 && f->held <= AHEAD_BYTES)
		(void)ask(f);
	imap_pump(f->s);
}

static bool ask(struct row_feed *f)
{
	struct uid_range *ranges = xcalloc(RANGES_AT_ONCE, sizeof(*ranges));

	f->fetch.uids.r = ranges;
	f->fetch.uids.n = view_cut(f->s, &f->todo, ranges, RANGES_AT_ONCE, f->at_once);
	if (f->fetch.uids.n > 0)
		f->call = store_fetch(&f->s->at, &f->fetch, on_rows, rows_done, f);
	f->fetch.uids.r = NULL;
	free(ranges);
	return f->call != NULL;
}

/* Rows are used up in the order they came: those of earlier calls first. */
static void grant(struct row_feed *f, size_t used)
{
	const size_t settled = used < f->settled ? used : f->settled;

	f->settled -= settled;
	if (f->call && used > settled)
		api_grant(f->call, used - settled);
}

enum row_feed_next row_feed_next(struct row_feed *f, struct store_row **row)
{
	size_t used;

	if (f->more > 0) {
		f->more--;
		f->run.uid++;
		*row = &f->run;
		return ROW_FEED_ROW;
	}
	*row = row_queue_next(&f->rows, &used);
	f->held -= used;
	if (used > 0)
		grant(f, used);
	if (*row && (*row)->more > 0) {
		f->run = **row;
		f->more = f->run.more;
		*row = &f->run;
	}
	if (*row)
		return ROW_FEED_ROW;
	if (f->call)
		return ROW_FEED_WAIT;
	if (f->err)
		return ROW_FEED_FAILED;
	return ask(f) ? ROW_FEED_WAIT : ROW_FEED_END;
}
