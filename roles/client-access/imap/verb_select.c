/* SELECT, EXAMINE, UNSELECT. */
#include "roles/client-access/imap/imap.h"

#include "common/imap/write.h"
#include <stdlib.h>

struct select_run {
	bool read_only;
	struct store_folder folder;	/* fid and path are ours */
	/* A folder of very many gaps: its UIDs come as rows. */
	struct store_selected sel;	/* keywords and runs are ours */
	struct uid_range *runs;		/* on the heap */
	size_t n, cap;
};

static void put_flags(struct imap_session *s, const struct store_selected *sel)
{
	static const unsigned all = IMAP_SEEN | IMAP_ANSWERED | IMAP_FLAGGED | IMAP_DELETED |
				    IMAP_DRAFT;
	struct span *words = arena_alloc(&s->reader.arena,
					 (sel->n_keywords + 3) * sizeof(*words));
	size_t n = 0;

	words[n++] = SPAN("$Forwarded");
	words[n++] = SPAN("$MDNSent");
	for (size_t i = 0; i < sel->n_keywords; i++)
		words[n++] = span_of(sel->keywords[i]);
	out_str(s, "* FLAGS ");
	out_done(s, imap_write_flags(&s->out, all, words, n));
	out_str(s, "\r\n* OK [PERMANENTFLAGS ");
	if (s->view.read_only) {
		out_str(s, "()");
	} else {
		words[n++] = SPAN("\\*");
		out_done(s, imap_write_flags(&s->out, all, words, n));
	}
	out_str(s, "] Flags you may change.\r\n");
}

static void put_selected(struct imap_session *s, const struct store_selected *sel)
{
	struct imap_view *v = &s->view;
	uint32_t unseen;

	put_flags(s, sel);
	out_fmt(s, "* %u EXISTS\r\n", uid_map_total(v->map));
	out_fmt(s, "* %u RECENT\r\n",
		v->recent_last > v->recent_above
			? uid_map_count(v->map, v->recent_above + 1, v->recent_last) : 0);
	unseen = sel->first_unseen_uid ? uid_map_seq(v->map, sel->first_unseen_uid) : 0;
	if (unseen)
		out_fmt(s, "* OK [UNSEEN %u] First unseen.\r\n", unseen);
	out_fmt(s, "* OK [UIDVALIDITY %u] UIDs are valid.\r\n", v->uidvalidity);
	out_fmt(s, "* OK [UIDNEXT %u] Predicted next UID.\r\n", v->uidnext);
	out_fmt(s, "* OK [HIGHESTMODSEQ %llu] Highest.\r\n",
		(unsigned long long)v->highestmodseq);
}

static void finish_select(struct imap_session *s, const struct store_selected *sel)
{
	struct select_run *r = s->run;

	view_open(s, &r->folder, sel, r->read_only);
	put_selected(s, sel);
	imap_finish(s, r->read_only ? "OK [READ-ONLY] Selected." : "OK [READ-WRITE] Selected.");
}

/* ---- with UIDs as rows -------------------------------------------------------------- */

static void drop(struct imap_session *s)
{
	struct select_run *r = s->run;

	free(r->runs);
	r->runs = NULL;
}

static void on_rows(void *ctx, const struct store_row *rows, size_t n, size_t bytes)
{
	struct imap_session *s = ctx;
	struct select_run *r = s->run;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	for (size_t i = 0; i < n; i++) {
		if (r->n > 0 && r->runs[r->n - 1].last + 1 == rows[i].uid) {
			r->runs[r->n - 1].last++;
			continue;
		}
		if (r->n == r->cap) {
			r->cap = r->cap ? 2 * r->cap : 1024;
			r->runs = xrealloc(r->runs, r->cap * sizeof(*r->runs));
		}
		r->runs[r->n++] = (struct uid_range){ rows[i].uid, rows[i].uid };
	}
	api_grant(s->call, bytes);
}

static void rows_done(void *ctx, enum err e, uint64_t highestmodseq, struct uid_ranges vanished)
{
	struct imap_session *s = ctx;
	struct select_run *r = s->run;

	(void)highestmodseq;
	(void)vanished;
	imap_call_done(s);
	r->sel.runs = (struct uid_ranges){ r->runs, r->n };
	if (e)
		imap_fail(s, e);
	else
		finish_select(s, &r->sel);
	imap_pump(s);
}

/* What was there when sel was made; what has gone since comes by the feed. */
static void fetch_uids(struct imap_session *s, const struct store_selected *sel)
{
	struct select_run *r = s->run;
	const struct uid_range all = { 1, sel->uidnext - 1 };
	const struct store_fetch f = { .fid = r->folder.fid, .uids = { &all, 1 } };
	const char **words = arena_alloc(&s->reader.arena,
					 (sel->n_keywords + 1) * sizeof(*words));

	for (size_t i = 0; i < sel->n_keywords; i++)
		words[i] = arena_str(&s->reader.arena, sel->keywords[i]);
	r->sel = *sel;
	r->sel.keywords = words;
	s->run_free = drop;
	s->call = store_fetch(&s->at, &f, on_rows, rows_done, s);
	imap_await(s);
}

static void selected_bare(void *ctx, enum err e, const struct store_selected *sel)
{
	struct imap_session *s = ctx;

	imap_call_done(s);
	if (e)
		imap_fail(s, e);
	else if (sel->uidnext <= 1)
		finish_select(s, sel);
	else
		fetch_uids(s, sel);
	imap_pump(s);
}

static void selected(void *ctx, enum err e, const struct store_selected *sel)
{
	struct imap_session *s = ctx;
	struct select_run *r = s->run;

	imap_call_done(s);
	if (e == ERR_LIMIT) {		/* too many runs for one answer */
		s->call = store_select(&s->at, r->folder.fid, !r->read_only, false,
				       selected_bare, s);
		imap_await(s);
	} else if (e) {
		imap_fail(s, e);
	} else {
		finish_select(s, sel);
	}
	imap_pump(s);
}

static enum next found(struct imap_session *s, enum err e, const struct store_folder *f)
{
	struct select_run *r = s->run;

	if (e)
		return imap_fail(s, e);
	r->folder.fid = f->fid;
	r->folder.path = arena_str(&s->reader.arena, f->path);
	s->call = store_select(&s->at, f->fid, !r->read_only, true, selected, s);
	return imap_await(s);
}

/* " (CONDSTORE)", RFC 7162 3.1.8 in the form of RFC 4466. */
static bool parameters(struct imap_session *s, struct imap_lex *l)
{
	if (imap_lex_peek(l) != ' ')
		return imap_lex_end(l);
	if (!imap_lex_sp(l) || !imap_lex_char(l, '('))
		return false;
	if (!imap_lex_word(l, "CONDSTORE"))
		return imap_lex_fail(l, "Unknown SELECT parameter.");
	s->condstore = true;
	return imap_lex_char(l, ')') && imap_lex_end(l);
}

static enum next start(struct imap_session *s, bool read_only)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct select_run *r = arena_alloc(&s->reader.arena, sizeof(*r));
	char *name;

	if (!imap_lex_sp(l) || !imap_lex_mailbox(l, &name) || !parameters(s, l))
		return imap_bad(s);
	/* RFC 3501 6.3.1: also a SELECT that fails leaves the old mailbox. */
	if (s->state == IN_SELECTED)
		view_close(s);
	s->run = r;
	r->read_only = read_only;
	return folder_find(s, name, found);
}

enum next imap_verb_select(struct imap_session *s)
{
	return start(s, false);
}

enum next imap_verb_examine(struct imap_session *s)
{
	return start(s, true);
}

enum next imap_verb_unselect(struct imap_session *s)
{
	if (!imap_lex_end(&s->reader.cmd.args))
		return imap_bad(s);
	view_close(s);
	return imap_finish(s, "OK Done.");
}
