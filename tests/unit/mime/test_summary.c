#include "common/base/check.h"
#include "common/mime/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

/* A summary as bytes and back; every cut of the bytes is refused. */

static const char *const headers[] = {
	"",
	"Subject: \r\n",
	"Subject: Re: Hello\r\nFrom: Ann <ann@x>\r\nTo: bob@x, Carl <c@x>\r\n"
	"Date: Mon, 2 Oct 2023 10:00:00 +0000\r\nMessage-ID: <a@x>\r\n"
	"References: <1@x> <2@x> <3@x>\r\nIn-Reply-To: <3@x>\r\n",
	"From: only@address\r\nIn-Reply-To: <q@x>\r\n",
};

static void assert_text(struct span a, struct span b)
{
	assert_true(span_eq(a, b));
	assert_int_equal(a.p == NULL, b.p == NULL);
}

static void same(const struct summary *a, const struct summary *b)
{
	assert_text(a->subject, b->subject);
	assert_text(a->base_subject, b->base_subject);
	assert_text(a->from_name, b->from_name);
	assert_text(a->from_addr, b->from_addr);
	assert_text(a->to_text, b->to_text);
	assert_text(a->message_id, b->message_id);
	assert_int_equal(a->is_reply, b->is_reply);
	assert_int_equal(a->has_date, b->has_date);
	assert_int_equal(a->sent_ms, b->sent_ms);
	assert_int_equal(a->sent_zone, b->sent_zone);
	assert_int_equal(a->message_id_hash, b->message_id_hash);
	assert_int_equal(a->in_reply_to_hash, b->in_reply_to_hash);
	assert_int_equal(a->n_refs, b->n_refs);
	for (size_t i = 0; i < a->n_refs; i++)
		assert_int_equal(a->refs[i], b->refs[i]);
}

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(headers); i++) {
		struct arena a = { 0 };
		struct summary s, back;
		struct buf out;

		buf_init(&out, 1 << 16);
		summary_parse(&a, span_of(headers[i]), &s);
		assert_int_equal(summary_pack(&s, &out), ERR_OK);
		assert_int_equal(summary_unpack((struct span){ out.data, out.len }, &a, &back),
				 ERR_OK);
		same(&s, &back);
		for (size_t n = 0; n < out.len; n++)
			assert_int_equal(summary_unpack((struct span){ out.data, n }, &a, &back),
					 ERR_CORRUPT);
		assert_int_equal(buf_addc(&out, 'x'), ERR_OK);
		assert_int_equal(summary_unpack((struct span){ out.data, out.len }, &a, &back),
				 ERR_CORRUPT);
		out.data[0] = 9;
		assert_int_equal(summary_unpack((struct span){ out.data, out.len - 1 }, &a, &back),
				 ERR_CORRUPT);
		buf_fini(&out);
		arena_fini(&a);
	}
}

static void test_no_room(void **state)
{
	struct arena a = { 0 };
	struct summary s;
	struct buf out;

	(void)state;
	buf_init(&out, 30);
	summary_parse(&a, span_of(headers[2]), &s);
	assert_int_equal(summary_pack(&s, &out), ERR_LIMIT);
	buf_fini(&out);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
