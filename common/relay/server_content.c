/* DATA and BDAT of the SMTP server session. */
#include "common/relay/server_session.h"

#include <stdio.h>

static const struct smtp_fault no_storage = { 452, "4.3.1", "Insufficient system storage" };

void server_begin_content(struct smtp_server *s, bool dots)
{
	struct smtp_data_conf dc = { s->max_size, s->conf->max_header, s->conf->max_line };

	smtp_data_init(&s->data, &dc, dots);
	s->body_err = ERR_OK;
	s->body = spool_body_new(s->spool);
	s->state = dots ? IN_RCPT : IN_CHUNK;
}

static void store(struct smtp_server *s, struct span chunk)
{
	if (!s->body)
		return;
	s->body_err = spool_body_add(s->body, chunk.p, chunk.n, NULL);
	if (s->body_err)
		spool_body_unref(&s->body);
}

/* Content is read to its end though it is refused, but not for ever. */
static bool too_much(const struct smtp_server *s)
{
	uint64_t bound;

	if (__builtin_mul_overflow(s->max_size, 2, &bound) ||
	    __builtin_add_overflow(bound, (uint64_t)1 << 20, &bound))
		return false;
	return s->data.bytes > bound;
}

/* Why the content is no good, or NULL. */
static const struct smtp_fault *content_fault(const struct smtp_server *s)
{
	const struct smtp_fault *f = smtp_data_reply(s->data.fault);

	return f ? f : s->body_err ? &no_storage : NULL;
}

static enum next refuse_content(struct smtp_server *s, const struct smtp_fault *f,
				enum server_step after)
{
	server_end_transaction(s, true);
	s->asked = ASK_NOTHING;
	return server_respond(s, f->code, f->enhanced, f->text, after);
}

static enum next whole_message(struct smtp_server *s)
{
	struct smtp_server_facts facts = { s->data.header_8bit, s->data.body_8bit };
	const struct smtp_fault *f = content_fault(s);

	if (f)
		return refuse_content(s, f, STEP_LINE);
	spool_body_seal(s->body);
	server_ask(s, ASK_MESSAGE);
	if (s->policy->data_end)
		s->policy->data_end(s->ctx, s, s->body, &facts);
	else
		smtp_server_answer(s, 250, NULL, NULL);
	return NEXT_MORE;
}

enum next server_step_content(struct smtp_server *s)
{
	enum smtp_data_result r;
	struct span chunk;

	while ((r = smtp_data_next(&s->data, &s->cur, &chunk)) == SMTP_DATA_CHUNK)
		store(s, chunk);
	if (r == SMTP_DATA_END)
		return whole_message(s);
	if (too_much(s))
		return refuse_content(s, smtp_data_reply(SMTP_DATA_SIZE), STEP_BYE);
	return NEXT_WAIT;
}

static enum next whole_chunk(struct smtp_server *s)
{
	const struct smtp_fault *f = content_fault(s);
	char text[64];

	if (f)
		return refuse_content(s, f, STEP_LINE);
	if (s->chunk_last) {
		smtp_data_finish(&s->data);
		return whole_message(s);
	}
	s->asked = ASK_NOTHING;
	snprintf(text, sizeof(text), "%llu octets received so far",
		 (unsigned long long)s->data.bytes);
	return server_respond(s, 250, "2.0.0", text, STEP_LINE);
}

/* A chunk that was refused before it began. */
static enum next drop_chunk(struct smtp_server *s, size_t n)
{
	if (s->chunk_left > s->max_size + ((uint64_t)1 << 20)) {
		s->step = STEP_REPLY;
		s->after = STEP_BYE;
		return NEXT_MORE;
	}
	s->cur = (struct span){ s->cur.p + n, s->cur.n - n };
	s->chunk_left -= n;
	if (s->chunk_left > 0)
		return NEXT_WAIT;
	s->step = STEP_REPLY;
	if (s->after != STEP_BYE)
		s->after = STEP_LINE;
	return NEXT_MORE;
}

enum next server_step_chunk(struct smtp_server *s)
{
	size_t n = s->cur.n < s->chunk_left ? s->cur.n : (size_t)s->chunk_left;
	struct span in = { s->cur.p, n }, chunk;

	if (s->chunk_refused)
		return drop_chunk(s, n);
	s->cur = (struct span){ s->cur.p + n, s->cur.n - n };
	s->chunk_left -= n;
	while (smtp_data_next(&s->data, &in, &chunk) == SMTP_DATA_CHUNK)
		store(s, chunk);
	if (too_much(s))
		return refuse_content(s, smtp_data_reply(SMTP_DATA_SIZE), STEP_BYE);
	return s->chunk_left > 0 ? NEXT_WAIT : whole_chunk(s);
}
