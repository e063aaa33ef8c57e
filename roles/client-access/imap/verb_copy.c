/* COPY, MOVE (RFC 6851), EXPUNGE, CLOSE; with UIDPLUS (RFC 4315).  What the store cannot
 * copy itself, to another database or server, goes through copy_far.c. */
#include "roles/client-access/imap/copy.h"

/* COPY and MOVE go to the store in one piece, and the UIDs come back as runs in one
 * message of 320 KiB; an EXPUNGE may go in several. */
#define MAX_RANGES     5000
#define MAX_RUNS       15000
#define EXPUNGE_AT_ONCE 10000	/* messages */

static enum next finish(struct imap_session *s)
{
	return imap_finish(s, "OK Done.");
}

static enum err put_ranges(struct buf *out, struct uid_ranges r)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < r.n && !e; i++) {
		if (r.r[i].first == r.r[i].last)
			e = buf_addf(out, "%s%u", i ? "," : "", r.r[i].first);
		else
			e = buf_addf(out, "%s%u:%u", i ? "," : "", r.r[i].first, r.r[i].last);
	}
	return e;
}

/* "[COPYUID 38505 304,319:320 3956:3958] "; nothing if that is beyond measure. */
static void copyuid(struct buf *out, uint32_t uidvalidity, struct uid_ranges from,
		    struct uid_ranges to)
{
	buf_init(out, 2 << 20);
	if (buf_addf(out, "[COPYUID %u ", uidvalidity) || put_ranges(out, from) ||
	    buf_addc(out, ' ') || put_ranges(out, to) || buf_adds(out, "] "))
		buf_clear(out);
}

void copy_say_untagged(struct imap_session *s, uint32_t uidvalidity, struct uid_ranges from,
		       struct uid_ranges to, const char *text)
{
	struct buf code;

	copyuid(&code, uidvalidity, from, to);
	out_fmt(s, "* OK %s%s\r\n", code.len ? code.data : "", text);
	buf_fini(&code);
}

void copy_say(struct imap_session *s, uint32_t uidvalidity, struct uid_ranges from,
	      struct uid_ranges to, struct uid_ranges gone)
{
	struct copy_run *r = s->run;
	struct buf code;

	s->view.dirty = true;		/* it may be the target as well */
	if (r->move) {			/* RFC 6851: the code before the EXPUNGEs */
		copy_say_untagged(s, uidvalidity, from, to, "Moved.");
		imap_say_modseq(s);
		sync_gone(s, gone, finish);
		return;
	}
	copyuid(&code, uidvalidity, from, to);
	imap_finish(s, "OK %sDone.", code.len ? code.data : "");
	buf_fini(&code);
}

const char *copy_refusal(enum err e)
{
	return e == ERR_NOTFOUND ? "NO [TRYCREATE] No such mailbox." : imap_err_reply(e);
}

static void copied(void *ctx, enum err e, uint32_t uidvalidity, struct uid_ranges from,
		   struct uid_ranges to)
{
	struct imap_session *s = ctx;

	imap_call_done(s);
	if (e == ERR_INVALID && ((struct copy_run *)s->run)->elsewhere) {
		copy_far(s);		/* it is in another database */
	} else if (e) {
		imap_finish(s, "%s", copy_refusal(e));
	} else if (from.n == 0) {
		imap_finish(s, "OK Nothing was there any more.");
	} else {
		copy_say(s, uidvalidity, from, to, from);
	}
	imap_pump(s);
}

/* Is this more runs of UIDs than an answer can hold? */
static bool is_scattered(const struct imap_session *s, struct uid_ranges uids)
{
	struct uid_range run;
	size_t n = 0;

	for (size_t i = 0; i < uids.n; i++)
		for (uint32_t at = uids.r[i].first;
		     at != 0 && uid_map_run(s->view.map, at, &run) &&
		     run.first <= uids.r[i].last && n <= MAX_RUNS;
		     at = run.last + 1)
			n++;
	return n > MAX_RUNS;
}

static enum next start(struct imap_session *s, bool move)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct copy_run *r = arena_alloc(&s->reader.arena, sizeof(*r));
	struct imap_seqset set;
	struct uid_ranges uids;
	enum err e;
	char *to;

	if (!imap_lex_sp(l) || !imap_lex_seqset(l, &set) || !imap_lex_sp(l) ||
	    !imap_lex_mailbox(l, &to) || !imap_lex_end(l))
		return imap_bad(s);
	if (!view_ranges(s, &set, s->reader.cmd.uid, &uids))
		return imap_finish(s, "BAD No such message.");
	if (uids.n == 0)
		return imap_finish(s, "OK Nothing to do.");
	if (uids.n > MAX_RANGES || is_scattered(s, uids))
		return imap_finish(s, "NO [LIMIT] Too scattered; take fewer at once.");
	r->move = move;
	r->uids = uids;
	s->run = r;
	e = ns_resolve(s, to, &r->to);
	if (e)
		return imap_finish(s, "%s", copy_refusal(e));
	r->elsewhere = !guid_eq(&r->to.at.mailbox, &s->at.mailbox);
	if (r->elsewhere && r->to.at.peer != s->at.peer)
		return copy_far(s);
	s->call = store_copy(&s->at, s->view.fid, uids, r->elsewhere ? &r->to.at.mailbox : NULL,
			     r->to.path, move, copied, s);
	return imap_await(s);
}

enum next imap_verb_copy(struct imap_session *s)
{
	return start(s, false);
}

enum next imap_verb_move(struct imap_session *s)
{
	return start(s, true);
}

/* ---- EXPUNGE and CLOSE -------------------------------------------------------------- */

struct expunge_run {
	struct view_todo todo;
	bool quiet;			/* CLOSE: the client does not want to know */
};

static imap_work_fn expunge_piece;

static void expunged(void *ctx, enum err e, struct uid_ranges gone, uint64_t modseq)
{
	struct imap_session *s = ctx;
	struct expunge_run *r = s->run;

	(void)modseq;
	imap_call_done(s);
	if (e && r->quiet)
		view_close(s);
	if (e && e != ERR_NOTFOUND && !(r->quiet && e == ERR_DENIED))
		imap_fail(s, e);
	else if (e)
		imap_finish(s, "OK Nothing is there any more.");
	else if (r->quiet)
		imap_work(s, expunge_piece);
	else {
		if (gone.n > 0)
			imap_say_modseq(s);
		sync_gone(s, gone, expunge_piece);
	}
	imap_pump(s);
}

static enum next expunge_piece(struct imap_session *s)
{
	struct expunge_run *r = s->run;
	struct uid_range ranges[100];
	const size_t n = view_cut(s, &r->todo, ranges, N_ELEMS(ranges), EXPUNGE_AT_ONCE);

	if (n == 0) {
		if (r->quiet)
			view_close(s);
		return imap_finish(s, r->quiet ? "OK Closed." : "OK Done.");
	}
	s->call = store_expunge(&s->at, s->view.fid, (struct uid_ranges){ ranges, n }, false,
				expunged, s);
	return imap_await(s);
}

static enum next begin_expunge(struct imap_session *s, struct uid_ranges uids, bool quiet)
{
	struct expunge_run *r = arena_alloc(&s->reader.arena, sizeof(*r));

	view_todo(s, &r->todo, uids);
	r->quiet = quiet;
	s->run = r;
	return imap_work(s, expunge_piece);
}

/* Only what the client knows of: a message it has not seen may be \Deleted by
 * somebody else. */
enum next imap_verb_expunge(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	const struct uid_range all = { 1, uid_map_last(s->view.map) };
	struct uid_ranges uids = { &all, all.last ? 1 : 0 };
	struct imap_seqset set;

	if (s->reader.cmd.uid) {
		if (!imap_lex_sp(l) || !imap_lex_seqset(l, &set))
			return imap_bad(s);
		if (!view_ranges(s, &set, true, &uids))
			return imap_finish(s, "BAD No such message.");
	}
	if (!imap_lex_end(l))
		return imap_bad(s);
	return begin_expunge(s, uids, false);
}

enum next imap_verb_close(struct imap_session *s)
{
	const struct uid_range all = { 1, uid_map_last(s->view.map) };

	if (!imap_lex_end(&s->reader.cmd.args))
		return imap_bad(s);
	/* RFC 4314 section 4: without the right to expunge it closes all the same. */
	if (s->view.read_only || !(s->view.rights & RIGHT_EXPUNGE))
		return imap_verb_unselect(s);
	return begin_expunge(s, (struct uid_ranges){ &all, all.last ? 1 : 0 }, true);
}
