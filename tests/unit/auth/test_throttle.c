#include "common/auth/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct throttle_conf conf = { 100, 3, 1000, 8000, 60000 };

static void fail_n(struct throttle *t, const char *key, int n, int64_t now)
{
	while (n-- > 0)
		throttle_fail(t, key, strlen(key), now);
}

static int64_t wait_for(struct throttle *t, const char *key, int64_t now)
{
	return throttle_wait(t, key, strlen(key), now);
}

static void test_delay_doubles_up_to_a_limit(void **state)
{
	static const struct {
		int fails;
		int64_t wait;
	} cases[] = { { 0, 0 },	   { 1, 0 },	{ 3, 0 },    { 4, 1000 },  { 5, 2000 },
		      { 6, 4000 }, { 7, 8000 }, { 8, 8000 }, { 99, 8000 } };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct throttle *t = throttle_new(&conf);

		fail_n(t, "k", cases[i].fails, 5000);
		if (wait_for(t, "k", 5000) != cases[i].wait)
			fail_msg("%d failures", cases[i].fails);
		throttle_free(&t);
	}
}

static void test_time_and_success_clear(void **state)
{
	struct throttle *t = throttle_new(&conf);

	(void)state;
	fail_n(t, "a", 5, 1000);
	assert_int_equal(wait_for(t, "a", 1500), 1500);
	assert_int_equal(wait_for(t, "a", 3000), 0);
	assert_int_equal(wait_for(t, "b", 1500), 0);
	fail_n(t, "a", 1, 3000);
	assert_int_equal(wait_for(t, "a", 3000), 4000);
	throttle_clear(t, "a", 1);
	throttle_clear(t, "nobody", 6);
	assert_int_equal(wait_for(t, "a", 3000), 0);
	fail_n(t, "a", 9, 4000);
	assert_int_equal(wait_for(t, "a", 4000 + 59999), 0);
	assert_int_equal(throttle_keys(t), 1);
	assert_int_equal(wait_for(t, "a", 4000 + 60000), 0);	/* forgotten */
	assert_int_equal(throttle_keys(t), 0);
	fail_n(t, "a", 1, 70000);
	assert_int_equal(wait_for(t, "a", 70000), 0);
	throttle_free(&t);
	throttle_free(&t);
}

static void test_full_table_forgets_the_oldest(void **state)
{
	struct throttle *t = throttle_new(&conf);
	char key[20];

	(void)state;
	fail_n(t, "first", 5, 1);
	fail_n(t, "second", 5, 2);
	fail_n(t, "first", 1, 3);		/* young again */
	for (int i = 0; i < 99; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		fail_n(t, key, 1, 4);
	}
	assert_int_equal(throttle_keys(t), 100);
	assert_int_equal(wait_for(t, "second", 5), 0);
	assert_true(wait_for(t, "first", 5) > 0);
	throttle_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delay_doubles_up_to_a_limit),
		cmocka_unit_test(test_time_and_success_clear),
		cmocka_unit_test(test_full_table_forgets_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
