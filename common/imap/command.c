#include "common/imap/command.h"

#include "common/base/check.h"
#include "common/imap/append.h"

const struct imap_limits imap_limits_default = {
	.max_line = 65536,
	.max_literals = 65536,
	.max_drain = UINT64_C(256) << 20,
};

/*
 *	LINE --> LITERAL --> LINE		small literal, collected
 *	     --> DECIDE --> DATA --> LINE	streamed literal
 *	            |        |
 *	            v        v
 *	           DRAIN --> DRAIN_LINE --> OVER	refused {n+}
 *	            `--------------------> OVER		refused {n}
 *
 * RAW takes one line for want_line() and goes to OVER, where the command of
 * before still stands.
 */
enum state { LINE, LITERAL, DECIDE, DATA, DRAIN, DRAIN_LINE, REFUSED, RAW, OVER };

void imap_reader_init(struct imap_reader *r, const struct imap_limits *lim)
{
	*r = (struct imap_reader){ .lim = lim };
	buf_init(&r->text, (size_t)lim->max_line + lim->max_literals);
	imap_reader_next(r);
}

void imap_reader_fini(struct imap_reader *r)
{
	buf_fini(&r->text);
	arena_fini(&r->arena);
}

void imap_reader_next(struct imap_reader *r)
{
	buf_clear(&r->text);
	buf_release(&r->text);		/* an idle connection holds nothing */
	arena_reset(&r->arena);
	r->cmd = (struct imap_cmd){ .name = SPAN("") };
	r->data = (struct span){ NULL, 0 };
	r->why = NULL;
	r->mark = r->literals = r->args_at = r->raw_at = 0;
	r->left = 0;
	r->doomed = r->named = r->goes_on = false;
	r->state = LINE;
}

bool imap_reader_idle(const struct imap_reader *r)
{
	return r->state == LINE && r->text.len == 0 && !r->named;
}

static enum imap_read fatal(struct imap_reader *r, const char *why)
{
	r->why = why;
	r->state = OVER;
	return IMAP_READ_FATAL;
}

/* Tag and name are copied, once: the text moves when it grows. */
static const char *parse_names(struct imap_reader *r, struct imap_lex *l)
{
	struct imap_cmd *c = &r->cmd;
	struct span s;

	if (!imap_lex_tag(l, &s) || imap_lex_peek(l) != ' ')
		return "BAD Expected a tag and a command.";
	c->tag = (struct span){ arena_dup(&r->arena, s.p, s.n), s.n };
	if (!imap_lex_sp(l) || !imap_lex_atom(l, &s))
		return "BAD Expected a command.";
	c->uid = span_is(s, "UID");
	if (c->uid && (!imap_lex_sp(l) || !imap_lex_atom(l, &s)))
		return "BAD Expected a command after UID.";
	c->name = (struct span){ arena_dup(&r->arena, s.p, s.n), s.n };
	r->args_at = (size_t)(l->p - r->text.data);
	r->named = true;
	return NULL;
}

/* Fill r->cmd from the text up to end. */
static bool parse_head(struct imap_reader *r, size_t end)
{
	struct imap_lex l;

	if (!r->named) {
		imap_lex_init(&l, (struct span){ r->text.data, end }, &r->arena);
		r->why = parse_names(r, &l);
		if (r->why)
			return false;
	}
	imap_lex_init(&r->cmd.args, (struct span){ r->text.data + r->args_at,
						   end - r->args_at }, &r->arena);
	r->cmd.args.utf8 = r->utf8;
	return true;
}

static enum imap_read command_done(struct imap_reader *r, size_t end)
{
	r->state = OVER;
	if (r->doomed)
		return IMAP_READ_REFUSED;
	return parse_head(r, end) ? IMAP_READ_COMMAND : IMAP_READ_BAD;
}

/* Is the literal behind cmd.args a message, or a part of one? */
static bool is_streamed(const struct imap_reader *r)
{
	bool replace = span_is(r->cmd.name, "REPLACE");

	if (!replace && (r->cmd.uid || !span_is(r->cmd.name, "APPEND")))
		return false;
	return imap_append_is_content(r->cmd.args, replace, r->goes_on);
}

/* Where "~{12+}" begins if the line [mark, end) ends with a literal header that
 * is not inside a quoted string; end otherwise. */
static size_t literal_at(const struct imap_reader *r, size_t end)
{
	const char *t = r->text.data;
	size_t at = end;
	bool quoted = false;

	if (end == r->mark || t[end - 1] != '}')
		return end;
	while (at > r->mark && t[at - 1] != '{')
		at--;
	if (at == r->mark)
		return end;
	at--;
	for (size_t i = r->mark; i < at; i++) {
		if (quoted && t[i] == '\\' && i + 1 < at)
			i++;
		else if (t[i] == '"')
			quoted = !quoted;
	}
	if (quoted)
		return end;
	return at > r->mark && t[at - 1] == '~' ? at - 1 : at;
}

/* r->literal is unwanted.  In step again once the client has seen our answer, or
 * once what it sends anyway is read. */
static void start_refusal(struct imap_reader *r, const char *why)
{
	r->why = why;
	r->state = r->literal.sync ? REFUSED : DRAIN;
}

/* Before a literal is taken or refused: can we stay in step at all? */
static const char *hopeless(const struct imap_reader *r)
{
	if (r->literal.sync)
		return NULL;
	if (r->literal.size > UINT32_MAX || r->literal.size > r->lim->max_drain)
		return "Literal too large.";
	if (r->lim->max_nonsync != 0 && r->literal.size > r->lim->max_nonsync)
		return "Non-synchronizing literal too large.";
	return NULL;
}

/* Text is "... {12}\r\n". */
static enum imap_read literal_begins(struct imap_reader *r, size_t head)
{
	r->left = r->literal.size;
	if (hopeless(r))
		return fatal(r, hopeless(r));
	if (r->doomed || !parse_head(r, head)) {
		start_refusal(r, r->why);
		return IMAP_READ_MORE;
	}
	if (r->literal.size <= UINT32_MAX && is_streamed(r)) {
		r->state = DECIDE;
		return IMAP_READ_STREAM;
	}
	if (r->literal.size > r->lim->max_literals - r->literals) {
		start_refusal(r, "NO [TOOBIG] Literal too large.");
		return IMAP_READ_MORE;
	}
	r->literals += (size_t)r->left;
	r->state = LITERAL;
	return r->literal.sync ? IMAP_READ_CONTINUE : IMAP_READ_MORE;
}

/* The header at head, up to the end of the text. */
static bool read_header(struct imap_reader *r, size_t head)
{
	struct imap_lex l;

	imap_lex_init(&l, (struct span){ r->text.data + head, r->text.len - head },
		      &r->arena);
	return imap_lex_literal_head(&l, &r->literal) && l.p == l.end;
}

/* "{x}" is an argument somebody will call BAD.  "{9...9+}" announces bytes that
 * would be read as commands. */
static bool header_is_odd(const struct imap_reader *r, size_t head)
{
	return strspn(r->text.data + head, "~{0123456789+}") + head + 1 >= r->text.len - 1;
}

/* A line is whole: r->text ends with LF. */
static enum imap_read line_done(struct imap_reader *r)
{
	size_t end = r->text.len - 1, head;

	if (end > r->mark && r->text.data[end - 1] == '\r')
		end--;
	if (memchr(r->text.data + r->mark, '\0', end - r->mark))
		return fatal(r, "NUL in a command.");
	head = literal_at(r, end);
	if (head == end)
		return command_done(r, end);
	if (!read_header(r, head))
		return header_is_odd(r, head) ? fatal(r, "Malformed literal.") :
						command_done(r, end);
	return literal_begins(r, head);
}

static enum imap_read feed_line(struct imap_reader *r, const char *p, size_t n,
				size_t *used)
{
	const char *lf = memchr(p, '\n', n);
	size_t take = lf ? (size_t)(lf - p) + 1 : n;

	/* What is in text and not a collected literal was sent as lines. */
	if (r->text.len - r->literals + take > r->lim->max_line)
		return fatal(r, "Command line too long.");
	CHECK(buf_add(&r->text, p, take) == ERR_OK);
	*used = take;
	return lf ? line_done(r) : IMAP_READ_MORE;
}

static enum imap_read feed_literal(struct imap_reader *r, const char *p, size_t n,
				   size_t *used)
{
	size_t take = n < r->left ? n : (size_t)r->left;

	CHECK(buf_add(&r->text, p, take) == ERR_OK);
	r->left -= take;
	*used = take;
	if (r->left == 0) {
		r->mark = r->text.len;
		r->state = LINE;
	}
	return IMAP_READ_MORE;
}

static enum imap_read feed_data(struct imap_reader *r, const char *p, size_t n, size_t *used)
{
	size_t take = n < r->left ? n : (size_t)r->left;

	r->data = (struct span){ p, take };
	r->left -= take;
	*used = take;
	if (r->left == 0) {
		r->mark = r->text.len;
		r->state = LINE;
	}
	return IMAP_READ_DATA;
}

static enum imap_read feed_drain(struct imap_reader *r, size_t n, size_t *used)
{
	size_t take = n < r->left ? n : (size_t)r->left;

	r->left -= take;
	*used = take;
	if (r->left == 0) {
		buf_clear(&r->text);
		r->state = DRAIN_LINE;
	}
	return IMAP_READ_MORE;
}

/* The command goes on behind the dropped literal, maybe to another one.  Text is
 * reused for the line, so the head must not point there any more. */
static enum imap_read feed_drain_line(struct imap_reader *r, const char *p, size_t n,
				      size_t *used)
{
	const char *lf = memchr(p, '\n', n);
	size_t take = lf ? (size_t)(lf - p) + 1 : n, end, head;

	if (r->text.len + take > r->lim->max_line)
		return fatal(r, "Command line too long.");
	CHECK(buf_add(&r->text, p, take) == ERR_OK);
	*used = take;
	if (lf == NULL)
		return IMAP_READ_MORE;
	r->mark = 0;
	end = r->text.len - 1;
	if (end > 0 && r->text.data[end - 1] == '\r')
		end--;
	head = literal_at(r, end);
	if (head == end || !read_header(r, head)) {
		r->state = REFUSED;
		return IMAP_READ_MORE;
	}
	if (hopeless(r))
		return fatal(r, hopeless(r));
	r->left = r->literal.size;
	start_refusal(r, r->why);
	return IMAP_READ_MORE;
}

static enum imap_read feed_raw(struct imap_reader *r, const char *p, size_t n, size_t *used)
{
	const char *lf = memchr(p, '\n', n);
	size_t take = lf ? (size_t)(lf - p) + 1 : n, end;

	if (r->text.len - r->raw_at + take > r->lim->max_line ||
	    buf_add(&r->text, p, take) != ERR_OK)
		return fatal(r, "Line too long.");
	*used = take;
	if (lf == NULL)
		return IMAP_READ_MORE;
	end = r->text.len - 1;
	if (end > r->raw_at && r->text.data[end - 1] == '\r')
		end--;
	r->data = (struct span){ r->text.data + r->raw_at, end - r->raw_at };
	r->state = OVER;
	return IMAP_READ_LINE;
}

/* One step; MORE may mean "used some, ask again". */
static enum imap_read step(struct imap_reader *r, const char *p, size_t n, size_t *used)
{
	*used = 0;
	switch ((enum state)r->state) {
	case LINE:
		return n ? feed_line(r, p, n, used) : IMAP_READ_MORE;
	case LITERAL:
		return feed_literal(r, p, n, used);
	case DATA:
		return n || r->left == 0 ? feed_data(r, p, n, used) : IMAP_READ_MORE;
	case DRAIN:
		return feed_drain(r, n, used);
	case DRAIN_LINE:
		return n ? feed_drain_line(r, p, n, used) : IMAP_READ_MORE;
	case REFUSED:
		r->state = OVER;
		return IMAP_READ_REFUSED;
	case RAW:
		return n ? feed_raw(r, p, n, used) : IMAP_READ_MORE;
	case DECIDE:
	case OVER:
		break;
	}
	return IMAP_READ_MORE;		/* the caller has to act first */
}

enum imap_read imap_reader_feed(struct imap_reader *r, const char *p, size_t n, size_t *used)
{
	enum imap_read ev;
	size_t sum = 0, one;
	int before;

	do {
		before = r->state;
		ev = step(r, p + sum, n - sum, &one);
		sum += one;
	} while (ev == IMAP_READ_MORE && (one > 0 || r->state != before));
	*used = sum;
	return ev;
}

bool imap_reader_accept(struct imap_reader *r)
{
	CHECK(r->state == DECIDE);
	buf_clear(&r->text);
	imap_lex_init(&r->cmd.args, (struct span){ r->text.data, 0 }, &r->arena);
	r->args_at = r->literals = 0;
	r->goes_on = true;
	r->state = DATA;
	return r->literal.sync;
}

void imap_reader_refuse(struct imap_reader *r, const char *why)
{
	CHECK(r->state == DECIDE || r->state == DATA || r->state == LINE || r->state == LITERAL);
	if (r->state == DECIDE)
		start_refusal(r, why);
	else if (r->state == DATA)
		r->state = DRAIN;	/* whoever waited was told to go on */
	else
		r->doomed = true;
	r->why = why;
}

void imap_reader_want_line(struct imap_reader *r)
{
	CHECK(r->state == OVER);
	if (r->raw_at == 0)
		r->raw_at = r->text.len;
	buf_cut(&r->text, r->raw_at);
	r->state = RAW;
}

void imap_reader_wipe(struct imap_reader *r)
{
	if (r->text.mem)		/* also what was cut off its end */
		explicit_bzero(r->text.mem, r->text.cap);
}
