#ifndef API_HUB_H
#define API_HUB_H
/*
 * api hub - messages changing hands between hubs and edges
 *
 * hub_accept() is an edge's way to give mail to a hub, edge_send() a hub's way to
 * give mail to an edge; both are one call with the message as payload or upload
 * stream.  Only HAND_HELD says that it is durable there.  No answer (an error)
 * means it may or may not be: offer it to the same one again, which knows the
 * identity.
 *
 * As in api/store.h: arguments are copied (content above one chunk is read as the
 * stream has room), the callback fires once, from the loop, never from inside the
 * call, and not after hub_cancel().
 */
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/guid.h"
#include "common/base/span.h"
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

struct rpc_peer;
struct hub_call;

void hub_cancel(struct hub_call **c);	/* *c may be NULL */

struct hand_rcpt {
	const char *address, *orcpt;
	unsigned notify;
};

#define HAND_MAX_RCPTS 5000u

struct hand {
	struct guid origin, root;
	uint64_t seq;
	const char *sender, *envid, *prefix, *message_id;	/* never NULL */
	unsigned flags;
	int64_t received_ms;
	struct hand_rcpt *rcpts;
	size_t n_rcpts;
	uint64_t size;
};

enum hand_verdict { HAND_UNKNOWN, HAND_HELD, HAND_NOT_HELD, HAND_REFUSED };

/* e is OK or why there is no answer; detail is borrowed. */
typedef void hand_cb(void *ctx, enum err e, enum hand_verdict v, const char *detail);
typedef void hub_done_cb(void *ctx, enum err e);
typedef void hub_held_cb(void *ctx, enum err e, uint64_t lowest);

/* Where content above one chunk comes from: up to n bytes at off, *got less only
 * at the end. */
typedef enum err hand_read_fn(void *src, uint64_t off, void *p, size_t n, size_t *got);

struct hand_content {
	const char *data;	/* all of it, if not above RPC_CHUNK; else NULL */
	hand_read_fn *read;	/* until the callback or hub_cancel() */
	void *src;
};

struct hub_call *hub_accept(struct rpc_peer *peer, const struct hand *h,
			    const struct hand_content *content, unsigned timeout_ms,
			    hand_cb *cb, void *ctx);
struct hub_call *edge_send(struct rpc_peer *peer, const struct hand *h,
			   const struct hand_content *content, unsigned timeout_ms,
			   hand_cb *cb, void *ctx);

/* How much this hub would take now. */
struct hub_call *edge_offer(struct rpc_peer *peer, unsigned messages, uint64_t bytes,
			    hub_done_cb *cb, void *ctx);
/* Lowest sequence number of root held there; UINT64_MAX: none. */
struct hub_call *relay_held(struct rpc_peer *peer, const struct guid *root, hub_held_cb *cb,
			    void *ctx);
/* Nobody holds identities of root below seq any more. */
struct hub_call *relay_done(struct rpc_peer *peer, const struct guid *root, uint64_t seq,
			  hub_done_cb *cb, void *ctx);

/* ---- for the serving side ---------------------------------------------------- */

extern const ProtobufCMessageDescriptor *const hand_descriptor;
/* What came, checked; strings are borrowed from body, the list lives in a.
 * INVALID. */
enum err hand_read(const ProtobufCMessage *body, struct arena *a, struct hand *out,
		   struct errbuf *eb) A_MUST_USE;
#endif
