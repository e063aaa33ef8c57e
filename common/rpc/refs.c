/* The life of a peer: its connection holds it, and each request from it. */
#include "common/rpc/parts.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include <stdlib.h>

struct rpc_peer *rpc_peer_new(struct rpc *r)
{
	struct rpc_peer *p = xcalloc(1, sizeof(*p));

	p->magic = PEER_MAGIC;
	p->refs = 1;
	p->rpc = r;
	hash_init(&p->calls);
	hash_init(&p->served);
	list_init(&p->streams);
	list_add_tail(&r->peers, &p->node);
	p->last_in = p->last_out = clock_mono_ms();
	return p;
}

struct rpc_peer *rpc_peer_ref(struct rpc_peer *p)
{
	p->refs++;
	return p;
}

void rpc_peer_unref(struct rpc_peer *p)
{
	if (--p->refs > 0)
		return;
	hash_fini(&p->calls);
	hash_fini(&p->served);
	p->magic = 0;
	free(p);
}
