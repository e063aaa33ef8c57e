#include "roles/directory/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	const char *tmpl, *given, *surname, *initials, *display, *alias, *local;
} cases[] = {
	{ "%g.%s@x", "Alice", "Liddell", NULL, NULL, NULL, "Alice.Liddell" },
	{ "%1g%s@x", "Alice", "Liddell", NULL, NULL, NULL, "ALiddell" },
	{ "%g%1s@x", "Alice", "Liddell", NULL, NULL, NULL, "AliceL" },
	{ "%2g%3s@x", "A", "Li", NULL, NULL, NULL, "ALi" },
	{ "%g.%i.%s@x", "Alice", "Liddell", "Q", NULL, NULL, "Alice.Q.Liddell" },
	{ "%g.%i.%s@x", "Alice", "Liddell", NULL, NULL, NULL, "Alice.Liddell" },
	{ "%d@x", NULL, NULL, NULL, "Alice P. Liddell", NULL, "AliceP.Liddell" },
	{ "%r _%d@x", NULL, NULL, NULL, "Alice Liddell", NULL, "AliceLiddell" },
	{ "%rl_%s@x", NULL, "Liddell", NULL, NULL, NULL, "Lidde__" },
	{ "%rdd%s@x", NULL, "Liddell", NULL, NULL, NULL, "Liell" },
	{ "%s%rde%s@x", NULL, "add", NULL, NULL, NULL, "addaee" },
	{ "%m@x", NULL, NULL, NULL, NULL, "al", "al" },
	{ "%g.%s@x", NULL, NULL, NULL, NULL, "al", "" },
	{ "%g.%s@x", "Alice", NULL, NULL, NULL, NULL, "Alice" },
	{ "%g.%s@x", NULL, "Liddell", NULL, NULL, NULL, "Liddell" },
	{ "%g.%s@x", "Änne", "Ærøskøbing", NULL, NULL, NULL, "Anne.AEroskobing" },
	{ "%s@x", NULL, "O'Neil", NULL, NULL, NULL, "O'Neil" },
	{ "%s@x", NULL, "a\"@<>(),;:\\ b", NULL, NULL, NULL, "ab" },
	{ "%s@x", NULL, "..a..b..", NULL, NULL, NULL, "a.b" },
	{ "info@x", "Alice", NULL, NULL, NULL, NULL, "info" },
};

static void test_templates(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct arena a = { 0 };
		const struct policy_names n = { cases[i].given, cases[i].surname, cases[i].initials,
						cases[i].display, cases[i].alias };
		const char *got = policy_local(&a, cases[i].tmpl, &n);

		if (strcmp(got, cases[i].local) != 0)
			fail_msg("%s: %s, not %s", cases[i].tmpl, got, cases[i].local);
		arena_fini(&a);
	}
}

static void test_long_names_are_cut(void **state)
{
	struct arena a = { 0 };
	char name[300];
	const struct policy_names n = { .given = name, .surname = name };

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_true(strlen(policy_local(&a, "%g.%s@x", &n)) <= 64);
	for (size_t i = 0; i + 2 < sizeof(name); i += 2)
		memcpy(name + i, "\xc3\xa4", 2);
	name[298] = '\0';
	assert_true(strlen(policy_local(&a, "%g.%s@x", &n)) <= 64);
	arena_fini(&a);
}

static const struct {
	const char *tmpl;
	enum err e;
} checks[] = {
	{ "%g.%s@example.org", ERR_OK },
	{ "%1g%s@example.org", ERR_OK },
	{ "%rxy%m@example.org", ERR_OK },
	{ "%m", ERR_INVALID },
	{ "@example.org", ERR_INVALID },
	{ "%m@", ERR_INVALID },
	{ "%m@a@b", ERR_INVALID },
	{ "%x@example.org", ERR_INVALID },
	{ "%@example.org", ERR_INVALID },
	{ "%1@example.org", ERR_INVALID },
	{ "%0g@example.org", ERR_INVALID },
	{ "%r@example.org", ERR_INVALID },
	{ "%rx@example.org", ERR_INVALID },
	{ "%1rxy@example.org", ERR_INVALID },
	{ "a b@example.org", ERR_INVALID },
	{ "", ERR_INVALID },
};

static void test_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(checks); i++)
		if (policy_check(checks[i].tmpl, NULL) != checks[i].e)
			fail_msg("%s", checks[i].tmpl);
}

static void test_alias(void **state)
{
	struct arena a = { 0 };

	(void)state;
	assert_string_equal(policy_alias(&a, "Alice Liddell"), "AliceLiddell");
	assert_string_equal(policy_alias(&a, "山田"), "shantian");
	assert_string_equal(policy_alias(&a, "!!"), "");
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_long_names_are_cut),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_alias),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
