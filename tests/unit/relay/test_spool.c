#include "common/relay/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct rig {
	char dir[64];
	struct spool *s;
	struct errbuf eb;
};

static void rig_up(struct rig *r, size_t each, size_t total)
{
	struct spool_conf conf = { r->dir, each, total };

	if (r->dir[0] == '\0') {
		strcpy(r->dir, "/tmp/test-spool-XXXXXX");
		assert_non_null(mkdtemp(r->dir));
	}
	assert_int_equal(spool_open(&conf, &r->s, &r->eb), ERR_OK);
}

static bool remove_one(void *ctx, const char *name)
{
	struct rig *r = ctx;

	assert_int_equal(spool_remove(r->s, name, NULL), ERR_OK);
	return true;
}

static void rig_down(struct rig *r)
{
	assert_int_equal(spool_each(r->s, remove_one, r, NULL), ERR_OK);
	spool_close(&r->s);
	assert_int_equal(rmdir(r->dir), 0);	/* fails if something is left */
}

static bool count_one(void *ctx, const char *name)
{
	(void)name;
	++*(unsigned *)ctx;
	return true;
}

static unsigned kept(struct rig *r)
{
	unsigned n = 0;

	assert_int_equal(spool_each(r->s, count_one, &n, NULL), ERR_OK);
	return n;
}

static struct spool_body *body_of(struct rig *r, const char *text, size_t times)
{
	struct spool_body *b = spool_body_new(r->s);

	for (size_t i = 0; i < times; i++)
		assert_int_equal(spool_body_add(b, text, strlen(text), &r->eb), ERR_OK);
	spool_body_seal(b);
	assert_int_equal(spool_body_size(b), strlen(text) * times);
	return b;
}

/* Every range of "0123456789" repeated. */
static void check_ranges(const struct spool_body *b)
{
	uint64_t size = spool_body_size(b);
	char got_text[64];
	size_t got;

	for (uint64_t off = 0; off <= size + 1; off++)
		for (size_t n = 0; n < sizeof(got_text); n += 7) {
			size_t want = off >= size ? 0 : n < size - off ? n : (size_t)(size - off);

			assert_int_equal(spool_body_read(b, off, got_text, n, &got, NULL), ERR_OK);
			assert_int_equal(got, want);
			for (size_t i = 0; i < got; i++)
				assert_int_equal(got_text[i], '0' + (off + i) % 10);
		}
}

static void test_small_stays_in_memory(void **state)
{
	struct rig r = { 0 };
	struct spool_body *b;

	(void)state;
	rig_up(&r, 100, 1000);
	b = body_of(&r, "0123456789", 10);
	assert_int_equal(spool_memory(r.s), 100);
	assert_int_equal(spool_body_memory(b).n, 100);
	check_ranges(b);
	spool_body_unref(&b);
	assert_null(b);
	assert_int_equal(spool_memory(r.s), 0);
	rig_down(&r);
}

static void test_large_goes_to_a_nameless_file(void **state)
{
	struct rig r = { 0 };
	struct spool_body *b;

	(void)state;
	rig_up(&r, 100, 1000);
	b = body_of(&r, "0123456789", 11);
	assert_int_equal(spool_memory(r.s), 0);
	assert_null(spool_body_memory(b).p);
	check_ranges(b);
	assert_int_equal(kept(&r), 0);
	spool_body_unref(&b);
	rig_down(&r);
}

static void test_all_together_are_bounded(void **state)
{
	struct rig r = { 0 };
	struct spool_body *b[5];

	(void)state;
	rig_up(&r, 100, 250);
	for (size_t i = 0; i < N_ELEMS(b); i++)
		b[i] = body_of(&r, "0123456789", 10);
	assert_true(spool_memory(r.s) <= 250);
	for (size_t i = 0; i < N_ELEMS(b); i++) {
		check_ranges(b[i]);
		spool_body_unref(&b[i]);
	}
	rig_down(&r);
}

static void test_kept_bodies_survive(void **state)
{
	static const size_t times[] = { 0, 1, 10, 11, 50 };
	struct rig r = { 0 };

	(void)state;
	rig_up(&r, 100, 1000);
	for (size_t i = 0; i < N_ELEMS(times); i++) {
		struct spool_body *b = body_of(&r, "0123456789", times[i]), *again;
		char name[32];

		snprintf(name, sizeof(name), "m%zu", i);
		assert_int_equal(spool_body_keep(b, name, &r.eb), ERR_OK);
		check_ranges(b);
		spool_body_unref(&b);
		spool_close(&r.s);
		rig_up(&r, 100, 1000);
		assert_int_equal(spool_body_open(r.s, name, &again, &r.eb), ERR_OK);
		assert_int_equal(spool_body_size(again), times[i] * 10);
		assert_int_equal(spool_remove(r.s, name, &r.eb), ERR_OK);
		check_ranges(again);	/* the octets go with the last reference */
		spool_body_unref(&again);
		assert_int_equal(spool_body_open(r.s, name, &again, NULL), ERR_NOTFOUND);
		assert_int_equal(spool_remove(r.s, name, NULL), ERR_OK);
	}
	assert_int_equal(kept(&r), 0);
	rig_down(&r);
}

static void test_a_name_is_never_replaced(void **state)
{
	struct rig r = { 0 };
	struct spool_body *a, *b;
	size_t got;
	char c;

	(void)state;
	rig_up(&r, 4, 1000);
	for (size_t n = 1; n <= 5; n += 4) {	/* in memory, and in a file */
		a = body_of(&r, "a", 5);
		b = body_of(&r, "b", n);
		assert_int_equal(spool_body_keep(a, "x", &r.eb), ERR_OK);
		assert_int_equal(spool_body_keep(b, "x", &r.eb), ERR_EXISTS);
		spool_body_unref(&a);
		spool_body_unref(&b);
		assert_int_equal(spool_body_open(r.s, "x", &a, &r.eb), ERR_OK);
		assert_int_equal(spool_body_read(a, 0, &c, 1, &got, NULL), ERR_OK);
		assert_int_equal(c, 'a');
		spool_body_unref(&a);
		assert_int_equal(kept(&r), 1);
		assert_int_equal(spool_remove(r.s, "x", NULL), ERR_OK);
	}
	rig_down(&r);
}

static void test_bad_names(void **state)
{
	static const char *const names[] = { "", ".", "..", ".x", "unkept.x", "a/b", "../x", "/x" };
	struct rig r = { 0 };
	struct spool_body *b, *none;

	(void)state;
	rig_up(&r, 100, 1000);
	b = body_of(&r, "x", 1);
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		assert_int_equal(spool_body_keep(b, names[i], NULL), ERR_INVALID);
		assert_int_equal(spool_body_open(r.s, names[i], &none, NULL), ERR_INVALID);
		assert_int_equal(spool_remove(r.s, names[i], NULL), ERR_INVALID);
	}
	spool_body_unref(&b);
	rig_down(&r);
}

static void test_truncated_file_is_noticed(void **state)
{
	struct rig r = { 0 };
	struct spool_body *b;
	char path[128], p[10];
	size_t got;

	(void)state;
	rig_up(&r, 4, 1000);
	b = body_of(&r, "0123456789", 1);
	assert_int_equal(spool_body_keep(b, "x", &r.eb), ERR_OK);
	snprintf(path, sizeof(path), "%s/x", r.dir);
	assert_int_equal(truncate(path, 3), 0);
	assert_int_equal(spool_body_read(b, 0, p, 10, &got, NULL), ERR_CORRUPT);
	spool_body_unref(&b);
	rig_down(&r);
}

static void test_open_sweeps_and_refuses(void **state)
{
	struct spool_conf nowhere = { "/nonexistent/spool", 0, 0 };
	struct spool *none;
	struct rig r = { 0 };
	char path[128];
	FILE *f;

	(void)state;
	assert_int_equal(spool_open(&nowhere, &none, NULL), ERR_NOTFOUND);
	assert_null(none);
	rig_up(&r, 0, 0);
	snprintf(path, sizeof(path), "%s/unkept.left", r.dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(kept(&r), 0);
	spool_close(&r.s);
	rig_up(&r, 0, 0);
	assert_int_equal(access(path, F_OK), -1);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_stays_in_memory),
		cmocka_unit_test(test_large_goes_to_a_nameless_file),
		cmocka_unit_test(test_all_together_are_bounded),
		cmocka_unit_test(test_kept_bodies_survive),
		cmocka_unit_test(test_a_name_is_never_replaced),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_truncated_file_is_noticed),
		cmocka_unit_test(test_open_sweeps_and_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
