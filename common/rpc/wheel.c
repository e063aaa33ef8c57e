#include "common/rpc/wheel.h"

#include "common/base/check.h"
#include "common/base/clock.h"

static void on_timer(uv_timer_t *t)
{
	wheel_run(t->data, clock_mono_ms());
}

void wheel_init(struct wheel *w, uv_loop_t *loop, int64_t now_ms,
		void (*fire)(struct wheel *w, struct wheel_entry *e))
{
	for (size_t i = 0; i < WHEEL_SLOTS; i++)
		list_init(&w->slot[i]);
	CHECK(uv_timer_init(loop, &w->timer) == 0);
	w->timer.data = w;
	w->done = now_ms / WHEEL_STEP_MS;
	w->armed = 0;
	w->n = 0;
	w->fire = fire;
}

void wheel_close(struct wheel *w, uv_close_cb closed)
{
	uv_close((uv_handle_t *)&w->timer, closed);
}

void wheel_entry_init(struct wheel_entry *e)
{
	list_init(&e->node);
}

static int64_t step_of(int64_t at_ms)
{
	return (at_ms + WHEEL_STEP_MS - 1) / WHEEL_STEP_MS;
}

static void arm(struct wheel *w, int64_t step)
{
	int64_t wait = step * WHEEL_STEP_MS - clock_mono_ms();

	w->armed = step;
	/* The loop's idea of now may be older than ours: one more millisecond. */
	uv_timer_start(&w->timer, on_timer, wait > 0 ? (uint64_t)wait + 1 : 1, 0);
}

void wheel_add(struct wheel *w, struct wheel_entry *e, int64_t at_ms)
{
	int64_t step = step_of(at_ms);

	CHECK(list_empty(&e->node));
	if (w->n == 0 && w->armed == 0) {
		/* Nothing was counted while the wheel was empty. */
		int64_t now = clock_mono_ms() / WHEEL_STEP_MS;

		if (now > w->done)
			w->done = now;
	}
	if (step <= w->done)
		step = w->done + 1;
	e->at_ms = at_ms;
	list_add_tail(&w->slot[step % WHEEL_SLOTS], &e->node);
	w->n++;
	/* Not beyond one round: the timer looks again then. */
	if (step > w->done + WHEEL_SLOTS)
		step = w->done + WHEEL_SLOTS;
	if (w->armed == 0 || step < w->armed)
		arm(w, step);
}

void wheel_del(struct wheel *w, struct wheel_entry *e)
{
	if (list_empty(&e->node))
		return;
	list_del(&e->node);
	w->n--;
}

static int64_t next_used(const struct wheel *w)
{
	for (int64_t i = 1; i < WHEEL_SLOTS; i++) {
		if (!list_empty(&w->slot[(w->done + i) % WHEEL_SLOTS]))
			return w->done + i;
	}
	return w->done + WHEEL_SLOTS;
}

void wheel_run(struct wheel *w, int64_t now_ms)
{
	int64_t now = now_ms / WHEEL_STEP_MS, n_slots = now - w->done;
	struct list due, *n;

	list_init(&due);
	if (n_slots > WHEEL_SLOTS)
		n_slots = WHEEL_SLOTS;
	for (int64_t i = 1; i <= n_slots; i++) {
		struct list *slot = &w->slot[(w->done + i) % WHEEL_SLOTS];

		LIST_EACH (slot, e) {
			if (CONTAINER_OF(e, struct wheel_entry, node)->at_ms > now_ms)
				continue;
			list_del(e);
			list_add_tail(&due, e);
		}
	}
	if (now > w->done)
		w->done = now;
	w->armed = 0;
	while ((n = list_pop(&due)) != NULL) {
		w->n--;
		w->fire(w, CONTAINER_OF(n, struct wheel_entry, node));
	}
	if (w->n > 0 && !uv_is_closing((uv_handle_t *)&w->timer))
		arm(w, next_used(w));
}
