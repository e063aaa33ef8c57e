#include "roles/mailbox/watch.h"

#include "common/base/check.h"
#include <stdlib.h>

void watch_feed_init(struct watch_feed *f, struct role *st)
{
	f->st = st;
	hash_init(&f->watches);
	list_init(&f->due);
	list_init(&f->recent);
}

static void make_due(struct watch *w)
{
	if (list_empty(&w->due))
		list_add_tail(&w->feed->due, &w->due);
}

static void unref(struct watch *w)
{
	if (w->ref == NULL)
		return;
	metric_add(w->feed->st->m, M_WATCHES, -1);
	list_del(&w->at_ref);
	w->ref = NULL;
}

static void forget(struct watch *w)
{
	unref(w);
	hash_del(&w->feed->watches, &w->node);
	list_del(&w->due);
	list_del(&w->recent);
	free(w);
}

void watch_feed_fini(struct watch_feed *f)
{
	struct hash_node *n;

	while ((n = hash_next(&f->watches, NULL)) != NULL)
		forget(CONTAINER_OF(n, struct watch, node));
	hash_fini(&f->watches);
}

/* True: it is due now. */
static bool tell(struct watch *w)
{
	if (w->ref->cn <= w->told)
		return false;
	w->told = w->ref->cn;
	w->is_digest = false;
	make_due(w);
	return true;
}

void watch_drop(struct watch_feed *f, uint64_t id)
{
	struct hash_node *n = hash_find(&f->watches, &id, sizeof(id));

	if (n)
		forget(CONTAINER_OF(n, struct watch, node));
}

void watch_add(struct watch_feed *f, uint64_t id, const struct guid *mailbox, uint64_t since)
{
	struct watch *w;
	struct mref *m;

	watch_drop(f, id);
	if (f->watches.n >= WATCHES_MAX + 1000)
		return;		/* who has not heard of the limit will not hear of this */
	w = xcalloc(1, sizeof(*w));
	w->feed = f;
	w->id = id;
	w->told = since;
	list_init(&w->at_ref);
	list_init(&w->due);
	list_init(&w->recent);
	hash_add(&f->watches, &w->node, &w->id, sizeof(w->id));
	w->status = f->watches.n > WATCHES_MAX ? ERR_LIMIT
					       : role_route(f->st, mailbox, &m, NULL);
	if (w->status) {
		make_due(w);
		return;
	}
	w->ref = m;
	w->epoch = (uint64_t)m->sdb->mdb->epoch;
	list_add_tail(&m->watchers, &w->at_ref);
	metric_add(f->st->m, M_WATCHES, 1);
	tell(w);
}

struct watch *watch_next_due(const struct watch_feed *f)
{
	return list_empty(&f->due) ? NULL : CONTAINER_OF(f->due.next, struct watch, due);
}

void watch_is_told(struct watch *w)
{
	list_del(&w->due);
	if (w->status)
		forget(w);
	else if (!w->is_digest && list_empty(&w->recent))
		list_add_tail(&w->feed->recent, &w->recent);
	else
		w->is_digest = false;
}

/* Told again, and not noted once more: a mailbox at rest costs nothing. */
void watch_digest(struct watch_feed *f)
{
	struct list again, *n;

	list_init(&again);
	while ((n = list_pop(&f->recent)) != NULL)
		list_add_tail(&again, n);
	while ((n = list_pop(&again)) != NULL) {
		struct watch *w = CONTAINER_OF(n, struct watch, recent);

		if (list_empty(&w->due)) {
			make_due(w);
			w->is_digest = true;
		}
	}
	if (!list_empty(&f->due))
		f->pump(f);
}

void watch_tell(struct mref *m, uint64_t epoch, uint64_t cn)
{
	if (cn > m->cn)
		m->cn = cn;
	LIST_EACH (&m->watchers, n) {
		struct watch *w = CONTAINER_OF(n, struct watch, at_ref);

		w->epoch = epoch;
		if (tell(w))
			w->feed->pump(w->feed);
	}
}

void watch_end(struct mref *m, enum err e)
{
	while (!list_empty(&m->watchers)) {
		struct watch *w = CONTAINER_OF(m->watchers.next, struct watch, at_ref);

		unref(w);
		w->status = e;
		make_due(w);
		w->feed->pump(w->feed);
	}
}
