#include "common/relay/reroute.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#define QUIET_MS 2000

void reroute_note(struct reroute *r, const struct object *o, int64_t mono_ms)
{
	if (!o || o->klass == CLASS_CONNECTOR || o->klass == CLASS_SERVER)
		r->due_ms = mono_ms + QUIET_MS;
}

static void ordered(void *ctx, enum err e)
{
	(void)ctx;
	if (e && e != ERR_NOTFOUND)
		log_warn(NULL, "reroute failed err=%s", err_text(e));
}

static void listed(void *ctx, enum err e, const struct queue_line *l, size_t n)
{
	struct reroute *r = ctx;

	for (size_t i = 0; !e && i < n; i++)
		if (l[i].messages > 0 && !l[i].suspended &&
		    (l[i].kind == HOP_EDGE || l[i].kind == HOP_SMART || l[i].kind == HOP_DOMAIN))
			queue_order(r->queue, QUEUE_ORDER_RESUBMIT, l[i].id, 0,
				    clock_wall_ms(), ordered, NULL);
	if (!e && n == 500)	/* a page of queue_list() */
		queue_list(r->queue, l[n - 1].id, listed, r);
}

void reroute_tick(struct reroute *r, struct queue *q, int64_t mono_ms)
{
	if (r->due_ms == 0 || mono_ms < r->due_ms)
		return;
	r->due_ms = 0;
	r->queue = q;
	queue_list(r->queue, 0, listed, r);
}
