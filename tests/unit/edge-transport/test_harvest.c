#include "roles/edge-transport/harvest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct addr at(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, 25, &a), ERR_OK);
	return a;
}

static void test_budget_and_window(void **state)
{
	struct harvest *h = harvest_new(10, 2, 1000);
	struct addr a = at("192.0.2.1"), again = at("192.0.2.1:99"), b = at("192.0.2.2");

	(void)state;
	assert_false(harvest_is_over(h, &a, 0));
	assert_true(harvest_unknown(h, &a, 0));
	assert_true(harvest_unknown(h, &again, 500));	/* ports do not count */
	assert_false(harvest_unknown(h, &a, 999));
	assert_true(harvest_is_over(h, &a, 999));
	assert_false(harvest_is_over(h, &b, 999));
	assert_true(harvest_unknown(h, &b, 999));
	assert_false(harvest_is_over(h, &a, 1000));
	assert_true(harvest_unknown(h, &a, 1000));
	harvest_free(&h);
	assert_null(h);
	harvest_free(&h);
}

static void test_one_customer_of_ipv6(void **state)
{
	struct harvest *h = harvest_new(10, 1, 1000);
	struct addr a = at("[2001:db8::1]"), b = at("[2001:db8::2]"), c = at("[2001:db8:0:1::1]");

	(void)state;
	assert_true(harvest_unknown(h, &a, 0));
	assert_false(harvest_unknown(h, &b, 0));
	assert_true(harvest_unknown(h, &c, 0));
	harvest_free(&h);
}

static void test_full_table_forgets_the_oldest(void **state)
{
	struct harvest *h = harvest_new(2, 1, 1000);
	struct addr a = at("192.0.2.1"), b = at("192.0.2.2"), c = at("192.0.2.3");

	(void)state;
	assert_true(harvest_unknown(h, &a, 0));
	assert_true(harvest_unknown(h, &b, 1));
	assert_true(harvest_unknown(h, &c, 2));
	assert_false(harvest_is_over(h, &a, 3));
	assert_true(harvest_is_over(h, &b, 3));
	harvest_free(&h);
}

static void test_no_budget_no_limit(void **state)
{
	struct harvest *h = harvest_new(1, 0, 1000);
	struct addr a = at("192.0.2.1");

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_true(harvest_unknown(h, &a, 0));
	assert_false(harvest_is_over(h, &a, 0));
	harvest_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budget_and_window),
		cmocka_unit_test(test_one_customer_of_ipv6),
		cmocka_unit_test(test_full_table_forgets_the_oldest),
		cmocka_unit_test(test_no_budget_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
