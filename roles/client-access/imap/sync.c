/*
 * What others changed in the selected folder, told to the client.
 *
 * Invariants:
 * 1. Nothing is said unless EXPUNGE may be said (step_sync decides).
 * 2. EXPUNGEs go from high to low, so a number is right when it is said; VANISHED
 *    (QRESYNC, UIDONLY) names UIDs and goes from low to high.
 * 3. The map changes with the line that tells the client.
 * 4. The feed is in order of change, not of UID, so new UIDs are collected and
 *    said when all pages are here; only then v->cn moves.
 */
#include "roles/client-access/imap/notify.h"

#include <stdlib.h>
#include <string.h>

#define SYNC_ROWS	500	/* asked for at a time */
#define VANISHED_RANGES 400	/* of one line */

struct changed {
	struct changed *next;
	uint32_t uid;
	unsigned flags;
	uint64_t modseq;
	struct span *keywords;
	size_t n_keywords;
};

struct imap_sync {
	imap_work_fn *then;
	struct arena arena;			/* of one page */
	struct uid_range *gone;
	size_t n_gone;				/* still to be said; the last one first */
	struct changed *first, **last;
	bool asks, more, failed;
	uint64_t cn;				/* read up to here */
	uint32_t *fresh;			/* UIDs above the map */
	size_t n_fresh, cap_fresh;
};

static enum next ask(struct imap_session *s);

void sync_free(struct imap_session *s)
{
	if (s->sync == NULL)
		return;
	arena_fini(&s->sync->arena);
	free(s->sync->fresh);
	free(s->sync);
	s->sync = NULL;
}

static struct imap_sync *begin(struct imap_session *s, imap_work_fn *then)
{
	struct imap_sync *y = xcalloc(1, sizeof(*y));

	sync_free(s);
	s->sync = y;
	y->then = then;
	y->last = &y->first;
	y->cn = s->view.cn;
	return y;
}

static void keep_gone(struct imap_sync *y, struct uid_ranges gone)
{
	y->n_gone = gone.n;
	y->gone = gone.n ? arena_dup(&y->arena, gone.r, gone.n * sizeof(*gone.r)) : NULL;
}

static int by_uid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void say_exists(struct imap_session *s)
{
	struct imap_sync *y = s->sync;
	struct imap_view *v = &s->view;

	if (y->n_fresh == 0)
		return;
	qsort(y->fresh, y->n_fresh, sizeof(*y->fresh), by_uid);
	uid_map_own(&v->map);
	for (size_t i = 0; i < y->n_fresh; i++)
		uid_map_append(v->map, y->fresh[i]);
	notify_fresh(s, y->fresh[0], y->fresh[y->n_fresh - 1]);
	out_fmt(s, "* %u EXISTS\r\n", uid_map_total(v->map));
	/* Nobody keeps who heard of these first: they are new to us. */
	v->recent_last = y->fresh[y->n_fresh - 1];
	imap_put_recent(s);
	if (v->uidnext <= uid_map_last(v->map))
		v->uidnext = uid_map_last(v->map) + 1;
}

/* What came with an earlier page may be gone with this one. */
static void forget_fresh(struct imap_sync *y, struct uid_ranges gone)
{
	size_t n = 0;

	for (size_t i = 0; i < y->n_fresh; i++)
		if (!uids_have(gone, y->fresh[i]))
			y->fresh[n++] = y->fresh[i];
	y->n_fresh = n;
}

static enum next finish(struct imap_session *s)
{
	struct imap_sync *y = s->sync;
	imap_work_fn *then = y->then;
	bool asked;

	if (y->asks && !y->failed) {
		say_exists(s);
		s->view.cn = y->cn;
		view_share(s);
	} else if (y->asks) {
		s->says_modseq = false;		/* what others did is not told yet */
	}
	asked = y->asks && !y->failed;
	sync_free(s);
	return asked && s->contexts ? context_update(s, then) : then(s);
}

/* False: no room in the output. */
static bool say_expunge(struct imap_session *s)
{
	struct imap_sync *y = s->sync;

	while (y->n_gone > 0) {
		struct uid_range *r = &y->gone[y->n_gone - 1];
		uint32_t uid = uid_map_highest(s->view.map, r->first, r->last);

		if (uid == 0) {
			y->n_gone--;
			continue;
		}
		if (out_full(s))
			return false;
		context_gone(s, (struct uid_range){ uid, uid });
		out_fmt(s, "* %u EXPUNGE\r\n", uid_map_seq(s->view.map, uid));
		view_remove(s, &(struct uid_range){ uid, uid }, 1);
		r->last = uid - 1;		/* 0 ends it: first is at least 1 */
	}
	return true;
}

/* The next piece of what is gone that the client knows of. */
static bool next_gone(struct imap_session *s, struct uid_range *out)
{
	struct imap_sync *y = s->sync;

	for (; y->n_gone > 0; y->gone++, y->n_gone--) {
		struct uid_range *r = y->gone;

		if (r->first > r->last || !uid_map_run(s->view.map, r->first, out) ||
		    out->first > r->last)
			continue;
		if (out->last > r->last)
			out->last = r->last;
		if (out->last == r->last)
			r->last = 0;			/* all of it */
		else
			r->first = out->last + 1;
		return true;
	}
	return false;
}

/* RFC 7162 3.2.10.2: UIDs, only such as the client was told of. */
static bool say_vanished(struct imap_session *s)
{
	struct uid_range line[VANISHED_RANGES];
	size_t n;

	do {
		if (out_full(s))
			return false;
		for (n = 0; n < VANISHED_RANGES && next_gone(s, &line[n]); n++)
			context_gone(s, line[n]);
		for (size_t i = 0; i < n; i++) {
			out_str(s, i ? "," : "* VANISHED ");
			out_range(s, line[i]);
		}
		if (n > 0)
			out_str(s, "\r\n");
		view_remove(s, line, n);
	} while (n == VANISHED_RANGES);
	return true;
}

static bool say_gone(struct imap_session *s)
{
	return imap_says_vanished(s) ? say_vanished(s) : say_expunge(s);
}

static bool say_flags(struct imap_session *s)
{
	struct imap_sync *y = s->sync;

	for (; y->first; y->first = y->first->next) {
		struct changed *c = y->first;
		uint32_t seq = uid_map_seq(s->view.map, c->uid);

		if (seq == 0 || own_knows(&s->own, c->uid, c->modseq) || !notify_wants_flags(s))
			continue;
		if (out_full(s))
			return false;
		view_words(s, c->keywords, c->n_keywords);
		out_done(s, imap_put_fetch(s, &s->out, seq, c->uid));
		out_fmt(s, "UID %u ", c->uid);
		out_flags(s, c->uid, c->flags, c->keywords, c->n_keywords);
		if (s->condstore)
			out_fmt(s, " MODSEQ (%llu)", (unsigned long long)c->modseq);
		out_str(s, ")\r\n");
	}
	y->last = &y->first;
	return true;
}

/* STEP_WORK: say what one page brought, then ask for the next. */
static enum next say(struct imap_session *s)
{
	struct imap_sync *y = s->sync;

	if (!say_gone(s))
		return NEXT_WAIT;
	if (!y->asks)
		return finish(s);
	if (!say_flags(s))
		return NEXT_WAIT;
	arena_reset(&y->arena);
	return y->more ? ask(s) : finish(s);
}

static void note_fresh(struct imap_sync *y, uint32_t uid)
{
	if (y->n_fresh == y->cap_fresh) {
		y->cap_fresh = y->cap_fresh ? y->cap_fresh * 2 : 16;
		y->fresh = xrealloc(y->fresh, y->cap_fresh * sizeof(*y->fresh));
	}
	y->fresh[y->n_fresh++] = uid;
}

static void on_rows(void *ctx, const struct store_row *rows, size_t n, size_t bytes)
{
	struct imap_session *s = ctx;
	struct imap_sync *y = s->sync;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	for (size_t i = 0; i < n; i++) {
		struct changed *c;

		if (rows[i].modseq > s->view.highestmodseq)
			s->view.highestmodseq = rows[i].modseq;
		if (rows[i].uid > uid_map_last(s->view.map)) {
			note_fresh(y, rows[i].uid);
			continue;
		}
		c = arena_alloc(&y->arena, sizeof(*c));
		c->uid = rows[i].uid;
		c->flags = rows[i].flags;
		c->modseq = rows[i].modseq;
		c->n_keywords = rows[i].n_keywords;
		c->keywords = arena_alloc(&y->arena,
					  rows[i].n_keywords * sizeof(*c->keywords) + 1);
		for (size_t k = 0; k < c->n_keywords; k++) {
			struct span w = rows[i].keywords[k];

			c->keywords[k] = (struct span){ arena_dup(&y->arena, w.p, w.n), w.n };
		}
		*y->last = c;
		y->last = &c->next;
	}
	api_grant(s->call, bytes);
}

static void on_changes(void *ctx, enum err e, const struct store_changes *c)
{
	struct imap_session *s = ctx;
	struct imap_sync *y = s->sync;

	imap_call_done(s);
	/* DENIED: the right to read it was taken away meanwhile. */
	if (e == ERR_NOTFOUND || e == ERR_DENIED || (!e && c->reset)) {
		log_info(&s->log, "imap-cut user=%s why=%s", s->who.user,
			 e ? "folder-deleted" : "folder-reset");
		out_str(s, e == ERR_NOTFOUND ? "* BYE The mailbox was deleted.\r\n"
			   : e		     ? "* BYE [NOPERM] It may not be read any more.\r\n"
					     : "* BYE The mailbox was restored, select it again.\r\n");
		s->step = STEP_BYE;
	} else if (e) {
		s->view.retry = true;		/* another time */
		y->failed = true;
		imap_work(s, finish);
	} else {
		y->cn = c->until;
		if (!c->more && c->highestmodseq > s->view.highestmodseq)
			s->view.highestmodseq = c->highestmodseq;
		if (c->uidnext > s->view.uidnext)
			s->view.uidnext = c->uidnext;
		y->more = c->more;
		forget_fresh(y, c->gone);
		keep_gone(y, c->gone);
		imap_work(s, say);
	}
	imap_pump(s);
}

static enum next ask(struct imap_session *s)
{
	s->view.dirty = s->view.retry = false;	/* a hint from now on is news */
	s->call = store_changes(&s->at, s->view.fid, s->sync->cn, SYNC_ROWS, on_rows,
				on_changes, s);
	return imap_await(s);
}

enum next sync_start(struct imap_session *s, imap_work_fn *then)
{
	begin(s, then)->asks = true;
	return ask(s);
}

enum next sync_gone(struct imap_session *s, struct uid_ranges gone, imap_work_fn *then)
{
	keep_gone(begin(s, then), gone);
	return imap_work(s, say);
}
