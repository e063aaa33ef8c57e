#include "roles/unified-messaging/media/ticker.h"

#include "common/base/check.h"
#include "common/base/list.h"

#include <stdlib.h>

#define TICK_NS (TICKER_MS * UINT64_C(1000000))

struct ticker {
	uv_timer_t timer;
	struct list seats;
	uint64_t start, done;		/* ns; ticks since */
	uint64_t late;
};

struct ticker_seat {
	struct list node;
	void (*fn)(void *ctx);
	void *ctx;
};

static void tick_all(struct ticker *t)
{
	struct list turn;

	/* Seats are moved through a list of their own, so that any of them may leave. */
	list_init(&turn);
	while (!list_empty(&t->seats))
		list_add_tail(&turn, list_pop(&t->seats));
	while (!list_empty(&turn)) {
		struct list *n = list_pop(&turn);
		struct ticker_seat *s = CONTAINER_OF(n, struct ticker_seat, node);

		list_add_tail(&t->seats, n);
		s->fn(s->ctx);
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct ticker *t = timer->data;
	uint64_t due = (uv_hrtime() - t->start) / TICK_NS;

	if (due > t->done + TICKER_CATCH_UP) {
		t->late += due - t->done - TICKER_CATCH_UP;
		t->done = due - TICKER_CATCH_UP;
	}
	for (; t->done < due; t->done++)
		tick_all(t);
	if (list_empty(&t->seats))
		uv_timer_stop(timer);
}

static void closed(uv_handle_t *h)
{
	free(h->data);
}

struct ticker *ticker_open(uv_loop_t *loop)
{
	struct ticker *t = xcalloc(1, sizeof(*t));

	list_init(&t->seats);
	uv_timer_init(loop, &t->timer);
	t->timer.data = t;
	return t;
}

void ticker_close(struct ticker **tp)
{
	struct ticker *t = *tp;

	if (!t)
		return;
	*tp = NULL;
	CHECK(list_empty(&t->seats));
	uv_close((uv_handle_t *)&t->timer, closed);
}

struct ticker_seat *ticker_join(struct ticker *t, void (*fn)(void *ctx), void *ctx)
{
	struct ticker_seat *s = xcalloc(1, sizeof(*s));

	s->fn = fn;
	s->ctx = ctx;
	/* Nobody there: it does not tick. */
	if (list_empty(&t->seats) && !uv_is_active((uv_handle_t *)&t->timer)) {
		t->start = uv_hrtime();
		t->done = 0;
		uv_timer_start(&t->timer, on_timer, TICKER_MS, TICKER_MS / 2);
	}
	s->node.next = s->node.prev = &s->node;
	list_add_tail(&t->seats, &s->node);
	return s;
}

void ticker_leave(struct ticker_seat **sp)
{
	struct ticker_seat *s = *sp;

	if (!s)
		return;
	*sp = NULL;
	list_del(&s->node);
	free(s);
}

uint64_t ticker_late(const struct ticker *t)
{
	return t->late;
}
