#include "roles/client-access/watch.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "roles/client-access/account.h"
#include <stdlib.h>

#define RESTART_MS 1000

struct watch {
	struct hash_node node;
	struct watches *all;
	struct guid mailbox;
	uint64_t cn;			/* the newest we know of */
	struct list seats;
	struct watch_seat mine;		/* keeps it while everybody is told */
	struct api_call *call;		/* NULL: the store is away */
	int64_t started_ms;
};

void watches_init(struct watches *w, struct cas *cas)
{
	w->cas = cas;
	hash_init(&w->table);
}

void watches_fini(struct watches *w)
{
	CHECK(w->table.n == 0);
	hash_fini(&w->table);
}

size_t watches_count(const struct watches *w)
{
	return w->table.n;
}

/* A seat may leave from inside its hint, and even the last one: then the watch
 * goes with it, so it has a seat of its own until all were told. */
static void tell_all(struct watch *w)
{
	struct watches *all = w->all;
	struct list *n;

	w->mine.watch = w;
	list_add_tail(&w->seats, &w->mine.node);
	while ((n = w->seats.next) != &w->mine.node) {
		struct watch_seat *s = CONTAINER_OF(n, struct watch_seat, node);

		list_del(n);
		list_add_tail(&w->seats, n);
		s->hint(s);
	}
	watch_leave(all, &w->mine);
}

static void start(struct watch *w);

static void on_hint(void *ctx, uint64_t epoch, uint64_t cn)
{
	struct watch *w = ctx;

	(void)epoch;
	if (cn <= w->cn)
		return;		/* the digest says again what we know */
	w->cn = cn;
	tell_all(w);
}

static void on_gone(void *ctx, enum err e, uint64_t cn)
{
	struct watch *w = ctx;

	(void)e;
	(void)cn;
	w->call = NULL;
	/* One that has lived was cut off or has run out; one that did not live would
	 * not now either, and begins anew when somebody joins or a server comes. */
	if (clock_mono_ms() - w->started_ms >= RESTART_MS)
		start(w);
	tell_all(w);
}

/* In the owner's name, whoever of those who may read a folder of it looks: a hint
 * says nothing but that it is worth while to ask, and rights are checked then. */
static void start(struct watch *w)
{
	struct store_at at;

	if (account_locate_mailbox(w->all->cas, &w->mailbox, &w->mailbox, &at) != ERR_OK)
		return;
	w->started_ms = clock_mono_ms();
	w->call = store_watch(&at, w->cn, on_hint, on_gone, w);
}

void watches_retry(struct watches *w)
{
	for (struct hash_node *n = hash_next(&w->table, NULL); n; n = hash_next(&w->table, n)) {
		struct watch *one = CONTAINER_OF(n, struct watch, node);

		if (one->call == NULL)
			start(one);
	}
}

bool watch_join(struct watches *all, struct watch_seat *seat, const struct store_at *at,
		uint64_t cn)
{
	struct hash_node *n = hash_find(&all->table, &at->mailbox, sizeof(at->mailbox));
	struct watch *w = n ? CONTAINER_OF(n, struct watch, node) : NULL;

	if (w == NULL) {
		w = xcalloc(1, sizeof(*w));
		w->all = all;
		w->mailbox = at->mailbox;
		w->cn = cn;
		list_init(&w->seats);
		hash_add(&all->table, &w->node, &w->mailbox, sizeof(w->mailbox));
	}
	if (w->call == NULL)
		start(w);
	seat->watch = w;
	list_add_tail(&w->seats, &seat->node);
	return w->cn > cn;
}

void watch_leave(struct watches *all, struct watch_seat *seat)
{
	struct watch *w = seat->watch;

	if (w == NULL)
		return;
	list_del(&seat->node);
	seat->watch = NULL;
	if (!list_empty(&w->seats))
		return;
	api_cancel(&w->call);
	hash_del(&all->table, &w->node);
	free(w);
}
