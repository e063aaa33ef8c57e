/* What is worth telling an administrator, and what is not. */
#include "common/api/note.h"
#include "common/base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define DAY 86400

static void test_space(void **state)
{
	static const struct {
		uint64_t free_bytes, all;
		bool low;
	} cases[] = {
		{ 0, 0, true },			     { GIB - 1, 10 * GIB, true },
		{ GIB, 10 * GIB, false },	     { GIB, 100 * GIB, true },
		{ 5 * GIB, 100 * GIB, false },	     { 5 * GIB - MIB, 100 * GIB, true },
		{ 20 * GIB - 1, 10000 * GIB, true }, { 20 * GIB, 10000 * GIB, false },
		{ 8 * MIB, 8 * MIB, true },	     { UINT64_MAX, UINT64_MAX, false },
	};
	char text[NOTE_MAX];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++)
		if (note_space("/x", cases[i].free_bytes, cases[i].all, text) != cases[i].low)
			fail_msg("case %zu", i);
	assert_true(note_space("/var/x", 3 * MIB, 8 * MIB, text));
	assert_string_equal(text, "disk space is low: 3 MiB of 8 MiB are free at /var/x");
	assert_false(note_disk("/there/is/no/such/folder", text));
}

static void test_certificate(void **state)
{
	const int64_t now = INT64_C(1800000000);	/* 2027-01-15 */
	char text[NOTE_MAX];

	(void)state;
	assert_false(note_certificate(now + 30 * DAY, now, text));
	assert_true(note_certificate(now + 30 * DAY - 1, now, text));
	assert_string_equal(text, "the TLS certificate expires on 2027-02-14, in 29 days");
	assert_true(note_certificate(now + 1, now, text));
	assert_non_null(strstr(text, "in 0 days"));
	assert_true(note_certificate(now, now, text));
	assert_string_equal(text, "the TLS certificate expired on 2027-01-15");
	assert_true(note_certificate(0, now, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_space),
		cmocka_unit_test(test_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
