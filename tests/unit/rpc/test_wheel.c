#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

struct timed {
	struct wheel_entry e;
	int64_t fired;
};

static int64_t the_time;
static struct timed *to_delete;

static void fire(struct wheel *w, struct wheel_entry *e)
{
	struct timed *t = CONTAINER_OF(e, struct timed, e);

	t->fired = the_time;
	if (to_delete) {
		wheel_del(w, &to_delete->e);
		to_delete = NULL;
	}
}

static void run_at(struct wheel *w, int64_t at)
{
	the_time = at;
	wheel_run(w, at);
}

static void test_never_early_and_hardly_late(void **state)
{
	static struct timed t[500];
	static struct wheel w;
	uv_loop_t loop;
	int64_t now = clock_mono_ms(), end = now + 200000;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	wheel_init(&w, &loop, now, fire);
	srand(3);
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		wheel_entry_init(&t[i].e);
		/* Up to four rounds of the wheel, some already past. */
		wheel_add(&w, &t[i].e, now - 100 + rand() % 140000);
	}
	for (size_t i = 0; i < N_ELEMS(t); i += 10)
		wheel_del(&w, &t[i].e);
	for (int64_t at = now; at < end; at += rand() % 50)
		run_at(&w, at);
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		if (i % 10 == 0) {
			assert_int_equal(t[i].fired, 0);
			continue;
		}
		assert_true(t[i].fired >= t[i].e.at_ms);
		assert_true(t[i].fired <= (t[i].e.at_ms > now ? t[i].e.at_ms : now) +
						  2 * WHEEL_STEP_MS + 50);
	}
	assert_int_equal(w.n, 0);
	wheel_close(&w, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_one_that_fires_may_stop_another(void **state)
{
	static struct wheel w;
	struct timed a = { .fired = 0 }, b = { .fired = 0 };
	uv_loop_t loop;
	int64_t now = clock_mono_ms();

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	wheel_init(&w, &loop, now, fire);
	wheel_entry_init(&a.e);
	wheel_entry_init(&b.e);
	wheel_add(&w, &a.e, now + 10);
	wheel_add(&w, &b.e, now + 10);
	to_delete = &b;
	run_at(&w, now + 1000);
	assert_true(a.fired && !b.fired);
	assert_int_equal(w.n, 0);
	wheel_close(&w, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_early_and_hardly_late),
		cmocka_unit_test(test_one_that_fires_may_stop_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
