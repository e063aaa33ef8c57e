/* STORE and UID STORE, with UNCHANGEDSINCE (RFC 7162 3.1.3). */
#include "roles/client-access/imap/imap.h"

#include "common/imap/store.h"

#define RANGES_AT_ONCE 500

struct store_run {
	struct imap_store args;
	struct uid_ranges todo;
	struct imap_seqset modified;	/* refused: UIDs, or numbers without UID */
	bool uid;
};

static enum next next_ranges(struct imap_session *s);

static void say_row(struct imap_session *s, const struct store_run *r,
		    const struct store_row *row)
{
	uint32_t seq = uid_map_seq(s->view.map, row->uid);
	const char *sep = "";

	own_note(&s->own, row->uid, row->modseq);
	if (seq == 0 || (r->args.silent && !s->condstore))
		return;
	view_words(s, row->keywords, row->n_keywords);
	out_done(s, imap_put_fetch(s, &s->out, seq, row->uid));
	/* RFC 7162 3.2.4, RFC 9051 appendix E 21 */
	if (r->uid || s->condstore || (s->modes & MODE_REV2)) {
		out_fmt(s, "UID %u", row->uid);
		sep = " ";
	}
	if (!r->args.silent) {
		out_str(s, sep);
		out_flags(s, row->uid, row->flags, row->keywords, row->n_keywords);
		sep = " ";
	}
	if (s->condstore)
		out_fmt(s, "%sMODSEQ (%llu)", sep, (unsigned long long)row->modseq);
	out_str(s, ")\r\n");
}

static void on_rows(void *ctx, const struct store_row *rows, size_t n, size_t bytes)
{
	struct imap_session *s = ctx;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	for (size_t i = 0; i < n; i++)
		say_row(s, s->run, &rows[i]);
	imap_grant(s, bytes);
}

static void note_modified(struct imap_session *s, struct store_run *r, struct uid_ranges m)
{
	for (size_t i = 0; i < m.n; i++) {
		uint32_t first = m.r[i].first, last = m.r[i].last;

		if (first == 0 || first > last)
			continue;
		if (!r->uid) {
			first = uid_map_seq(s->view.map, first);
			last = uid_map_seq(s->view.map, last);
		}
		if (first && last && imap_seqset_add(&r->modified, first, last) != ERR_OK)
			return;			/* the client has enough to think about */
	}
}

static enum next finish(struct imap_session *s)
{
	struct store_run *r = s->run;
	struct buf set;

	if (r->modified.n == 0)
		return imap_finish(s, "OK Done.");
	imap_seqset_resolve(&r->modified, 0);
	buf_init(&set, 1 << 20);
	if (imap_seqset_write(&r->modified, &set) == ERR_OK)
		imap_finish(s, "OK [MODIFIED %s] Some have changed since.", set.data);
	else
		imap_finish(s, "NO [LIMIT] Too many have changed since.");
	buf_fini(&set);
	return NEXT_MORE;
}

static void stored(void *ctx, enum err e, struct uid_ranges modified, uint64_t highestmodseq)
{
	struct imap_session *s = ctx;
	struct store_run *r = s->run;

	(void)highestmodseq;
	imap_call_done(s);
	note_modified(s, r, modified);
	if (e)
		imap_fail(s, e);
	else
		imap_work(s, next_ranges);
	imap_pump(s);
}

static enum next next_ranges(struct imap_session *s)
{
	struct store_run *r = s->run;
	size_t n = r->todo.n < RANGES_AT_ONCE ? r->todo.n : RANGES_AT_ONCE;
	const struct store_flags f = {
		.fid = s->view.fid,
		.uids = { r->todo.r, n },
		.mode = r->args.how == IMAP_STORE_ADD ? FLAGS_ADD :
			r->args.how == IMAP_STORE_REMOVE ? FLAGS_REMOVE : FLAGS_REPLACE,
		.flags = flags_to_store(&r->args.flags),
		.keywords = keywords_to_store(&s->reader.arena, &r->args.flags),
		.check_unchanged = r->args.has_unchanged_since,
		.unchanged_since = r->args.unchanged_since,
	};

	if (n == 0)
		return finish(s);
	r->todo.r += n;
	r->todo.n -= n;
	s->call = store_flags(&s->at, &f, on_rows, stored, s);
	return imap_await_rows(s);
}

enum next imap_verb_store(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct store_run *r = arena_alloc(&s->reader.arena, sizeof(*r));
	struct imap_seqset set;

	if (!imap_lex_sp(l) || !imap_lex_seqset(l, &set) || !imap_lex_sp(l) ||
	    !imap_lex_store(l, &r->args))
		return imap_bad(s);
	r->uid = s->reader.cmd.uid;
	if (r->args.has_unchanged_since)
		imap_condstore_on(s);
	if (!view_ranges(s, &set, r->uid, &r->todo))
		return imap_finish(s, "BAD No such message.");
	imap_seqset_init(&r->modified, &s->reader.arena, 32768);
	s->run = r;
	return next_ranges(s);
}
