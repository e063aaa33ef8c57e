#include "common/base/buf.h"
#include "common/svc/metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { M_COUNT, M_GAUGE, M_TIME };
static const struct metric_def defs[] = {
	[M_COUNT] = { "b_count_total", METRIC_COUNTER, "things" },
	[M_GAUGE] = { "a_gauge", METRIC_GAUGE, "level" },
	[M_TIME] = { "c_ms", METRIC_HISTOGRAM, "time" },
};

static void print(void *ctx, const struct metric_value *v)
{
	struct buf *b = ctx;

	assert_int_equal(buf_addf(b, "%s{%s}=%lld;", v->def->name, v->labels,
				  (long long)v->value), ERR_OK);
}

static void check_buckets(void *ctx, const struct metric_value *v)
{
	(void)ctx;
	if (v->def != &defs[M_TIME] || v->labels[0] == '\0')
		return;
	assert_int_equal(v->value, 5);
	assert_int_equal(v->sum, 0 + 1 + 3 + 50000 + 50001);
	assert_int_equal(v->bucket[0], 2);
	assert_int_equal(v->bucket[2], 1);
	assert_int_equal(v->bucket[METRIC_BUCKETS - 2], 1);
	assert_int_equal(v->bucket[METRIC_BUCKETS - 1], 1);
}

static void refresh(void *ctx, struct metric_set *s)
{
	metric_set(s, M_GAUGE, *(int *)ctx);
}

static void test_listing(void **state)
{
	struct metrics *m = metrics_new();
	struct metric_set *x = metric_join(m, defs, N_ELEMS(defs), NULL);
	struct metric_set *y = metric_join(m, defs, N_ELEMS(defs), "database=\"y\"");
	static const int64_t times[] = { 0, 1, 3, 50000, 50001 };
	int level = 42;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	metric_add(x, M_COUNT, 1);
	metric_add(x, M_COUNT, 2);
	metric_add(y, M_GAUGE, 5);
	metric_add(y, M_GAUGE, -2);
	for (size_t i = 0; i < N_ELEMS(times); i++)
		metric_observe(y, M_TIME, times[i]);
	metric_on_read(x, refresh, &level);
	metrics_each(m, print, &b);
	assert_string_equal(b.data, "a_gauge{}=42;a_gauge{database=\"y\"}=3;b_count_total{}=3;"
				    "b_count_total{database=\"y\"}=0;c_ms{}=0;"
				    "c_ms{database=\"y\"}=5;");
	metrics_each(m, check_buckets, NULL);
	assert_int_equal(metric_get(x, M_COUNT), 3);
	assert_int_equal(metric_bound(0), 1);
	assert_true(metric_bound(METRIC_BUCKETS - 1) == INT64_MAX);
	metric_leave(&x);
	buf_clear(&b);
	metrics_each(m, print, &b);
	assert_null(strstr(b.data, "{}"));
	metric_leave(&y);
	metric_leave(&y);
	metrics_free(&m);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
