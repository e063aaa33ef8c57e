#include "common/base/attr.h"
#include "common/mime/header.h"
#include "common/mime/section.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char msg[] =
	"Received: from a\r\n\tby b\r\nX-MS-Exchange-Organization-SCL : 9\r\njunk line\r\n"
	"received:from c\nReceivedX: no\r\n: empty name\r\nSubject:  hello\r\n  world \r\n"
	"\r\nReceived: in the body\r\n";

static void test_walk(void **state)
{
	static const struct {
		const char *name, *value;
	} want[] = {
		{ "Received", " from a\r\n\tby b" },
		{ "X-MS-Exchange-Organization-SCL", " 9" },
		{ "received", "from c" },
		{ "ReceivedX", " no" },
		{ "", " empty name" },
		{ "Subject", "  hello\r\n  world " },
	};
	struct span rest = span_of(msg);
	struct header_field f;
	char flat[64];
	bool closed;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(want); i++) {
		assert_true(header_next(&rest, &f));
		if (!span_eq(f.name, span_of(want[i].name)) ||
		    !span_eq(f.value, span_of(want[i].value)))
			fail_msg("field %zu is %.*s", i, (int)f.raw.n, f.raw.p);
	}
	assert_int_equal(header_unfold(f.value, flat), 12);
	assert_memory_equal(flat, "hello  world", 12);
	assert_false(header_next(&rest, &f));
	assert_int_equal(header_count(span_of(msg), "Received"), 2);
	assert_true(header_find(span_of(msg), "x-ms-exchange-organization-scl", &f));
	assert_true(header_has_prefix(&f, "X-MS-Exchange-Organization-"));
	assert_false(header_has_prefix(&f, "X-MS-Exchange-Organization-SCL-"));
	assert_false(header_find(span_of(msg), "Date", &f));
	assert_int_equal(header_length(span_of(msg), &closed), strstr(msg, "\r\n\r\n") - msg + 4);
	assert_true(closed);
	assert_int_equal(header_length(SPAN("a: b\r\n"), &closed), 6);
	assert_false(closed);
}

static void test_scan_at_every_split(void **state)
{
	size_t want = header_length(span_of(msg), NULL);

	(void)state;
	for (size_t cut = 0; cut < sizeof(msg); cut++) {
		size_t n = sizeof(msg) - 1, used, more = 0;
		struct header_scan s;

		header_scan_init(&s, want);
		if (header_scan_feed(&s, msg, cut, &used) == HEADER_MORE)
			header_scan_feed(&s, msg + cut, n - cut, &more);
		assert_int_equal(s.state, HEADER_DONE);
		assert_int_equal(used + more, want);
		assert_int_equal(s.len, want);
		assert_int_equal(s.n_received, 2);

		header_scan_init(&s, want - 1);
		header_scan_feed(&s, msg, cut, NULL);
		header_scan_feed(&s, msg + cut, n - cut, NULL);
		assert_int_equal(s.state, HEADER_LIMIT);
		assert_int_equal(s.len, want - 1);
	}
}

static void test_fields(void **state)
{
	static const struct span names[] = { { "SUBJECT", 7 }, { "receivedx", 9 } };
	static const char chosen[] = "ReceivedX: no\r\nSubject:  hello\r\n  world \r\n\r\n";
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(section_fields(span_of(msg), names, 2, false, &out), ERR_OK);
	assert_string_equal(out.data, chosen);
	buf_clear(&out);
	assert_int_equal(section_fields(span_of(msg), names, 2, true, &out), ERR_OK);
	assert_string_equal(out.data,
			    "Received: from a\r\n\tby b\r\nX-MS-Exchange-Organization-SCL : 9\r\n"
			    "received:from c\n: empty name\r\n\r\n");
	buf_clear(&out);
	assert_int_equal(section_fields(span_of(msg), names, 0, false, &out), ERR_OK);
	assert_string_equal(out.data, "\r\n");
	buf_clear(&out);
	assert_int_equal(section_fields(SPAN("Subject: cut"), names, 1, false, &out), ERR_OK);
	assert_string_equal(out.data, "Subject: cut\r\n\r\n");
	buf_fini(&out);
	buf_init(&out, 10);
	assert_int_equal(section_fields(span_of(msg), names, 2, false, &out), ERR_LIMIT);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk), cmocka_unit_test(test_scan_at_every_split),
		cmocka_unit_test(test_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
