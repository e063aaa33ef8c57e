#ifndef RPC_PARTS_H
#define RPC_PARTS_H
/*
 * parts - what the files of common/rpc share
 *
 * Invariants:
 *  1. A peer that is not up has no calls and no live requests.
 *  2. A callback of the owner may do anything but free what it was called for;
 *     rpc_hangup() and rpc_recheck() therefore only take note, and on_soon() acts.
 *  3. After rpc_close() nothing is called back; memory goes with the last handle.
 *  4. A peer's memory lives as long as its connection and all requests from it.
 */
#include "common/base/buf.h"
#include "common/base/hash.h"
#include "common/base/list.h"
#include "common/bus/bus.h"
#include "common/rpc/rpc.h"
#include "common/rpc/stream.h"
#include "common/rpc/wheel.h"
#include "gen/rpc.pb-c.h"
#include <uv.h>

#define MAX_ENVELOPE  4096u
#define MAX_BODY      (BUS_MAX_FRAME - 1024u)
#define MAX_LISTENERS 16u
#define MAX_STRIKES   256u		/* malformed messages before a peer is cut off */
#define TICK_MS	      1000
#define LOST_MS	      3000		/* silence that means a peer is gone */
#define MAX_LEFT_MS   (24u * 3600 * 1000)

#define NOBODYS_KEY "key is nobody's any more"

#define PEER_MAGIC    0x70656572u
#define CALL_MAGIC    0x63616c6cu
#define REQUEST_MAGIC 0x72657175u

struct rpc_listener {
	enum rpc_listen_kind kind;
	struct rpc_ident ident;		/* of everybody, if RPC_LISTEN_LOCAL */
};

struct method_node {
	struct hash_node by_name;
	const struct rpc_method *m;
};

struct rpc {
	struct rpc_conf conf;
	struct bus *bus;
	struct wheel wheel;
	uv_timer_t tick, soon;
	unsigned n_handles;
	bool closing, recheck;
	struct list peers;		/* rpc_peer.node */
	struct list failed;		/* rpc_call.failed: on_reply is due */
	struct list orphans;		/* request.orphan: the handler has yet to answer */
	struct hash methods;
	struct method_node *method_nodes;
	struct rpc_listener listeners[MAX_LISTENERS];
	unsigned n_listeners;
	uint64_t epoch, next_call;
	int64_t ticked_ms;
	double enrol_tokens;		/* handshakes of strangers that may still come */
	struct arena scratch;		/* of the message at hand */
	struct buf pack;
	struct rpc_stats stats;
};

struct rpc_peer {
	unsigned magic;
	unsigned refs;
	struct rpc *rpc;
	struct list node;
	struct bus_link *link;		/* NULL once an accepted one is gone */
	bool dialled, up;
	bool expected;			/* ident was given by rpc_dial() */
	bool known;			/* `who` knew the key at some time */
	bool hung_up;			/* end it as soon as the loop turns */
	const char *cut_why;		/* cut it as soon as the loop turns; NULL: no */
	const struct rpc_listener *listener;
	void *slot;			/* rpc_peer_slot() */
	struct rpc_ident ident;
	uint8_t key[RPC_KEY];
	uint64_t epoch;
	int64_t last_in, last_out;
	unsigned strikes, refusals;
	struct hash calls;		/* rpc_call.by_id */
	struct hash served;		/* request.by_id */
	size_t n_served, served_bytes;	/* also those that nobody waits for any more */
	size_t granted;			/* windows of streams from it */
	struct list streams;		/* stream_out.node */
};

/* What waits in the wheel. */
struct deadline {
	struct wheel_entry entry;
	void (*passed)(struct deadline *d);
};

struct rpc_call {
	unsigned magic;
	struct rpc *rpc;
	struct rpc_peer *peer;		/* NULL: failed, on_reply is due */
	uint64_t id;
	struct hash_node by_id;
	struct deadline deadline;
	struct list failed;
	enum err why;
	char detail[96];
	const ProtobufCMessageDescriptor *rep;
	rpc_reply_cb *on_reply;
	void (*on_chunk)(void *ctx, const void *p, size_t n);
	void (*on_credit)(void *ctx);
	void *ctx;
	struct stream_in in;
	struct stream_out out;
};

struct request {
	struct rpc_request pub;
	unsigned magic;
	uint64_t id;
	const struct rpc_method *method;
	struct bus_msg *msg;		/* holds the payload */
	struct hash_node by_id;
	struct deadline deadline;
	bool gone;			/* nobody waits for the answer */
	struct list orphan;		/* rpc.orphans, if gone and still not freed */
	bool upload_open;
	struct stream_in in;
	struct stream_out out;
};

/* rpc.c */
void rpc_soon(struct rpc *r);

/* envelope.c */
/* Unpack into a, at most 64 times the bytes that came; NULL if malformed. */
ProtobufCMessage *rpc_unpack(struct arena *a, const ProtobufCMessageDescriptor *d,
			     struct span bytes);
/* Send one message; epoch is filled in.  AGAIN, LIMIT as bus_send(). */
enum err rpc_send(struct rpc_peer *p, Rpc__Envelope *env, const ProtobufCMessage *body,
		  struct span payload) A_MUST_USE;
/* For what must not be lost while the peer is up: if it cannot be sent, the peer
 * does not read and its connection is given up. */
void rpc_must_send(struct rpc_peer *p, Rpc__Envelope *env, const ProtobufCMessage *body,
		   struct span payload);
void rpc_send_bye(struct bus_link *l, uint64_t epoch);

/* refs.c */
struct rpc_peer *rpc_peer_new(struct rpc *r);
struct rpc_peer *rpc_peer_ref(struct rpc_peer *p);
void rpc_peer_unref(struct rpc_peer *p);

/* peer.c */
void rpc_peer_hello(struct rpc_peer *p);		/* send ours */
bool rpc_peer_recheck(struct rpc_peer *p);		/* false: its key is nobody's */
void rpc_peer_up(struct rpc_peer *p, uint64_t epoch);
void rpc_peer_down(struct rpc_peer *p, const char *why);
/* Give up the connection; a dialled one is made anew. */
void rpc_peer_cut(struct rpc_peer *p, bool refused, const char *why);
void rpc_peer_cut_soon(struct rpc_peer *p, const char *why);	/* why: a literal */
void rpc_peer_tick(struct rpc_peer *p, int64_t now, bool we_slept);
size_t rpc_peer_window(struct rpc_peer *p, size_t want);
void rpc_peer_room(struct rpc_peer *p);			/* its queue is short again */
void rpc_bus_hooks(struct rpc *r, struct bus_hooks *out);

/* call.c */
void rpc_call_fail(struct rpc_call *c, enum err e, const char *detail); /* calls back */
void rpc_call_free(struct rpc_call *c);
void rpc_on_reply(struct rpc_peer *p, const Rpc__Envelope *env, const struct bus_msg *m);
bool rpc_on_reply_chunk(struct rpc_peer *p, const Rpc__Envelope *env, const struct bus_msg *m);
void rpc_on_call_credit(struct rpc_peer *p, const Rpc__Envelope *env);
void rpc_call_credit_cb(struct stream_out *s);

/* serve.c */
void rpc_on_call(struct rpc_peer *p, const Rpc__Envelope *env, struct bus_msg *m); /* m taken */
bool rpc_on_upload_chunk(struct rpc_peer *p, const Rpc__Envelope *env, const struct bus_msg *m);
void rpc_on_request_credit(struct rpc_peer *p, const Rpc__Envelope *env);
void rpc_on_cancel(struct rpc_peer *p, const Rpc__Envelope *env);
void rpc_request_gone(struct request *q);		/* calls on_gone */
void rpc_drop_orphans(struct rpc *r);
void rpc_request_credit_cb(struct stream_out *s);
#endif
