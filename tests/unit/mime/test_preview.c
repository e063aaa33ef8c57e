#include "common/base/check.h"
#include "common/mime/preview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"

static const struct {
	const char *in, *out;
} rows[] = {
	{ "Subject: x\r\n\r\nHello  world,\r\n\r\n\tthis is it.\r\n", "Hello world, this is it." },
	{ "Subject: x\r\n\r\n", "" },
	{ "Subject: x\r\n\r\n \r\n\xc2\xa0\xe2\x80\x8b\xef\xbb\xbf\r\n", "" },
	{ "", "" },
	{ "no header at all", "" },
	{ "Content-Type: text/html\r\n\r\n<style>p{}</style><p>Dear&nbsp;<b>all</b>,</p>ok", "Dear all, ok" },
	{ "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
	  "Gr=FC=DFe", "Gr\xc3\xbc\xc3\x9f" "e" },
	{ MIXED "Content-Type: text/plain\r\n\r\n \r\n--b\r\n\r\nsecond\r\n--b\r\n\r\nthird\r\n--b--\r\n", "second" },
	{ MIXED "Content-Type: text/plain\r\n\r\nfirst\r\n--b\r\n\r\nsecond\r\n--b--\r\n", "first" },
	{ "Subject: x\r\n\r\na\x01\x02" "b\x7f" "c\xff" "d", "a b c\xef\xbf\xbd" "d" },
};

/* Whatever the pieces: the same, well-formed, never too long. */
static void make(const char *in, size_t n, size_t step, char *out)
{
	struct mime_map *m = mime_map_new();
	struct mime_view view;
	struct preview *p;
	struct span text;
	struct buf blob;
	bool more = true;

	buf_init(&blob, MIME_MAP_MAX);
	mime_map_feed(m, in, n);
	mime_map_finish(m);
	assert_int_equal(mime_map_encode(m, &blob), ERR_OK);
	assert_int_equal(mime_map_decode((struct span){ blob.data, blob.len }, &view, NULL), ERR_OK);
	p = preview_new(&view);
	for (size_t i = 0; i < n && more; i += step)
		more = preview_feed(p, in + i, n - i < step ? n - i : step);
	text = preview_end(p);
	assert_true(text.n < PREVIEW_BYTES);
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	preview_free(&p);
	mime_map_free(&m);
	buf_fini(&blob);
}

static void test_rows(void **state)
{
	char out[PREVIEW_BYTES];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		for (size_t step = 1; step < 200; step += step < 8 ? 1 : 61) {
			make(rows[i].in, strlen(rows[i].in), step, out);
			if (strcmp(out, rows[i].out) != 0)
				fail_msg("%s in pieces of %zu gave \"%s\"", rows[i].in, step, out);
		}
}

static void test_length(void **state)
{
	static const char head[] = "Content-Type: text/plain; charset=utf-8\r\n\r\n";
	static const char *const chars[] = { "x", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "y " };
	char in[5000], out[PREVIEW_BYTES];

	(void)state;
	for (size_t k = 0; k < N_ELEMS(chars); k++) {
		strcpy(in, head);
		for (int i = 0; i < 1000; i++)
			strcat(in, chars[k]);
		make(in, strlen(in), 97, out);
		if (chars[k][0] == 'y')
			assert_int_equal(strlen(out), PREVIEW_CHARS - 1);	/* no space at the end */
		else
			assert_int_equal(strlen(out), PREVIEW_CHARS * strlen(chars[k]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
