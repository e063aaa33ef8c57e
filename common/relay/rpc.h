#ifndef RELAY_RPC_H
#define RELAY_RPC_H
/*
 * rpc - what hubs and edges have in common: their state and what they answer
 *
 * struct relay is the first member of a role's object, so that the handlers here
 * find it as rq->role; its own first member is the struct member that member.h
 * asks for.
 */
#include "common/api/hub.h"
#include "common/relay/hold.h"
#include "common/relay/poison.h"
#include "common/relay/queue.h"
#include "common/relay/spool.h"
#include "common/relay/track.h"
#include "common/replica/member.h"
#include "common/rpc/rpc.h"

struct relay {
	struct member *member;		/* first */
	struct spool *spool;
	struct queue *queue;
	struct track *track;
	struct hold hold;		/* our identities in hand */
	struct poison *poison;		/* NULL: in tests */
};

/* Entries of a role's method table (which includes gen/hub.pb-c.h). */
void relay_serve_held(struct rpc_request *rq, const ProtobufCMessage *body);
void relay_serve_queue_list(struct rpc_request *rq, const ProtobufCMessage *body);
void relay_serve_queue_messages(struct rpc_request *rq, const ProtobufCMessage *body);
void relay_serve_queue_order(struct rpc_request *rq, const ProtobufCMessage *body);
void relay_serve_track_find(struct rpc_request *rq, const ProtobufCMessage *body);

#define RELAY_ADMINS (RPC_ADMIN | RPC_DIRECTORY | RPC_HUB)
#define RELAY_METHODS                                                                       \
	{ "relay.held", relay_serve_held, &hub__held_req__descriptor, RPC_HUB | RPC_EDGE | RPC_UM,    \
	  0, 256 },                                                                          \
	{ "queue.list", relay_serve_queue_list, &hub__queue_list_req__descriptor,            \
	  RELAY_ADMINS, 0, 256 },                                                            \
	{ "queue.messages", relay_serve_queue_messages,                                      \
	  &hub__queue_messages_req__descriptor, RELAY_ADMINS, 0, 256 },                      \
	{ "queue.order", relay_serve_queue_order, &hub__queue_order_req__descriptor,         \
	  RELAY_ADMINS, 0, 256 },                                                            \
	{ "track.find", relay_serve_track_find, &hub__track_req__descriptor, RELAY_ADMINS,   \
	  0, 8192 }

/* ---- taking a message that another role hands over ------------------------------ */

/* The message of a hub.accept or edge.send, with its body.  cb gets it (the
 * receiver's reference), perhaps from inside the call, and answers later by
 * relay_hand_answer(); it is not called for what is malformed or breaks off. */
struct relay_hand;
typedef void relay_hand_cb(void *ctx, struct relay_hand *h, struct mail *m);
void relay_hand_take(struct rpc_request *rq, const ProtobufCMessage *body, struct spool *spool,
		     uint64_t max_size, relay_hand_cb *cb, void *ctx);
/* Nothing is taken now: say so at once, so that it may be offered elsewhere. */
void relay_hand_decline(struct rpc_request *rq);
/* Frees h; does nothing else if the caller is gone. */
void relay_hand_answer(struct relay_hand *h, enum hand_verdict v, const char *detail);
#endif
