#include "roles/unified-messaging/media/jitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A script of arrivals: numbers are packets, and what comes out is written as numbers,
 * "L" a lost one.  A '!' at the end flushes. */
static const struct {
	const char *name, *in, *out;
} cases[] = {
	{ "in order", "1 2 3", "1 2 3" },
	{ "swapped", "1 3 2 4", "1 2 3 4" },
	{ "twice", "1 2 2 3", "1 2 3" },
	{ "one missing, waited for", "1 3 4 5 6", "1" },
	{ "one missing, given up", "1 3 4 5 6 7", "1 L 3 4 5 6 7" },
	{ "one missing, then it comes", "1 3 4 5 2", "1 2 3 4 5" },
	{ "late", "1 3 4 5 6 7 2 8", "1 L 3 4 5 6 7 8" },
	{ "flushed", "1 3 5!", "1 L 3 L 5" },
	{ "wrap", "65534 65535 0 1", "65534 65535 0 1" },
	{ "swapped at the wrap", "65535 1 0 2", "65535 0 1 2" },
	{ "begins anew", "1 2 40000 40001", "1 2 40000 40001" },
	{ "begins anew below", "40000 1 2", "40000 1 2" },
	{ "far ahead", "1 30!", "1 L L L L L L L L L L L L L L L L L L L L L L L L L L L L 30" },
};

static void drain(struct jitter *j, bool flush, char *out, size_t cap)
{
	const struct jitter_packet *p;
	enum jitter_next n;

	while ((n = jitter_get(j, flush, &p)) != JITTER_NONE) {
		size_t at = strlen(out);

		if (n == JITTER_LOST)
			snprintf(out + at, cap - at, "%sL", at ? " " : "");
		else
			snprintf(out + at, cap - at, "%s%u", at ? " " : "", p->seq);
	}
}

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct jitter j;
		char out[256] = "";
		const char *in = cases[i].in;

		jitter_init(&j);
		while (*in) {
			char *end;
			unsigned long seq = strtoul(in, &end, 10);

			jitter_put(&j, (uint16_t)seq, (uint32_t)seq * 160, 0, false, "x", 1);
			in = end + strspn(end, " ");
			/* What waits for a flush comes out whenever it is asked for. */
			drain(&j, *end == '!', out, sizeof(out));
			in += *in == '!';
		}
		/* Packets far ahead push the missing ones out, uncounted by us. */
		if (strncmp(cases[i].name, "far", 3) == 0) {
			assert_int_equal(j.lost, 28);
			assert_non_null(strstr(out, "30"));
			continue;
		}
		if (strcmp(out, cases[i].out) != 0)
			fail_msg("%s: \"%s\"", cases[i].name, out);
	}
}

static void test_bounds(void **state)
{
	char big[JITTER_PAYLOAD + 1] = { 0 };
	const struct jitter_packet *p;
	struct jitter j;

	(void)state;
	jitter_init(&j);
	assert_false(jitter_put(&j, 1, 0, 0, false, big, sizeof(big)));
	assert_int_equal(jitter_get(&j, true, &p), JITTER_NONE);
	assert_true(jitter_put(&j, 1, 0, 0, false, big, sizeof(big) - 1));
	assert_int_equal(jitter_get(&j, false, &p), JITTER_PACKET);
	assert_int_equal(p->n, JITTER_PAYLOAD);
	assert_true(jitter_put(&j, 2, 0, 0, false, NULL, 0));
	assert_int_equal(j.received, 2);
	assert_int_equal(j.dropped, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
