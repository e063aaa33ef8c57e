#include "roles/edge-transport/known.h"
#include "roles/edge-transport/sources.h"
#include "tests/unit/edge-transport/fake_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define MINUTE INT64_C(60000)

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, 25, &a), ERR_OK);
	return a;
}

static const struct sources_conf conf = { .unknowns = 3, .window_ms = 10 * MINUTE,
					  .block_ms = 5 * MINUTE, .rate = 2 };

static void test_unknowns_use_up_a_budget(void **state)
{
	struct sources *s = sources_new(&conf);
	struct addr a = addr("192.0.2.1"), b = addr("192.0.2.2");

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_false(sources_unknown(s, &a, i));
	assert_false(sources_is_blocked(s, &a, 3));
	assert_true(sources_unknown(s, &a, 3));
	assert_true(sources_is_blocked(s, &a, 3));
	assert_true(sources_is_blocked(s, &a, 3 + 5 * MINUTE - 1));
	assert_false(sources_is_blocked(s, &b, 3));
	assert_false(sources_is_blocked(s, &a, 3 + 5 * MINUTE));
	/* and begins with a new budget */
	assert_false(sources_unknown(s, &a, 6 * MINUTE));
	sources_free(&s);
	assert_null(s);
}

static void test_a_window_forgets(void **state)
{
	struct sources *s = sources_new(&conf);
	struct addr a = addr("192.0.2.1");

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_false(sources_unknown(s, &a, 0));
	for (int i = 0; i < 3; i++)
		assert_false(sources_unknown(s, &a, 10 * MINUTE));
	assert_true(sources_unknown(s, &a, 10 * MINUTE + 1));
	sources_free(&s);
}

static void test_one_customer_is_one_source(void **state)
{
	struct sources *s = sources_new(&conf);
	struct addr a = addr("[2001:db8::1]"), b = addr("[2001:db8::2]"),
		    c = addr("[2001:db8:0:1::1]");

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_false(sources_unknown(s, i % 2 ? &a : &b, 0));
	assert_true(sources_unknown(s, &a, 0));
	assert_true(sources_is_blocked(s, &b, 0));
	assert_false(sources_is_blocked(s, &c, 0));
	assert_int_equal(sources_count(s), 1);
	sources_free(&s);
}

static void test_messages_have_a_rate(void **state)
{
	struct sources *s = sources_new(&conf);
	struct addr a = addr("192.0.2.1"), b = addr("192.0.2.2");

	(void)state;
	assert_true(sources_message(s, &a, 0));
	assert_true(sources_message(s, &a, 1));
	assert_false(sources_message(s, &a, MINUTE - 1));
	assert_true(sources_message(s, &b, 1));
	assert_true(sources_message(s, &a, MINUTE));
	sources_free(&s);
}

static void test_zero_is_no_limit(void **state)
{
	const struct sources_conf none = { 0, MINUTE, MINUTE, 0 };
	struct sources *s = sources_new(&conf);
	struct addr a = addr("192.0.2.1");

	(void)state;
	while (!sources_unknown(s, &a, 0))
		;
	sources_set(s, &none);
	assert_false(sources_is_blocked(s, &a, 1));
	for (int i = 0; i < 1000; i++) {
		assert_false(sources_unknown(s, &a, 1));
		assert_true(sources_message(s, &a, 1));
	}
	sources_free(&s);
}

static void test_memory_is_bounded(void **state)
{
	struct sources *s = sources_new(&conf);
	struct addr busy = addr("198.51.100.1");
	char text[32];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_false(sources_unknown(s, &busy, 0));
	for (unsigned i = 0; i < SOURCES_MAX + 10; i++) {
		struct addr a;

		snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16, (i >> 8) & 255, i & 255);
		a = addr(text);
		assert_false(sources_unknown(s, &a, 0));
		/* who goes on is not forgotten: only longest silence is */
		if (i == SOURCES_MAX / 2)
			assert_true(sources_unknown(s, &busy, 0));
	}
	assert_int_equal(sources_count(s), SOURCES_MAX);
	assert_true(sources_is_blocked(s, &busy, 1));
	sources_free(&s);
}

static void test_known_addresses(void **state)
{
	struct known *k = known_new(2);

	(void)state;
	assert_false(known_has(k, "ann@example.test"));
	known_put(k, "ann@example.test");
	known_put(k, "ann@example.test");
	known_put(k, "bob@example.test");
	assert_true(known_has(k, "ann@example.test") && known_has(k, "bob@example.test"));
	assert_false(known_has(k, "ann@example.tes"));
	known_put(k, "carol@example.test");	/* full: anew */
	assert_true(known_has(k, "carol@example.test"));
	assert_false(known_has(k, "ann@example.test"));
	known_clear(k);
	assert_false(known_has(k, "carol@example.test"));
	known_free(&k);
	known_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknowns_use_up_a_budget),
		cmocka_unit_test(test_a_window_forgets),
		cmocka_unit_test(test_one_customer_is_one_source),
		cmocka_unit_test(test_messages_have_a_rate),
		cmocka_unit_test(test_zero_is_no_limit),
		cmocka_unit_test(test_memory_is_bounded),
		cmocka_unit_test(test_known_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
