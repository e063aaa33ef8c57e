#include "common/base/addr.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

static const struct {
	const char *in;
	const char *out;		/* NULL: refused */
} cases[] = {
	{ "192.0.2.1:25", "192.0.2.1:25" },
	{ "192.0.2.1", "192.0.2.1:99" },
	{ "[2001:db8::1]:25", "[2001:db8::1]:25" },
	{ "[2001:db8::1]", "[2001:db8::1]:99" },
	{ "2001:db8::1", "[2001:db8::1]:99" },
	{ "::ffff:192.0.2.1", "192.0.2.1:99" },
	{ "[::ffff:192.0.2.1]:7", "192.0.2.1:7" },
	{ "*:143", "[::]:143" },
	{ "0.0.0.0:0", "0.0.0.0:0" },
	{ "192.0.2.1:65535", "192.0.2.1:65535" },
	{ "192.0.2.1:65536", NULL },
	{ "192.0.2.1:", NULL },
	{ "192.0.2.1:-1", NULL },
	{ "192.0.2.1:25x", NULL },
	{ "192.0.2", NULL },
	{ "", NULL },
	{ "[", NULL },
	{ "[::1", NULL },
	{ "[::1]25", NULL },
	{ "localhost:25", NULL },
	{ ":25", NULL },
	{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff:1", NULL },
};

static void test_parse_and_text(void **state)
{
	char text[ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct addr a = { 0 };
		enum err e = addr_parse(cases[i].in, 99, &a);

		if (cases[i].out == NULL) {
			if (e != ERR_INVALID)
				fail_msg("%s was taken", cases[i].in);
			assert_int_equal(a.family, 0);
		} else if (e || strcmp(addr_text(&a, text), cases[i].out) != 0) {
			fail_msg("%s: err %d, %s", cases[i].in, e, text);
		}
	}
}

static void test_sockaddr_round_trips(void **state)
{
	static const char *const texts[] = { "192.0.2.1:25", "[2001:db8::1]:25" };
	struct sockaddr_storage ss;
	char text[ADDR_TEXT];
	struct addr a, b;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(texts); i++) {
		assert_int_equal(addr_parse(texts[i], 0, &a), ERR_OK);
		addr_to_sockaddr(&a, &ss);
		addr_from_sockaddr((struct sockaddr *)&ss, &b);
		assert_string_equal(addr_text(&b, text), texts[i]);
	}
	memset(&ss, 0, sizeof(ss));
	addr_from_sockaddr((struct sockaddr *)&ss, &b);
	assert_int_equal(b.family, 0);
	assert_string_equal(addr_host(&b, text), "-");
}

static void test_source_and_equality(void **state)
{
	struct addr a, b;

	(void)state;
	assert_int_equal(addr_parse("[2001:db8:1:2:3::1]:25", 0, &a), ERR_OK);
	assert_int_equal(addr_parse("[2001:db8:1:2:ffff::9]:26", 0, &b), ERR_OK);
	assert_false(addr_eq_host(&a, &b));
	a = addr_source(&a);
	b = addr_source(&b);
	assert_true(addr_eq_host(&a, &b));
	assert_int_equal(a.port, 0);
	assert_int_equal(addr_parse("192.0.2.1:1", 0, &a), ERR_OK);
	assert_int_equal(addr_parse("192.0.2.2:1", 0, &b), ERR_OK);
	a = addr_source(&a);
	b = addr_source(&b);
	assert_false(addr_eq_host(&a, &b));
	assert_int_equal(addr_parse("127.8.0.1", 0, &a), ERR_OK);
	assert_true(addr_is_loopback(&a));
	assert_int_equal(addr_parse("::1", 0, &a), ERR_OK);
	assert_true(addr_is_loopback(&a));
	assert_false(addr_is_loopback(&b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_and_text),
		cmocka_unit_test(test_sockaddr_round_trips),
		cmocka_unit_test(test_source_and_equality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
