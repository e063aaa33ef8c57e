/*
 * RETR and TOP: content on its way from the store to the client.
 *
 * A call has a deadline, and a client may be slower than that.  So content is
 * fetched by pages, each a call of its own that ends as fast as the store can
 * send, and the next page when the client has read most of the last.
 *
 * "+OK" waits for the first bytes, so that a message that cannot be read is
 * answered with -ERR.  If the store breaks off later, the connection is cut: an
 * answer without its final dot is one that no client takes for a message.
 */
#include "roles/client-access/pop3/pop3.h"

#include "roles/client-access/account.h"
#include <string.h>

#define PAGE  (256u << 10)	/* as the store keeps it, in one piece */
#define SLICE (16u << 10)	/* dots and line ends at most double it */

static void begin(struct pop3_session *s)
{
	struct pop3_retr *r = &s->retr;

	if (r->begun)
		return;
	r->begun = true;
	if (r->top)
		pop3_put(s, "+OK The top of it:\r\n");
	else
		pop3_putf(s, "+OK %u octets.\r\n", r->size);
}

/* One line, or its rest, or its start.  An empty one ends the header. */
static size_t top_line(struct pop3_retr *r, const char *p, size_t n)
{
	const char *lf = memchr(p, '\n', n);
	size_t len = lf ? (size_t)(lf - p) : n;

	if (len > 0) {
		r->in_line |= r->cr || len > 1 || p[0] != '\r';
		r->cr = true;		/* or something worse, if in_line */
	}
	if (lf == NULL)
		return n;
	if (r->in_body)
		r->lines--;
	else if (!r->in_line)
		r->in_body = true;
	r->in_line = r->cr = false;
	r->over = r->in_body && r->lines == 0;
	return len + 1;
}

/* How much of what came belongs to the header and the lines that were asked for. */
static size_t top_take(struct pop3_retr *r, const char *p, size_t n)
{
	size_t used = 0;

	while (used < n && !r->over)
		used += top_line(r, p + used, n - used);
	return used;
}

static void write_content(struct pop3_session *s, const char *p, size_t n)
{
	while (n > 0) {
		struct span slice = { p, n < SLICE ? n : SLICE };

		CHECK(smtp_data_write(&s->retr.writer, slice, &s->out) == ERR_OK);
		pop3_flush(s);
		p += slice.n;
		n -= slice.n;
	}
}

static enum next finish(struct pop3_session *s)
{
	CHECK(smtp_data_write_end(&s->retr.writer, &s->out) == ERR_OK);
	s->n_retrieved += !s->retr.top;
	s->step = STEP_LINE;
	return NEXT_MORE;
}

/* An answer that has begun cannot become -ERR. */
static enum next break_off(struct pop3_session *s, enum err e)
{
	if (!s->retr.begun)
		return pop3_fail(s, e);
	log_warn(&s->log, "pop3-hangup why=content-broke-off uid=%u err=%s", s->retr.uid,
		 err_text(e));
	s->cut = true;
	return NEXT_WAIT;
}

static void on_bytes(void *ctx, const void *p, size_t n)
{
	struct pop3_session *s = ctx;
	struct pop3_retr *r = &s->retr;

	CHECK_OBJ(s, POP3_SESSION_MAGIC);
	begin(s);
	r->offset += n;
	r->page_left -= n < r->page_left ? n : r->page_left;
	write_content(s, p, r->top ? top_take(r, p, n) : n);
	api_grant(s->call, n);
}

static void on_page(void *ctx, enum err e, uint64_t size, uint32_t flags, uint64_t modseq)
{
	struct pop3_session *s = pop3_answered(ctx);
	struct pop3_retr *r = &s->retr;

	(void)size;
	(void)flags;
	(void)modseq;
	if (e) {
		break_off(s, e);
	} else {
		begin(s);		/* it may be empty */
		r->over |= r->page_left > 0 || r->offset >= r->size;
	}
	pop3_pump(s);
}

/* The database may have moved since the last page. */
static enum next next_page(struct pop3_session *s)
{
	struct pop3_retr *r = &s->retr;
	enum err e = account_locate(s->cas, &s->who.principal, &s->at);

	if (e)
		return break_off(s, e);
	r->page_left = PAGE;
	/* Read by POP3 is read.  A look at the top is not. */
	s->call = store_content(&s->at, s->fid, r->uid, r->offset, PAGE,
				!r->top && r->offset == 0, on_bytes, on_page, s);
	return NEXT_WAIT;
}

static enum next send_pages(struct pop3_session *s)
{
	if (s->call)
		return NEXT_WAIT;
	if (s->retr.over)
		return finish(s);
	if (pop3_full(s))
		return NEXT_WAIT;
	return next_page(s);
}

static enum next start(struct pop3_session *s, const char *arg, const struct pop3_retr *r)
{
	const struct drop_message *m;
	uint32_t number;

	m = pop3_message(s, arg, &number);
	if (m == NULL)
		return NEXT_MORE;
	s->retr = *r;
	s->retr.uid = m->uid;
	s->retr.size = m->size;
	return pop3_work(s, send_pages);
}

enum next verb_retr(struct pop3_session *s, const struct pop3_cmd *c)
{
	return start(s, c->arg[0], &(struct pop3_retr){ .top = false });
}

enum next verb_top(struct pop3_session *s, const struct pop3_cmd *c)
{
	struct pop3_retr r = { .top = true };

	if (!pop3_number(c->arg[1], &r.lines))
		return pop3_err(s, "How many lines?");
	return start(s, c->arg[0], &r);
}
