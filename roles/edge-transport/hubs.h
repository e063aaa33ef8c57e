#ifndef EDGE_HUBS_H
#define EDGE_HUBS_H
/*
 * hubs - the hubs that have dialled this edge, and what each would take
 *
 * A hub says about once a second how many messages and bytes it would take; what
 * is given to it meanwhile is counted off.  The one with most credit left gets the
 * next message.
 */
#include "common/base/guid.h"
#include <stddef.h>
#include <stdint.h>

struct hubs;
struct rpc;
struct rpc_peer;

struct hubs *hubs_new(void);
void hubs_free(struct hubs **h);
void hubs_offer(struct hubs *h, const struct guid *hub, uint32_t messages, uint64_t bytes);
void hubs_lost(struct hubs *h, const struct guid *hub);
/* NULL: none is connected and would take one of this size. */
struct rpc_peer *hubs_pick(struct hubs *h, struct rpc *rpc, uint64_t size);
/* It was given, and the answer came (ok or not): its room is free again. */
void hubs_given(struct hubs *h, const struct guid *hub, uint64_t size);
void hubs_answered(struct hubs *h, const struct guid *hub, uint64_t size);
#endif
