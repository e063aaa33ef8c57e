#include "common/api/objectid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct guid box = { { 0xff, 0xfe, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xfb } };

static void test_there_and_back(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 63, 64, 4095, 123456789, (UINT64_C(1) << 40) - 1 };
	char text[OBJECTID_TEXT];
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		objectid_text(OBJECTID_MESSAGE, &box, numbers[i], text);
		assert_int_equal(strlen(text), OBJECTID_TEXT - 1);
		assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					      "0123456789-_"), strlen(text));
		assert_int_equal(objectid_parse(span_of(text), OBJECTID_MESSAGE, &box, &n), ERR_OK);
		assert_true(n == numbers[i]);
	}
}

/* Every other character is another name, or none. */
static void test_what_is_not_ours(void **state)
{
	const struct guid other = { { 1 } };
	char text[OBJECTID_TEXT];
	uint64_t n;

	(void)state;
	objectid_text(OBJECTID_THREAD, &box, 99, text);
	assert_int_equal(objectid_parse(span_of(text), OBJECTID_THREAD, &other, &n), ERR_NOTFOUND);
	assert_int_equal(objectid_parse(span_of(text), OBJECTID_MESSAGE, &box, &n), ERR_NOTFOUND);
	assert_int_equal(objectid_parse((struct span){ text, 28 }, OBJECTID_THREAD, &box, &n),
			 ERR_NOTFOUND);
	assert_int_equal(objectid_parse(span_of(""), OBJECTID_THREAD, &box, &n), ERR_NOTFOUND);
	for (size_t i = 0; i < OBJECTID_TEXT - 1; i++) {
		const char was = text[i];

		text[i] = '!';
		assert_int_equal(objectid_parse(span_of(text), OBJECTID_THREAD, &box, &n),
				 ERR_NOTFOUND);
		text[i] = was == 'A' ? 'B' : 'A';
		if (objectid_parse(span_of(text), OBJECTID_THREAD, &box, &n) == ERR_OK)
			assert_true(n != 99);
		text[i] = was;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_what_is_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
