#include "common/relay/rpc.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/relay/hand.h"
#include "gen/hub.pb-c.h"

#include <stdlib.h>
#include <string.h>

/* ---- a request that waits for the queue or the tracking log ------------------------ */

/* The caller may go away meanwhile: then rq is cleared and the answer dropped. */
struct wait {
	struct rpc_request *rq;
};

static void on_gone(struct rpc_request *rq)
{
	((struct wait *)rq->data)->rq = NULL;
}

static struct wait *wait_new(struct rpc_request *rq)
{
	struct wait *w = xcalloc(1, sizeof(*w));

	w->rq = rq;
	rq->data = w;
	rq->on_gone = on_gone;
	return w;
}

/* NULL: nobody waits any more. */
static struct rpc_request *wait_end(struct wait *w)
{
	struct rpc_request *rq = w->rq;

	free(w);
	if (rq)
		rq->on_gone = NULL;
	return rq;
}

static struct relay *relay_of(const struct rpc_request *rq)
{
	return rq->role;
}

/* ---- who holds what ------------------------------------------------------------------ */

static void held_done(void *ctx, enum err e, uint64_t lowest)
{
	struct rpc_request *rq = wait_end(ctx);
	Hub__HeldRep rep = HUB__HELD_REP__INIT;

	rep.lowest = lowest;
	if (rq)
		rpc_finish(rq, e, &rep.base);
}

void relay_serve_held(struct rpc_request *rq, const ProtobufCMessage *body)
{
	const Hub__HeldReq *in = (const Hub__HeldReq *)(const void *)body;
	struct guid root;

	if (guid_from(in->root.data, in->root.len, &root))
		rpc_fail(rq, ERR_INVALID);
	else
		queue_held(relay_of(rq)->queue, &root, held_done, wait_new(rq));
}

/* ---- administration -------------------------------------------------------------------- */

static void list_done(void *ctx, enum err e, const struct queue_line *l, size_t n)
{
	struct rpc_request *rq = wait_end(ctx);
	Hub__QueueListRep rep = HUB__QUEUE_LIST_REP__INIT;
	Hub__QueueLine *lines;

	if (!rq)
		return;
	lines = arena_alloc(&rq->arena, (n + 1) * sizeof(*lines));
	rep.lines = arena_alloc(&rq->arena, (n + 1) * sizeof(*rep.lines));
	for (size_t i = 0; !e && i < n; i++) {
		Hub__QueueLine *o = rep.lines[rep.n_lines++] = &lines[i];

		hub__queue_line__init(o);
		o->id = l[i].id;
		o->kind = (char *)hop_kind_name(l[i].kind);
		o->name = (char *)l[i].name;
		o->error = (char *)l[i].error;
		o->messages = l[i].messages;
		o->recipients = l[i].recipients;
		o->due_ms = l[i].due_ms;
		o->oldest_ms = l[i].oldest_ms;
		o->tries = l[i].tries;
		o->suspended = l[i].suspended;
	}
	rpc_finish(rq, e, &rep.base);
}

void relay_serve_queue_list(struct rpc_request *rq, const ProtobufCMessage *body)
{
	const Hub__QueueListReq *in = (const Hub__QueueListReq *)(const void *)body;

	queue_list(relay_of(rq)->queue, in->after, list_done, wait_new(rq));
}

static void messages_done(void *ctx, enum err e, const struct queue_message *m, size_t n)
{
	struct rpc_request *rq = wait_end(ctx);
	Hub__QueueMessagesRep rep = HUB__QUEUE_MESSAGES_REP__INIT;
	Hub__QueueMessage *list;

	if (!rq)
		return;
	list = arena_alloc(&rq->arena, (n + 1) * sizeof(*list));
	rep.messages = arena_alloc(&rq->arena, (n + 1) * sizeof(*rep.messages));
	for (size_t i = 0; !e && i < n; i++) {
		Hub__QueueMessage *o = rep.messages[rep.n_messages++] = &list[i];

		hub__queue_message__init(o);
		o->row = m[i].row;
		o->id = (char *)mail_id_text(&m[i].id, arena_alloc(&rq->arena, 64));
		o->sender = (char *)m[i].sender;
		o->message_id = (char *)m[i].message_id;
		o->recipient = (char *)m[i].recipient;
		o->kind = (char *)hop_kind_name(m[i].kind);
		o->hop = (char *)m[i].hop;
		o->error = (char *)m[i].error;
		o->recipients = m[i].recipients;
		o->size = m[i].size;
		o->received_ms = m[i].received_ms;
		o->due_ms = m[i].due_ms;
		o->suspended = m[i].suspended;
	}
	rpc_finish(rq, e, &rep.base);
}

void relay_serve_queue_messages(struct rpc_request *rq, const ProtobufCMessage *body)
{
	const Hub__QueueMessagesReq *in = (const Hub__QueueMessagesReq *)(const void *)body;

	/* 200 lines of at most 3 KB fit a message of the bus. */
	queue_messages(relay_of(rq)->queue, in->hop, in->after,
		       in->limit == 0 || in->limit > 100 ? 100 : in->limit, messages_done,
		       wait_new(rq));
}

static void order_done(void *ctx, enum err e)
{
	struct rpc_request *rq = wait_end(ctx);
	Hub__Done rep = HUB__DONE__INIT;

	if (rq)
		rpc_finish(rq, e, &rep.base);
}

void relay_serve_queue_order(struct rpc_request *rq, const ProtobufCMessage *body)
{
	static const char *const names[] = {
		[QUEUE_ORDER_RETRY] = "retry",	 [QUEUE_ORDER_SUSPEND] = "suspend",
		[QUEUE_ORDER_RESUME] = "resume", [QUEUE_ORDER_REMOVE] = "remove",
		[QUEUE_ORDER_DROP] = "drop",	 [QUEUE_ORDER_RESUBMIT] = "resubmit",
	};
	const Hub__QueueOrderReq *in = (const Hub__QueueOrderReq *)(const void *)body;
	size_t i = 0;

	while (i < N_ELEMS(names) && strcmp(names[i], in->order) != 0)
		i++;
	if (i == N_ELEMS(names) || (in->hop == 0) == (in->row == 0)) {
		rpc_fail(rq, ERR_INVALID);
		return;
	}
	log_info(&rq->log, "queue order=%s queue=%lld message=%lld by=%s", names[i],
		 (long long)in->hop, (long long)in->row, rq->caller->name);
	queue_order(relay_of(rq)->queue, (enum queue_order)i, in->hop, in->row, clock_wall_ms(),
		    order_done, wait_new(rq));
}

static void track_done(void *ctx, enum err e, const struct track_line *l, size_t n, bool more)
{
	struct rpc_request *rq = wait_end(ctx);
	Hub__TrackRep rep = HUB__TRACK_REP__INIT;
	Hub__TrackLine *list;

	if (!rq)
		return;
	list = arena_alloc(&rq->arena, (n + 1) * sizeof(*list));
	rep.lines = arena_alloc(&rq->arena, (n + 1) * sizeof(*rep.lines));
	rep.more = more;
	for (size_t i = 0; !e && i < n; i++) {
		Hub__TrackLine *o = rep.lines[rep.n_lines++] = &list[i];

		hub__track_line__init(o);
		o->at_ms = l[i].at_ms;
		o->size = l[i].size;
		o->event = (char *)l[i].event;
		o->id = (char *)l[i].id;
		o->message_id = (char *)l[i].message_id;
		o->sender = (char *)l[i].sender;
		o->recipient = (char *)l[i].recipient;
		o->detail = (char *)l[i].detail;
		o->server = (char *)member_name(relay_of(rq)->member);
	}
	rpc_finish(rq, e, &rep.base);
}

void relay_serve_track_find(struct rpc_request *rq, const ProtobufCMessage *body)
{
	const Hub__TrackReq *in = (const Hub__TrackReq *)(const void *)body;
	const struct track_query q = {
		.message_id = in->message_id, .recipient = in->recipient, .sender = in->sender,
		.since_ms = in->since_ms,
		.limit = in->limit == 0 || in->limit > 50 ? 50 : in->limit,
	};

	track_find(relay_of(rq)->track, &q, track_done, wait_new(rq));
}

/* ---- a message handed over ---------------------------------------------------------- */

struct relay_hand {
	struct rpc_request *rq;		/* NULL: the caller is gone */
	struct mail *mail;		/* while its body arrives */
	struct spool_body *body;
	uint64_t size;
	relay_hand_cb *cb;
	void *ctx;
};

static void hand_gone(struct rpc_request *rq)
{
	struct relay_hand *h = rq->data;
	bool arriving = h->body != NULL;

	h->rq = NULL;
	if (!arriving)
		return;		/* the receiver has it, and answers */
	spool_body_unref(&h->body);
	mail_unref(&h->mail);
	free(h);
}

static void hand_reply(struct rpc_request *rq, enum hand_verdict v, const char *detail)
{
	Hub__HandRep rep = HUB__HAND_REP__INIT;

	rep.verdict = (Hub__HandRep__Verdict)v;
	rep.detail = (char *)(detail ? detail : "");
	rpc_reply(rq, &rep.base, NULL, 0);
}

void relay_hand_decline(struct rpc_request *rq)
{
	hand_reply(rq, HAND_NOT_HELD, "resources are low");
}

void relay_hand_answer(struct relay_hand *h, enum hand_verdict v, const char *detail)
{
	struct rpc_request *rq = h->rq;

	free(h);
	if (!rq)
		return;
	rq->on_gone = NULL;
	hand_reply(rq, v, detail);
}

/* It is all here. */
static void hand_complete(struct relay_hand *h)
{
	struct mail *m = h->mail;

	spool_body_seal(h->body);
	mail_set_body(m, h->body);
	h->body = NULL;
	h->mail = NULL;
	h->cb(h->ctx, h, m);
}

static void hand_break(struct relay_hand *h, enum err e, const char *why)
{
	struct rpc_request *rq = h->rq;

	rq->on_gone = NULL;
	rq->on_chunk = NULL;
	spool_body_unref(&h->body);
	mail_unref(&h->mail);
	free(h);
	err_set(&rq->eb, e, "%s", why);
	rpc_fail(rq, e);
}

static void hand_chunk(struct rpc_request *rq, const void *p, size_t n, bool last)
{
	struct relay_hand *h = rq->data;
	uint64_t have = spool_body_size(h->body);

	if (n > h->size - have || (last && have + n != h->size)) {
		hand_break(h, ERR_INVALID, "content is not as long as it said");
		return;
	}
	if (n > 0 && spool_body_add(h->body, p, n, &rq->eb)) {
		hand_break(h, ERR_AGAIN, "content cannot be written");
		return;
	}
	rpc_grant(rq, n);
	if (last) {
		rq->on_chunk = NULL;
		hand_complete(h);
	}
}

void relay_hand_take(struct rpc_request *rq, const ProtobufCMessage *body, struct spool *spool,
		     uint64_t max_size, relay_hand_cb *cb, void *ctx)
{
	struct hand hand;
	struct relay_hand *h;
	enum err e = hand_read(body, &rq->arena, &hand, &rq->eb);

	if (!e && !rq->upload && hand.size != rq->payload_len)
		e = err_set(&rq->eb, ERR_INVALID, "hand: %zu bytes came", rq->payload_len);
	if (e) {
		rpc_fail(rq, e);
		return;
	}
	if (hand.size > max_size) {
		hand_reply(rq, HAND_REFUSED, "5.3.4 message too large");
		return;
	}
	h = xcalloc(1, sizeof(*h));
	h->rq = rq;
	h->cb = cb;
	h->ctx = ctx;
	h->size = hand.size;
	h->mail = hand_to_mail(&hand);
	h->body = spool_body_new(spool);
	rq->data = h;
	rq->on_gone = hand_gone;
	if (rq->upload) {
		rq->on_chunk = hand_chunk;
		return;
	}
	e = hand.size ? spool_body_add(h->body, rq->payload, rq->payload_len, &rq->eb) : ERR_OK;
	if (e)
		hand_break(h, ERR_AGAIN, "content cannot be written");
	else
		hand_complete(h);
}
