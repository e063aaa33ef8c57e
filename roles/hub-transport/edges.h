#ifndef HUB_EDGES_H
#define HUB_EDGES_H
/*
 * edges - mail that edges give to this hub
 *
 * Each edge that is connected is told once a second how much this hub would take,
 * and gives accordingly (hub.accept).  What goes the other way is give.h's.
 */
#include <stdbool.h>

struct hub;
struct rpc_request;
struct rpc_peer;

void edges_tick(struct hub *h);
void edges_peer(struct hub *h, struct rpc_peer *p, bool up);
/* A hub.accept request came; body is its Hand. */
void edges_accept(struct hub *h, struct rpc_request *rq, const void *body);
#endif
