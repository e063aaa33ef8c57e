#include "roles/shell/nouns.h"
#include "roles/shell/shell.h"
#include "roles/shell/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char *printed(const struct table *t, bool json)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	table_print(t, json, f);
	fclose(f);
	return text;
}

static void expect(const struct table *t, bool json, const char *want)
{
	char *got = printed(t, json);

	assert_string_equal(got, want);
	free(got);
}

static void test_rows(void **state)
{
	struct arena a = { 0 };
	struct table *t = table_new(&a, "name size seen");

	(void)state;
	expect(t, true, "[]\n");
	expect(t, false, "");
	table_row(t);
	table_text(t, NULL, "alice");
	table_size(t, NULL, 1536);
	table_time(t, NULL, 0);
	table_row(t);
	table_text(t, NULL, "b\"\\\n");
	table_size(t, NULL, 10);
	table_time(t, NULL, 1795300000123);
	expect(t, false, "name   size  seen\n"
			 "alice  1.5K  -\n"
			 "b\"\\?    10B  2026-11-21 22:26:40\n");
	expect(t, true, "[{\"name\":\"alice\",\"size\":1536,\"seen\":null},\n"
			" {\"name\":\"b\\\"\\\\\\u000a\",\"size\":10,\"seen\":\"2026-11-21T22:26:40.123Z\"}]\n");
	arena_fini(&a);
}

static void test_single(void **state)
{
	struct arena a = { 0 };
	struct table *t = table_single(&a);

	(void)state;
	table_text(t, "name", "team");
	table_list(t, "member");
	table_item(t, "alice");
	table_item(t, "bob");
	table_bool(t, "hidden", false);
	table_duration(t, "retry", 600000);
	table_list(t, "none");
	expect(t, false, "name    team\nmember  alice\n        bob\nhidden  no\nretry   10m\nnone    \n");
	expect(t, true, "{\"name\":\"team\",\"member\":[\"alice\",\"bob\"],\"hidden\":false,"
			"\"retry\":600000,\"none\":[]}\n");
	arena_fini(&a);
}

static void test_options_are_taken_out(void **state)
{
	char *argv[] = { (char *)"alice", (char *)"--limit", (char *)"7", (char *)"--fix",
			 (char *)"--to=bob", (char *)"rest", NULL };
	int argc = 6;

	(void)state;
	assert_string_equal(take_option(&argc, argv, "--limit"), "7");
	assert_string_equal(take_option(&argc, argv, "--to"), "bob");
	assert_null(take_option(&argc, argv, "--limit"));
	assert_true(take_flag(&argc, argv, "--fix"));
	assert_false(take_flag(&argc, argv, "--fix"));
	assert_int_equal(argc, 2);
	assert_string_equal(argv[0], "alice");
	assert_string_equal(argv[1], "rest");
	assert_null(argv[2]);
}

static void test_a_time_that_never_comes_is_none(void **state)
{
	static const int64_t never[] = { 0, -1, 253402300800000, INT64_MAX };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(never); i++) {
		struct arena a = { 0 };
		struct table *t = table_single(&a);

		table_time(t, "due", never[i]);
		expect(t, false, "due  -\n");
		expect(t, true, "{\"due\":null}\n");
		arena_fini(&a);
	}
}

static void test_numbers_are_numbers(void **state)
{
	static const struct {
		const char *word;
		uint64_t max, want;
		enum err e;
	} rows[] = {
		{ NULL, 10, 7, ERR_OK }, { "0", 10, 0, ERR_OK }, { "10", 10, 10, ERR_OK },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX, ERR_OK },
		{ "11", 10, 0, ERR_INVALID }, { "", 10, 0, ERR_INVALID },
		{ "x", 10, 0, ERR_INVALID }, { "5x", 10, 0, ERR_INVALID },
		{ "-1", UINT64_MAX, 0, ERR_INVALID }, { "+1", 10, 0, ERR_INVALID },
		{ " 1", 10, 0, ERR_INVALID },
		{ "18446744073709551616", UINT64_MAX, 0, ERR_INVALID },
	};
	struct shell sh = { .config_dir = "" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		uint64_t got;

		assert_int_equal(number_word(&sh, "n", rows[i].word, 7, rows[i].max, &got), rows[i].e);
		if (rows[i].e == ERR_OK)
			assert_true(got == rows[i].want);
	}
}

static void test_strange_options_are_found(void **state)
{
	static const struct {
		const char *noun, *name, *word;
		bool known;
	} rows[] = {
		{ "mailbox", "create", "--foo", false },
		{ "mailbox", "create", "--password", true },
		{ "mailbox", "create", "--password-file=x", true },
		{ "mailbox", "create", "--password-fil", false },
		{ "mailbox", "create", "--pass", false },
		{ "mailbox", "create", "-address=x", true },
		{ "mailbox", "remove", "--", false },
		{ "mailbox", "remove", "--password", false },
		{ "queue", "remove", "--silently", true },
		{ "message", "trace", "--sender=x", true },
		{ "stats", NULL, "--prometheus", true },
		{ "status", NULL, "--prometheus", false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		char *argv[] = { (char *)"alice", (char *)(uintptr_t)rows[i].word, NULL };
		const char *got = unknown_option(verb_find(rows[i].noun, rows[i].name), 2, argv);

		assert_true((got == NULL) == rows[i].known);
	}
}

static void test_a_probe_goes_to_the_servers_host(void **state)
{
	static const struct {
		const char *smtp, *endpoint, *want;
	} rows[] = {
		{ "127.0.0.1:10025", "tcp://edge1:7004", "127.0.0.1:10025" },
		{ "[::]:25", "tcp://edge1:7004", "edge1:25" },
		{ "*:25", "tcp://edge1:7004", "edge1:25" },
		{ "0.0.0.0:2525", "tcp://10.0.0.1:7004", "10.0.0.1:2525" },
		{ "[::]:25", "tcp://[2001:db8::1]:7004", "[2001:db8::1]:25" },
		{ "[::]:25", "", "[::]:25" },
		{ "[::]:25", "tcp://", "[::]:25" },
		{ "[::1]:25", "tcp://edge1:7004", "[::1]:25" },
	};
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		assert_string_equal(mailflow_target(&a, rows[i].smtp, rows[i].endpoint), rows[i].want);
	arena_fini(&a);
}

/* Dispatch, help and completion all read the table: it must make sense. */
static void test_every_verb_is_reachable(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_verbs; i++) {
		const struct verb *v = &verbs[i];

		assert_non_null(v->run);
		assert_ptr_equal(verb_find(v->noun, v->name), v);
		assert_true(v->max_words < 0 || v->max_words >= v->min_words);
		/* A verb that takes attributes must say of what. */
		assert_true(strstr(v->args, "ATTRIBUTE") == NULL || v->klass != 0);
	}
	assert_null(verb_find("mailbox", "fly"));
	assert_null(verb_find("mailbox", NULL));
	assert_null(verb_find("", ""));
}

static void count(void *ctx, const char *w)
{
	assert_true(strlen(w) > 0);
	++*(unsigned *)ctx;
}

static void test_completion_offers_something_everywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_verbs; i++) {
		char *argv[] = { (char *)(uintptr_t)verbs[i].noun,
				 (char *)(uintptr_t)(verbs[i].name ? verbs[i].name : "x"), NULL };
		unsigned n = 0;

		verb_complete(0, argv, 0, count, &n);
		assert_true(n > 10);
		n = 0;
		verb_complete(1, argv, 1, count, &n);
		assert_true(n > 0 || verbs[i].name == NULL);
		n = 0;
		verb_complete(2, argv, 2, count, &n);
		if (strstr(verbs[i].args, "ATTRIBUTE"))
			assert_true(n > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_options_are_taken_out),
		cmocka_unit_test(test_a_time_that_never_comes_is_none),
		cmocka_unit_test(test_numbers_are_numbers),
		cmocka_unit_test(test_strange_options_are_found),
		cmocka_unit_test(test_a_probe_goes_to_the_servers_host),
		cmocka_unit_test(test_every_verb_is_reachable),
		cmocka_unit_test(test_completion_offers_something_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
