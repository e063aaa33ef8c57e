/* unbinary: parts sent as they are become base64, whatever the cuts. */
#include "common/mime/unbinary.h"

#include "common/base/check.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

#define BIN "Content-Transfer-Encoding: binary\r\n"
#define B64 "Content-Transfer-Encoding: base64\r\n"
#define BIT "Content-Transfer-Encoding: 8bit\r\n"
#define MIX "Content-Type: multipart/mixed; boundary=\"b c\"\r\n"

#define ROW(name, in, out) { name, { in, sizeof(in) - 1 }, { out, sizeof(out) - 1 } }
#define SAME(name, in) ROW(name, in, in)

static const struct {
	const char *name;
	struct span in, out;
} rows[] = {
	SAME("nothing", ""),
	SAME("no header", "\r\na\0b"),
	SAME("a header alone", "Subject: x\r\n" BIN),
	SAME("text as it was", "Subject: x\r\n\r\na\r\n\0--b\r\n\r"),
	ROW("one part", BIN "\r\n\0\1\2\r\n", B64 "\r\nAAECDQo=\r\n"),
	ROW("in the middle of the header", "A: b\r\n" BIN "C: d\n\n\0", "A: b\r\n" B64 "C: d\n\nAA==\r\n"),
	ROW("folded, in capitals", "content-transfer-encoding:\r\n  BINARY\r\n\r\nabc", B64 "\r\nYWJj\r\n"),
	ROW("without a body", BIN "\r\n", B64 "\r\n"),
	SAME("said twice", BIN B64 "\r\n\0"),
	SAME("two types", BIN "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n\0"),
	SAME("not known", "Content-Transfer-Encoding: x-binary\r\n\r\n\0"),
	ROW("in a multipart", MIX BIN "\r\npre\r\n--b c\r\n" BIN "\r\nabc\r\n--b c\r\n\r\ntext\r\n--b c--\r\npost\r\n",
	    MIX BIT "\r\npre\r\n--b c\r\n" B64 "\r\nYWJj\r\n--b c\r\n\r\ntext\r\n--b c--\r\npost\r\n"),
	ROW("nearly boundaries", MIX "\r\n--b c\r\n" BIN "\r\n--b\r\n-\r\n--b cd\r\r\n\r\n--b c-- \t",
	    MIX "\r\n--b c\r\n" B64 "\r\nLS1iDQotDQotLWIgY2QNDQo=\r\n--b c-- \t"),
	ROW("an empty part", MIX "\r\n--b c\r\n" BIN "\r\n--b c--", MIX "\r\n--b c\r\n" B64 "\r\n--b c--"),
	ROW("a header that a boundary cuts", MIX "\r\n--b c\r\n" BIN "--b c\n" BIN "\n\0\n--b c--\n",
	    MIX "\r\n--b c\r\n" BIN "--b c\n" B64 "\nAA==\r\n--b c--\n"),
	ROW("no end", MIX "\r\n--b c\r\n" BIN "\r\nab\r", MIX "\r\n--b c\r\n" B64 "\r\nYWIN\r\n"),
	ROW("a multipart without a boundary", "Content-Type: multipart/mixed\r\n" BIN "\r\n\0",
	    "Content-Type: multipart/mixed\r\n" BIN "\r\n\0"),
	ROW("a message within", "Content-Type: message/rfc822\r\n" BIN "\r\nA: b\r\n" BIN "\r\n\0",
	    "Content-Type: message/rfc822\r\n" BIT "\r\nA: b\r\n" B64 "\r\nAA==\r\n"),
	SAME("another message", "Content-Type: message/partial\r\n" BIN "\r\nA: b\r\n" BIN "\r\n\0"),
	ROW("a digest", "Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n" BIN "\r\n" BIN "\r\n\0\r\n--x--\r\n",
	    "Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n" BIT "\r\n" B64 "\r\nAA==\r\n--x--\r\n"),
	ROW("levels, the outer boundary closes all",
	    MIX "\r\n--b c\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n" BIN "\r\nabc\r\n--b c\r\n" BIN
	    "\r\n--in\r\n--b c--\r\n",
	    MIX "\r\n--b c\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n" B64 "\r\nYWJj\r\n--b c\r\n" B64
	    "\r\nLS1pbg==\r\n--b c--\r\n"),
	SAME("what is signed", "Content-Type: multipart/signed; boundary=x\r\n" BIN "\r\n--x\r\n" BIN "\r\n\0\r\n--x--\r\n"),
};

static void feed(struct unbinary *u, const char *p, size_t n, struct buf *out)
{
	assert_int_equal(unbinary_feed(u, p, n, out), ERR_OK);
}

static void check(size_t row, size_t a, size_t b)
{
	struct span in = rows[row].in, want = rows[row].out;
	struct unbinary *u = unbinary_new();
	struct buf out;

	buf_init(&out, 1 << 16);
	feed(u, in.p, a, &out);
	feed(u, in.p + a, b - a, &out);
	feed(u, in.p + b, in.n - b, &out);
	assert_int_equal(unbinary_end(u, &out), ERR_OK);
	if (out.len != want.n || memcmp(out.data, want.p, want.n) != 0)
		fail_msg("%s, cut at %zu and %zu: \"%s\"", rows[row].name, a, b, out.data);
	unbinary_free(&u);
	assert_null(u);
	buf_fini(&out);
}

static void test_rows_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		for (size_t a = 0; a <= rows[i].in.n; a++)
			check(i, a, a + 1 < rows[i].in.n ? a + 1 : rows[i].in.n);
}

static void add(struct buf *b, const char *s)
{
	assert_int_equal(buf_adds(b, s), ERR_OK);
}

/* More levels than are followed, and a header without end: nothing more is changed. */
static void test_limits(void **state)
{
	struct unbinary *u = unbinary_new();
	struct buf in, out;

	(void)state;
	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
	for (int i = 0; i <= UNBINARY_DEPTH; i++)
		assert_int_equal(buf_addf(&in, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n",
					  i, i), ERR_OK);
	add(&in, BIN "\r\nabc");
	feed(u, in.data, in.len, &out);
	assert_int_equal(unbinary_end(u, &out), ERR_OK);
	assert_string_equal(out.data, in.data);
	unbinary_free(&u);
	u = unbinary_new();
	buf_clear(&in);
	buf_clear(&out);
	while (in.len < MIME_HEADER_MAX + 100)
		add(&in, "X: y\r\n");
	add(&in, BIN "\r\nabc");
	for (size_t i = 0; i < in.len; i += 1000)
		feed(u, in.data + i, in.len - i < 1000 ? in.len - i : 1000, &out);
	assert_int_equal(unbinary_end(u, &out), ERR_OK);
	assert_string_equal(out.data, in.data);
	unbinary_free(&u);
	buf_fini(&out);
	buf_init(&out, 10);
	u = unbinary_new();
	assert_int_equal(unbinary_feed(u, BIN "\r\nabc", strlen(BIN) + 5, &out), ERR_LIMIT);
	unbinary_free(&u);
	buf_fini(&in);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_at_every_split),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
