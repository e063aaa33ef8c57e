#include "common/smtp/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct smtp_data_conf conf = { .max_bytes = 60, .max_header = 30, .max_line = 20 };

struct read {
	struct buf out;
	struct smtp_data d;
	bool end;
	size_t left;	/* octets behind the end */
};

static void read_up(struct read *r, bool dots)
{
	*r = (struct read){ 0 };
	buf_init(&r->out, 1000);
	smtp_data_init(&r->d, &conf, dots);
}

static void read_feed(struct read *r, const char *p, size_t n)
{
	struct span in = { p, n }, out;

	while (!r->end) {
		enum smtp_data_result res = smtp_data_next(&r->d, &in, &out);

		if (res == SMTP_DATA_MORE) {
			assert_int_equal(in.n, 0);
			return;
		}
		if (res == SMTP_DATA_CHUNK)
			assert_int_equal(buf_add(&r->out, out.p, out.n), ERR_OK);
		else
			r->end = true;
	}
	r->left += in.n;
}

static const struct {
	const char *name, *in;
	size_t n;		/* 0: strlen(in) */
	const char *out;	/* content of a message without fault */
	enum smtp_data_fault fault;
	bool end;
	size_t left;
} cases[] = {
	{ "plain", "a: b\r\n\r\nc\r\n.\r\n", 0, "a: b\r\n\r\nc\r\n", SMTP_DATA_FINE, true, 0 },
	{ "empty", ".\r\n", 0, "", SMTP_DATA_FINE, true, 0 },
	{ "command behind", "a\r\n.\r\nQUIT\r\n", 0, "a\r\n", SMTP_DATA_FINE, true, 6 },
	{ "dots", "..\r\n...a\r\n.b\r\na.b.\r\n.\r\n", 0, ".\r\n..a\r\nb\r\na.b.\r\n",
	  SMTP_DATA_FINE, true, 0 },
	{ "no end yet", "a\r\n.\r", 0, "a\r\n", SMTP_DATA_FINE, false, 0 },
	/* None of these ends DATA, and all are refused when the end comes. */
	{ "LF . LF", "a\n.\nb\r\n.\r\n", 0, NULL, SMTP_DATA_BARE, true, 0 },
	{ "LF . CRLF", "a\n.\r\nb\r\n.\r\n", 0, NULL, SMTP_DATA_BARE, true, 0 },
	{ "CRLF . LF", "a\r\n.\nb\r\n.\r\n", 0, NULL, SMTP_DATA_BARE, true, 0 },
	{ "CR . CR", "a\r.\rb\r\n.\r\n", 0, NULL, SMTP_DATA_BARE, true, 0 },
	{ "CRLF . CR", "a\r\n.\rb\r\n.\r\n", 0, NULL, SMTP_DATA_BARE, true, 0 },
	{ "CR . CRLF", "a\r.\r\nb\r\n.\r\n", 0, NULL, SMTP_DATA_BARE, true, 0 },
	{ "CRLF . CR CRLF", "a\r\n.\r\r\nb\r\n.\r\n", 0, NULL, SMTP_DATA_BARE, true, 0 },
	{ "CRLF . NUL CRLF", "a\r\n.\0\r\nb\r\n.\r\n", 13, NULL, SMTP_DATA_BARE, true, 0 },
	{ "CRLF NUL . CRLF", "a\r\n\0.\r\nb\r\n.\r\n", 13, NULL, SMTP_DATA_BARE, true, 0 },
	{ "LF LF", "a\n\nb\r\n.\r\n", 0, NULL, SMTP_DATA_BARE, true, 0 },
	{ "first LF .", "\n.\r\n\r\n.\r\n", 0, NULL, SMTP_DATA_BARE, true, 0 },
	{ "CR CR LF . CRLF", "a\r\r\n.\r\nx", 0, NULL, SMTP_DATA_BARE, true, 1 },
	{ "line at the limit", "\r\n12345678901234567890\r\n.\r\n", 0,
	  "\r\n12345678901234567890\r\n", SMTP_DATA_FINE, true, 0 },
	{ "line over it", "\r\n123456789012345678901\r\n.\r\n", 0, NULL, SMTP_DATA_LINE,
	  true, 0 },
	{ "bare is graver", "\r\n123456789012345678901\n\r\n.\r\n", 0, NULL, SMTP_DATA_BARE,
	  true, 0 },
	{ "header at the limit", "1234567890123\r\n12345678901\r\n\r\nx\r\n.\r\n", 0,
	  "1234567890123\r\n12345678901\r\n\r\nx\r\n", SMTP_DATA_FINE, true, 0 },
	{ "header over it", "1234567890123\r\n123456789012\r\n\r\nx\r\n.\r\n", 0, NULL,
	  SMTP_DATA_HEADER, true, 0 },
	{ "size at the limit",
	  "\r\n123456789012345678\r\n123456789012345678\r\n1234567890123456\r\n.\r\n", 0,
	  "\r\n123456789012345678\r\n123456789012345678\r\n1234567890123456\r\n",
	  SMTP_DATA_FINE, true, 0 },
	{ "size over it",
	  "\r\n123456789012345678\r\n123456789012345678\r\n12345678901234567\r\n.\r\n", 0, NULL,
	  SMTP_DATA_SIZE, true, 0 },
};

static void check_case(size_t i, size_t cut)
{
	size_t n = cases[i].n ? cases[i].n : strlen(cases[i].in);
	struct read r;

	read_up(&r, true);
	for (size_t at = 0; at < n && !r.end; at += cut)
		read_feed(&r, cases[i].in + at, n - at < cut ? n - at : cut);
	if (r.d.fault != cases[i].fault || r.end != cases[i].end)
		fail_msg("%s, pieces of %zu: fault %d end %d", cases[i].name, cut, r.d.fault,
			 r.end);
	if (cases[i].out && strcmp(r.out.data, cases[i].out) != 0)
		fail_msg("%s, pieces of %zu: \"%s\"", cases[i].name, cut, r.out.data);
	if (cases[i].out)
		assert_int_equal(r.d.bytes, strlen(cases[i].out));
	if (cut >= n)
		assert_int_equal(r.left, cases[i].left);
	buf_fini(&r.out);
}

static void test_read_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++)
		for (size_t cut = 1; cut < 80; cut++)
			check_case(i, cut);
}

static void test_read_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		size_t n = cases[i].n ? cases[i].n : strlen(cases[i].in);

		for (size_t cut = 0; cut <= n; cut++) {
			struct read r;

			read_up(&r, true);
			read_feed(&r, cases[i].in, cut);
			if (!r.end)
				read_feed(&r, cases[i].in + cut, n - cut);
			assert_int_equal(r.d.fault, cases[i].fault);
			assert_int_equal(r.end, cases[i].end);
			if (cases[i].out)
				assert_string_equal(r.out.data, cases[i].out);
			buf_fini(&r.out);
		}
	}
}

static void test_chunks_know_no_dots(void **state)
{
	static const struct { const char *in; enum smtp_data_fault fault; } t[] = {
		{ ".\r\n..\r\n", SMTP_DATA_FINE }, { "no end of line", SMTP_DATA_FINE },
		{ "a\r", SMTP_DATA_BARE }, { "a\nb", SMTP_DATA_BARE }, { "\r\n\r", SMTP_DATA_BARE },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++)
		for (size_t cut = 0; cut <= strlen(t[i].in); cut++) {
			struct read r;

			read_up(&r, false);
			read_feed(&r, t[i].in, cut);
			read_feed(&r, t[i].in + cut, strlen(t[i].in) - cut);
			smtp_data_finish(&r.d);
			assert_false(r.end);
			assert_int_equal(r.d.fault, t[i].fault);
			if (r.d.fault == SMTP_DATA_FINE)
				assert_string_equal(r.out.data, t[i].in);
			buf_fini(&r.out);
		}
}

static void test_8bit_is_noticed(void **state)
{
	struct read r;

	(void)state;
	read_up(&r, true);
	read_feed(&r, "a: b\r\n\r\nx\xe9y\r\n.\r\n", 16);
	assert_false(r.d.header_8bit);
	assert_true(r.d.body_8bit);
	buf_fini(&r.out);
	read_up(&r, true);
	read_feed(&r, "a: \xc3\xa9\r\n\r\nx\r\n.\r\n", 15);
	assert_true(r.d.header_8bit);
	assert_false(r.d.body_8bit);
	buf_fini(&r.out);
}

static void test_faults_have_replies(void **state)
{
	(void)state;
	assert_null(smtp_data_reply(SMTP_DATA_FINE));
	assert_int_equal(smtp_data_reply(SMTP_DATA_BARE)->code, 550);
	assert_string_equal(smtp_data_reply(SMTP_DATA_BARE)->enhanced, "5.6.11");
	assert_int_equal(smtp_data_reply(SMTP_DATA_SIZE)->code, 552);
	assert_int_equal(smtp_data_reply(SMTP_DATA_HEADER)->code, 552);
	assert_int_equal(smtp_data_reply(SMTP_DATA_LINE)->code / 100, 5);
}

static void test_write_at_every_split(void **state)
{
	static const struct { const char *in, *out; } t[] = {
		{ "", ".\r\n" },
		{ "a\r\n", "a\r\n.\r\n" },
		{ "a", "a\r\n.\r\n" },
		{ ".", "..\r\n.\r\n" },
		{ "a\n.\nb\r.\r", "a\r\n..\r\nb\r\n..\r\n.\r\n" },
		{ "\r\r\n\n", "\r\n\r\n\r\n.\r\n" },
		{ "..a.\r\n", "...a.\r\n.\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++)
		for (size_t cut = 0; cut <= strlen(t[i].in); cut++) {
			struct smtp_data_writer w = { 0 };
			struct buf b;

			buf_init(&b, 100);
			assert_int_equal(smtp_data_write(&w, (struct span){ t[i].in, cut }, &b),
					 ERR_OK);
			assert_int_equal(smtp_data_write(&w, span_of(t[i].in + cut), &b), ERR_OK);
			assert_int_equal(smtp_data_write_end(&w, &b), ERR_OK);
			if (strcmp(b.data, t[i].out) != 0)
				fail_msg("case %zu cut %zu: \"%s\"", i, cut, b.data);
			buf_fini(&b);
		}
}

static void test_write_takes_all_or_nothing(void **state)
{
	struct smtp_data_writer w = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, 9);
	assert_int_equal(smtp_data_write(&w, SPAN("....."), &b), ERR_LIMIT);
	assert_int_equal(b.len, 0);
	assert_int_equal(smtp_data_write(&w, SPAN(".."), &b), ERR_OK);
	assert_string_equal(b.data, "...");
	buf_cut(&b, 3);
	assert_int_equal(smtp_data_write_end(&w, &b), ERR_OK);
	assert_string_equal(b.data, "...\r\n.\r\n");
	assert_int_equal(smtp_data_write_end(&w, &b), ERR_LIMIT);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_in_pieces),
		cmocka_unit_test(test_read_at_every_split),
		cmocka_unit_test(test_chunks_know_no_dots),
		cmocka_unit_test(test_8bit_is_noticed),
		cmocka_unit_test(test_faults_have_replies),
		cmocka_unit_test(test_write_at_every_split),
		cmocka_unit_test(test_write_takes_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
