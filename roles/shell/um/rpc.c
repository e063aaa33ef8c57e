#include "gen/um.pb-c.h"
#include "roles/shell/um/um.h"

static char *mutable(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

enum err ask_um_notice(struct shell *sh, const char *server, enum um_notice what,
		       const struct guid *mailbox, const char *pin)
{
	Um__NoticeReq rq = UM__NOTICE_REQ__INIT;

	rq.what = what == UM_NOTICE_PIN ? UM__NOTICE_REQ__WHAT__PIN : UM__NOTICE_REQ__WHAT__WELCOME;
	rq.mailbox = (ProtobufCBinaryData){ sizeof(mailbox->b), (uint8_t *)(uintptr_t)mailbox->b };
	rq.pin = mutable(pin);
	return ask_forward(sh, server, "um.notice", &rq.base, NULL, 10000, NULL);
}

enum err ask_um_calls(struct shell *sh, const char *server, struct table *t)
{
	Um__CallsReq rq = UM__CALLS_REQ__INIT;
	const ProtobufCMessage *m = NULL;
	const Um__CallsRep *rp;
	enum err e = ask_forward(sh, server, "um.calls", &rq.base, &um__calls_rep__descriptor, 3000,
				 &m);

	if (e)
		return e;
	rp = (const void *)m;
	for (size_t i = 0; i < rp->n_calls; i++) {
		const Um__CallLine *l = rp->calls[i];

		table_row(t);
		table_text(t, NULL, server);
		table_text(t, NULL, l->id);
		table_text(t, NULL, l->kind);
		table_text(t, NULL, l->state);
		table_text(t, NULL, l->caller);
		table_text(t, NULL, l->called);
		table_text(t, NULL, l->mailbox);
		table_text(t, NULL, l->gateway);
		table_text(t, NULL, arena_printf(&sh->arena, "%s%s", l->codec,
						 l->srtp ? "+srtp" : ""));
		table_time(t, NULL, l->started_ms);
		table_number(t, NULL, (int64_t)l->received);
		table_number(t, NULL, (int64_t)l->lost);
		table_number(t, NULL, (int64_t)l->sent);
	}
	return ERR_OK;
}

enum err ask_um_hang_up(struct shell *sh, const char *server, const char *id)
{
	Um__HangUpReq rq = UM__HANG_UP_REQ__INIT;

	rq.id = mutable(id);
	return ask_forward(sh, server, "um.hang-up", &rq.base, NULL, 3000, NULL);
}
