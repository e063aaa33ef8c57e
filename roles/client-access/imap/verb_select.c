/* SELECT, EXAMINE, UNSELECT. */
#include "roles/client-access/imap/fetch.h"

#include "common/api/objectid.h"
#include "common/imap/select.h"
#include <stdlib.h>

struct select_run {
	bool read_only;
	struct imap_select args;
	struct store_folder folder;	/* fid and path are ours */
	/* A folder of very many gaps. */
	bool has_first;
	struct store_selected sel;	/* keywords and runs are ours */
	struct uid_range *runs;		/* on the heap */
	size_t n, cap;
};

/* RFC 4314 5.1.1: the flags that the user's rights let him change. */
static unsigned may_change(const struct imap_view *v)
{
	static const unsigned other = IMAP_ANSWERED | IMAP_FLAGGED | IMAP_DRAFT;

	return (v->rights & RIGHT_SEEN ? IMAP_SEEN : 0) | (v->rights & RIGHT_WRITE ? other : 0) |
	       (v->rights & RIGHT_DELETE ? IMAP_DELETED : 0);
}

/* RFC 4314 5.2: does he who has selected it change anything that others see? */
static bool is_read_only(const struct imap_view *v)
{
	unsigned any = RIGHT_INSERT | RIGHT_EXPUNGE | RIGHT_WRITE | RIGHT_DELETE |
		       (v->own_seen ? 0 : RIGHT_SEEN);

	return v->read_only || !(v->rights & any);
}

static void put_flags(struct imap_session *s)
{
	struct imap_view *v = &s->view;
	struct span *words = arena_alloc(&s->reader.arena, (v->n_words + 3) * sizeof(*words));
	const bool may_write = v->rights & RIGHT_WRITE;
	size_t n = 0;

	view_put_flags(s);
	out_str(s, "* OK [PERMANENTFLAGS ");
	if (v->read_only) {
		out_str(s, "()");
	} else {
		words[n++] = SPAN("$Forwarded");
		words[n++] = SPAN("$MDNSent");
		for (size_t i = 0; i < v->n_words; i++)
			words[n++] = span_of(v->words[i]);
		words[n++] = SPAN("\\*");
		out_done(s, imap_write_flags(&s->out, may_change(v), words, may_write ? n : 0));
	}
	out_str(s, "] Flags you may change.\r\n");
}

static void put_selected(struct imap_session *s, const struct store_selected *sel)
{
	struct imap_view *v = &s->view;
	char id[OBJECTID_TEXT];
	uint32_t unseen;

	put_flags(s);
	out_fmt(s, "* %u EXISTS\r\n", uid_map_total(v->map));
	imap_put_recent(s);
	unseen = sel->first_unseen_uid ? uid_map_seq(v->map, sel->first_unseen_uid) : 0;
	if (unseen && (s->modes & (MODE_REV2 | MODE_UIDONLY)) == 0)
		out_fmt(s, "* OK [UNSEEN %u] First unseen.\r\n", unseen);
	out_fmt(s, "* OK [UIDVALIDITY %u] UIDs are valid.\r\n", v->uidvalidity);
	out_fmt(s, "* OK [UIDNEXT %u] Predicted next UID.\r\n", v->uidnext);
	out_fmt(s, "* OK [HIGHESTMODSEQ %llu] Highest.\r\n",
		(unsigned long long)v->highestmodseq);
	out_fmt(s, "* OK [MAILBOXID (%s)] Its own.\r\n",
		objectid_text(OBJECTID_FOLDER, &v->mailbox, v->fid, id));
	if (s->modes & MODE_REV2) {		/* RFC 9051 6.3.2 */
		out_str(s, "* LIST () \"/\" ");
		out_mailbox(s, v->path);
		out_str(s, "\r\n");
	}
}

/* ---- QRESYNC (RFC 7162 3.2.5) -------------------------------------------------------- */

/* The lowest UID whose removal the client may not know of: one above the last of its
 * sample that still has the number it had. */
static uint32_t known_below(struct imap_session *s, const struct imap_qresync *q)
{
	struct imap_sample i;
	uint32_t from = 1;

	imap_sample_init(&i, q);
	while (imap_sample_next(&i) && uid_map_uid(s->view.map, i.seq) == i.uid &&
	       i.uid < UINT32_MAX)
		from = i.uid + 1;
	return from;
}

static enum next resync(struct imap_session *s)
{
	struct select_run *r = s->run;
	const struct imap_qresync *q = &r->args.qresync;
	struct uid_range *set, all = { 1, s->view.uidnext > 1 ? s->view.uidnext - 1 : 0 };
	struct uid_ranges known = { &all, all.last ? 1 : 0 };

	if (q->has_known) {
		known.n = 0;
		set = arena_alloc(&s->reader.arena, q->known.n * sizeof(*set) + 1);
		for (size_t i = 0; i < q->known.n && q->known.r[i].first <= all.last; i++) {
			set[i] = (struct uid_range){ q->known.r[i].first, q->known.r[i].last };
			if (set[i].last > all.last)
				set[i].last = all.last;
			known.n++;
		}
		known.r = set;
	} else if (known.n > 0) {
		known.r = arena_dup(&s->reader.arena, &all, sizeof(all));
	}
	return fetch_resync(s, known, q->modseq, known_below(s, q), is_read_only(&s->view));
}

static void finish_select(struct imap_session *s, const struct store_selected *sel)
{
	struct select_run *r = s->run;
	const struct imap_qresync *q = &r->args.qresync;

	view_open(s, &r->folder, sel, r->read_only);
	put_selected(s, sel);
	if (r->args.has_qresync && q->uidvalidity == s->view.uidvalidity)
		resync(s);
	else
		imap_finish(s, "%s", fetch_select_reply(is_read_only(&s->view)));
}

/* ---- a folder of very many gaps: its runs come in pages ------------------------------- */

static void drop(struct imap_session *s)
{
	struct select_run *r = s->run;

	free(r->runs);
	r->runs = NULL;
}

/* What the first page says of the folder holds; what has gone since comes by the feed. */
static void keep_first(struct imap_session *s, const struct store_selected *sel)
{
	struct select_run *r = s->run;
	const char **words = arena_alloc(&s->reader.arena,
					 (sel->n_keywords + 1) * sizeof(*words));

	for (size_t i = 0; i < sel->n_keywords; i++)
		words[i] = arena_str(&s->reader.arena, sel->keywords[i]);
	r->sel = *sel;
	r->sel.keywords = words;
	r->has_first = true;
}

static void keep_runs(struct select_run *r, struct uid_ranges runs)
{
	for (size_t i = 0; i < runs.n; i++) {
		struct uid_range run = runs.r[i];

		if (run.first >= r->sel.uidnext)
			break;				/* came meanwhile */
		if (run.last >= r->sel.uidnext)
			run.last = r->sel.uidnext - 1;
		if (r->n == r->cap) {
			r->cap = r->cap ? 2 * r->cap : 32768;
			r->runs = xrealloc(r->runs, r->cap * sizeof(*r->runs));
		}
		r->runs[r->n++] = run;
	}
}

static void ask_page(struct imap_session *s, uint32_t from);

static void page_came(void *ctx, enum err e, const struct store_selected *sel)
{
	struct imap_session *s = ctx;
	struct select_run *r = s->run;

	imap_call_done(s);
	if (e) {
		imap_fail(s, e);
		imap_pump(s);
		return;
	}
	if (!r->has_first)
		keep_first(s, sel);
	keep_runs(r, sel->runs);
	if (sel->more_runs && sel->runs.n > 0) {
		ask_page(s, sel->runs.r[sel->runs.n - 1].last + 1);
	} else {
		r->sel.runs = (struct uid_ranges){ r->runs, r->n };
		finish_select(s, &r->sel);
	}
	imap_pump(s);
}

static void ask_page(struct imap_session *s, uint32_t from)
{
	struct select_run *r = s->run;

	s->run_free = drop;
	s->call = store_select_runs(&s->at, r->folder.fid, !r->read_only && from == 0, from,
				    page_came, s);
	imap_await(s);
}

static void selected(void *ctx, enum err e, const struct store_selected *sel)
{
	struct imap_session *s = ctx;

	imap_call_done(s);
	if (e == ERR_LIMIT)		/* too many runs for one answer */
		ask_page(s, 0);
	else if (e)
		imap_fail(s, e);
	else
		finish_select(s, sel);
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

static enum next start(struct imap_session *s, bool read_only)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct select_run *r = arena_alloc(&s->reader.arena, sizeof(*r));
	char *name;

	if (!imap_lex_sp(l) || !imap_lex_mailbox(l, &name) || !imap_lex_select(l, &r->args))
		return imap_bad(s);
	if (r->args.has_qresync && (s->modes & MODE_QRESYNC) == 0)
		return imap_finish(s, "BAD Say ENABLE QRESYNC first.");
	if (r->args.qresync.has_sample && (s->modes & MODE_UIDONLY))
		return imap_finish(s, "BAD [UIDREQUIRED] Only UIDs name messages now.");
	if (r->args.condstore)
		s->condstore = true;
	/* RFC 3501 6.3.1: also a SELECT that fails leaves the old mailbox. */
	if (s->state == IN_SELECTED) {
		view_close(s);
		out_str(s, "* OK [CLOSED] The mailbox before is closed.\r\n");
	}
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
