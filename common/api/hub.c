#include "common/api/hub.h"

#include "common/base/check.h"
#include "common/rpc/rpc.h"
#include "gen/hub.pb-c.h"

#include <stdlib.h>
#include <string.h>

struct hub_call {
	struct rpc_call *rpc;
	hand_cb *on_hand;
	hub_done_cb *on_done;
	hub_held_cb *on_held;
	void *ctx;
	struct hand_content content;	/* what is left to stream */
	uint64_t size, sent;
	bool failed;			/* the content cannot be read */
};

void hub_cancel(struct hub_call **cp)
{
	struct hub_call *c = *cp;

	*cp = NULL;
	if (!c)
		return;
	rpc_call_cancel(&c->rpc);
	free(c);
}

/* ---- handing a message over -------------------------------------------------- */

static void hand_reply(void *ctx, enum err e, const ProtobufCMessage *rep, const void *payload,
		       size_t n, const char *detail)
{
	struct hub_call *c = ctx;
	const Hub__HandRep *r = (const Hub__HandRep *)(const void *)rep;
	enum hand_verdict v = HAND_UNKNOWN;

	(void)payload;
	(void)n;
	if (!e && r->verdict <= HUB__HAND_REP__VERDICT__REFUSED)
		v = (enum hand_verdict)r->verdict;
	c->on_hand(c->ctx, e, v, e ? detail : r->detail);
	free(c);
}

/* The content cannot be read: the stream ends short, and the other end refuses. */
static void push(void *ctx)
{
	struct hub_call *c = ctx;
	size_t room;
	char *chunk = NULL;

	while (!c->failed && c->sent < c->size && (room = rpc_call_credit(c->rpc)) > 0) {
		size_t n = room < RPC_CHUNK ? room : RPC_CHUNK, got = 0;

		if (!chunk)
			chunk = xcalloc(1, RPC_CHUNK);
		if (c->content.read(c->content.src, c->sent, chunk, n, &got) || got == 0)
			c->failed = true;
		c->sent += got;
		rpc_call_send(c->rpc, chunk, got, c->failed || c->sent == c->size);
	}
	free(chunk);
}

static void pack_rcpts(const struct hand *h, struct arena *a, Hub__Rcpt ***list)
{
	Hub__Rcpt *r = arena_alloc(a, h->n_rcpts * sizeof(*r));

	*list = arena_alloc(a, h->n_rcpts * sizeof(**list));
	for (size_t i = 0; i < h->n_rcpts; i++) {
		hub__rcpt__init(&r[i]);
		r[i].address = (char *)h->rcpts[i].address;
		r[i].orcpt = (char *)h->rcpts[i].orcpt;
		r[i].notify = h->rcpts[i].notify;
		(*list)[i] = &r[i];
	}
}

static ProtobufCBinaryData bytes_of(const struct guid *g)
{
	return (ProtobufCBinaryData){ sizeof(g->b), (uint8_t *)g->b };
}

static struct hub_call *hand_over(struct rpc_peer *peer, const char *method,
				  const struct hand *h, const struct hand_content *content,
				  unsigned timeout_ms, hand_cb *cb, void *ctx)
{
	struct hub_call *c = xcalloc(1, sizeof(*c));
	Hub__Hand body = HUB__HAND__INIT;
	struct rpc_args args = { .method = method, .body = &body.base,
				 .rep = &hub__hand_rep__descriptor, .timeout_ms = timeout_ms,
				 .on_reply = hand_reply, .ctx = c, .trace = h->seq };
	struct arena a = { NULL, NULL };

	CHECK(h->n_rcpts > 0 && h->n_rcpts <= HAND_MAX_RCPTS);
	body.origin = bytes_of(&h->origin);
	body.root = bytes_of(&h->root);
	body.seq = h->seq;
	body.sender = (char *)h->sender;
	body.envid = (char *)h->envid;
	body.prefix = (char *)h->prefix;
	body.message_id = (char *)h->message_id;
	body.flags = h->flags;
	body.received_ms = h->received_ms;
	body.size = h->size;
	body.n_rcpts = h->n_rcpts;
	pack_rcpts(h, &a, &body.rcpts);
	c->on_hand = cb;
	c->ctx = ctx;
	c->content = *content;
	c->size = h->size;
	if (content->data) {
		args.payload = content->data;
		args.payload_len = (size_t)h->size;
	} else {
		args.upload = true;
		args.on_credit = push;
	}
	c->rpc = rpc_call(peer, &args);
	arena_fini(&a);
	if (args.upload)
		push(c);
	return c;
}

struct hub_call *hub_accept(struct rpc_peer *peer, const struct hand *h,
			    const struct hand_content *content, unsigned timeout_ms, hand_cb *cb,
			    void *ctx)
{
	return hand_over(peer, "hub.accept", h, content, timeout_ms, cb, ctx);
}

struct hub_call *edge_send(struct rpc_peer *peer, const struct hand *h,
			   const struct hand_content *content, unsigned timeout_ms, hand_cb *cb,
			   void *ctx)
{
	return hand_over(peer, "edge.send", h, content, timeout_ms, cb, ctx);
}

/* ---- the small calls ---------------------------------------------------------- */

static void done_reply(void *ctx, enum err e, const ProtobufCMessage *rep, const void *payload,
		       size_t n, const char *detail)
{
	struct hub_call *c = ctx;

	(void)rep;
	(void)payload;
	(void)n;
	(void)detail;
	c->on_done(c->ctx, e);
	free(c);
}

static void held_reply(void *ctx, enum err e, const ProtobufCMessage *rep, const void *payload,
		       size_t n, const char *detail)
{
	struct hub_call *c = ctx;

	(void)payload;
	(void)n;
	(void)detail;
	c->on_held(c->ctx, e, e ? 0 : ((const Hub__HeldRep *)(const void *)rep)->lowest);
	free(c);
}

static struct hub_call *small(struct rpc_peer *peer, const char *method,
			      const ProtobufCMessage *body,
			      const ProtobufCMessageDescriptor *rep, rpc_reply_cb *on_reply,
			      void *ctx)
{
	struct hub_call *c = xcalloc(1, sizeof(*c));
	const struct rpc_args args = { .method = method, .body = body, .rep = rep,
				       .timeout_ms = 10000, .on_reply = on_reply, .ctx = c };

	c->ctx = ctx;
	c->rpc = rpc_call(peer, &args);
	return c;
}

struct hub_call *edge_offer(struct rpc_peer *peer, unsigned messages, uint64_t bytes,
			    hub_done_cb *cb, void *ctx)
{
	Hub__Offer body = HUB__OFFER__INIT;
	struct hub_call *c;

	body.messages = messages;
	body.bytes = bytes;
	c = small(peer, "edge.offer", &body.base, &hub__done__descriptor, done_reply, ctx);
	c->on_done = cb;
	return c;
}

struct hub_call *relay_held(struct rpc_peer *peer, const struct guid *root, hub_held_cb *cb,
			    void *ctx)
{
	Hub__HeldReq body = HUB__HELD_REQ__INIT;
	struct hub_call *c;

	body.root = bytes_of(root);
	c = small(peer, "relay.held", &body.base, &hub__held_rep__descriptor, held_reply, ctx);
	c->on_held = cb;
	return c;
}

struct hub_call *relay_done(struct rpc_peer *peer, const struct guid *root, uint64_t seq,
			  hub_done_cb *cb, void *ctx)
{
	Hub__DoneReq body = HUB__DONE_REQ__INIT;
	struct hub_call *c;

	body.root = bytes_of(root);
	body.seq = seq;
	c = small(peer, "relay.done", &body.base, &hub__done__descriptor, done_reply, ctx);
	c->on_done = cb;
	return c;
}

/* ---- for the serving side ------------------------------------------------------ */

const ProtobufCMessageDescriptor *const hand_descriptor = &hub__hand__descriptor;

/* Text that goes into SMTP commands and header fields: no line ends, no NUL is
 * possible in a protobuf string. */
static bool one_line(const char *s, size_t max)
{
	size_t n = strcspn(s, "\r\n");

	return n <= max && s[n] == '\0';
}

/* Whole header fields only: CRLF in pairs, at the end too, and no empty line. */
static bool is_prefix(const char *s)
{
	size_t n = strlen(s);

	if (n == 0)
		return true;
	if (n > 64 * 1024 || n < 4 || strcmp(s + n - 2, "\r\n") != 0 || s[0] == '\r' ||
	    s[0] == ' ' || s[0] == '\t' ||
	    strstr(s, "\r\n\r\n"))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((s[i] == '\n' && (i == 0 || s[i - 1] != '\r')) ||
		    (s[i] == '\r' && s[i + 1] != '\n'))
			return false;
	return true;
}

enum err hand_read(const ProtobufCMessage *body, struct arena *a, struct hand *out,
		   struct errbuf *eb)
{
	const Hub__Hand *h = (const Hub__Hand *)(const void *)body;

	if (guid_from(h->origin.data, h->origin.len, &out->origin) || h->seq == 0 ||
	    h->seq > INT64_MAX)
		return err_set(eb, ERR_INVALID, "hand: no identity");
	out->root = out->origin;
	if (h->root.len && guid_from(h->root.data, h->root.len, &out->root))
		return err_set(eb, ERR_INVALID, "hand: bad root");
	if (h->n_rcpts == 0 || h->n_rcpts > HAND_MAX_RCPTS)
		return err_set(eb, ERR_INVALID, "hand: %zu recipients", h->n_rcpts);
	if (!one_line(h->sender, 1024) || !one_line(h->envid, 100) ||
	    !one_line(h->message_id, 1000) || !is_prefix(h->prefix))
		return err_set(eb, ERR_INVALID, "hand: malformed text");
	out->seq = h->seq;
	out->sender = h->sender;
	out->envid = h->envid;
	out->prefix = h->prefix;
	out->message_id = h->message_id;
	out->flags = h->flags;
	out->received_ms = h->received_ms;
	out->size = h->size;
	out->n_rcpts = h->n_rcpts;
	out->rcpts = arena_alloc(a, h->n_rcpts * sizeof(*out->rcpts));
	for (size_t i = 0; i < h->n_rcpts; i++) {
		const Hub__Rcpt *r = h->rcpts[i];

		if (!one_line(r->address, 1024) || r->address[0] == '\0' || !one_line(r->orcpt, 500))
			return err_set(eb, ERR_INVALID, "hand: malformed recipient");
		out->rcpts[i] = (struct hand_rcpt){ r->address, r->orcpt, r->notify };
	}
	return ERR_OK;
}
