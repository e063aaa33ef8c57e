#include "common/base/attr.h"
#include "roles/unified-messaging/media/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char send(struct event_keys *k, uint32_t ts, uint8_t event, bool end, int64_t now)
{
	const uint8_t p[4] = { event, (uint8_t)(end ? 0x8a : 0x0a), 0, 160 };

	return event_rtp(k, ts, p, sizeof(p), now);
}

static void test_each_key_once(void **state)
{
	struct event_keys k = { .begun = false };

	(void)state;
	assert_int_equal(send(&k, 100, 5, false, 0), '5');
	assert_int_equal(send(&k, 100, 5, false, 20), 0);
	assert_int_equal(send(&k, 100, 5, true, 40), 0);
	assert_int_equal(send(&k, 100, 5, true, 40), 0);
	/* The same key again, and one of which only an end arrived. */
	assert_int_equal(send(&k, 900, 5, true, 300), '5');
	assert_int_equal(send(&k, 1800, 11, true, 500), '#');
	assert_int_equal(send(&k, 2800, 10, true, 700), '*');
	assert_int_equal(send(&k, 3800, 15, true, 900), 'D');
	assert_int_equal(send(&k, 4800, 16, true, 1100), 0);	/* flash */
	assert_int_equal(event_rtp(&k, 5800, (const uint8_t *)"\1\0\0", 3, 1300), 0);
	assert_int_equal(send(&k, 0, 1, false, 1500), '1');	/* a timestamp may be 0 */
	assert_int_equal(send(&k, 0, 1, false, 1500), 0);
}

static void test_tones(void **state)
{
	struct event_keys k = { .begun = false };

	(void)state;
	assert_int_equal(event_tone(&k, '1', 0), '1');
	assert_int_equal(event_tone(&k, 'x', 0), 0);
	assert_int_equal(event_tone(&k, '\0', 0), 0);
	/* The event of a tone that was heard is the same key, */
	assert_int_equal(event_tone(&k, '2', 1000), '2');
	assert_int_equal(send(&k, 100, 2, false, 1100), 0);
	/* and from now on tones do not count; later events do. */
	assert_int_equal(event_tone(&k, '3', 2000), 0);
	assert_int_equal(send(&k, 200, 2, false, 1200), '2');
}

static const struct {
	const char *body;
	char key;
} infos[] = {
	{ "Signal=5\r\nDuration=160\r\n", '5' }, { "Duration=1\r\nsignal= #\r\n", '#' },
	{ "7", '7' }, { "*\r\n", '*' }, { "Signal=12\r\n", 0 }, { "Signal=", 0 }, { "", 0 },
	{ "hello", 0 }, { "XSignal=5", 0 }, { "Signal=E", 0 },
};

static void test_info(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(infos); i++)
		if (event_info(infos[i].body, strlen(infos[i].body)) != infos[i].key)
			fail_msg("%s", infos[i].body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_key_once),
		cmocka_unit_test(test_tones),
		cmocka_unit_test(test_info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
