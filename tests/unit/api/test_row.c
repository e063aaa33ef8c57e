#include "common/api/row.h"
#include "common/api/store.h"
#include "common/base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct span keywords[] = { { "todo", 4 }, { "$Label1", 7 }, { "", 0 } };

static struct store_row sample(unsigned columns)
{
	return (struct store_row){
		.uid = 4294967295u, .columns = columns, .flags = FLAG_SEEN | FLAG_DELETED,
		.modseq = UINT64_MAX, .size = 1234567890123, .internal_ms = -5,
		.sent_local_ms = INT64_C(1700000000000), .map = SPAN("map\0bytes"),
		.keywords = keywords, .n_keywords = 3, .subject = SPAN("Subject"),
		.from_name = SPAN("Ann"), .from_addr = SPAN("ann@example.org"),
		.to = SPAN("bob"), .message_id = SPAN("1@x"), .preview = SPAN("Dear all"),
		.saved_ms = 77, .more = 0,
		.iid = 7, .mid = 8, .thread = 9,
	};
}

static void same(const struct store_row *a, const struct store_row *b, unsigned c)
{
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->columns, b->columns);
	assert_int_equal(a->flags, b->flags);
	assert_true(a->modseq == (c & COL_MODSEQ ? b->modseq : 0));
	assert_true(a->internal_ms == (c & COL_DATE ? b->internal_ms : 0));
	assert_true(a->size == (c & COL_SIZE ? b->size : 0));
	assert_true(span_eq(a->map, c & COL_MAP ? b->map : (struct span){ NULL, 0 }));
	assert_int_equal(a->n_keywords, c & COL_KEYWORDS ? b->n_keywords : 0);
	for (size_t i = 0; i < a->n_keywords; i++)
		assert_true(span_eq(a->keywords[i], b->keywords[i]));
	if (c & COL_SUMMARY) {
		assert_true(span_eq(a->subject, b->subject));
		assert_true(span_eq(a->from_name, b->from_name));
		assert_true(span_eq(a->from_addr, b->from_addr));
		assert_true(span_eq(a->to, b->to));
		assert_true(span_eq(a->message_id, b->message_id));
		assert_true(a->sent_local_ms == b->sent_local_ms);
	}
	assert_true(a->thread == (c & COL_IDS ? b->thread : 0));
	assert_true(a->saved_ms == (c & COL_SAVED ? b->saved_ms : 0));
	assert_true(span_eq(a->preview, c & (COL_PREVIEW | COL_SUMMARY) ? b->preview :
					(struct span){ NULL, 0 }));
}

static void test_every_set_of_columns_round_trips(void **state)
{
	struct arena a = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 16);
	for (unsigned c = 0; c < 8192; c += c < 256 ? 1 : 37) {
		struct store_row in = sample(c), out;
		struct span s;

		buf_clear(&b);
		assert_int_equal(row_write(&b, &in), ERR_OK);
		assert_int_equal(row_write(&b, &in), ERR_OK);
		s = (struct span){ b.data, b.len };
		for (int i = 0; i < 2; i++) {
			assert_true(row_is_whole(s));
			assert_int_equal(row_read(&s, &out, &a), ERR_OK);
			same(&out, &in, c);
		}
		assert_int_equal(row_read(&s, &out, &a), ERR_NOTFOUND);
	}
	arena_fini(&a);
	buf_fini(&b);
}

/* Cut anywhere, a record is not whole; the part that is missing is its tail. */
static void test_every_cut(void **state)
{
	struct store_row in = sample(0xff), out;
	struct arena a = { 0 };
	struct buf b;
	size_t one;

	(void)state;
	buf_init(&b, 1 << 16);
	assert_int_equal(row_write(&b, &in), ERR_OK);
	one = b.len;
	assert_int_equal(row_write(&b, &in), ERR_OK);
	for (size_t cut = 0; cut <= b.len; cut++) {
		struct span s = { b.data, cut };

		assert_int_equal(row_is_whole(s), cut >= one);
		assert_int_equal(row_tail(s), cut % one);
		if (cut > 0 && cut < one)
			assert_int_equal(row_read(&s, &out, &a), ERR_INVALID);
	}
	arena_fini(&a);
	buf_fini(&b);
}

static void test_lies_are_refused(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
	} cases[] = {
		{ "length beyond the end", "\xff\0\0\0\1\0\0\0\0\0\0\0", 12 },
		{ "length below its own head", "\7\0\0\0\1\0\0\0\0\0\0\0", 12 },
		{ "length of 4 GB", "\xff\xff\xff\xff\1\0\0\0\0\0\0\0", 12 },
		{ "column missing", "\x08\0\0\0\1\0\0\0\x02\0\0\0", 12 },
		{ "map longer than the record", "\x0c\0\0\0\1\0\0\0\x10\0\0\0\xff\0\0\0", 16 },
		{ "255 keywords", "\x09\0\0\0\1\0\0\0\x20\0\0\0\xff", 13 },
		{ "keyword longer than the record", "\x0a\0\0\0\1\0\0\0\x20\0\0\0\1\x09", 14 },
		{ "summary cut", "\x0c\0\0\0\1\0\0\0\x40\0\0\0\0\0\0\0", 16 },
	};
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct span s = { cases[i].bytes, cases[i].n };
		struct store_row out;

		if (row_read(&s, &out, &a) != ERR_INVALID)
			fail_msg("%s", cases[i].name);
	}
	arena_fini(&a);
}

static void test_what_does_not_fit(void **state)
{
	static struct span many[ROW_MAX_KEYWORDS + 1];
	static char text[70000];
	struct store_row in = sample(COL_KEYWORDS), out;
	struct arena a = { 0 };
	struct span s;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	in.keywords = many;
	in.n_keywords = ROW_MAX_KEYWORDS + 1;
	assert_int_equal(row_write(&b, &in), ERR_LIMIT);
	many[0] = (struct span){ text, 256 };
	in.n_keywords = 1;
	assert_int_equal(row_write(&b, &in), ERR_LIMIT);
	assert_int_equal(b.len, 0);
	/* A field of a listing is cut instead. */
	memset(text, 's', sizeof(text));
	in = sample(COL_SUMMARY);
	in.subject = (struct span){ text, sizeof(text) };
	assert_int_equal(row_write(&b, &in), ERR_OK);
	s = (struct span){ b.data, b.len };
	assert_int_equal(row_read(&s, &out, &a), ERR_OK);
	assert_int_equal(out.subject.n, 65535);
	buf_fini(&b);
	buf_init(&b, 20);	/* no room */
	assert_int_equal(row_write(&b, &in), ERR_LIMIT);
	buf_fini(&b);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_set_of_columns_round_trips),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_lies_are_refused),
		cmocka_unit_test(test_what_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
