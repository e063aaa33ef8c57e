/* IDLE (RFC 2177): changes are told as they come, until the client says DONE. */
#include "roles/client-access/imap/notify.h"

static imap_work_fn back_to_idle;

/* Begin to tell, if there is news and its store can be reached. */
static void tell(struct imap_session *s)
{
	if (s->state == IN_SELECTED && s->view.dirty && notify_allows_idle(s) &&
	    imap_locate(s, true) == ERR_OK)
		sync_start(s, back_to_idle);	/* its step now */
}

static enum next back_to_idle(struct imap_session *s)
{
	s->step = STEP_READ;
	tell(s);			/* hints that came meanwhile */
	return s->step == STEP_READ ? NEXT_MORE : NEXT_WAIT;
}

static enum next line(struct imap_session *s)
{
	s->idling = false;
	if (!span_is(s->reader.data, "DONE"))
		return imap_finish(s, "BAD Expected DONE.");
	return imap_finish(s, "OK Done.");
}

void idle_news(struct imap_session *s)
{
	if (s->step != STEP_READ)
		return;			/* is telling already, and will look again */
	tell(s);
	imap_pump(s);
}

enum next imap_verb_idle(struct imap_session *s)
{
	if (!imap_lex_end(&s->reader.cmd.args))
		return imap_bad(s);
	out_str(s, "+ Idling.\r\n");
	s->on_line = line;
	s->idling = true;
	imap_reader_want_line(&s->reader);
	return back_to_idle(s);
}
