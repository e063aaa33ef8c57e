#include "common/imap/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

/* What the reader says, one word an event, with the streamed bytes in [].  The
 * script decides: a message larger than 20 bytes is refused at once; one of 13
 * bytes after its first piece. */
static void drive(struct imap_reader *r, const char *p, size_t n, struct buf *out)
{
	enum imap_read ev;
	size_t used;

	do {
		ev = imap_reader_feed(r, p, n, &used);
		p += used;
		n -= used;
		switch (ev) {
		case IMAP_READ_MORE:
			break;
		case IMAP_READ_CONTINUE:
			assert_int_equal(buf_adds(out, "+ "), 0);
			break;
		case IMAP_READ_COMMAND:
			assert_int_equal(buf_addf(out, "%.*s:%s%.*s:%.*s; ",
				(int)r->cmd.tag.n, r->cmd.tag.p, r->cmd.uid ? "uid-" : "",
				(int)r->cmd.name.n, r->cmd.name.p,
				(int)(r->cmd.args.end - r->cmd.args.p), r->cmd.args.p), 0);
			imap_reader_next(r);
			break;
		case IMAP_READ_STREAM:
			assert_int_equal(buf_addf(out, "stream %u%s", (unsigned)r->literal.size,
						  r->literal.binary ? "~ " : " "), 0);
			if (r->literal.size > 20)
				imap_reader_refuse(r, "NO big");
			else if (imap_reader_accept(r))
				assert_int_equal(buf_adds(out, "+ "), 0);
			break;
		case IMAP_READ_DATA:
			assert_int_equal(buf_add(out, r->data.p, r->data.n), 0);
			if (r->literal.size == 13 && r->left == 0)
				imap_reader_refuse(r, "NO late");
			break;
		case IMAP_READ_REFUSED:
		case IMAP_READ_BAD:
			assert_int_equal(buf_addf(out, "%.*s %s; ", (int)r->cmd.tag.n,
						  r->cmd.tag.n ? r->cmd.tag.p : "", r->why), 0);
			imap_reader_next(r);
			break;
		case IMAP_READ_FATAL:
			assert_int_equal(buf_addf(out, "BYE %s", r->why), 0);
			return;
		case IMAP_READ_LINE:
			fail_msg("a line nobody asked for");
		}
	} while (n > 0 || ev != IMAP_READ_MORE);
}

static const struct imap_limits tight = { 100, 30, 0, 1000 };
static const struct imap_limits minus = { 100, 30, 16, 1000 };

#define HUNDRED "0123456789012345678901234567890123456789012345678901234567890123456789012345" \
	"678901234567890123456789"

/* Longer in all than a line may be. */
#define MANY "{1+}\r\nx {1+}\r\nx {1+}\r\nx "

static const struct {
	const char *name, *in, *out;
	const struct imap_limits *lim;
} cases[] = {
	{ "plain", "a NOOP\r\n", "a:NOOP:; ", &tight },
	{ "pipelined", "a NOOP\r\nb UID FETCH 1 UID\r\n", "a:NOOP:; b:uid-FETCH: 1 UID; ", &tight },
	{ "bare LF", "a NOOP\n", "a:NOOP:; ", &tight },
	{ "empty line", "\r\n", " BAD Expected a tag and a command.; ", &tight },
	{ "no command", "a \r\n", "a BAD Expected a command.; ", &tight },
	{ "only a tag", "a\r\n", " BAD Expected a tag and a command.; ", &tight },
	{ "plus in tag", "a+ NOOP\r\n", " BAD Expected a tag and a command.; ", &tight },
	{ "UID alone", "a UID\r\n", "a BAD Expected a command after UID.; ", &tight },
	{ "literal", "a LOGIN {3}\r\nann {2}\r\npw\r\n", "+ + a:LOGIN: {3}\r\nann {2}\r\npw; ", &tight },
	{ "literal+", "a LOGIN {3+}\r\nann {2+}\r\npw\r\nb NOOP\r\n",
	  "a:LOGIN: {3+}\r\nann {2+}\r\npw; b:NOOP:; ", &tight },
	{ "empty literal", "a X {0}\r\n\r\n", "+ a:X: {0}\r\n; ", &tight },
	{ "CRLF in a literal", "a X {4+}\r\n\r\n\r\n\r\n", "a:X: {4+}\r\n\r\n\r\n; ", &tight },
	{ "header in a literal", "a X {5+}\r\n{9+}\r y\r\n", "a:X: {5+}\r\n{9+}\r y; ", &tight },
	{ "brace in quotes", "a X \"{5}\r\nb NOOP\r\n", "a:X: \"{5}; b:NOOP:; ", &tight },
	{ "behind quotes", "a X \"\\\"\" {1}\r\nz\r\n", "+ a:X: \"\\\"\" {1}\r\nz; ", &tight },
	{ "too big, waiting", "a X {31}\r\nb NOOP\r\n",
	  "a NO [TOOBIG] Literal too large.; b:NOOP:; ", &tight },
	{ "too big, sent anyway", "a X {32+}\r\n01234567890123456789\r\nb NOOP\r\n--\r\nc NOOP\r\n",
	  "a NO [TOOBIG] Literal too large.; c:NOOP:; ", &tight },
	{ "too big, then more", "a X {31+}\r\n0123456789012345678901234567890 {2+}\r\n\r\n {3}\r\nc NOOP\r\n",
	  "a NO [TOOBIG] Literal too large.; c:NOOP:; ", &tight },
	{ "sum too big", "a X {30+}\r\n012345678901234567890123456789 {1}\r\nc NOOP\r\n",
	  "a NO [TOOBIG] Literal too large.; c:NOOP:; ", &tight },
	{ "no tag, waiting", "{3}\r\nc NOOP\r\n",
	  " BAD Expected a tag and a command.; c:NOOP:; ", &tight },
	{ "no tag, literal+", "{3+}\r\nabc\r\nc NOOP\r\n",
	  " BAD Expected a tag and a command.; c:NOOP:; ", &tight },
	{ "4 GB, waiting", "a APPEND x {4294967296}\r\nb NOOP\r\n",
	  "a NO [TOOBIG] Literal too large.; b:NOOP:; ", &tight },
	{ "4 GB, literal+", "a APPEND x {4294967296+}\r\n", "BYE Literal too large.", &tight },
	{ "beyond 64 bits", "a X {99999999999999999999+}\r\nb NOOP\r\n", "BYE Malformed literal.", &tight },
	{ "more than we drain", "a X {1001+}\r\n", "BYE Literal too large.", &tight },
	{ "literal-", "a X {17+}\r\n", "BYE Non-synchronizing literal too large.", &minus },
	{ "literal- ok", "a X {2+}\r\nab\r\n", "a:X: {2+}\r\nab; ", &minus },
	{ "append", "a APPEND x {5}\r\nhello\r\nb NOOP\r\n",
	  "stream 5 + helloa:APPEND:; b:NOOP:; ", &tight },
	{ "append, flags, literal+", "a append \"x y\" (\\Seen) {5+}\r\nhello\r\n",
	  "stream 5 helloa:append:; ", &tight },
	{ "append, name is a literal", "a APPEND {1+}\r\nx {2+}\r\nhi\r\n",
	  "stream 2 hia:APPEND:; ", &tight },
	{ "append, literal8", "a APPEND x ~{2}\r\nhi\r\n", "stream 2~ + hia:APPEND:; ", &tight },
	{ "append nothing", "a APPEND x {0}\r\n\r\n", "stream 0 + a:APPEND:; ", &tight },
	{ "append refused", "a APPEND x {21}\r\nb NOOP\r\n", "stream 21 a NO big; b:NOOP:; ", &tight },
	{ "append drained", "a APPEND x {21+}\r\n012345678901234567890\r\nb NOOP\r\n",
	  "stream 21 a NO big; b:NOOP:; ", &tight },
	{ "append fails at its end", "a APPEND x {13+}\r\n0123456789012\r\nb NOOP\r\n",
	  "stream 13 0123456789012a NO late; b:NOOP:; ", &tight },
	{ "and was a multiappend", "a APPEND x {13+}\r\n0123456789012 {2+}\r\nhi\r\nb NOOP\r\n",
	  "stream 13 0123456789012a NO late; b:NOOP:; ", &tight },
	{ "multiappend", "a APPEND x {2+}\r\nhi (\\Seen) {3}\r\nyou\r\nb NOOP\r\n",
	  "stream 2 histream 3 + youa:APPEND:; b:NOOP:; ", &tight },
	{ "its second is refused", "a APPEND x {2+}\r\nhi {21+}\r\n012345678901234567890 {1+}\r\nx\r\nb NOOP\r\n",
	  "stream 2 histream 21 a NO big; b:NOOP:; ", &tight },
	{ "many in one command", "a APPEND x " MANY MANY MANY MANY "\r\n",
	  "stream 1 xstream 1 xstream 1 xstream 1 xstream 1 xstream 1 xstream 1 xstream 1 x"
	  "stream 1 xstream 1 xstream 1 xstream 1 xa:APPEND: ; ", &tight },
	{ "catenate", "a APPEND x CATENATE (URL {2}\r\n/a TEXT {2}\r\nhi URL {1+}\r\nb)\r\n",
	  "+ stream 2 + hia:APPEND: URL {1+}\r\nb); ", &tight },
	{ "a mailbox called url", "a APPEND URL {2+}\r\nhi\r\n", "stream 2 hia:APPEND:; ", &tight },
	{ "replace", "a REPLACE 4 x (\\Seen) {2+}\r\nhi\r\nb UID REPLACE 4 x {2}\r\nhi\r\n",
	  "stream 2 hia:REPLACE:; stream 2 + hib:uid-REPLACE:; ", &tight },
	{ "replace without a number", "a REPLACE x {31}\r\nb NOOP\r\n",
	  "a NO [TOOBIG] Literal too large.; b:NOOP:; ", &tight },
	{ "not append", "a UID APPEND x {40}\r\nb NOOP\r\n",
	  "a NO [TOOBIG] Literal too large.; b:NOOP:; ", &tight },
	{ "odd header", "a X {x}\r\nb NOOP\r\n", "a:X: {x}; b:NOOP:; ", &tight },
	{ "long line", "a X " HUNDRED "\r\n", "BYE Command line too long.", &tight },
	{ "long line after a literal", "a X {2+}\r\nhi" HUNDRED, "BYE Command line too long.", &tight },
};

static void run(size_t i, const char *in, size_t len, size_t cut, struct buf *out)
{
	struct imap_reader r;
	char *copy = malloc(len + 1);		/* exact ends, for ASan */

	imap_reader_init(&r, cases[i].lim);
	memcpy(copy, in, cut);
	drive(&r, copy, cut, out);
	if (cut < len && strstr(out->data, "BYE") == NULL) {
		memcpy(copy, in + cut, len - cut);
		drive(&r, copy, len - cut, out);
	}
	imap_reader_fini(&r);
	free(copy);
}

static void test_cases_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		size_t len = strlen(cases[i].in);

		for (size_t cut = 0; cut <= len; cut++) {
			struct buf out;

			buf_init(&out, 4096);
			run(i, cases[i].in, len, cut, &out);
			if (strcmp(out.data, cases[i].out) != 0)
				fail_msg("%s, cut at %zu: got \"%s\"", cases[i].name, cut,
					 out.data);
			buf_fini(&out);
		}
	}
}

static void test_nul_ends_the_conversation(void **state)
{
	struct imap_reader r;
	size_t used;

	(void)state;
	imap_reader_init(&r, &tight);
	assert_int_equal(imap_reader_feed(&r, "a NO\0OP\r\n", 9, &used), IMAP_READ_FATAL);
	imap_reader_fini(&r);
}

static void test_nul_in_literal_reaches_the_argument_reader(void **state)
{
	struct imap_reader r;
	struct span s;
	size_t used;

	(void)state;
	imap_reader_init(&r, &tight);
	assert_int_equal(imap_reader_feed(&r, "a X {2+}\r\n\0b\r\n", 14, &used),
			 IMAP_READ_COMMAND);
	assert_true(imap_lex_sp(&r.cmd.args));
	assert_false(imap_lex_astring(&r.cmd.args, &s));
	imap_reader_fini(&r);
}

/* IDLE and AUTHENTICATE: raw lines between command and next(). */
static void test_raw_lines(void **state)
{
	static const char in[] = "a AUTHENTICATE PLAIN\r\nAGFubgBwdw==\r\n*\r\nb NOOP\r\n";

	(void)state;
	for (size_t cut = 0; cut < sizeof(in); cut++) {
		const char *p = in, *end = in + cut;
		struct imap_reader r;
		unsigned lines = 0, commands = 0;

		imap_reader_init(&r, &imap_limits_default);
		for (;;) {
			size_t used;
			enum imap_read ev = imap_reader_feed(&r, p, (size_t)(end - p), &used);

			p += used;
			if (ev == IMAP_READ_COMMAND && commands++ == 0) {
				imap_reader_want_line(&r);
			} else if (ev == IMAP_READ_LINE) {
				assert_true(span_eq(r.data, lines ? SPAN("*")
								  : SPAN("AGFubgBwdw==")));
				if (lines++ == 0) {
					imap_reader_want_line(&r);
				} else {
					assert_true(span_eq(r.cmd.tag, SPAN("a")));
					imap_reader_wipe(&r);
					imap_reader_next(&r);
				}
			} else if (ev == IMAP_READ_MORE) {
				if (end == in + sizeof(in) - 1)
					break;
				end = in + sizeof(in) - 1;
			}
		}
		assert_int_equal(lines, 2);
		assert_int_equal(commands, 2);
		imap_reader_fini(&r);
	}
}

/* Thousands of empty literals must not multiply what we hold. */
static void test_many_literals_stay_small(void **state)
{
	struct imap_reader r;
	struct buf in;
	size_t used;

	(void)state;
	buf_init(&in, 100000);
	for (int i = 0; i < 30000; i++)
		assert_int_equal(buf_addc(&in, 't'), 0);
	assert_int_equal(buf_adds(&in, " X"), 0);
	for (int i = 0; i < 4000; i++)
		assert_int_equal(buf_adds(&in, " {0+}\r\n"), 0);
	imap_reader_init(&r, &imap_limits_default);
	assert_int_equal(imap_reader_feed(&r, in.data, in.len, &used), IMAP_READ_MORE);
	assert_int_equal(used, in.len);
	assert_in_range(arena_size(&r.arena), 1, 200000);
	imap_reader_fini(&r);
	buf_fini(&in);
}

static void test_late_refusal_drops_the_rest(void **state)
{
	struct imap_reader r;
	size_t used;

	(void)state;
	imap_reader_init(&r, &tight);
	assert_int_equal(imap_reader_feed(&r, "a APPEND x {10}\r\n", 17, &used), IMAP_READ_STREAM);
	assert_true(imap_reader_accept(&r));
	assert_int_equal(imap_reader_feed(&r, "01234", 5, &used), IMAP_READ_DATA);
	imap_reader_refuse(&r, "NO [OVERQUOTA]");
	assert_int_equal(imap_reader_feed(&r, "56789 (x)\r\n", 11, &used), IMAP_READ_REFUSED);
	assert_string_equal(r.why, "NO [OVERQUOTA]");
	assert_true(span_eq(r.cmd.tag, SPAN("a")));
	imap_reader_next(&r);
	assert_true(imap_reader_idle(&r));
	imap_reader_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_at_every_split),
		cmocka_unit_test(test_nul_ends_the_conversation),
		cmocka_unit_test(test_nul_in_literal_reaches_the_argument_reader),
		cmocka_unit_test(test_raw_lines),
		cmocka_unit_test(test_many_literals_stay_small),
		cmocka_unit_test(test_late_refusal_drops_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
