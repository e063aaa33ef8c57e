/* What bourse-um answers on the bus. */
#include "roles/unified-messaging/rpc.h"

#include "common/base/clock.h"
#include "common/replica/member.h"
#include "gen/um.pb-c.h"
#include "roles/unified-messaging/call.h"
#include "roles/unified-messaging/message/address.h"
#include "roles/unified-messaging/prompt/phrase.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define ADMINS (RPC_ADMIN | RPC_DIRECTORY)

enum { MAX_LINES = 1000 };	/* of calls, in one answer */

static char *text_of(const char *s)
{
	return (char *)(uintptr_t)s;
}

RPC_HANDLER(calls, Um__CallsReq)
static void calls(struct rpc_request *rq, const Um__CallsReq *in)
{
	struct um *um = rq->role;
	Um__CallsRep rep = UM__CALLS_REP__INIT;

	(void)in;
	rep.calls = arena_alloc(&rq->arena, (um->n_calls + 1) * sizeof(*rep.calls));
	LIST_EACH (&um->calls, n) {
		struct call *c = CONTAINER_OF(n, struct call, node);
		Um__CallLine *l = arena_alloc(&rq->arena, sizeof(*l));
		struct stream_stats st = { 0 };

		if (rep.n_calls == MAX_LINES)
			break;
		if (c->stream)
			stream_get_stats(c->stream, &st);
		um__call_line__init(l);
		l->id = c->id;
		l->kind = text_of(c->app->kind);
		l->state = text_of(c->app->state(c->ctx));
		l->caller = c->caller.user;
		l->called = c->wanted.user;
		l->mailbox = c->mailbox_name;
		l->gateway = c->gateway;
		l->codec = text_of(c->stream ? stream_codec(c->stream) : "");
		l->srtp = c->stream && stream_is_secure(c->stream);
		l->started_ms = c->started_ms;
		l->received = st.received;
		l->lost = st.lost;
		l->sent = st.sent;
		rep.calls[rep.n_calls++] = l;
	}
	rpc_reply(rq, &rep.base, NULL, 0);
}

RPC_HANDLER(hang_up, Um__HangUpReq)
static void hang_up(struct rpc_request *rq, const Um__HangUpReq *in)
{
	Um__HangUpRep rep = UM__HANG_UP_REP__INIT;
	struct call *c = call_find(rq->role, in->id);

	if (c)
		call_hang_up(c);
	rpc_finish(rq, c ? ERR_OK : err_set(&rq->eb, ERR_NOTFOUND, "no such call"), &rep.base);
}

/* ---- notices ---------------------------------------------------------------------------- */

static const char *access_number(struct replica *r, const struct object *mailbox, struct arena *a)
{
	struct object *o;
	struct guid g;

	if (object_guid(mailbox, OBJ_UM_POLICY, &g) && replica_by_guid(r, &g, a, &o) == ERR_OK &&
	    object_guid(o, OBJ_DIAL_PLAN, &g) && replica_by_guid(r, &g, a, &o) == ERR_OK)
		return object_text(o, OBJ_ACCESS_NUMBER);
	return NULL;
}

static void write_notice(struct note *n, const Um__NoticeReq *in, const struct object *mailbox,
			 const char *access)
{
	const char *extension = object_text(mailbox, OBJ_EXTENSION);
	bool welcome = in->what == UM__NOTICE_REQ__WHAT__WELCOME;
	char pin[96] = "", number[96] = "";

	if (in->pin[0])
		snprintf(pin, sizeof(pin), " Your PIN is %.24s; you choose another one at the first call.",
			 in->pin);
	if (access)
		snprintf(number, sizeof(number), " Call %.40s to listen to your messages.", access);
	n->kind = NOTE_TEXT;
	NOTE_SET(n, subject, welcome ? "Your telephone calls are answered" : "Your new PIN");
	snprintf(n->text, sizeof(n->text), "%s%s%s%s%s", welcome ?
		 "Unified Messaging answers calls that you do not take, and sends you what callers say."
		 : "The PIN of your voice mailbox was reset.", extension && welcome ?
		 " Your extension is " : "", extension && welcome ? extension : "",
		 extension && welcome ? "." : "", number);
	snprintf(n->text + strlen(n->text), sizeof(n->text) - strlen(n->text), "%s", pin);
	sodium_memzero(pin, sizeof(pin));
}

RPC_HANDLER(notice, Um__NoticeReq)
static void notice(struct rpc_request *rq, const Um__NoticeReq *in)
{
	Um__NoticeRep rep = UM__NOTICE_REP__INIT;
	struct um *um = rq->role;
	struct replica *r = member_replica(um->member);
	struct object *mailbox;
	struct note n = { .kind = NOTE_TEXT };
	struct guid g;
	enum err e = guid_from(in->mailbox.data, in->mailbox.len, &g);

	if (!e)
		e = replica_by_guid(r, &g, &rq->arena, &mailbox);
	if (!e && mailbox->klass != CLASS_MAILBOX)
		e = ERR_NOTFOUND;
	if (!e) {
		n.at_ms = clock_wall_ms();
		address_note(mailbox, &n);
		write_notice(&n, in, mailbox, access_number(r, mailbox, &rq->arena));
		post_note(um->post, &n);
	}
	sodium_memzero(&n, sizeof(n));
	sodium_memzero(in->pin, strlen(in->pin));
	rpc_finish(rq, e, &rep.base);
}

const struct rpc_method um_methods[] = {
	{ "um.calls", calls_thunk, &um__calls_req__descriptor, ADMINS, 0, 64 },
	{ "um.hang-up", hang_up_thunk, &um__hang_up_req__descriptor, ADMINS, 0, 128 },
	{ "um.notice", notice_thunk, &um__notice_req__descriptor, ADMINS, 0, 256 },
};
const size_t um_n_methods = N_ELEMS(um_methods);
