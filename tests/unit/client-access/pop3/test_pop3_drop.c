#include "roles/client-access/pop3/drop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_order_and_sizes(void **state)
{
	struct drop d;

	(void)state;
	drop_init(&d);
	drop_trim(&d);
	assert_null(drop_get(&d, 1));
	assert_int_equal(drop_add(&d, 0, 1), ERR_INVALID);
	assert_int_equal(drop_add(&d, 5, 10), ERR_OK);
	assert_int_equal(drop_add(&d, 5, 10), ERR_INVALID);
	assert_int_equal(drop_add(&d, 4, 10), ERR_INVALID);
	assert_int_equal(drop_add(&d, UINT32_MAX, UINT64_MAX), ERR_OK);
	drop_trim(&d);
	assert_int_equal(drop_count(&d), 2);
	assert_int_equal(drop_size(&d), 10 + (uint64_t)UINT32_MAX);
	assert_int_equal(drop_get(&d, 2)->uid, UINT32_MAX);
	assert_null(drop_get(&d, 0));
	assert_null(drop_get(&d, 3));
	assert_null(drop_get(&d, UINT32_MAX));
	drop_fini(&d);
}

static void test_full(void **state)
{
	struct drop d;

	(void)state;
	drop_init(&d);
	for (uint32_t i = 1; i <= POP3_MAX_MESSAGES; i++)
		assert_int_equal(drop_add(&d, i, 1), ERR_OK);
	assert_int_equal(drop_add(&d, UINT32_MAX, 1), ERR_LIMIT);
	assert_int_equal(drop_count(&d), POP3_MAX_MESSAGES);
	/* Every other one, until the list of them would be too long. */
	for (uint32_t i = 0; i < POP3_MAX_RUNS; i++)
		assert_int_equal(drop_delete(&d, 2 * i + 1), ERR_OK);
	assert_int_equal(drop_delete(&d, POP3_MAX_MESSAGES), ERR_LIMIT);
	assert_int_equal(drop_delete(&d, 2), ERR_OK);	/* joins two */
	assert_int_equal(drop_delete(&d, POP3_MAX_MESSAGES), ERR_OK);
	drop_fini(&d);
}

/* Ranges against a list of what is marked, for random marks. */
static void test_ranges(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct uid_range *r;
		struct drop d;
		bool marked[40] = { false };
		size_t n, runs = 0, total = 1 + round % 40;
		uint64_t size = 0;

		drop_init(&d);
		for (uint32_t i = 0; i < total; i++)
			assert_int_equal(drop_add(&d, 10 + i * 3, i), ERR_OK);
		for (unsigned k = 0; k < round % 50; k++) {
			uint32_t i;

			seed = seed * 1103515245 + 12345;
			i = (seed >> 16) % (uint32_t)total;
			assert_int_equal(drop_get(&d, i + 1) == NULL, marked[i]);
			if (!marked[i])
				assert_int_equal(drop_delete(&d, i + 1), ERR_OK);
			marked[i] = true;
		}
		n = drop_ranges(&d, &r);
		for (size_t i = 0; i < total; i++) {
			size += marked[i] ? 0 : i;
			if (!marked[i])
				continue;
			if (i == 0 || !marked[i - 1])
				assert_int_equal(r[runs++].first, 10 + i * 3);
			if (i == total - 1 || !marked[i + 1])
				assert_int_equal(r[runs - 1].last, 10 + i * 3);
		}
		assert_int_equal(n, runs);
		assert_int_equal(drop_size(&d), size);
		free(r);
		drop_reset(&d);
		assert_int_equal(drop_count(&d), total);
		assert_int_equal(drop_ranges(&d, &r), 0);
		free(r);
		drop_fini(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_sizes),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
