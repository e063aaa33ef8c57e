#include "roles/edge-transport/hubs.h"

#include "common/base/check.h"
#include "common/rpc/rpc.h"

#include <stdlib.h>

#define MAX_HUBS 256

struct hub {
	struct guid guid;
	int64_t messages, bytes;	/* credit left; may be negative for a while */
};

struct hubs {
	struct hub hub[MAX_HUBS];
	size_t n;
};

struct hubs *hubs_new(void)
{
	return xcalloc(1, sizeof(struct hubs));
}

void hubs_free(struct hubs **h)
{
	free(*h);
	*h = NULL;
}

static struct hub *find(struct hubs *h, const struct guid *g)
{
	for (size_t i = 0; i < h->n; i++)
		if (guid_eq(&h->hub[i].guid, g))
			return &h->hub[i];
	return NULL;
}

void hubs_offer(struct hubs *h, const struct guid *hub, uint32_t messages, uint64_t bytes)
{
	struct hub *x = find(h, hub);

	if (!x) {
		if (h->n == MAX_HUBS)
			return;
		x = &h->hub[h->n++];
		x->guid = *hub;
	}
	x->messages = messages;
	x->bytes = bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

void hubs_lost(struct hubs *h, const struct guid *hub)
{
	struct hub *x = find(h, hub);

	if (x)
		*x = h->hub[--h->n];
}

struct rpc_peer *hubs_pick(struct hubs *h, struct rpc *rpc, uint64_t size)
{
	struct hub *best = NULL;
	struct rpc_peer *peer = NULL;

	for (size_t i = 0; i < h->n; i++) {
		struct hub *x = &h->hub[i];
		struct rpc_peer *p;

		if (x->messages <= 0 || x->bytes < 0 || (uint64_t)x->bytes < size ||
		    (best && x->messages <= best->messages))
			continue;
		p = rpc_find(rpc, &x->guid);
		if (p && rpc_peer_is_up(p)) {
			best = x;
			peer = p;
		}
	}
	return peer;
}

void hubs_given(struct hubs *h, const struct guid *hub, uint64_t size)
{
	struct hub *x = find(h, hub);

	if (x) {
		x->messages--;
		x->bytes -= (int64_t)size;
	}
}

void hubs_answered(struct hubs *h, const struct guid *hub, uint64_t size)
{
	struct hub *x = find(h, hub);

	if (x) {
		x->messages++;
		x->bytes += (int64_t)size;
	}
}
