#include "common/base/log.h"
#include "common/conf/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct settings {
	char *data, *name, *path, *secret;
	unsigned count;
	bool flag;
	uint64_t size;
	int64_t wait_ms;
	char **list;
};

#define C(member) offsetof(struct settings, member)
static const struct conf_item items[] = {
	{ "name", CONF_STR, C(name), "def", 0, 10, CONF_LIVE, "a name" },
	{ "count", CONF_UINT, C(count), "7", 1, 100, CONF_LIVE, "a count" },
	{ "flag", CONF_BOOL, C(flag), "no", 0, 0, CONF_LIVE, "a flag" },
	{ "path", CONF_PATH, C(path), "file", 0, 0, 0, "a path" },
	{ "data", CONF_PATH, C(data), "", 0, 0, 0, "the data folder" },
	{ "size", CONF_SIZE, C(size), "1M", 0, UINT64_C(1) << 40, 0, "a size" },
	{ "wait", CONF_DURATION, C(wait_ms), "5s", 0, 3600000, CONF_LIVE, ".wait - a \\ while" },
	{ "list", CONF_LIST, C(list), "a b", 0, 0, CONF_LIVE, "a list" },
	{ "secret", CONF_STR, C(secret), "", 0, 0, CONF_SECRET, "a secret" },
};
static const struct conf_item must_items[] = {
	{ "must", CONF_STR, C(name), NULL, 0, 0, CONF_REQUIRED, "a must" },
};

static enum err parse(const char *text, struct settings *s, struct errbuf *eb)
{
	struct conf_table t = { items, N_ELEMS(items), s, NULL };

	memset(s, 0, sizeof(*s));
	return conf_parse("/etc/x/y.conf", text, strlen(text), &t, 1, eb);
}

static void drop(struct settings *s)
{
	struct conf_table t = { items, N_ELEMS(items), s, NULL };

	conf_free(&t, 1);
}

static const struct {
	const char *text, *error;	/* error NULL: accepted */
} cases[] = {
	{ "", NULL },
	{ "\n\n  # only a comment\n", NULL },
	{ "name = x", NULL },
	{ "name=x\n", NULL },
	{ "name = \"a # b\" # c\n", NULL },
	{ "list =\n", NULL },
	{ "size = 16T", "y.conf:1: size: want 0 to 1099511627776" },
	{ "nome = x\n", "y.conf:1: unknown key nome" },
	{ "\n\nname = x\nname = y\n", "y.conf:4: name is set already in line 3" },
	{ "name = 12345678901\n", "y.conf:1: name: want 0 to 10" },
	{ "count = 0\n", "y.conf:1: count: want 1 to 100" },
	{ "count = 101\n", "count: want 1 to 100" },
	{ "count = 4294967297\n", "count: want 1 to 100" },
	{ "count = 99999999999999999999\n", "count: want a number" },
	{ "count = -1\n", "count: want a number" },
	{ "count = 1x\n", "count: want a number" },
	{ "count =\n", "count: want a number" },
	{ "flag = maybe\n", "flag: want yes or no" },
	{ "size = 1X\n", "size: want a size" },
	{ "size = 1KK\n", "size: want a size" },
	{ "size = 99999999999T\n", "size: want a size" },
	{ "wait = 5\n", "wait: want a duration" },
	{ "wait = s\n", "wait: want a duration" },
	{ "wait = 2h\n", "wait: want 0 to 3600000" },
	{ "wait = 999999999999999999d\n", "wait: want a duration" },
	{ "name\n", "want key = value" },
	{ "= x\n", "want key = value" },
	{ "name = \"x\n", "quotes do not match" },
	{ "name = \"x\" y\n", "quotes do not match" },
};

static void test_what_is_refused_and_how(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct errbuf eb = { "" };
		struct settings s;
		enum err e = parse(cases[i].text, &s, &eb);

		if (cases[i].error == NULL ? e != ERR_OK
					   : e != ERR_INVALID || !strstr(eb.text, cases[i].error))
			fail_msg("\"%s\": err %d \"%s\"", cases[i].text, e, eb.text);
		if (e)
			assert_null(s.name);
		else
			drop(&s);
	}
}

static void test_values(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(parse("", &s, NULL), ERR_OK);
	assert_string_equal(s.name, "def");
	assert_int_equal(s.count, 7);
	assert_int_equal(s.size, 1 << 20);
	assert_int_equal(s.wait_ms, 5000);
	assert_string_equal(s.list[1], "b");
	assert_null(s.list[2]);
	assert_string_equal(s.path, "/etc/x/file");
	assert_string_equal(s.data, "");
	drop(&s);

	assert_int_equal(parse("name = \" a # b\"  # no\nflag = On\nsize = 3g\nwait = 250ms\n"
			       "list = x y\nlist = z # 1\npath = p\ndata = d\n", &s, NULL), ERR_OK);
	assert_string_equal(s.name, " a # b");
	assert_true(s.flag);
	assert_int_equal(s.size, UINT64_C(3) << 30);
	assert_int_equal(s.wait_ms, 250);
	assert_string_equal(s.list[0], "x y");
	assert_string_equal(s.list[1], "z");
	assert_null(s.list[2]);
	assert_string_equal(s.data, "/etc/x/d");
	assert_string_equal(s.path, "/etc/x/d/p");
	drop(&s);

	assert_int_equal(parse("list =\npath = /abs\n", &s, NULL), ERR_OK);
	assert_null(s.list[0]);
	assert_string_equal(s.path, "/abs");
	drop(&s);
}

static enum err no_seven(const void *conf, struct errbuf *eb)
{
	const struct settings *s = conf;

	return s->count == 7 ? err_set(eb, ERR_INVALID, "seven") : ERR_OK;
}

static void test_required_and_checked(void **state)
{
	struct settings a = { 0 }, b = { 0 };
	struct conf_table t[] = { { items, N_ELEMS(items), &a, no_seven },
				  { must_items, N_ELEMS(must_items), &b, NULL } };
	struct errbuf eb;

	(void)state;
	assert_int_equal(conf_parse("f", "count = 1\n", 10, t, 2, &eb), ERR_INVALID);
	assert_string_equal(eb.text, "f: must is not set");
	assert_int_equal(conf_parse("f", "must = 1\n", 9, t, 2, &eb), ERR_INVALID);
	assert_string_equal(eb.text, "seven");
	assert_int_equal(conf_parse("f", "must = 1\ncount=1\0", 17, t, 2, &eb), ERR_INVALID);
	assert_null(a.name);
	assert_int_equal(conf_parse("f", "must = 1\ncount = 1", 18, t, 2, &eb), ERR_OK);
	assert_string_equal(b.name, "1");
	conf_free(t, 2);
}

static void test_dump_is_read_back(void **state)
{
	struct settings s, again = { 0 };
	struct conf_table t = { items, N_ELEMS(items), &s, NULL };
	struct conf_table t2 = { items, N_ELEMS(items), &again, NULL };
	char *one = NULL, *two = NULL;
	size_t n;
	FILE *f;

	(void)state;
	assert_int_equal(parse("name = \" # \"\nsize = 1536\nwait = 90s\nlist = 1\nlist = 2\n"
			       "secret = hush\ndata = d\n", &s, NULL), ERR_OK);
	f = open_memstream(&one, &n);
	conf_dump(&t, 1, f);
	fclose(f);
	assert_null(strstr(one, "hush"));
	assert_non_null(strstr(one, "wait = 90s\n"));
	assert_int_equal(conf_parse("z", one, n, &t2, 1, NULL), ERR_OK);
	f = open_memstream(&two, &n);
	free(again.secret);
	again.secret = strdup("other");
	conf_dump(&t2, 1, f);
	fclose(f);
	assert_string_equal(one, two);
	free(one);
	free(two);
	conf_free(&t, 1);
	conf_free(&t2, 1);
}

static void test_help_and_man(void **state)
{
	struct conf_table t[] = { { items, N_ELEMS(items), NULL, NULL },
				  { must_items, 1, NULL, NULL } };
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	conf_help(t, 2, f);
	conf_man(t, 2, f);
	fclose(f);
	assert_non_null(strstr(text, "a must (required)"));
	assert_non_null(strstr(text, "\n\\&.wait \\- a \\e while.\n"));
	free(text);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static char seen[256];

static void sink(enum log_level level, const char *line)
{
	(void)level;
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s;", line);
}

static void test_reload_changes_only_what_may(void **state)
{
	char dir[] = "/tmp/test_conf.XXXXXX", path[64];
	struct settings s = { 0 };
	struct conf_table t = { items, N_ELEMS(items), &s, no_seven };

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/c.conf", dir);
	assert_int_equal(conf_load(path, &t, 1, NULL), ERR_NOTFOUND);
	write_file(path, "count = 1\nname = one\nsize = 5\n");
	assert_int_equal(conf_load(path, &t, 1, NULL), ERR_OK);

	write_file(path, "count = 2\nname = two\nsize = 6\nlist = new\nflag = yes\n");
	log_set_sink(sink);
	assert_int_equal(conf_reload(path, &t, 1, NULL), ERR_OK);
	log_set_sink(NULL);
	assert_string_equal(seen, "setting-needs-restart key=size;");
	assert_string_equal(s.name, "two");
	assert_string_equal(s.list[0], "new");
	assert_int_equal(s.count, 2);
	assert_true(s.flag);
	assert_int_equal(s.size, 5);

	write_file(path, "count = 7\nname = three\n");	/* no_seven */
	assert_int_equal(conf_reload(path, &t, 1, NULL), ERR_INVALID);
	write_file(path, "count = 3\nbogus = 1\n");
	assert_int_equal(conf_reload(path, &t, 1, NULL), ERR_INVALID);
	assert_int_equal(s.count, 2);
	assert_string_equal(s.name, "two");
	conf_free(&t, 1);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_refused_and_how),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_required_and_checked),
		cmocka_unit_test(test_dump_is_read_back),
		cmocka_unit_test(test_help_and_man),
		cmocka_unit_test(test_reload_changes_only_what_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
