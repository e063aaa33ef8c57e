#include "roles/mailbox/watch.h"

static void tell(struct watch *w)
{
	if (w->ref->cn > w->told && w->send(w, w->ref->cn))
		w->told = w->ref->cn;
}

void watch_begin(struct watch *w, struct mref *m)
{
	w->ref = m;
	list_add_tail(&m->watchers, &w->node);
	metric_add(m->sdb->store->m, M_WATCHES, 1);
	tell(w);
}

void watch_stop(struct watch *w)
{
	if (w->ref == NULL)
		return;
	metric_add(w->ref->sdb->store->m, M_WATCHES, -1);
	list_del(&w->node);
	w->ref = NULL;
}

void watch_retry(struct watch *w)
{
	if (w->ref)
		tell(w);
}

void watch_tell(struct mref *m, uint64_t epoch, uint64_t cn)
{
	if (cn > m->cn)
		m->cn = cn;
	LIST_EACH (&m->watchers, n) {
		struct watch *w = CONTAINER_OF(n, struct watch, node);

		w->epoch = epoch;
		tell(w);
	}
}

void watch_end(struct mref *m, enum err e)
{
	while (!list_empty(&m->watchers)) {
		struct watch *w = CONTAINER_OF(m->watchers.next, struct watch, node);

		watch_stop(w);
		w->end(w, e);
	}
}
