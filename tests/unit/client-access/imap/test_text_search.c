#include "roles/client-access/imap/text_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define MIXED "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-Long: one\r\n two\r\n" \
	"Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\nprologue\r\n--b\r\n"     \
	"Content-Type: text/plain; charset=iso-8859-1\r\n"                             \
	"Content-Transfer-Encoding: quoted-printable\r\n\r\nna=EFve caf=\r\n=E9\r\n--b\r\n" \
	"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" \
	"PGI+TcO8bmNoZW48L2I+\r\n--b\r\n"                                                \
	"Content-Type: image/png\r\n\r\npixels\r\n--b\r\n"                             \
	"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninside text\r\n--b--\r\n"
#define FLAT "Subject: flat\r\n\r\nplain words, 8-bit \xc3\x9c" "ber\r\n"

static const struct {
	const char *message;
	enum text_where where;
	const char *field, *text;
	bool hit;
} rows[] = {
	{ FLAT, TEXT_BODY, "", "WORDS, 8-bit", true },
	{ FLAT, TEXT_BODY, "", "\xc3\xbc" "BER", true },
	{ FLAT, TEXT_BODY, "", "flat", false },
	{ FLAT, TEXT_ANYWHERE, "", "flat", true },
	{ FLAT, TEXT_HEADER_FIELD, "subject", "FLAT", true },
	{ FLAT, TEXT_HEADER_FIELD, "subject", "", true },
	{ FLAT, TEXT_HEADER_FIELD, "x-none", "", false },
	{ FLAT, TEXT_HEADER_FIELD, "subject", "plain", false },
	{ MIXED, TEXT_HEADER_FIELD, "Subject", "GR\xc3\x9c\xc3\x9f" "E", true },
	{ MIXED, TEXT_HEADER_FIELD, "X-Long", "one two", true },
	{ MIXED, TEXT_BODY, "", "na\xc3\xafve caf\xc3\xa9", true },
	{ MIXED, TEXT_BODY, "", "M\xc3\x9cNCHEN", true },
	{ MIXED, TEXT_BODY, "", "pixels", false },
	{ MIXED, TEXT_BODY, "", "prologue", false },
	{ MIXED, TEXT_BODY, "", "inside TEXT", true },
	{ MIXED, TEXT_ANYWHERE, "", "gr\xc3\xbc\xc3\x9f" "e", true },
	{ "", TEXT_ANYWHERE, "", "x", false },
	{ "x", TEXT_ANYWHERE, "", "x", false },
	{ "\r\n", TEXT_BODY, "", "x", false },
	{ "\r\nbody", TEXT_BODY, "", "BODY", true },
};

static void open_map(const char *message, struct buf *blob, struct mime_view *view)
{
	struct mime_map *m = mime_map_new();

	mime_map_feed(m, message, strlen(message));
	mime_map_finish(m);
	buf_init(blob, MIME_MAP_MAX);
	assert_int_equal(mime_map_encode(m, blob), ERR_OK);
	assert_int_equal(mime_map_decode((struct span){ blob->data, blob->len }, view, NULL), ERR_OK);
	mime_map_free(&m);
}

static void test_rows_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		size_t len = strlen(rows[i].message);
		struct mime_view view;
		struct buf blob;

		open_map(rows[i].message, &blob, &view);
		for (size_t cut = 0; cut <= len; cut++) {
			struct text_needle k = { .where = rows[i].where,
						 .field = span_of(rows[i].field),
						 .text = span_of(rows[i].text) };
			struct text_search *t = text_search_new(&k, 1, &view);
			char *copy = malloc(len + 1);

			memcpy(copy, rows[i].message, len);
			if (text_search_feed(t, copy, cut))
				text_search_feed(t, copy + cut, len - cut);
			text_search_end(t);
			if (k.hit != rows[i].hit)
				fail_msg("row %zu (\"%s\"), cut at %zu: %d", i, rows[i].text, cut,
					 k.hit);
			text_search_free(&t);
			free(copy);
		}
		buf_fini(&blob);
	}
}

/* A text may lie across the blocks in which bodies are decoded. */
static void test_text_across_blocks(void **state)
{
	struct text_needle k = { .where = TEXT_BODY, .text = SPAN("needle in it") };
	struct text_search *t;
	struct mime_view view;
	struct buf msg, blob;

	(void)state;
	for (int at = 65536 - 40; at < 65536 + 20; at += 3) {
		buf_init(&msg, 1 << 20);
		assert_int_equal(buf_adds(&msg, "\r\n"), ERR_OK);
		for (int i = 0; i < at; i++)
			assert_int_equal(buf_addc(&msg, i % 70 == 69 ? '\n' : 'x'), ERR_OK);
		assert_int_equal(buf_adds(&msg, "NEEDLE in it, and more\r\n"), ERR_OK);
		open_map(msg.data, &blob, &view);
		t = text_search_new(&k, 1, &view);
		text_search_feed(t, msg.data, msg.len);
		text_search_end(t);
		if (!k.hit)
			fail_msg("not found at %d", at);
		text_search_free(&t);
		buf_fini(&msg);
		buf_fini(&blob);
	}
}

static void test_header_search_stops_at_the_body(void **state)
{
	struct text_needle k = { .where = TEXT_HEADER_FIELD, .field = SPAN("X"), .text = SPAN("y") };
	struct text_search *t;
	struct mime_view view;
	struct buf blob;

	(void)state;
	open_map(FLAT, &blob, &view);
	t = text_search_new(&k, 1, &view);
	assert_false(text_search_feed(t, FLAT, strlen(FLAT)));
	assert_false(k.hit);
	text_search_free(&t);
	buf_fini(&blob);
}

static void test_contains(void **state)
{
	(void)state;
	assert_true(text_contains(SPAN("ABC"), SPAN("b")));
	assert_true(text_contains(SPAN(""), SPAN("")));
	assert_false(text_contains(SPAN(""), SPAN("x")));
	assert_true(text_contains(SPAN("\xd0\x9c\xd0\x98\xd0\xa0"), SPAN("\xd0\xbc\xd0\xb8")));
	assert_false(text_contains(SPAN("\xff\xfe"), SPAN("a")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_at_every_split),
		cmocka_unit_test(test_text_across_blocks),
		cmocka_unit_test(test_header_search_stops_at_the_body),
		cmocka_unit_test(test_contains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
