#include "roles/hub-transport/done.h"

#include "common/base/check.h"
#include "roles/hub-transport/aside.h"
#include "roles/hub-transport/hub.h"

#include <stdlib.h>

struct telling {
	struct hub *hub;
	uint64_t seq;
};

static void tell_stores(struct hub *h, const struct guid *origin, uint64_t seq)
{
	struct rpc *rpc = member_rpc(h->relay.member);

	for (struct rpc_peer *p = rpc_next(rpc, NULL); p; p = rpc_next(rpc, p))
		if (rpc_peer_ident(p)->role == RPC_MAILBOX)
			aside_done_below(h, p, origin, seq);
}

static void derived(void *ctx, enum err e, const struct guid *g, size_t n)
{
	struct telling *t = ctx;

	for (size_t i = 0; !e && i < n; i++)
		tell_stores(t->hub, &g[i], t->seq);
	free(t);
}

void done_below(struct hub *h, const struct guid *root, uint64_t seq)
{
	struct telling *t = xcalloc(1, sizeof(*t));

	t->hub = h;
	t->seq = seq;
	queue_done_below(h->relay.queue, root, seq);
	tell_stores(h, root, seq);
	queue_derived(h->relay.queue, root, derived, t);
}
