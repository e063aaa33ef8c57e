/* COPY, MOVE (RFC 6851), EXPUNGE; with UIDPLUS (RFC 4315). */
#include "roles/client-access/imap/imap.h"

#define MAX_RANGES 5000		/* of one COPY or MOVE: it goes to the store in one piece */

struct copy_run {
	bool move;
};

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

static void say_copied(struct imap_session *s, uint32_t uidvalidity, struct uid_ranges from,
		       struct uid_ranges to)
{
	struct copy_run *r = s->run;
	struct buf code;

	s->view.dirty = true;		/* it may be the target as well */
	copyuid(&code, uidvalidity, from, to);
	if (r->move) {			/* RFC 6851: the code before the EXPUNGEs */
		out_fmt(s, "* OK %sMoved.\r\n", code.data);
		sync_gone(s, from, finish);
	} else {
		imap_finish(s, "OK %sDone.", code.data);
	}
	buf_fini(&code);
}

static void copied(void *ctx, enum err e, uint32_t uidvalidity, struct uid_ranges from,
		   struct uid_ranges to)
{
	struct imap_session *s = ctx;

	imap_call_done(s);
	if (e) {
		imap_finish(s, "%s", e == ERR_NOTFOUND ? "NO [TRYCREATE] No such mailbox."
						       : imap_err_reply(e));
	} else if (from.n == 0) {
		imap_finish(s, "OK Nothing was there any more.");
	} else {
		say_copied(s, uidvalidity, from, to);
	}
	imap_pump(s);
}

static enum next start(struct imap_session *s, bool move)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct copy_run *r = arena_alloc(&s->reader.arena, sizeof(*r));
	struct imap_seqset set;
	struct uid_ranges uids;
	char *to;

	if (!imap_lex_sp(l) || !imap_lex_seqset(l, &set) || !imap_lex_sp(l) ||
	    !imap_lex_mailbox(l, &to) || !imap_lex_end(l))
		return imap_bad(s);
	if (!view_ranges(s, &set, s->reader.cmd.uid, &uids))
		return imap_finish(s, "BAD No such message.");
	if (uids.n == 0)
		return imap_finish(s, "OK Nothing to do.");
	if (uids.n > MAX_RANGES)
		return imap_finish(s, "NO [LIMIT] Too many ranges at once.");
	r->move = move;
	s->run = r;
	s->call = store_copy(&s->at, s->view.fid, uids, to, move, copied, s);
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

static void expunged(void *ctx, enum err e, struct uid_ranges gone, uint64_t modseq)
{
	struct imap_session *s = ctx;

	(void)modseq;
	imap_call_done(s);
	if (e)
		imap_fail(s, e);
	else
		sync_gone(s, gone, finish);
	imap_pump(s);
}

/* Only what the client knows of: a message it has not seen may be \Deleted by
 * somebody else. */
enum next imap_verb_expunge(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct uid_range all = { 1, uid_map_last(s->view.map) };
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
	if (uids.n == 0)
		return imap_finish(s, "OK Nothing to do.");
	if (uids.n > MAX_RANGES)
		return imap_finish(s, "NO [LIMIT] Too many ranges at once.");
	s->call = store_expunge(&s->at, s->view.fid, uids, false, expunged, s);
	return imap_await(s);
}
