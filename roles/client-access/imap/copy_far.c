/*
 * COPY and MOVE into a mailbox of another database, or of another server.
 *
 *	rights --> target --> page of rows --> content of each, staged --> ... --> place
 *	                                                      MOVE: --> expunge
 *
 * The messages go through here one after the other, as fast as the target takes them:
 * what it has no room for is not acknowledged to the source, which then waits.  They
 * are staged (store_stage), so nothing is visible until all are placed in one
 * transaction; a command that fails or a client that leaves before that leaves nothing
 * behind.  What somebody else expunges meanwhile is left out, as the store's own COPY
 * leaves it out.
 *
 * A MOVE removes the messages only when they are safe at the target.  If that fails
 * they are in both places, and the client learns their UIDs all the same (RFC 6851
 * section 4.3).
 */
#include "roles/client-access/imap/copy.h"

#include "common/api/rights.h"
#include <stdlib.h>

#define FAR_MANY   10000		/* messages of one command: as many as the store stages */
#define FAR_AHEAD  8			/* messages with the target at a time */
#define FAR_PAGE   50			/* rows held; one may have 128 keywords */
#define FAR_BUFFER (4u << 20)		/* more than a store sends before it is acknowledged */

struct far_message {
	uint32_t uid;
	unsigned flags;
	int64_t internal_ms;
	uint64_t size;
	const char **keywords;
};

/* A message on its way to the target. */
struct far_slot {
	struct imap_session *s;
	struct api_call *call;
};

struct copy_far {
	enum err err;			/* the command fails */
	uint64_t fid;			/* the target */
	struct guid batch;
	struct view_todo todo;
	struct arena arena;		/* of the page */
	struct far_message page[FAR_PAGE];
	size_t n_page, at;
	struct far_slot slots[FAR_AHEAD];
	struct far_slot *cur;		/* of page[at], which is being read; NULL: none */
	struct buf from;		/* its bytes that wait for room */
	uint64_t sent;
	struct api_call *place;
	uint32_t n;			/* messages staged or being so */
	struct uid_range *uids;		/* theirs; room for FAR_MANY */
	size_t n_uids;
	uint32_t uidvalidity, uid;	/* what place() said */
};

static imap_work_fn go;

static struct copy_far *far_of(struct imap_session *s)
{
	return ((struct copy_run *)s->run)->far;
}

static void cancel_all(struct imap_session *s)
{
	struct copy_far *f = far_of(s);

	api_cancel(&s->call);
	api_cancel(&f->place);
	for (size_t i = 0; i < FAR_AHEAD; i++)
		api_cancel(&f->slots[i].call);
	f->cur = NULL;
}

static void drop(struct imap_session *s)
{
	struct copy_run *r = s->run;

	cancel_all(s);
	arena_fini(&r->far->arena);
	buf_fini(&r->far->from);
	free(r->far->uids);
	free(r->far);
	r->far = NULL;
}

static void fail(struct imap_session *s, enum err e)
{
	struct copy_far *f = far_of(s);

	if (f->err == ERR_OK)
		f->err = e;
}

static enum next give_up(struct imap_session *s)
{
	enum err e = far_of(s)->err;

	cancel_all(s);
	if (e == ERR_STALE)
		return imap_finish(s, "NO [UNAVAILABLE] It took too long, try again.");
	return imap_finish(s, "%s", copy_refusal(e));
}

/* ---- the end: place, and expunge ---------------------------------------------------------- */

static struct uid_ranges sources(const struct copy_far *f)
{
	return (struct uid_ranges){ f->uids, f->n_uids };
}

static void expunged(void *ctx, enum err e, struct uid_ranges gone, uint64_t modseq)
{
	struct imap_session *s = ctx;
	struct copy_far *f = far_of(s);
	const struct uid_range to = { f->uid, f->uid + f->n - 1 };
	const struct uid_ranges into = { &to, 1 };

	(void)modseq;
	imap_call_done(s);
	if (e == ERR_OK) {
		copy_say(s, f->uidvalidity, sources(f), into, gone);
	} else {
		log_warn(&s->log, "move-halfway user=%s err=%s", s->who.user, err_text(e));
		s->view.dirty = true;	/* perhaps they did go */
		copy_say_untagged(s, f->uidvalidity, sources(f), into, "Copied.");
		imap_finish(s, "NO Copied, but the originals could not be removed.");
	}
	imap_pump(s);
}

static void placed(void *ctx, enum err e, uint32_t uidvalidity, uint32_t uid, uint64_t modseq)
{
	struct imap_session *s = ctx;
	struct copy_run *r = s->run;
	struct copy_far *f = r->far;
	const struct uid_range to = { uid, uid + f->n - 1 };

	(void)modseq;
	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	f->place = NULL;
	f->uidvalidity = uidvalidity;
	f->uid = uid;
	if (e) {
		fail(s, e);
	} else if (r->move) {
		s->call = store_expunge(&s->at, s->view.fid, sources(f), true, expunged, s);
		imap_await(s);
	} else {
		copy_say(s, uidvalidity, sources(f), (struct uid_ranges){ &to, 1 },
			 (struct uid_ranges){ NULL, 0 });
	}
	imap_pump(s);
}

/* Everything was sent; wait until it is staged. */
static enum next finish(struct imap_session *s)
{
	struct copy_run *r = s->run;
	struct copy_far *f = r->far;

	for (size_t i = 0; i < FAR_AHEAD; i++)
		if (f->slots[i].call)
			return NEXT_WAIT;
	if (f->n == 0)
		return imap_finish(s, "OK Nothing was there any more.");
	if (f->place == NULL)
		f->place = store_place(&r->to.at, &(struct store_place){
			.fid = f->fid, .batch = f->batch, .n = f->n }, placed, s);
	return NEXT_WAIT;
}

/* ---- one message ---------------------------------------------------------------------------- */

static void send_on(struct imap_session *s)
{
	struct copy_far *f = far_of(s);
	size_t n;

	while (f->cur && f->cur->call && f->from.len > 0 &&
	       (n = store_append_room(f->cur->call)) > 0) {
		if (n > f->from.len)
			n = f->from.len;
		store_append_data(f->cur->call, f->from.data, n);
		buf_drop(&f->from, n);
		f->sent += n;
		if (s->call)
			api_grant(s->call, n);
	}
}

static void writable(void *ctx)
{
	struct far_slot *slot = ctx;

	CHECK_OBJ(slot->s, IMAP_SESSION_MAGIC);
	send_on(slot->s);
	imap_pump(slot->s);
}

static void staged(void *ctx, enum err e, uint64_t size)
{
	struct far_slot *slot = ctx;
	struct imap_session *s = slot->s;
	struct copy_far *f = far_of(s);

	(void)size;
	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	slot->call = NULL;
	if (e)
		fail(s, e);
	else if (slot == f->cur && f->sent != f->page[f->at].size)
		fail(s, ERR_INTERNAL);	/* before it had all of it */
	imap_pump(s);
}

static void on_bytes(void *ctx, const void *p, size_t n)
{
	struct imap_session *s = ctx;
	struct copy_far *f = far_of(s);

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	/* More than the row promised, or than we acknowledged: a store gone wrong. */
	if (f->err == ERR_OK && (n > f->page[f->at].size - f->sent - f->from.len ||
				 buf_add(&f->from, p, n) != ERR_OK))
		fail(s, ERR_CORRUPT);
	if (f->err)
		api_grant(s->call, n);
	else
		send_on(s);
}

static void note_uid(struct copy_far *f, uint32_t uid)
{
	struct uid_range *last = f->n_uids ? &f->uids[f->n_uids - 1] : NULL;

	CHECK(f->n_uids < FAR_MANY);
	if (last && last->last + 1 == uid)
		last->last = uid;
	else
		f->uids[f->n_uids++] = (struct uid_range){ uid, uid };
	f->n++;
}

/* All that there is to read of page[at] has come; `from` may still hold some of it. */
static void on_content(void *ctx, enum err e, uint64_t size, uint32_t flags, uint64_t modseq)
{
	struct imap_session *s = ctx;
	struct copy_far *f = far_of(s);
	const struct far_message *m = &f->page[f->at];

	(void)size;
	(void)flags;
	(void)modseq;
	imap_call_done(s);
	if (e == ERR_NOTFOUND && f->cur && f->sent + f->from.len < m->size) {
		/* Expunged meanwhile: as if it had never been asked for. */
		api_cancel(&f->cur->call);
		f->cur = NULL;
		buf_clear(&f->from);
		f->at++;
	} else if (e && e != ERR_NOTFOUND) {
		fail(s, e);
	} else if (f->sent + f->from.len != m->size) {
		fail(s, ERR_CORRUPT);
	}
	imap_pump(s);
}

static enum next begin_message(struct imap_session *s)
{
	struct copy_run *r = s->run;
	struct copy_far *f = r->far;
	const struct far_message *m = &f->page[f->at];
	struct far_slot *slot = NULL;

	if (f->n == FAR_MANY) {		/* a store that says things twice */
		fail(s, ERR_CORRUPT);
		return give_up(s);
	}
	for (size_t i = 0; slot == NULL && i < FAR_AHEAD; i++)
		if (f->slots[i].call == NULL)
			slot = &f->slots[i];
	if (slot == NULL)
		return NEXT_WAIT;
	slot->s = s;
	f->cur = slot;
	f->sent = 0;
	slot->call = store_stage(&r->to.at, &(struct store_stage){
		.fid = f->fid, .batch = f->batch, .ord = f->n, .flags = m->flags,
		.keywords = m->keywords, .internal_ms = m->internal_ms, .size = m->size,
	}, writable, staged, slot);
	s->call = store_content(&s->at, s->view.fid, m->uid, 0, m->size, false, on_bytes,
				on_content, s);
	return NEXT_WAIT;
}

/* ---- pages ------------------------------------------------------------------------------------ */

static const char **keywords_of(struct copy_far *f, const struct store_row *row)
{
	const char **out;

	if (row->n_keywords == 0)
		return NULL;
	out = arena_alloc(&f->arena, (row->n_keywords + 1) * sizeof(*out));
	for (size_t i = 0; i < row->n_keywords; i++)
		out[i] = arena_strn(&f->arena, row->keywords[i].p, row->keywords[i].n);
	return out;
}

static void on_rows(void *ctx, const struct store_row *rows, size_t n, size_t bytes)
{
	struct imap_session *s = ctx;
	struct copy_far *f = far_of(s);

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	for (size_t i = 0; i < n; i++) {
		if (uid_map_seq(s->view.map, rows[i].uid) == 0)
			continue;		/* the client does not know of it */
		if (f->n_page == FAR_PAGE || rows[i].size == 0) {
			fail(s, ERR_CORRUPT);	/* more than were asked for; or no message */
			break;
		}
		f->page[f->n_page++] = (struct far_message){
			.uid = rows[i].uid, .flags = rows[i].flags, .size = rows[i].size,
			.internal_ms = rows[i].internal_ms,
			.keywords = keywords_of(f, &rows[i]) };
	}
	api_grant(s->call, bytes);
}

static void on_page(void *ctx, enum err e, uint64_t highestmodseq, struct uid_ranges vanished)
{
	struct imap_session *s = ctx;

	(void)highestmodseq;
	(void)vanished;
	imap_call_done(s);
	if (e && e != ERR_NOTFOUND)	/* the folder is gone: nothing is there to copy */
		fail(s, e);
	imap_pump(s);
}

/* False: there are no more. */
static bool ask_page(struct imap_session *s)
{
	struct copy_far *f = far_of(s);
	struct uid_range ranges[FAR_PAGE];
	const size_t n = view_cut(s, &f->todo, ranges, N_ELEMS(ranges), FAR_PAGE);

	if (n == 0)
		return false;
	arena_reset(&f->arena);
	f->n_page = f->at = 0;
	s->call = store_fetch(&s->at, &(struct store_fetch){
		.fid = s->view.fid, .uids = { ranges, n },
		.columns = COL_FLAGS | COL_DATE | COL_SIZE | COL_KEYWORDS,
	}, on_rows, on_page, s);
	return true;
}

/* Comes again after each wait. */
static enum next go(struct imap_session *s)
{
	struct copy_far *f = far_of(s);

	if (f->err)
		return give_up(s);
	send_on(s);
	if (s->call || f->from.len > 0)
		return NEXT_WAIT;
	if (f->cur) {
		note_uid(f, f->page[f->at++].uid);
		f->cur = NULL;
	}
	if (f->at < f->n_page)
		return begin_message(s);
	return ask_page(s) ? NEXT_WAIT : finish(s);
}

/* ---- the beginning ---------------------------------------------------------------------------- */

static void target_found(void *ctx, enum err e, const struct store_folders *list)
{
	struct imap_session *s = ctx;
	struct copy_far *f = far_of(s);

	imap_call_done(s);
	if (!e && list->n == 0)
		e = ERR_NOTFOUND;
	if (e)
		fail(s, e);
	else
		f->fid = list->f[0].fid;
	imap_work(s, go);
	imap_pump(s);
}

static void find_target(struct imap_session *s)
{
	struct copy_run *r = s->run;

	s->call = store_folder_list(&r->to.at, r->to.path, target_found, s);
	imap_await(s);
}

/* What may be done with the source, as of now; the expunge will ask again. */
static void source_known(void *ctx, enum err e, const struct store_selected *sel)
{
	const unsigned needs = RIGHT_READ | RIGHT_DELETE | RIGHT_EXPUNGE;
	struct imap_session *s = ctx;

	imap_call_done(s);
	if (!e && (sel->rights & needs) != needs)
		e = ERR_DENIED;
	if (e == ERR_NOTFOUND) {
		imap_finish(s, "OK Nothing was there any more.");
	} else if (e) {
		fail(s, e);
		imap_work(s, go);
	} else {
		find_target(s);
	}
	imap_pump(s);
}

static uint32_t count(struct imap_session *s, struct uid_ranges uids)
{
	uint32_t n = 0;

	for (size_t i = 0; i < uids.n && n <= FAR_MANY; i++)
		n += uid_map_count(s->view.map, uids.r[i].first, uids.r[i].last);
	return n;
}

enum next copy_far(struct imap_session *s)
{
	struct copy_run *r = s->run;
	struct copy_far *f;

	if (*r->to.path == '\0')	/* to the store that is all folders */
		return imap_finish(s, "%s", copy_refusal(ERR_NOTFOUND));
	if (count(s, r->uids) > FAR_MANY)
		return imap_finish(s, "NO [LIMIT] At most %d messages at once to there.",
				   FAR_MANY);
	f = r->far = xcalloc(1, sizeof(*f));
	s->run_free = drop;
	f->batch = guid_make();
	f->uids = xcalloc(FAR_MANY, sizeof(*f->uids));
	buf_init(&f->from, FAR_BUFFER);
	view_todo(s, &f->todo, r->uids);
	if (r->move) {
		s->call = store_select(&s->at, s->view.fid, false, false, source_known, s);
		return imap_await(s);
	}
	find_target(s);
	return NEXT_WAIT;
}
