#ifndef RPC_RPC_H
#define RPC_RPC_H
/*
 * rpc - calls, streams and who may make them, over the bus
 *
 * One struct rpc per daemon: its keys, its table of methods, its connections.
 * A connection (struct rpc_peer) works both ways: whoever dialled, either end
 * may call the other.  That is how an edge, which may not open a connection
 * inward, hands mail to the hub that dialled it.
 *
 * Who a caller is follows from its CURVE key and nothing else.  The owner's
 * `who` callback turns a key into an identity, at the handshake and again for
 * each message (it must be a cheap lookup), so a removed server is cut off at
 * once.  The method table says which roles may call and for whom they may speak.
 *
 * Calls have deadlines.  A lost peer fails its calls with ERR_AGAIN at once.
 * Large payloads are streams of chunks of at most RPC_CHUNK bytes under credit:
 * the receiving side grants bytes, the sending side never sends more.  All
 * streams from one peer share RPC_PEER_WINDOW; beyond it new ones start with
 * RPC_MIN_WINDOW, so that many slow readers cost little and block nobody.
 *
 * Everything happens on the loop's thread.  A callback fires exactly once, from
 * the loop, never from inside the function that registered it, and never after
 * a cancel.
 */
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/guid.h"
#include "common/base/log.h"
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#define RPC_KEY    32u			/* bytes of a CURVE key */
#define RPC_CHUNK  (256u * 1024)	/* most payload bytes in one message */
#define RPC_WINDOW (1024u * 1024)	/* credit a stream starts with */
#define RPC_PEER_WINDOW (32u * 1024 * 1024)
#define RPC_MIN_WINDOW	(64u * 1024)
#define RPC_IDEM	256u	/* bytes of an idempotency key */

/* Bits, so that a method can name several. */
enum rpc_role {
	RPC_DIRECTORY = 1,
	RPC_MAILBOX = 2,
	RPC_HUB = 4,
	RPC_EDGE = 8,
	RPC_CAS = 16,
	RPC_UM = 32,
	RPC_ADMIN = 64,		/* a person, by an enrolled key or a local uid */
	RPC_STRANGER = 128,	/* any key, on an enrolment endpoint only */
};
const char *rpc_role_name(unsigned role);	/* "mailbox"; "?" if not exactly one */

struct rpc_ident {
	unsigned role;		/* exactly one bit of enum rpc_role */
	struct guid guid;	/* server or administrator object */
	char name[64];		/* for logs and the audit */
};

struct rpc;
struct rpc_peer;
struct rpc_call;
struct rpc_request;

/* ---- the daemon's end ---------------------------------------------------- */

/* Serve one call.  body is borrowed until this returns.  Answer now or later
 * with rpc_reply() or rpc_fail(), exactly once. */
typedef void rpc_serve_fn(struct rpc_request *rq, const ProtobufCMessage *body);

enum rpc_method_flags {
	RPC_FOR_USER = 1,	/* needs a principal in the envelope; without it one is
				 * optional.  Edges and strangers speak for nobody */
	RPC_UPLOAD = 2,		/* may come with a request stream */
};

struct rpc_method {
	const char *name;	/* "store.deliver" */
	rpc_serve_fn *serve;
	const ProtobufCMessageDescriptor *req;
	unsigned callers;	/* enum rpc_role bits */
	unsigned flags;
	size_t max_body;	/* bytes; larger is refused unread */
};

/* Declares the typed handler `fn` and its thunk for the table. */
#define RPC_HANDLER(fn, Req)                                                          \
	static void fn(struct rpc_request *rq, const Req *in);                        \
	static void fn##_thunk(struct rpc_request *rq, const ProtobufCMessage *body)  \
	{                                                                             \
		fn(rq, (const Req *)(const void *)body);                              \
	}

struct rpc_conf {
	struct uv_loop_s *loop;
	uint8_t public_key[RPC_KEY], secret_key[RPC_KEY];
	uint8_t old_public_key[RPC_KEY], old_secret_key[RPC_KEY]; /* zero: no rotation */
	struct rpc_ident self;
	const struct rpc_method *methods;	/* borrowed, const for good */
	size_t n_methods;
	void *role;		/* handed to handlers as rq->role */

	/* Whose key is this?  False: nobody's.  Asked for every message.  NULL: we
	 * only dial, each time with an expected identity. */
	bool (*who)(void *ctx, const uint8_t key[RPC_KEY], struct rpc_ident *out);
	/* A connection became usable, or was lost (its calls have failed by then; an
	 * accepted p is gone after this).  Optional. */
	void (*on_peer)(void *ctx, struct rpc_peer *p, bool up);
	void *ctx;

	size_t max_inflight;	/* calls being served at a time, per peer; 0: 4,096 */
	size_t max_bytes;	/* bytes queued towards one peer; 0: 64 MiB */
};

/* conf is copied (its pointers borrowed).  On success *out is closed by
 * rpc_close(), which drops our calls without callbacks and calls on_gone of the
 * requests being served (so close it before what handlers use); no request may be
 * touched after it, so stop first whatever would still answer one.  Its memory goes
 * while the loop turns on: run the loop until it has no more to do. */
enum err rpc_open(const struct rpc_conf *conf, struct rpc **out, struct errbuf *eb) A_MUST_USE;
void rpc_close(struct rpc **r);

enum rpc_listen_kind {
	RPC_LISTEN_SERVERS,	/* keys that `who` knows */
	RPC_LISTEN_ENROL,	/* any key; unknown ones are RPC_STRANGER */
	RPC_LISTEN_LOCAL,	/* ipc only: any key, of a process with uid; an RPC_ADMIN
				 * named "uid:N" or by the user's name */
};
/* endpoint as ZeroMQ writes it: "tcp://0.0.0.0:17001", "ipc:///run/bourse/x". */
enum err rpc_listen(struct rpc *r, const char *endpoint, enum rpc_listen_kind kind,
		    unsigned uid, struct errbuf *eb) A_MUST_USE;

/* Keep a connection to this endpoint, whose server must hold server_key; it is
 * made anew after every loss.  Never fails: what is unreachable is just not up.
 * A refused key is logged.  expect (copied): who that is, if the caller knows it
 * better than `who` (a token, a subscription); NULL: `who` must know the key.  Once
 * `who` has known it, it must go on knowing it. */
struct rpc_peer *rpc_dial(struct rpc *r, const char *endpoint,
			  const uint8_t server_key[RPC_KEY], const struct rpc_ident *expect);
/* Closes a dialled connection; from the loop, its calls fail and on_peer hears of
 * it if it was up.  *p is cleared; NULL is allowed. */
void rpc_hangup(struct rpc_peer **p);

/* One pointer for common/api, NULL at first: what it shares between calls to this
 * peer.  It is cleared when the last of those calls ends, which is before p goes. */
void **rpc_peer_slot(struct rpc_peer *p);

bool rpc_peer_is_up(const struct rpc_peer *p);
const struct rpc_ident *rpc_peer_ident(const struct rpc_peer *p);
const uint8_t *rpc_peer_key(const struct rpc_peer *p);	/* RPC_KEY bytes */
/* The connection, dialled or accepted, that leads to this server; NULL if none is up. */
struct rpc_peer *rpc_find(struct rpc *r, const struct guid *server);
/* Walk all connections that are up: start with NULL. */
struct rpc_peer *rpc_next(struct rpc *r, const struct rpc_peer *after);
/* After the owner's list of servers changed: drop, from the loop, connections
 * whose key is nobody's any more.  Happens every second anyway. */
void rpc_recheck(struct rpc *r);

/* ---- serving ------------------------------------------------------------- */

struct rpc_request {
	struct rpc_peer *peer;
	const struct rpc_ident *caller;
	void *role;			/* rpc_conf.role */
	struct guid principal;		/* null: the calling server itself */
	uint64_t trace;
	const void *idem;		/* lives as long as the request */
	size_t idem_len;
	int64_t deadline_ms;		/* clock_mono_ms() */
	const void *payload;		/* the call's own payload frame; lives as long as rq */
	size_t payload_len;
	bool upload;			/* chunks follow */
	struct arena arena;		/* lives as long as the request */
	struct log_ctx log;
	struct errbuf eb;		/* detail for the caller's log */

	/* Set by the handler, all optional. */
	void *data;
	/* An uploaded chunk (borrowed); last: none follows, n may be 0.  Credit is
	 * given back by rpc_grant(), as the handler digests.  Must be set when serve
	 * returns; without it the upload is thrown away. */
	void (*on_chunk)(struct rpc_request *rq, const void *p, size_t n, bool last);
	void (*on_credit)(struct rpc_request *rq);	/* more may be sent */
	/* The caller is gone, cancelled, or out of time.  Stop; rq is freed when
	 * this returns (do not reply).  Without it rq stays until it is answered
	 * (to nobody). */
	void (*on_gone)(struct rpc_request *rq);
};

/* Both free rq.  rep may be NULL (empty reply).  Payload at most RPC_CHUNK. */
void rpc_reply(struct rpc_request *rq, const ProtobufCMessage *rep,
	       const void *payload, size_t payload_len);
void rpc_fail(struct rpc_request *rq, enum err e);	/* detail: rq->eb */
/* A handler that finishes at once: reply, or fail if e. */
void rpc_finish(struct rpc_request *rq, enum err e, const ProtobufCMessage *rep);

/* Reply stream.  n <= RPC_CHUNK and n <= rpc_credit(rq); p is copied.  Credit 0
 * also means that the connection is clogged; on_credit says when it is not. */
size_t rpc_credit(const struct rpc_request *rq);
void rpc_send_chunk(struct rpc_request *rq, const void *p, size_t n);
void rpc_grant(struct rpc_request *rq, size_t n);	/* upload stream: n digested */

/* ---- calling ------------------------------------------------------------- */

/* rep is unpacked by args.rep and borrowed until return; NULL unless e is OK.
 * detail is for the log.  After it the call is gone. */
typedef void rpc_reply_cb(void *ctx, enum err e, const ProtobufCMessage *rep,
			  const void *payload, size_t payload_len, const char *detail);

struct rpc_args {
	const char *method;
	const ProtobufCMessage *body;
	const ProtobufCMessageDescriptor *rep;	/* NULL: reply body ignored */
	const void *payload;			/* copied; at most RPC_CHUNK */
	size_t payload_len;
	bool upload;				/* chunks follow by rpc_call_send() */
	const struct guid *principal;		/* NULL: ourselves */
	uint64_t trace;
	const void *idem;
	size_t idem_len;
	unsigned timeout_ms;			/* 0: 30,000 */
	size_t window;				/* credit for the reply stream; 0: RPC_WINDOW */
	rpc_reply_cb *on_reply;			/* may be NULL: fire and forget */
	void (*on_chunk)(void *ctx, const void *p, size_t n);	/* reply stream, borrowed */
	void (*on_credit)(void *ctx);		/* upload: more may be sent */
	void *ctx;
};

/* Never NULL; gone when on_reply begins.  To a peer that is not up, or whose queue
 * is full, on_reply gets ERR_AGAIN from the loop.  An upload starts with the credit
 * of one chunk; more comes by on_credit. */
struct rpc_call *rpc_call(struct rpc_peer *p, const struct rpc_args *args);
void rpc_call_cancel(struct rpc_call **c);	/* no callback after it; *c may be NULL */
size_t rpc_call_credit(const struct rpc_call *c);
void rpc_call_send(struct rpc_call *c, const void *p, size_t n, bool last);
void rpc_call_grant(struct rpc_call *c, size_t n);	/* n bytes of the reply stream digested */

/* ---- figures ------------------------------------------------------------- */

struct rpc_stats {
	uint64_t calls_in, calls_out, failed_in, failed_out, bytes_in, bytes_out, refused;
	unsigned peers_up, inflight_in, inflight_out;
};
void rpc_get_stats(const struct rpc *r, struct rpc_stats *out);
#endif
