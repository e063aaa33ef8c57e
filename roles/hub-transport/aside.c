#include "roles/hub-transport/aside.h"

#include "common/api/hub.h"
#include "common/api/store.h"
#include "common/base/check.h"
#include "roles/hub-transport/hub.h"

#include <stdlib.h>

struct aside {
	struct list node;
	struct hub_call *hub_call;
	struct api_call *store_call;
};

static struct aside *aside_new(struct hub *h)
{
	struct aside *a = xcalloc(1, sizeof(*a));

	list_init(&a->node);
	list_add_tail(&h->asides, &a->node);
	return a;
}

static void aside_end(struct aside *a)
{
	list_del(&a->node);
	free(a);
}

static void offered(void *ctx, enum err e)
{
	(void)e;	/* the next one comes in a second */
	aside_end(ctx);
}

static void told(void *ctx, enum err e, uint64_t cn)
{
	(void)e;	/* a later one says it again */
	(void)cn;
	aside_end(ctx);
}

void aside_offer(struct hub *h, struct rpc_peer *edge, unsigned messages, uint64_t bytes)
{
	struct aside *a = aside_new(h);

	a->hub_call = edge_offer(edge, messages, bytes, offered, a);
}

void aside_done_below(struct hub *h, struct rpc_peer *store, const struct guid *origin,
		      uint64_t seq)
{
	struct aside *a = aside_new(h);

	a->store_call = store_done_below(store, origin, seq, told, a);
}

void aside_close(struct hub *h)
{
	LIST_EACH (&h->asides, n) {
		struct aside *a = CONTAINER_OF(n, struct aside, node);

		hub_cancel(&a->hub_call);
		api_cancel(&a->store_call);
		aside_end(a);
	}
}
