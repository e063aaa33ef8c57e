/* COMPRESS (RFC 4978). */
#include "roles/client-access/imap/imap.h"

/* The tagged OK is the last thing said in plain; what came behind the command is
 * compressed already. */
static enum next begin(struct imap_session *s)
{
	struct span tag = s->reader.cmd.tag, rest = s->cur;

	out_fmt(s, "%.*s OK From now on.\r\n", (int)tag.n, tag.p);
	out_flush(s);
	s->squeeze = compress_new();
	if (compress_feed(s->squeeze, rest.p, rest.n) != ERR_OK)
		s->broken = true;
	buf_clear(&s->in);
	s->cur = (struct span){ NULL, 0 };
	s->cur_borrowed = false;
	s->verb = NULL;
	imap_reader_next(&s->reader);
	s->step = STEP_READ;
	log_debug(&s->log, "compress");
	return NEXT_MORE;
}

enum next imap_verb_compress(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct span algorithm;

	if (!imap_lex_sp(l) || !imap_lex_atom(l, &algorithm) || !imap_lex_end(l))
		return imap_bad(s);
	if (!span_is(algorithm, "DEFLATE"))
		return imap_finish(s, "BAD Only DEFLATE is known.");
	if (s->squeeze)
		return imap_finish(s, "NO [COMPRESSIONACTIVE] It is on already.");
	return begin(s);
}

enum next compress_refill(struct imap_session *s)
{
	enum err e;

	if (s->squeeze == NULL || !compress_waits(s->squeeze))
		return NEXT_WAIT;
	CHECK(s->cur.n == 0 && !s->cur_borrowed);
	buf_clear(&s->in);
	e = compress_read(s->squeeze, &s->in);
	s->cur = (struct span){ s->in.data, s->in.len };
	if (e == ERR_OK)
		return s->in.len > 0 || compress_waits(s->squeeze) ? NEXT_MORE : NEXT_WAIT;
	log_info(&s->log, "imap-hangup why=not-deflate");
	out_str(s, "* BYE [CLIENTBUG] That is not DEFLATE.\r\n");
	return NEXT_DONE;
}
