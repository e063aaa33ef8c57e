#include "roles/client-access/imap/uid_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* The map against an array of what is in it. */
struct model {
	uint32_t uid[4000];
	uint32_t n;
};

static void compare(struct uid_map *m, const struct model *o)
{
	assert_int_equal(uid_map_total(m), o->n);
	assert_int_equal(uid_map_last(m), o->n ? o->uid[o->n - 1] : 0);
	for (uint32_t i = 0; i < o->n; i++) {
		assert_int_equal(uid_map_uid(m, i + 1), o->uid[i]);
		assert_int_equal(uid_map_seq(m, o->uid[i]), i + 1);
	}
	assert_int_equal(uid_map_uid(m, 0), 0);
	assert_int_equal(uid_map_uid(m, o->n + 1), 0);
}

static void compare_range(struct uid_map *m, const struct model *o, uint32_t from, uint32_t to)
{
	uint32_t n = 0, high = 0, next = 0;
	struct uid_range run;

	for (uint32_t i = 0; i < o->n; i++) {
		if (o->uid[i] >= from && next == 0)
			next = o->uid[i];
		if (o->uid[i] >= from && o->uid[i] <= to) {
			n++;
			high = o->uid[i];
		}
	}
	assert_int_equal(uid_map_count(m, from, to), n);
	assert_int_equal(uid_map_highest(m, from, to), high);
	assert_int_equal(uid_map_next(m, from), next);
	assert_int_equal(uid_map_run(m, from, &run), next != 0);
	if (next)
		assert_int_equal(run.first, next);
}

static void test_random_operations_match_a_model(void **state)
{
	struct uid_map *m = uid_map_new(NULL, 0);
	struct model o = { .n = 0 };
	uint32_t next = 1;

	(void)state;
	srand(5);
	compare(m, &o);
	for (int step = 0; step < 3000; step++) {
		if (o.n == 0 || rand() % 5 > 1) {
			next += rand() % 4 == 0 ? 1 + (uint32_t)rand() % 5 : 1;
			uid_map_append(m, next);
			uid_map_append(m, next);		/* again: ignored */
			o.uid[o.n++] = next;
		} else {
			uint32_t i = (uint32_t)rand() % o.n;

			uid_map_remove(m, o.uid[i], o.uid[i]);
			uid_map_remove(m, o.uid[i], o.uid[i]);
			memmove(&o.uid[i], &o.uid[i + 1], (o.n - i - 1) * sizeof(o.uid[0]));
			o.n--;
		}
		if (step % 50 == 0)
			compare(m, &o);
		compare_range(m, &o, (uint32_t)rand() % (next + 2), (uint32_t)rand() % (next + 2));
	}
	compare(m, &o);
	uid_map_unref(&m);
}

static void test_runs_that_are_wrong_are_cut(void **state)
{
	static const struct uid_range r[] = { { 1, 3 }, { 4, 5 }, { 9, 9 }, { 8, 20 }, { 30, 31 } };
	struct uid_map *m = uid_map_new(r, 5);

	(void)state;
	assert_int_equal(uid_map_total(m), 6);
	assert_int_equal(uid_map_runs(m), 2);		/* neighbours are one */
	uid_map_unref(&m);
	m = uid_map_new((const struct uid_range[]){ { 0, 4 } }, 1);
	assert_int_equal(uid_map_total(m), 0);
	uid_map_unref(&m);
}

static void test_sharing(void **state)
{
	static const struct uid_range r[] = { { 1, 1000 } };
	const struct uid_map_key k1 = { { { 1 } }, 5, 1, 10 }, k2 = { { { 1 } }, 5, 1, 11 };
	struct uid_map *a = uid_map_new(r, 1), *b = uid_map_new(r, 1), *c;
	struct uid_maps pool;

	(void)state;
	uid_maps_init(&pool);
	uid_map_share(&pool, &a, &k1);
	uid_map_share(&pool, &b, &k1);
	assert_ptr_equal(a, b);
	uid_map_own(&b);			/* a copy: a stays as it is */
	assert_ptr_not_equal(a, b);
	uid_map_remove(b, 7, 7);
	assert_int_equal(uid_map_total(a), 1000);
	assert_int_equal(uid_map_total(b), 999);
	uid_map_share(&pool, &b, &k2);
	c = uid_map_new(r, 1);
	uid_map_remove(c, 7, 7);
	uid_map_share(&pool, &c, &k2);
	assert_ptr_equal(b, c);
	uid_map_unref(&c);
	c = uid_map_new(r, 1);			/* says the same, is not: kept apart */
	uid_map_share(&pool, &c, &k2);
	assert_ptr_not_equal(b, c);
	uid_map_unref(&a);
	uid_map_unref(&b);
	uid_map_unref(&c);
	uid_maps_fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_operations_match_a_model),
		cmocka_unit_test(test_runs_that_are_wrong_are_cut),
		cmocka_unit_test(test_sharing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
