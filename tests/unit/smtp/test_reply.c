#include "common/smtp/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_write(void **state)
{
	static const struct { unsigned code; const char *enh, *text, *out; } t[] = {
		{ 250, "2.1.0", "Sender OK", "250 2.1.0 Sender OK\r\n" },
		{ 354, NULL, "Go ahead", "354 Go ahead\r\n" },
		{ 250, NULL, "x\nPIPELINING\nSIZE 1", "250-x\r\n250-PIPELINING\r\n250 SIZE 1\r\n" },
		{ 550, "5.7.1", "no\nmore", "550-5.7.1 no\r\n550 5.7.1 more\r\n" },
		{ 250, NULL, "", "250 \r\n" },
		{ 550, "5.0.0", "a\rb\xc3\xbc\x01", "550 5.0.0 a?b???\r\n" },
		{ 250, NULL, "a\n", "250 a\r\n" },
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		buf_init(&b, 100);
		assert_int_equal(smtp_reply_write(&b, t[i].code, t[i].enh, t[i].text), ERR_OK);
		assert_string_equal(b.data, t[i].out);
		buf_fini(&b);
		buf_init(&b, strlen(t[i].out) - 1);
		assert_int_equal(smtp_reply_write(&b, t[i].code, t[i].enh, t[i].text),
				 ERR_LIMIT);
		assert_int_equal(b.len, 0);
		buf_fini(&b);
	}
}

static void test_long_text_is_broken(void **state)
{
	char text[3001];
	struct smtp_reply r;
	struct span in;
	struct buf b;
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < 3000; i++)
		text[i] = i % 7 ? 'x' : ' ';
	text[3000] = '\0';
	memset(text + 1000, 'y', 1000);		/* a word longer than a line */
	buf_init(&b, 10000);
	assert_int_equal(smtp_reply_write(&b, 550, "5.111.222", text), ERR_OK);
	while (at < b.len) {
		const char *end = strstr(b.data + at, "\r\n");

		assert_non_null(end);
		assert_true((size_t)(end + 2 - b.data) - at <= 512);
		at = (size_t)(end + 2 - b.data);
	}
	in = (struct span){ b.data, b.len };
	smtp_reply_init(&r);
	assert_int_equal(smtp_reply_feed(&r, &in), SMTP_REPLY_DONE);
	assert_int_equal(in.n, 0);
	assert_string_equal(r.enhanced, "5.111.222");
	smtp_reply_fini(&r);
	buf_fini(&b);
}

static const struct {
	const char *in;
	enum smtp_reply_result res;
	unsigned code;
	const char *enh, *text;
	size_t left;
} cases[] = {
	{ "250 ok\r\n", SMTP_REPLY_DONE, 250, "", "ok", 0 },
	{ "250 2.1.5 ok\r\n", SMTP_REPLY_DONE, 250, "2.1.5", "ok", 0 },
	{ "250 2.1.5\r\n", SMTP_REPLY_DONE, 250, "2.1.5", "", 0 },
	{ "250\r\n", SMTP_REPLY_DONE, 250, "", "", 0 },
	{ "250-a\r\n250-\r\n250 b\r\n354 x\r\n", SMTP_REPLY_DONE, 250, "", "a\n\nb", 7 },
	{ "550-5.1.1 no\r\n550 5.1.1 such\r\n", SMTP_REPLY_DONE, 550, "5.1.1", "no\nsuch", 0 },
	{ "550 4.1.1 x\r\n", SMTP_REPLY_DONE, 550, "", "4.1.1 x", 0 },
	{ "550 5.1.1x\r\n", SMTP_REPLY_DONE, 550, "", "5.1.1x", 0 },
	{ "550 5.1\r\n", SMTP_REPLY_DONE, 550, "", "5.1", 0 },
	{ "550 5.1234.1 x\r\n", SMTP_REPLY_DONE, 550, "", "5.1234.1 x", 0 },
	{ "250 lf only\n", SMTP_REPLY_DONE, 250, "", "lf only", 0 },
	{ "250 a\tb\r\n", SMTP_REPLY_DONE, 250, "", "a b", 0 },
	{ "250-a\r\n", SMTP_REPLY_MORE, 250, "", "a", 0 },
	{ "25", SMTP_REPLY_MORE, 0, "", "", 0 },
	{ "\r\n", SMTP_REPLY_BAD, 0, "", "", 0 },
	{ "25\r\n", SMTP_REPLY_BAD, 0, "", "", 0 },
	{ "150 x\r\n", SMTP_REPLY_BAD, 0, "", "", 0 },
	{ "650 x\r\n", SMTP_REPLY_BAD, 0, "", "", 0 },
	{ "2x0 x\r\n", SMTP_REPLY_BAD, 0, "", "", 0 },
	{ "250x\r\n", SMTP_REPLY_BAD, 0, "", "", 0 },
	{ "250-a\r\n251 b\r\n", SMTP_REPLY_BAD, 250, "", "a", 0 },
	{ "HTTP/1.1 400 Bad Request\r\n", SMTP_REPLY_BAD, 0, "", "", 0 },
};

static void test_read_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++)
		for (size_t cut = 0; cut <= strlen(cases[i].in); cut++) {
			struct span in = { cases[i].in, cut };
			enum smtp_reply_result res;
			struct smtp_reply r;

			smtp_reply_init(&r);
			res = smtp_reply_feed(&r, &in);
			if (res == SMTP_REPLY_MORE) {
				assert_int_equal(in.n, 0);
				in = span_of(cases[i].in + cut);
				res = smtp_reply_feed(&r, &in);
				if (res == SMTP_REPLY_DONE)
					assert_int_equal(in.n, cases[i].left);
			}
			if (res != cases[i].res || r.code != cases[i].code)
				fail_msg("\"%s\" cut at %zu: %d, %u", cases[i].in, cut, res, r.code);
			assert_string_equal(r.enhanced, cases[i].enh);
			assert_string_equal(r.text.data, cases[i].text);
			smtp_reply_fini(&r);
		}
}

static void test_endless_server(void **state)
{
	enum smtp_reply_result res = SMTP_REPLY_MORE;
	char line[SMTP_REPLY_LINE_MAX];
	struct smtp_reply r;
	struct span in;
	unsigned lines;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "250-", 4);
	memcpy(line + 1000, "\r\n", 2);
	smtp_reply_init(&r);
	for (lines = 0; res == SMTP_REPLY_MORE && lines < 10000; lines++) {
		in = (struct span){ line, 1002 };
		res = smtp_reply_feed(&r, &in);
	}
	assert_int_equal(res, SMTP_REPLY_BAD);
	assert_int_equal(lines, SMTP_REPLY_LINES_MAX + 1);
	assert_true(r.text.len <= SMTP_REPLY_TEXT_MAX);
	smtp_reply_reset(&r);
	memset(line, '2', sizeof(line));
	in = (struct span){ line, sizeof(line) };
	assert_int_equal(smtp_reply_feed(&r, &in), SMTP_REPLY_MORE);
	in = (struct span){ line, 1 };
	assert_int_equal(smtp_reply_feed(&r, &in), SMTP_REPLY_BAD);
	smtp_reply_fini(&r);
}

static void test_extensions(void **state)
{
	struct span in = SPAN("250-PIPELINING host DSN\r\n250-size 1000\r\n250-8BITMIME\r\n"
			      "250-AUTH PLAIN LOGIN\r\n250-XFOO\r\n250 STARTTLS\r\n");
	struct smtp_reply r;
	uint64_t size;
	char auth[32];

	(void)state;
	smtp_reply_init(&r);
	assert_int_equal(smtp_reply_feed(&r, &in), SMTP_REPLY_DONE);
	assert_int_equal(smtp_reply_extensions(&r, &size, auth, sizeof(auth)),
			 SMTP_EXT_SIZE | SMTP_EXT_8BITMIME | SMTP_EXT_AUTH | SMTP_EXT_STARTTLS);
	assert_int_equal(size, 1000);
	assert_string_equal(auth, "PLAIN LOGIN");
	smtp_reply_extensions(&r, &size, auth, 5);
	assert_string_equal(auth, "");
	smtp_reply_reset(&r);
	in = SPAN("250 x\r\n");
	assert_int_equal(smtp_reply_feed(&r, &in), SMTP_REPLY_DONE);
	assert_int_equal(smtp_reply_extensions(&r, &size, NULL, 0), 0);
	assert_int_equal(size, 0);
	smtp_reply_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_long_text_is_broken),
		cmocka_unit_test(test_read_at_every_split),
		cmocka_unit_test(test_endless_server),
		cmocka_unit_test(test_extensions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
