/*
 * QUIT and the UPDATE state: what was marked is removed, in one call.  The store does
 * it whole or not at all, or if there are thousands, in steps that are each so.
 *
 * Many clients send QUIT and are gone.  So the call belongs to a struct pop3_update
 * of its own, which the session leaves behind.
 */
#include "roles/client-access/pop3/pop3.h"

#include "roles/client-access/account.h"
#include <stdio.h>
#include <stdlib.h>

struct pop3_update {
	struct api_call *call;
	struct pop3_session *s;		/* NULL: it is gone */
	struct log_ctx log;
	uint32_t n;
};

static void report(const struct pop3_update *u, enum err e)
{
	if (e)
		log_warn(&u->log, "pop3-not-removed messages=%u err=%s", u->n, err_text(e));
	else
		log_info(&u->log, "pop3-removed messages=%u", u->n);
}

static void on_expunged(void *ctx, enum err e, struct uid_ranges gone, uint64_t modseq)
{
	struct pop3_update *u = ctx;
	struct pop3_session *s = u->s;

	(void)gone;
	(void)modseq;
	report(u, e);
	if (s) {
		CHECK_OBJ(s, POP3_SESSION_MAGIC);
		s->update = NULL;
		if (e)
			pop3_err(s, "[SYS/TEMP] Not all messages were removed.");
		else
			pop3_ok(s, "%u messages removed.", u->n);
		s->step = STEP_BYE;
	}
	free(u);
	if (s)
		pop3_pump(s);
}

static enum next update(struct pop3_session *s)
{
	struct pop3_update *u = xcalloc(1, sizeof(*u));
	struct uid_range *r;
	size_t n = drop_ranges(&s->drop, &r);

	u->s = s;
	u->n = s->drop.n_deleted;
	snprintf(u->log.tags, sizeof(u->log.tags), "user=%.80s", s->who.user);
	s->update = u;
	s->state = IN_UPDATE;
	u->call = store_expunge(&s->at, s->fid, (struct uid_ranges){ r, n }, true, on_expunged,
				u);
	free(r);
	return pop3_await(s);
}

enum next verb_quit(struct pop3_session *s, const struct pop3_cmd *c)
{
	enum err e;

	(void)c;
	if (s->state == IN_TRANSACTION && s->drop.n_deleted > 0) {
		e = account_locate(s->cas, &s->who.principal, &s->at);
		if (e == ERR_OK)
			return update(s);
		pop3_err(s, "[SYS/TEMP] Messages were not removed.");
	} else {
		pop3_ok(s, "Bye.");
	}
	s->step = STEP_BYE;
	return NEXT_MORE;
}

void pop3_update_leave(struct pop3_session *s)
{
	struct pop3_update *u = s->update;

	s->update = NULL;
	if (u == NULL)
		return;
	u->s = NULL;
	if (s->stopping) {		/* nobody would call back */
		api_cancel(&u->call);
		free(u);
	}
}
