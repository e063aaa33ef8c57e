/* Limits of one user's connections, and the time between two logins. */
#include "common/base/check.h"
#include "roles/client-access/users.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct guid ann = { { 1 } }, bob = { { 2 } };

static void test_limit(void **state)
{
	const struct users_limits two = { .max = 2 }, none = { 0 };
	struct users_seat s[4] = { 0 };
	struct users u;

	(void)state;
	users_init(&u);
	assert_int_equal(users_enter(&u, &s[0], &ann, USERS_IMAP, &two, 0), ERR_OK);
	assert_int_equal(users_enter(&u, &s[1], &ann, USERS_IMAP, &two, 0), ERR_OK);
	assert_int_equal(users_enter(&u, &s[2], &ann, USERS_IMAP, &two, 0), ERR_LIMIT);
	assert_null(s[2].all);
	assert_int_equal(users_enter(&u, &s[2], &ann, USERS_POP3, &two, 0), ERR_OK);
	assert_int_equal(users_enter(&u, &s[3], &bob, USERS_IMAP, &two, 0), ERR_OK);
	assert_int_equal(users_known(&u), 2);
	users_leave(&s[0]);
	users_leave(&s[0]);		/* twice does no harm */
	assert_int_equal(users_enter(&u, &s[0], &ann, USERS_IMAP, &two, 0), ERR_OK);
	for (size_t i = 0; i < 4; i++)
		users_leave(&s[i]);
	assert_int_equal(users_known(&u), 0);
	assert_int_equal(users_enter(&u, &s[0], &ann, USERS_IMAP, &none, 0), ERR_OK);
	assert_int_equal(users_known(&u), 0);	/* nothing to count */
	users_leave(&s[0]);
	users_fini(&u);
}

static void test_delay(void **state)
{
	const struct users_limits slow = { 1, 1000 };
	struct users_seat s = { 0 }, t = { 0 };
	struct users u;

	(void)state;
	users_init(&u);
	assert_int_equal(users_enter(&u, &s, &ann, USERS_POP3, &slow, 5000), ERR_OK);
	assert_int_equal(users_enter(&u, &t, &ann, USERS_POP3, &slow, 5001), ERR_LIMIT);
	users_leave(&s);
	assert_int_equal(users_known(&u), 1);
	for (int i = 0; i < 3; i++)		/* trying does not make it longer */
		assert_int_equal(users_enter(&u, &s, &ann, USERS_POP3, &slow, 5999), ERR_AGAIN);
	assert_int_equal(users_enter(&u, &t, &bob, USERS_POP3, &slow, 5999), ERR_OK);
	users_leave(&t);
	assert_int_equal(users_enter(&u, &s, &ann, USERS_POP3, &slow, 6000), ERR_OK);
	users_leave(&s);
	/* Who rests is forgotten when others come. */
	assert_int_equal(users_enter(&u, &s, &ann, USERS_POP3, &slow, 9000), ERR_OK);
	assert_int_equal(users_known(&u), 1);
	users_leave(&s);
	users_fini(&u);
}

/* Strangers cannot fill the memory. */
static void test_bounded(void **state)
{
	const struct users_limits slow = { 1, 1000000 };
	struct users_seat s = { 0 };
	struct users u;

	(void)state;
	users_init(&u);
	for (unsigned i = 0; i < USERS_RESTING + 1000; i++) {
		struct guid g = { { (uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16) } };

		assert_int_equal(users_enter(&u, &s, &g, USERS_POP3, &slow, i), ERR_OK);
		users_leave(&s);
	}
	assert_in_range(users_known(&u), USERS_RESTING, USERS_RESTING + 1);
	users_fini(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
