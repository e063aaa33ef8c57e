#ifndef HUB_EDGES_H
#define HUB_EDGES_H
/*
 * edges - mail between this hub and the edges it dials
 *
 * Offers each edge that is connected what this hub would take, once a second and
 * whenever it changes much; takes what they give (hub.accept); gives them what
 * goes outside (edge.send), each message committed there before it is forgotten
 * here.
 */
#include "common/relay/queue.h"

struct edges;
struct hub;
struct rpc_request;
struct rpc_peer;

struct edges *edges_new(struct hub *h);
void edges_free(struct edges **e);
void edges_due(struct edges *e, const struct queue_hop *hop);
void edges_tick(struct edges *e);		/* about once a second */
void edges_peer(struct edges *e, struct rpc_peer *p, bool up);
/* A hub.accept request came; body is its Hand. */
void edges_accept(struct hub *h, struct rpc_request *rq, const void *body);
#endif
