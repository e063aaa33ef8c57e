/*
 * APPEND: the message goes from the client to the store as it comes.
 *
 *	literal begins --> folder found --> store call open --> accept, DATA...
 *	--> command complete --> last byte --> the store answers
 *
 * The last byte is held back until the command turned out to be well formed: the
 * store keeps the message the moment it has all of it.
 */
#include "roles/client-access/account.h"
#include "roles/client-access/imap/imap.h"

#include "common/imap/date.h"
#include "common/imap/write.h"

struct append_run {
	char *path;
	struct imap_flags flags;
	int64_t internal_ms;
	uint64_t fid, size, sent;
	struct api_call *call;
	char last;			/* the byte held back */
	bool complete;			/* the command was well formed */
};

static void drop(struct imap_session *s)
{
	struct append_run *r = s->run;

	api_cancel(&r->call);
}

/* " mailbox [flags] [date] ", up to the literal. */
static bool arguments(struct imap_session *s, struct append_run *r)
{
	struct imap_lex *l = &s->reader.cmd.args;
	int64_t unix_s;

	if (!imap_lex_sp(l) || !imap_lex_mailbox(l, &r->path) || !imap_lex_sp(l))
		return false;
	if (imap_lex_peek(l) == '(' &&
	    (!imap_lex_flags(l, false, &r->flags) || !imap_lex_sp(l)))
		return false;
	if (imap_lex_peek(l) == '"') {
		if (!imap_lex_date_time(l, &unix_s) || !imap_lex_sp(l))
			return false;
		r->internal_ms = unix_s * 1000;
	}
	return true;
}

static enum next refuse(struct imap_session *s, const char *why)
{
	imap_reader_refuse(&s->reader, why);
	s->step = STEP_READ;
	return NEXT_MORE;
}

static const char *refusal(enum err e)
{
	if (e == ERR_NOTFOUND)
		return "NO [TRYCREATE] No such mailbox.";
	return imap_err_reply(e);
}

/* The store has more room. */
static void writable(void *ctx)
{
	struct imap_session *s = ctx;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	imap_pump(s);
}

static void appended(void *ctx, enum err e, uint32_t uidvalidity, uint32_t uid, uint64_t modseq)
{
	struct imap_session *s = ctx;
	struct append_run *r = s->run;

	(void)modseq;
	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	r->call = NULL;
	if (!r->complete) {
		/* No before its end.  (OK would be a store that miscounts.) */
		imap_reader_refuse(&s->reader, refusal(e ? e : ERR_INTERNAL));
	} else if (e) {
		imap_finish(s, "%s", refusal(e));
	} else {
		if (s->state == IN_SELECTED && r->fid == s->view.fid)
			s->view.dirty = true;
		imap_finish(s, "OK [APPENDUID %u %u] Done.", uidvalidity, uid);
	}
	imap_pump(s);
}

static enum next found(struct imap_session *s, enum err e, const struct store_folder *f)
{
	struct append_run *r = s->run;
	struct store_append a;

	if (e)
		return refuse(s, refusal(e));
	r->fid = f->fid;
	a = (struct store_append){
		.fid = f->fid, .flags = flags_to_store(&r->flags),
		.keywords = keywords_to_store(&s->reader.arena, &r->flags),
		.internal_ms = r->internal_ms, .size = r->size,
	};
	r->call = store_append(&s->at, &a, writable, appended, s);
	if (imap_reader_accept(&s->reader))
		out_str(s, "+ Go ahead.\r\n");
	s->step = STEP_READ;
	return NEXT_MORE;
}

/* Is it legal here?  What step_run says of other verbs. */
static const char *may_append(struct imap_session *s)
{
	if (s->verb)
		return "BAD One message at a time.";
	if (s->state == IN_NOAUTH)
		return "BAD Log in first.";
	if (s->reader.literal.binary)
		return "NO [UNKNOWN-CTE] Binary messages are not taken.";
	if (s->reader.literal.size == 0)
		return "NO [CANNOT] An empty message is none.";
	if (s->reader.literal.size > s->cas->conf.max_message)
		return "NO [TOOBIG] Message too large.";
	return NULL;
}

enum next append_begin(struct imap_session *s)
{
	const char *why = may_append(s);
	struct append_run *r;
	enum err e;

	if (why) {
		if (s->run)		/* a second message: nothing of it is kept */
			drop(s);
		return refuse(s, why);
	}
	s->n_commands++;
	cas_count(s->cas, CAS_COMMANDS, 1);
	r = arena_alloc(&s->reader.arena, sizeof(*r));
	r->size = s->reader.literal.size;
	if (!arguments(s, r) || !imap_lex_end(&s->reader.cmd.args))
		return refuse(s, "BAD Malformed APPEND.");
	e = account_locate(s->cas, &s->who.principal, &s->at);
	if (e)
		return refuse(s, imap_err_reply(e));
	s->verb = imap_verb_find(SPAN("APPEND"));
	s->run = r;
	s->run_free = drop;
	return folder_find(s, r->path, found);
}

size_t append_room(struct imap_session *s)
{
	struct append_run *r = s->run;
	size_t room;

	if (r->call == NULL)		/* refused: what still comes is dropped */
		return SIZE_MAX;
	room = store_append_room(r->call);
	return r->size - r->sent == 1 ? 1 : room;	/* the last byte stays here */
}

void append_data(struct imap_session *s, struct span piece)
{
	struct append_run *r = s->run;

	if (r->call == NULL || piece.n == 0)
		return;
	r->sent += piece.n;
	if (r->sent == r->size)
		r->last = piece.p[--piece.n];
	if (piece.n > 0)
		store_append_data(r->call, piece.p, piece.n);
}

static enum next last_byte(struct imap_session *s)
{
	struct append_run *r = s->run;

	if (store_append_room(r->call) == 0)
		return NEXT_WAIT;
	r->complete = true;
	store_append_data(r->call, &r->last, 1);
	return imap_await(s);
}

/* The command is complete, its message went before.  Was there anything behind? */
enum next imap_verb_append(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct append_run *r = s->run, again = { 0 };
	struct imap_literal head;

	if (r == NULL || r->sent != r->size)
		return imap_bad(s);
	if (!arguments(s, &again) || !imap_lex_literal_head(l, &head) || !imap_lex_end(l))
		return imap_bad(s);
	return imap_work(s, last_byte);
}
