/*
 * APPEND and REPLACE: messages go from the client to the store as they come.
 *
 *	arguments up to a literal --> folder found --> store call open --> accept, DATA...
 *	--> more arguments ... --> command complete --> the store answers
 *
 * One message is one store call.  Its last byte is held back until the command
 * turned out to be well formed and over, for the store keeps the message the moment
 * it has all of it.  If another message follows, the first one is staged instead and
 * so are the others (MULTIAPPEND, RFC 3502), and what is staged is placed at the end,
 * all or nothing.  What is put together of parts (CATENATE, RFC 4469) and what takes
 * the place of another message (REPLACE, RFC 8508) is always staged.
 *
 * A literal8 is stored as it comes, but for its parts of encoding "binary", which
 * become base64; its size is known at its end then, so it is staged.  One that holds NUL
 * elsewhere, or in CATENATE, is refused (RFC 3516 section 4.4: UNKNOWN-CTE).
 */
#include "roles/client-access/imap/append.h"

#include <stdio.h>

#define NUL_REFUSAL "NO [UNKNOWN-CTE] A message with NUL is not taken."

static enum next args(struct imap_session *s);

static void drop(struct imap_session *s)
{
	struct append_run *r = s->run;

	for (size_t i = 0; i < APPEND_AHEAD; i++)
		api_cancel(&r->slots[i].call);
	store_part_close(&r->part);
	unbinary_free(&r->plain);
	buf_fini(&r->from);
	arena_fini(&r->scratch);
}

/* ---- failing ------------------------------------------------------------------------ */

const char *append_refusal(enum err e)
{
	if (e == ERR_NOTFOUND)
		return "NO [TRYCREATE] No such mailbox.";
	if (e == ERR_STALE)
		return "NO [UNAVAILABLE] It took too long, try again.";
	return imap_err_reply(e);
}

/* Say it where the reader is: at a literal, in one, between two, or at the end. */
static enum next give_up(struct imap_session *s)
{
	struct append_run *r = s->run;

	if (s->step != STEP_READ && !r->literal)
		return imap_finish(s, "%s", r->why);
	if (!r->refused)
		imap_reader_refuse(&s->reader, r->why);
	r->refused = true;
	s->step = STEP_READ;
	return NEXT_MORE;
}

void append_fail(struct imap_session *s, const char *why)
{
	struct append_run *r = s->run;

	if (r->why == NULL)
		r->why = why;
	for (size_t i = 0; i < APPEND_AHEAD; i++)
		api_cancel(&r->slots[i].call);
	store_part_close(&r->part);
	r->cur = NULL;
	if (s->step == STEP_READ)
		give_up(s);
}

/* ---- the store ------------------------------------------------------------------------ */

/* The store has more room. */
static void writable(void *ctx)
{
	struct append_slot *slot = ctx;

	CHECK_OBJ(slot->s, IMAP_SESSION_MAGIC);
	imap_pump(slot->s);
}

/* A message is staged, or not. */
static void staged(void *ctx, enum err e, uint64_t size)
{
	struct append_slot *slot = ctx;
	struct imap_session *s = slot->s;

	(void)size;
	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	slot->call = NULL;
	if (e)
		append_fail(s, append_refusal(e));
	imap_pump(s);
}

static void say_uids(struct imap_session *s, uint32_t uidvalidity, uint32_t uid, unsigned n)
{
	struct append_run *r = s->run;
	char last[16] = "";

	if (s->state == IN_SELECTED && r->fid == s->view.fid &&
	    guid_eq(&s->at.mailbox, &s->view.mailbox))
		s->view.dirty = true;
	if (n > 1)
		snprintf(last, sizeof(last), ":%u", uid + n - 1);
	if (!r->parse.replace) {
		imap_finish(s, "OK [APPENDUID %u %u%s] Done.", uidvalidity, uid, last);
		return;
	}
	s->view.dirty = true;
	imap_say_modseq(s);
	out_fmt(s, "* OK [APPENDUID %u %u] Replaced.\r\n", uidvalidity, uid);
	imap_finish(s, "OK Done.");
}

/* An append of its own is over, or was staged after all. */
static void appended(void *ctx, enum err e, uint32_t uidvalidity, uint32_t uid, uint64_t modseq)
{
	struct append_slot *slot = ctx;
	struct imap_session *s = slot->s;
	struct append_run *r = s->run;

	(void)modseq;
	if (r->finishing && e == ERR_OK) {
		slot->call = NULL;
		r->cur = NULL;
		say_uids(s, uidvalidity, uid, 1);
		imap_pump(s);
		return;
	}
	/* No before its end.  (OK with a message would be a store that miscounts.) */
	staged(slot, e == ERR_OK && r->single ? ERR_INTERNAL : e, 0);
}

static void placed(void *ctx, enum err e, uint32_t uidvalidity, uint32_t uid, uint64_t modseq)
{
	struct append_slot *slot = ctx;
	struct imap_session *s = slot->s;
	struct append_run *r = s->run;

	(void)modseq;
	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	slot->call = NULL;
	if (e == ERR_NOTFOUND && r->parse.replace)
		imap_finish(s, "NO [EXPUNGEISSUED] The message is gone.");
	else if (e)
		imap_finish(s, "%s", append_refusal(e));
	else
		say_uids(s, uidvalidity, uid, r->parse.n_messages);
	imap_pump(s);
}

size_t append_send(struct append_run *r)
{
	size_t sent = 0, n;

	while (r->cur && r->cur->call && r->from.len > 0 &&
	       (n = store_append_room(r->cur->call)) > 0) {
		if (n > r->from.len)
			n = r->from.len;
		store_append_data(r->cur->call, r->from.data, n);
		buf_drop(&r->from, n);
		sent += n;
	}
	return sent;
}

/* The first message turned out to have followers. */
static enum append_step keep_first(struct append_run *r)
{
	if (!r->single)
		return APPEND_DONE;
	if (r->cur == NULL || store_append_room(r->cur->call) == 0)
		return APPEND_WAIT;
	r->single = false;
	store_append_keep(r->cur->call, &r->last, 1);
	r->cur = NULL;
	return APPEND_DONE;
}

/* Open the call of a message whose size is known, or 0 with `open`. */
static enum append_step begin_message(struct imap_session *s, uint64_t size, bool open)
{
	struct append_run *r = s->run;
	const char *const *keywords = keywords_to_store(&r->scratch, &r->parse.flags);
	struct append_slot *slot = NULL;

	if (keep_first(r) == APPEND_WAIT)
		return APPEND_WAIT;
	for (size_t i = 0; slot == NULL && i < APPEND_AHEAD; i++)
		if (r->slots[i].call == NULL)
			slot = &r->slots[i];
	if (slot == NULL)
		return APPEND_WAIT;
	slot->s = s;
	r->cur = slot;
	r->open = open;
	r->single = r->parse.n_messages == 1 && !open && !r->parse.replace;
	if (r->single)
		slot->call = store_append(&s->at, &(struct store_append){
			.fid = r->fid, .flags = flags_to_store(&r->parse.flags),
			.keywords = keywords, .size = size, .batch = r->batch,
			.internal_ms = r->parse.has_date ? r->parse.date_s * 1000 : 0,
		}, writable, appended, slot);
	else
		slot->call = store_stage(&s->at, &(struct store_stage){
			.fid = r->fid, .batch = r->batch, .ord = r->parse.n_messages - 1,
			.flags = flags_to_store(&r->parse.flags), .keywords = keywords,
			.size = size, .open = open,
			.internal_ms = r->parse.has_date ? r->parse.date_s * 1000 : 0,
		}, writable, staged, slot);
	return APPEND_DONE;
}

/* All that was staged into the folder; or the last byte, if it is one. */
static enum append_step finish(struct imap_session *s)
{
	struct append_run *r = s->run;
	struct store_place p = { .fid = r->fid, .batch = r->batch, .n = r->parse.n_messages };

	if (r->finishing)
		return APPEND_WAIT;
	if (r->single) {
		if (store_append_room(r->cur->call) == 0)
			return APPEND_WAIT;
		r->finishing = true;
		store_append_data(r->cur->call, &r->last, 1);
		return APPEND_WAIT;
	}
	for (size_t i = 0; i < APPEND_AHEAD; i++)
		if (r->slots[i].call)
			return APPEND_WAIT;
	if (r->parse.replace) {
		p.replace_fid = s->view.fid;
		p.replace_uid = r->replace_uid;
	}
	r->finishing = true;
	r->slots[0].s = s;
	r->slots[0].call = store_place(&s->at, &p, placed, &r->slots[0]);
	return APPEND_WAIT;
}

/* ---- what was met in the arguments -------------------------------------------------------- */

static enum next found(struct imap_session *s, enum err e, const struct store_folder *f)
{
	struct append_run *r = s->run;

	if (e)
		append_fail(s, append_refusal(e));
	else if (r->parse.replace && !guid_eq(&s->at.mailbox, &s->view.mailbox))
		append_fail(s, "NO [CANNOT] Not into another mailbox.");
	else
		r->fid = f->fid;
	return imap_work(s, args);
}

static enum append_step target(struct imap_session *s)
{
	struct append_run *r = s->run;

	if (r->fid)
		return APPEND_DONE;
	r->path = arena_str(&s->reader.arena, r->parse.mailbox);
	if (r->parse.replace && !append_replaces(s))
		return APPEND_DONE;
	return folder_find(s, r->path, found) == NEXT_WAIT ? APPEND_WAIT : APPEND_DONE;
}

static enum append_step message(struct imap_session *s)
{
	struct append_run *r = s->run;

	if (r->parse.n_messages > APPEND_MANY) {
		append_fail(s, "NO [LIMIT] Too many messages.");
		return APPEND_DONE;
	}
	r->total = 0;
	if (r->parse.kind != IMAP_APPEND_CATENATE)
		return APPEND_DONE;
	return begin_message(s, s->cas->conf.max_message, true);
}

static const char *too_big(const struct imap_session *s)
{
	const struct append_run *r = s->run;

	if (s->reader.literal.size > s->cas->conf.max_message - r->total)
		return "NO [TOOBIG] Message too large.";
	if (r->parse.kind != IMAP_APPEND_CATENATE && s->reader.literal.size == 0)
		return "NO [CANNOT] An empty message is none.";
	if (r->parse.kind == IMAP_APPEND_UTF8 && !s->reader.literal.binary)
		return "BAD Expected a literal8.";
	return NULL;
}

/* A literal that is a message of its own. */
static enum append_step begin_literal(struct imap_session *s)
{
	struct append_run *r = s->run;
	bool binary = s->reader.literal.binary;

	if (begin_message(s, binary ? s->cas->conf.max_message : s->reader.literal.size,
			  binary) == APPEND_WAIT)
		return APPEND_WAIT;
	unbinary_free(&r->plain);
	buf_clear(&r->from);
	r->made = 0;
	if (binary)
		r->plain = unbinary_new();
	return APPEND_DONE;
}

static enum append_step literal(struct imap_session *s)
{
	struct append_run *r = s->run;
	const char *why = too_big(s);

	if (why) {
		append_fail(s, why);
		return APPEND_DONE;
	}
	if (r->parse.kind != IMAP_APPEND_CATENATE &&
	    begin_literal(s) == APPEND_WAIT)
		return APPEND_WAIT;
	r->size = s->reader.literal.size;
	r->total += r->size;
	r->sent = 0;
	r->literal = false;
	if (imap_reader_accept(&s->reader)) {
		out_str(s, "+ Go ahead.\r\n");
		out_flush(s);
	}
	s->step = STEP_READ;
	return APPEND_DONE;
}

static enum append_step message_end(struct imap_session *s)
{
	struct append_run *r = s->run;

	if (r->total == 0) {
		append_fail(s, "NO [CANNOT] An empty message is none.");
		return APPEND_DONE;
	}
	if (r->plain && r->cur) {
		append_send(r);
		if (r->from.len > 0)
			return APPEND_WAIT;
		unbinary_free(&r->plain);
	}
	if (!r->single && r->cur) {
		if (r->open)
			store_append_end(r->cur->call);
		r->cur = NULL;
	}
	arena_reset(&r->scratch);
	return APPEND_DONE;
}

static enum append_step deal(struct imap_session *s)
{
	struct append_run *r = s->run;

	switch (r->met) {
	case IMAP_APPEND_TARGET:
		return target(s);
	case IMAP_APPEND_MESSAGE:
		return message(s);
	case IMAP_APPEND_URL:
		return append_url(s);
	case IMAP_APPEND_LITERAL:
		return literal(s);
	case IMAP_APPEND_MESSAGE_END:
		return message_end(s);
	case IMAP_APPEND_END:
		return finish(s);
	case IMAP_APPEND_BAD:
		break;
	}
	append_fail(s, arena_printf(&s->reader.arena, "BAD %s",
				    r->lex.why ? r->lex.why : "Malformed command."));
	return APPEND_DONE;
}

/* Go through the piece of the arguments; comes again after each wait. */
static enum next args(struct imap_session *s)
{
	struct append_run *r = s->run;

	for (;;) {
		if (r->why)
			return give_up(s);
		if (!r->met_waits)
			r->met = imap_append_next(&r->parse, &r->lex, r->literal);
		r->met_waits = true;
		if (deal(s) == APPEND_WAIT)
			return NEXT_WAIT;
		r->met_waits = false;
		if (s->step == STEP_READ)
			return NEXT_MORE;
	}
}

/* ---- from the reader ------------------------------------------------------------------------ */

/* Is it legal here?  What step_run says of other verbs. */
static const char *may_append(const struct imap_session *s, const struct imap_verb *v)
{
	if (v == NULL)
		return "BAD Unknown command.";
	if (s->state == IN_NOAUTH)
		return "BAD Log in first.";
	if ((v->states & s->state) == 0)
		return "BAD Select a mailbox first.";
	if ((v->flags & VERB_NUMBERS) && !s->reader.cmd.uid && (s->modes & MODE_UIDONLY))
		return "BAD [UIDREQUIRED] Only UIDs name messages now.";
	if ((v->flags & VERB_WRITE) && s->view.read_only)
		return "NO [READ-ONLY] The mailbox was opened for reading.";
	return NULL;
}

static struct append_run *run_new(struct imap_session *s)
{
	struct append_run *r = arena_alloc(&s->reader.arena, sizeof(*r));

	imap_append_init(&r->parse, span_is(s->reader.cmd.name, "REPLACE"));
	r->batch = guid_make();
	buf_init(&r->from, APPEND_URL_BUFFER);
	s->run = r;
	s->run_free = drop;
	return r;
}

static enum next next_piece(struct imap_session *s, bool literal)
{
	struct append_run *r = s->run;

	r->lex = s->reader.cmd.args;
	r->lex.arena = &r->scratch;
	r->literal = literal;
	return imap_work(s, args);
}

enum next append_begin(struct imap_session *s)
{
	const struct imap_verb *v = imap_verb_find(s->reader.cmd.name);
	const char *why;
	enum err e;

	if (s->run)
		return next_piece(s, true);
	why = may_append(s, v);
	if (why == NULL) {
		s->n_commands++;
		cas_count(s->cas, CAS_COMMANDS, 1);
		e = imap_locate(s, false);
		why = e ? imap_err_reply(e) : NULL;
	}
	if (why) {
		imap_reader_refuse(&s->reader, why);
		s->step = STEP_READ;
		return NEXT_MORE;
	}
	s->verb = v;
	run_new(s);
	return next_piece(s, true);
}

size_t append_room(struct imap_session *s)
{
	struct append_run *r = s->run;
	size_t room;

	if (r == NULL || r->why || r->cur == NULL || r->cur->call == NULL)
		return SIZE_MAX;	/* refused: what still comes is dropped */
	append_send(r);
	if (r->from.len > 0)
		return 0;
	room = store_append_room(r->cur->call);
	return r->single && r->size - r->sent == 1 ? 1 : room;	/* the last byte stays here */
}

/* What comes of the piece, and of the end of the message behind its last one. */
static void take_plain(struct imap_session *s, struct span piece)
{
	struct append_run *r = s->run;
	uint64_t room = s->cas->conf.max_message - r->made;
	size_t before = r->from.len;
	enum err e = unbinary_feed(r->plain, piece.p, piece.n, &r->from);

	r->sent += piece.n;
	if (!e && r->sent == r->size)
		e = unbinary_end(r->plain, &r->from);
	if (e || r->from.len - before > room) {
		append_fail(s, "NO [TOOBIG] Message too large.");
		return;
	}
	r->made += r->from.len - before;
	if (memchr(r->from.data + before, '\0', r->from.len - before))
		append_fail(s, NUL_REFUSAL);
	else
		append_send(r);
}

void append_data(struct imap_session *s, struct span piece)
{
	struct append_run *r = s->run;

	if (r->why || r->cur == NULL || r->cur->call == NULL || piece.n == 0)
		return;
	if (r->plain) {
		take_plain(s, piece);
		return;
	}
	if (s->reader.literal.binary && memchr(piece.p, '\0', piece.n)) {
		append_fail(s, NUL_REFUSAL);
		return;
	}
	r->sent += piece.n;
	if (r->single && r->sent == r->size)
		r->last = piece.p[--piece.n];
	if (piece.n > 0)
		store_append_data(r->cur->call, piece.p, piece.n);
}

/* The command is complete; what came before its last literal was dealt with. */
enum next imap_verb_append(struct imap_session *s)
{
	if (s->run == NULL)
		run_new(s);
	return next_piece(s, false);
}
