/* Typed readers: each case is read, written in a canonical way and compared;
 * "" means that it must be refused. */
#include "common/base/check.h"
#include "common/imap/date.h"
#include "common/imap/fetch.h"
#include "common/imap/list.h"
#include "common/imap/envelope.h"
#include "common/imap/search.h"
#include "common/imap/select.h"
#include "common/imap/sort.h"
#include "common/imap/status.h"
#include "common/imap/store.h"
#include "common/imap/utf7.h"
#include "common/imap/write.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

struct row {
	const char *in, *out;
};

typedef bool show_fn(struct imap_lex *l, struct buf *out);

/* The text stands in memory of exactly its size: reading beyond is seen. */
static void check_rows(const struct row *rows, size_t n, show_fn *show)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(rows[i].in);
		char *in = malloc(len ? len : 1);
		struct arena a = { 0 };
		struct imap_lex l;
		struct buf out;
		bool ok;

		memcpy(in, rows[i].in, len);
		buf_init(&out, 1 << 20);
		imap_lex_init(&l, (struct span){ in, len }, &a);
		ok = show(&l, &out);
		if (ok != (rows[i].out[0] != '\0'))
			fail_msg("\"%s\" was %s (%s)", rows[i].in, ok ? "taken" : "refused",
				 ok ? out.data : l.why);
		if (ok && strcmp(out.data, rows[i].out) != 0)
			fail_msg("\"%s\" gave \"%s\"", rows[i].in, out.data);
		if (!ok)
			assert_non_null(l.why);
		buf_fini(&out);
		arena_fini(&a);
		free(in);
	}
}

static void put(struct buf *out, const char *fmt, ...) A_PRINTF(2, 3);
static void put(struct buf *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	assert_int_equal(buf_addv(out, fmt, ap), ERR_OK);
	va_end(ap);
}

/* ---- strings ------------------------------------------------------------- */

static bool show_astring(struct imap_lex *l, struct buf *out)
{
	struct span s;

	if (!imap_lex_astring(l, &s) || !imap_lex_end(l))
		return false;
	put(out, "<%.*s>", (int)s.n, s.n ? s.p : "");
	return true;
}

static void test_astring(void **state)
{
	static const struct row rows[] = {
		{ "abc", "<abc>" }, { "a]b", "<a]b>" }, { "\"\"", "<>" },
		{ "\"a b\"", "<a b>" }, { "\"a\\\"\\\\b\"", "<a\"\\b>" },
		{ "{3}\r\na\"b", "<a\"b>" }, { "{0}\r\n", "<>" }, { "{2+}\nhi", "<hi>" },
		{ "\"\xc3\xa9\"", "<\xc3\xa9>" },
		{ "", "" }, { "\"a", "" }, { "\"a\\", "" }, { "\"\\n\"", "" }, { "a b", "" },
		{ "a\"", "" }, { "{3}\r\nab", "" }, { "{3}ab", "" }, { "{}\r\n", "" },
		{ "{99999999999999999999}\r\n", "" }, { "~{1}\r\na", "" }, { "\xc3\xa9", "" },
		{ "\"a\nb\"", "" }, { "%", "" }, { "(", "" }, { "{1", "" }, { "{1}", "" },
	};

	(void)state;
	check_rows(rows, N_ELEMS(rows), show_astring);
}

static bool show_nstring(struct imap_lex *l, struct buf *out)
{
	struct span s;

	if (!imap_lex_nstring(l, &s) || !imap_lex_end(l))
		return false;
	put(out, s.p ? "<%.*s>" : "nil", (int)s.n, s.p);
	return true;
}

static void test_nstring(void **state)
{
	static const struct row rows[] = {
		{ "NIL", "nil" }, { "nil", "nil" }, { "\"NIL\"", "<NIL>" },
		{ "NILS", "" }, { "x", "" }, { "", "" },
	};

	(void)state;
	check_rows(rows, N_ELEMS(rows), show_nstring);
}

static bool show_numbers(struct imap_lex *l, struct buf *out)
{
	uint32_t a, b;
	uint64_t c;

	if (!imap_lex_u32(l, &a) || !imap_lex_sp(l) || !imap_lex_nz32(l, &b) ||
	    !imap_lex_sp(l) || !imap_lex_u63(l, &c) || !imap_lex_end(l))
		return false;
	put(out, "%u %u %" PRIu64, a, b, c);
	return true;
}

static void test_numbers(void **state)
{
	static const struct row rows[] = {
		{ "0 1 0", "0 1 0" },
		{ "4294967295 4294967295 9223372036854775807",
		  "4294967295 4294967295 9223372036854775807" },
		{ "4294967296 1 1", "" }, { "1 0 1", "" }, { "1 1 9223372036854775808", "" },
		{ "-1 1 1", "" }, { "1 1 ", "" }, { "1 1 x", "" }, { "1  1 1", "" },
	};

	(void)state;
	check_rows(rows, N_ELEMS(rows), show_numbers);
}

static bool show_mailbox(struct imap_lex *l, struct buf *out)
{
	char *name;

	if (!imap_lex_mailbox(l, &name) || !imap_lex_end(l))
		return false;
	put(out, "%s|", name);
	assert_int_equal(imap_write_mailbox(out, name), ERR_OK);
	return true;
}

static void test_mailbox(void **state)
{
	static const struct row rows[] = {
		{ "inbox", "INBOX|INBOX" }, { "Inbox/a", "INBOX/a|INBOX/a" },
		{ "inboxes", "inboxes|inboxes" }, { "\"\"", "|\"\"" },
		{ "\"a b\"", "a b|\"a b\"" }, { "A&-B", "A&B|A&-B" },
		{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
		  "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
		  "|~peter/mail/&U,BTFw-/&ZeVnLIqe-" },
		{ "Gel&APY-scht", "Gel\xc3\xb6scht|Gel&APY-scht" },
		{ "&2D3eAA-", "\xf0\x9f\x98\x80|&2D3eAA-" },		/* a surrogate pair */
		{ "&AOk-&-", "\xc3\xa9&|&AOk-&-" },
		{ "NIL", "NIL|\"NIL\"" },
		{ "a&b", "" }, { "&AGE-", "" },		/* printable ASCII in a shift */
		{ "&AOk-&AOk-", "" },			/* two shifts side by side */
		{ "&AOl-", "" },			/* stray bits */
		{ "&AOkA-", "" }, { "&A-", "" }, { "&AO-", "" },
		{ "&2D0-", "" }, { "&3gA-", "" },	/* half pairs */
		{ "&2D0AYQ-", "" }, { "&AOk", "" }, { "&", "" }, { "&AAA-", "" },
		{ "\"\xc3\xa9\"", "" }, { "\"a\tb\"", "" }, { "&A/k-", "" },
	};

	(void)state;
	check_rows(rows, N_ELEMS(rows), show_mailbox);
}

static void test_utf7_encoding_refuses_bad_utf8(void **state)
{
	static const char *const bad[] = { "\xff", "\xc3", "\xc0\xaf", "\xe0\x80\x80",
		"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\nb", "\x80" };
	struct arena a = { 0 };
	char *out;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++)
		if (imap_utf7_encode(span_of(bad[i]), &a, &out) != ERR_INVALID)
			fail_msg("row %zu was encoded", i);
	assert_false(imap_utf8_valid(SPAN("a\xe2\x82")));
	assert_true(imap_utf8_valid(SPAN("\xe2\x82\xac\xf4\x8f\xbf\xbf")));
	arena_fini(&a);
}

/* Every code point goes there and back, alone and between letters. */
static void test_utf7_round_trip(void **state)
{
	struct arena a = { 0 };

	(void)state;
	for (uint32_t c = 0x20; c < 0x11000; c += c < 0x1000 ? 1 : 13) {
		char in[8], *wire, *back;
		size_t n = 0;

		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		in[n++] = 'a';
		if (c < 0x80) {
			in[n++] = (char)c;
		} else if (c < 0x800) {
			in[n++] = (char)(0xc0 | c >> 6);
			in[n++] = (char)(0x80 | (c & 63));
		} else if (c < 0x10000) {
			in[n++] = (char)(0xe0 | c >> 12);
			in[n++] = (char)(0x80 | (c >> 6 & 63));
			in[n++] = (char)(0x80 | (c & 63));
		} else {
			in[n++] = (char)(0xf0 | c >> 18);
			in[n++] = (char)(0x80 | (c >> 12 & 63));
			in[n++] = (char)(0x80 | (c >> 6 & 63));
			in[n++] = (char)(0x80 | (c & 63));
		}
		in[n] = '\0';
		assert_int_equal(imap_utf7_encode(span_of(in), &a, &wire), ERR_OK);
		assert_int_equal(imap_utf7_decode(span_of(wire), &a, &back), ERR_OK);
		assert_string_equal(back, in);
		arena_reset(&a);
	}
	arena_fini(&a);
}

static void test_writing_strings(void **state)
{
	static const struct { struct span in; const char *string, *astring; } rows[] = {
		{ { "abc", 3 }, "\"abc\"", "abc" },
		{ { "", 0 }, "\"\"", "\"\"" },
		{ { "a\"\\", 3 }, "\"a\\\"\\\\\"", "\"a\\\"\\\\\"" },
		{ { "a\r\n", 3 }, "{3}\r\na\r\n", "{3}\r\na\r\n" },
		{ { "a\0b", 3 }, "{3}\r\na?b", "{3}\r\na?b" },
		{ { "\xc3\xa9", 2 }, "{2}\r\n\xc3\xa9", "{2}\r\n\xc3\xa9" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		buf_clear(&b);
		assert_int_equal(imap_write_string(&b, rows[i].in), ERR_OK);
		assert_string_equal(b.data, rows[i].string);
		buf_clear(&b);
		assert_int_equal(imap_write_astring(&b, rows[i].in), ERR_OK);
		assert_string_equal(b.data, rows[i].astring);
	}
	buf_clear(&b);
	assert_int_equal(imap_write_nstring(&b, (struct span){ NULL, 0 }), ERR_OK);
	assert_string_equal(b.data, "NIL");
	buf_fini(&b);
	buf_init(&b, 4);
	assert_int_equal(imap_write_string(&b, SPAN("abc")), ERR_LIMIT);
	assert_int_equal(imap_write_string(&b, SPAN("\r\n\r\n")), ERR_LIMIT);
	buf_fini(&b);
}

/* ---- sets ---------------------------------------------------------------- */

static bool show_set(struct imap_lex *l, struct buf *out)
{
	struct imap_seqset s;

	if (!imap_lex_seqset(l, &s) || !imap_lex_end(l))
		return false;
	imap_seqset_resolve(&s, 10);
	put(out, ".");
	assert_int_equal(imap_seqset_write(&s, out), ERR_OK);
	return true;
}

static void test_seqset(void **state)
{
	static const struct row rows[] = {
		{ "1", ".1" }, { "*", ".10" }, { "5:*", ".5:10" }, { "*:5", ".5:10" },
		{ "12:*", ".10:12" }, { "3:1", ".1:3" }, { "1,2,3", ".1:3" },
		{ "5,1,3", ".1,3,5" }, { "1:5,3:8,20", ".1:8,20" }, { "*,*:*", ".10" },
		{ "1:4294967295,4294967295", ".1:4294967295" },
		{ "", "" }, { "0", "" }, { "1,", "" }, { ",1", "" }, { "1:", "" }, { ":1", "" },
		{ "1:2:3", "" }, { "4294967296", "" }, { "$", "." }, { "$1", "" }, { "1,$", "" }, { "**", "" }, { "1 ", "" },
	};

	(void)state;
	check_rows(rows, N_ELEMS(rows), show_set);
}

static void test_seqset_use(void **state)
{
	struct arena a = { 0 };
	struct imap_seqset s;
	struct imap_lex l;
	uint64_t seen = 0;

	(void)state;
	imap_lex_init(&l, SPAN("*"), &a);
	assert_true(imap_lex_seqset(&l, &s));
	imap_seqset_resolve(&s, 0);		/* an empty folder */
	assert_int_equal(s.n, 0);
	assert_int_equal(imap_seqset_next(&s, 1), 0);

	imap_seqset_init(&s, &a, 3);
	assert_int_equal(imap_seqset_add(&s, 4, 6), ERR_OK);
	assert_int_equal(imap_seqset_add(&s, 7, 7), ERR_OK);
	assert_int_equal(imap_seqset_add(&s, 9, 9), ERR_OK);
	assert_int_equal(s.n, 2);
	assert_int_equal(imap_seqset_add(&s, 1, 2), ERR_OK);	/* out of order */
	assert_int_equal(imap_seqset_add(&s, 20, 20), ERR_LIMIT);
	imap_seqset_resolve(&s, 0);
	assert_int_equal(imap_seqset_count(&s), 7);
	for (uint32_t v = imap_seqset_next(&s, 1); v; v = imap_seqset_next(&s, v + 1))
		seen |= UINT64_C(1) << v;
	assert_int_equal(seen, 0x2f6);
	for (uint32_t v = 1; v < 20; v++)
		assert_int_equal(imap_seqset_contains(&s, v), seen >> v & 1);

	imap_seqset_init(&s, &a, 3);
	assert_int_equal(imap_seqset_add(&s, UINT32_MAX, UINT32_MAX), ERR_OK);
	assert_int_equal(imap_seqset_add(&s, UINT32_MAX, UINT32_MAX), ERR_OK);
	imap_seqset_resolve(&s, 0);
	assert_int_equal(imap_seqset_count(&s), 1);
	assert_int_equal(imap_seqset_next(&s, UINT32_MAX), UINT32_MAX);
	arena_fini(&a);
}

/* ---- dates, flags, status, store ----------------------------------------- */

static bool show_date_time(struct imap_lex *l, struct buf *out)
{
	int64_t t;

	if (!imap_lex_date_time(l, &t) || !imap_lex_end(l))
		return false;
	put(out, "%" PRId64 " ", t);
	assert_int_equal(imap_write_date_time(out, t), ERR_OK);
	return true;
}

static void test_date_time(void **state)
{
	static const struct row rows[] = {
		{ "\"17-Jul-1996 02:44:25 -0700\"", "837596665 \"17-Jul-1996 09:44:25 +0000\"" },
		{ "\" 1-jan-1970 00:00:00 +0000\"", "0 \"01-Jan-1970 00:00:00 +0000\"" },
		{ "\"31-Dec-1969 23:59:59 +0000\"", "-1 \"31-Dec-1969 23:59:59 +0000\"" },
		{ "\"29-Feb-2000 23:59:60 +1400\"", "951818400 \"29-Feb-2000 10:00:00 +0000\"" },
		{ "\"01-Jan-0001 00:00:00 +2359\"", "-62135683140 \"01-Jan-0001 00:00:00 +0000\"" },
		{ "\"31-Dec-9999 23:59:59 -0100\"", "253402304399 \"31-Dec-9999 23:59:59 +0000\"" },
		{ "\"29-Feb-1900 00:00:00 +0000\"", "" }, { "\"31-Apr-2000 00:00:00 +0000\"", "" },
		{ "\"00-Jan-2000 00:00:00 +0000\"", "" }, { "\"01-Jan-2000 24:00:00 +0000\"", "" },
		{ "\"01-Jan-2000 00:60:00 +0000\"", "" }, { "\"01-Jan-2000 00:00:61 +0000\"", "" },
		{ "\"01-Jan-2000 00:00:00 0000\"", "" }, { "\"01-Jan-2000 00:00:00 +000\"", "" },
		{ "\"01-Jan-2000 00:00:00 +2400\"", "" }, { "\"01-Jan-2000 00:00:00 +0060\"", "" },
		{ "\"01-Jan-99 00:00:00 +0000\"", "" }, { "\"01-Foo-2000 00:00:00 +0000\"", "" },
		{ "\"01-Jan-2000 00:00:00 +0000", "" }, { "\"01-J", "" }, { "\"", "" }, { "", "" },
		{ "\"01-Jan-0000 00:00:00 +0000\"", "" },
	};

	(void)state;
	check_rows(rows, N_ELEMS(rows), show_date_time);
}

static bool show_flags(struct imap_lex *l, struct buf *out)
{
	struct imap_flags f;

	if (!imap_lex_flags(l, imap_lex_peek(l) != '(', &f) || !imap_lex_end(l))
		return false;
	assert_int_equal(imap_write_flags(out, f.system, f.keywords, f.n_keywords), ERR_OK);
	return true;
}

static void test_flags(void **state)
{
	static const struct row rows[] = {
		{ "()", "()" }, { "(\\seen)", "(\\Seen)" },
		{ "(\\Seen $Fwd \\Deleted junk JUNK)", "(\\Deleted \\Seen $Fwd junk)" },
		{ "(\\Recent \\Other)", "()" }, { "\\Flagged a", "(\\Flagged a)" },
		{ "(\\Seen", "" }, { "(\\)", "" }, { "( )", "" }, { "(a )", "" }, { "", "" },
		{ "(a,(b))", "" }, { "(\\Seen)x", "" }, { "(\\*)", "" },
	};

	(void)state;
	check_rows(rows, N_ELEMS(rows), show_flags);
}

static bool show_store(struct imap_lex *l, struct buf *out)
{
	struct imap_store s;

	if (!imap_lex_store(l, &s))
		return false;
	put(out, "%c%s", "=+-"[s.how], s.silent ? "silent " : "");
	if (s.has_unchanged_since)
		put(out, "since %" PRIu64 " ", s.unchanged_since);
	assert_int_equal(imap_write_flags(out, s.flags.system, s.flags.keywords,
					  s.flags.n_keywords), ERR_OK);
	return true;
}

static void test_store(void **state)
{
	static const struct row rows[] = {
		{ "FLAGS (\\Seen)", "=(\\Seen)" }, { "flags ()", "=()" },
		{ "+FLAGS.SILENT \\Seen x", "+silent (\\Seen x)" },
		{ "-FLAGS (x)", "-(x)" },
		{ "(UNCHANGEDSINCE 7) +FLAGS (x)", "+since 7 (x)" },
		{ "(UNCHANGEDSINCE 0) FLAGS.SILENT ()", "=silent since 0 ()" },
		{ "(UNCHANGEDSINCE) FLAGS ()", "" }, { "(UNCHANGEDSINCE 1 UNCHANGEDSINCE 1) FLAGS ()", "" },
		{ "() FLAGS ()", "" }, { "(CHANGEDSINCE 1) FLAGS ()", "" }, { "FLAGS", "" },
		{ "FLAGS ", "" }, { "*FLAGS (x)", "" }, { "FLAGSX (x)", "" }, { "FLAGS (x) y", "" },
	};

	(void)state;
	check_rows(rows, N_ELEMS(rows), show_store);
}

static bool show_status(struct imap_lex *l, struct buf *out)
{
	unsigned items;

	if (!imap_lex_status(l, &items) || !imap_lex_end(l))
		return false;
	put(out, "%u", items);
	return true;
}

static void test_status(void **state)
{
	static const struct row rows[] = {
		{ "(MESSAGES)", "1" }, { "(uidnext UIDVALIDITY)", "12" },
		{ "(MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ SIZE)", "127" },
		{ "(DELETED MAILBOXID APPENDLIMIT)", "896" },
		{ "()", "" }, { "MESSAGES", "" }, { "(MESSAGES", "" }, { "(MESSAGES )", "" },
		{ "(MESSAGESX)", "" }, { "(MESSAGES) x", "" },
	};

	(void)state;
	check_rows(rows, N_ELEMS(rows), show_status);
}

/* ---- fetch ---------------------------------------------------------------- */

static bool show_fetch(struct imap_lex *l, struct buf *out)
{
	struct imap_fetch f;

	if (!imap_lex_fetch(l, &f))
		return false;
	put(out, "%u", f.items);
	for (size_t i = 0; i < f.n_sections; i++) {
		put(out, " ");
		assert_int_equal(imap_write_section(out, &f.sections[i]), ERR_OK);
		put(out, "%s", f.sections[i].peek ? "" : "!");
		if (f.sections[i].partial)
			put(out, "%" PRIu64, f.sections[i].count);
	}
	if (f.partial.from)
		put(out, " part %s%u:%u", f.partial.from_end ? "-" : "", f.partial.from,
		    f.partial.to);
	if (f.vanished)
		put(out, " vanished");
	if (f.has_changed_since)
		put(out, " since %" PRIu64, f.changed_since);
	return true;
}

static void test_fetch(void **state)
{
	static const struct row rows[] = {
		{ "ALL", "30" }, { "FAST", "14" }, { "full", "62" }, { "(FLAGS UID)", "3" },
		{ "BODY", "32" }, { "(BODY BODYSTRUCTURE MODSEQ)", "224" },
		{ "BODY[]", "0 BODY[]!" }, { "BODY.PEEK[]", "0 BODY[]" },
		{ "(BODY.PEEK[HEADER.FIELDS (from \"a b\")] UID)", "1 BODY[HEADER.FIELDS (from \"a b\")]" },
		{ "body[1.2.text]<3.5>", "0 BODY[1.2.TEXT]<3>!5" },
		{ "BODY[2.HEADER.FIELDS.NOT (X)]", "0 BODY[2.HEADER.FIELDS.NOT (X)]!" },
		{ "BODY[1.MIME]", "0 BODY[1.MIME]!" }, { "BODY[HEADER]", "0 BODY[HEADER]!" },
		{ "BODY[3]", "0 BODY[3]!" },
		{ "(RFC822 RFC822.SIZE RFC822.HEADER RFC822.TEXT)",
		  "8 RFC822! RFC822.HEADER RFC822.TEXT!" },
		{ "FLAGS (CHANGEDSINCE 12)", "130 since 12" },
		{ "FLAGS (VANISHED CHANGEDSINCE 1)", "130 vanished since 1" },
		{ "UID (PARTIAL -9:-3 CHANGEDSINCE 1)", "129 part -3:9 since 1" },
		{ "(BINARY[1.2]<3.4> BINARY.PEEK[] BINARY.SIZE[7])", "0 BINARY[1.2]<3>!4 BINARY[] BINARY.SIZE[7]" },
		{ "(EMAILID THREADID SAVEDATE)", "1792" }, { "PREVIEW", "2048" },
		{ "(PREVIEW (LAZY) UID PREVIEW)", "6145" }, { "PREVIEW (LAZY) (CHANGEDSINCE 1)", "6272 since 1" },
		{ "BODY[]<9223372036854775807.9223372036854775807>", "0 BODY[]<9223372036854775807>!9223372036854775807" },
		{ "BODY[]<9223372036854775808.1>", "" }, { "PREVIEW (LAZY UID)", "" }, { "PREVIEW (", "" },
		{ "BINARY[TEXT]", "" }, { "BINARY[1.]", "" }, { "BINARY.SIZE[1]<0.1>", "" }, { "BINARY[", "" },
		{ "UID (PARTIAL 1)", "" }, { "UID (PARTIAL 1:-2)", "" }, { "UID (PARTIAL -0:-2)", "" },
		{ "UID (PARTIAL 1:2", "" },
		{ "", "" }, { "()", "" }, { "(ALL)", "" }, { "FLAGS UID", "" }, { "(FLAGS", "" },
		{ "BODY[", "" }, { "BODY[1.]", "" }, { "BODY[0]", "" }, { "BODY[MIME]", "" },
		{ "BODY[.1]", "" }, { "BODY[TEXT]<0.0>", "" }, { "BODY[TEXT]<0>", "" },
		{ "BODY[HEADER.FIELDS ()]", "" }, { "BODY[HEADER.FIELDS]", "" },
		{ "BODY[1.2.FOO]", "" }, { "BODY.PEEK", "" }, { "RFC822.PEEK", "" },
		{ "FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 2)", "" }, { "FLAGS (VANISHED)", "" },
		{ "FLAGS ()", "" }, { "BODYX", "" }, { "BODY[1 2]", "" }, { "BODY[]<1.1", "" },
	};

	(void)state;
	check_rows(rows, N_ELEMS(rows), show_fetch);
}

static void test_fetch_bounds(void **state)
{
	struct arena a = { 0 };
	struct imap_fetch f;
	struct imap_lex l;
	struct buf b;

	(void)state;
	for (int sections = 64; sections <= 65; sections++) {
		buf_init(&b, 10000);
		for (int i = 0; i < sections; i++)
			put(&b, "%sBODY[1]", i ? " " : "(");
		put(&b, ")");
		imap_lex_init(&l, (struct span){ b.data, b.len }, &a);
		assert_int_equal(imap_lex_fetch(&l, &f), sections == 64);
		buf_fini(&b);
	}
	for (int parts = 100; parts <= 101; parts++) {
		buf_init(&b, 10000);
		for (int i = 0; i < parts; i++)
			put(&b, "%s1", i ? "." : "BODY[");
		put(&b, "]");
		imap_lex_init(&l, (struct span){ b.data, b.len }, &a);
		assert_int_equal(imap_lex_fetch(&l, &f), parts == 100);
		buf_fini(&b);
	}
	arena_fini(&a);
}

/* ---- select ---------------------------------------------------------------- */

static bool show_select(struct imap_lex *l, struct buf *out)
{
	struct imap_select s;
	struct imap_sample i;

	if (!imap_lex_select(l, &s))
		return false;
	put(out, ".%s", s.condstore ? " condstore" : "");
	if (s.has_qresync)
		put(out, " %u %" PRIu64, s.qresync.uidvalidity, s.qresync.modseq);
	if (s.qresync.has_known) {
		put(out, " ");
		assert_int_equal(imap_seqset_write(&s.qresync.known, out), ERR_OK);
	}
	imap_sample_init(&i, &s.qresync);
	while (imap_sample_next(&i))
		put(out, " %u=%u", i.seq, i.uid);
	return true;
}

static void test_select(void **state)
{
	static const struct row rows[] = {
		{ "", "." }, { " (CONDSTORE)", ". condstore" }, { " (QRESYNC (7 9))", ". 7 9" },
		{ " (condstore QRESYNC (7 9 4,1:2))", ". condstore 7 9 1:2,4" },
		{ " (QRESYNC (7 9 1:9 (1,3:4 2,5,9)))", ". 7 9 1:9 1=2 3=5 4=9" },
		{ " (QRESYNC (7 9 (1 2)))", ". 7 9 1=2" },
		{ " (QRESYNC (4294967295 9223372036854775807 4294967295))",
		  ". 4294967295 9223372036854775807 4294967295" },
		{ " ", "" }, { " ()", "" }, { " (CONDSTORE", "" }, { " (CONDSTORE )", "" }, { "x", "" },
		{ " (QRESYNC)", "" }, { " (QRESYNC ())", "" }, { " (QRESYNC (7))", "" },
		{ " (QRESYNC (7 9 ))", "" }, { " (QRESYNC (7 9 *))", "" }, { " (QRESYNC (7 9 1:*))", "" },
		{ " (QRESYNC (7 9 1 (1:2 1)))", "" }, { " (QRESYNC (7 9 1 (1 1) 1))", "" },
		{ " (QRESYNC (7 9 1 ()))", "" }, { " (QRESYNC (7 9 1 (1:4294967295 1)))", "" },
		{ " (QRESYNC (0 9))", "" }, { " (QRESYNC (7 0))", "" }, { " (QRESYNC (7 9)) x", "" },
		{ " (QRESYNC (7 9) QRESYNC (7 9))", "" }, { " (QRESYNC (7 9223372036854775808))", "" },
	};

	(void)state;
	check_rows(rows, N_ELEMS(rows), show_select);
}

/* ---- search ---------------------------------------------------------------- */

static void show_key(const struct imap_search *s, uint32_t i, struct buf *out)
{
	static const char *const ops[] = { "and", "or", "not", "all", "flag", "kw", "seq", "uid",
		"before", "on", "since", "sbefore", "son", "ssince", "older", "younger",
		"larger", "smaller", "header", "body", "text", "modseq", "vbefore", "von", "vsince",
		"vsupp", "email", "thread", "saved" };
	const struct imap_key *k = &s->keys[i];

	put(out, "%s%s", k->want ? "" : "!", ops[k->op]);
	if (k->n)
		put(out, " %" PRIu64, k->n);
	if (k->day)
		put(out, " %d", k->day);
	if (k->field.n)
		put(out, " %.*s", (int)k->field.n, k->field.p);
	if (k->text.n)
		put(out, " '%.*s'", (int)k->text.n, k->text.p);
	if (k->set) {
		imap_seqset_resolve(k->set, 99);
		put(out, " ");
		assert_int_equal(imap_seqset_write(k->set, out), ERR_OK);
	}
	for (uint32_t c = k->first; c; c = s->keys[c].next) {
		put(out, c == k->first ? "(" : ", ");
		show_key(s, c, out);
	}
	if (k->first)
		put(out, ")");
}

static bool show_search(struct imap_lex *l, struct buf *out)
{
	struct imap_search s;

	if (!imap_lex_search(l, &s))
		return false;
	s.keys[0].want = true;
	if (s.esearch)
		put(out, "[%u] ", s.returns);
	show_key(&s, 0, out);
	return true;
}

static void test_search(void **state)
{
	static const struct row rows[] = {
		{ "ALL", "and(all)" },
		{ "FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"",
		  "and(flag 4, since 8797, not(header From 'Smith'))" },
		{ "UNSEEN", "and(!flag 1)" }, { "NEW", "and(and(flag 32, !flag 1))" },
		{ "OLD", "and(!flag 32)" },
		{ "OR SEEN OR DELETED DRAFT", "and(or(flag 1, or(flag 8, flag 16)))" },
		{ "OR NEW ALL UID 1:*", "and(or(and(flag 32, !flag 1), all), uid 1:99)" },
		{ "NOT (SEEN 1:5) 7", "and(not(and(flag 1, seq 1:5)), seq 7)" },
		{ "(((ALL)))", "and(and(and(and(all))))" },
		{ "OR (SEEN ALL) NOT NOT ALL", "and(or(and(flag 1, all), not(not(all))))" },
		{ "HEADER Message-ID <a@b>", "and(header Message-ID '<a@b>')" },
		{ "HEADER X-Foo \"\"", "and(header X-Foo)" },
		{ "CHARSET utf-8 TEXT {2}\r\n\xc3\xa9 BODY x", "and(text '\xc3\xa9', body 'x')" },
		{ "CHARSET US-ASCII TO a CC b BCC c SUBJECT d",
		  "and(header To 'a', header Cc 'b', header Bcc 'c', header Subject 'd')" },
		{ "KEYWORD $Fwd UNKEYWORD b", "and(kw '$Fwd', !kw 'b')" },
		{ "LARGER 5 SMALLER 7", "and(larger 5, smaller 7)" },
		{ "OLDER 5 YOUNGER 7", "and(older 5, younger 7)" },
		{ "MODSEQ 620162338", "and(modseq 620162338)" },
		{ "MODSEQ \"/flags/\\\\draft\" all 5", "and(modseq 5)" },
		{ "SENTON \"2-Jan-1970\" SENTBEFORE 2-Jan-1970 SENTSINCE 2-Jan-1970",
		  "and(son 1, sbefore 1, ssince 1)" },
		{ "RETURN () ALL", "[4] and(all)" },
		{ "RETURN (MIN MAX COUNT) CHARSET UTF-8 ALL", "[11] and(all)" },
		{ "", "" }, { "(ALL", "" }, { "ALL)", "" }, { "()", "" }, { "NOT", "" }, { "NOT ", "" },
		{ "OR ALL", "" }, { "OR ALL ", "" }, { "ALL ", "" }, { "FOO", "" }, { "ALLX", "" },
		{ "CHARSET KOI8-R TEXT \"\xff\"", "and(text '\xff')" }, { "CHARSET \"\" ALL", "" },
		{ "RETURN (SAVE) ALL", "[32] and(all)" }, { "$ NOT $ UID $", "and(saved, not(saved), saved)" },
		{ "OR $ UID $ ALL", "and(or(saved, saved), all)" }, { "$,1", "" }, { "1,$", "" },
		{ "RETURN (PARTIAL 1:2 COUNT UPDATE CONTEXT) ALL", "[216] and(all)" },
		{ "RETURN (CONTEXT) ALL", "[132] and(all)" }, { "RETURN (PARTIAL 1) ALL", "" },
		{ "RETURN (PARTIAL 0:1) ALL", "" }, { "RETURN (PARTIAL -3:5) ALL", "" },
		{ "RETURN (PARTIAL 1:2 PARTIAL 1:2) ALL", "" }, { "RETURN (PARTIAL 1:2 ALL) ALL", "" },
		{ "SAVEDBEFORE 2-Jan-1970 SAVEDON 2-Jan-1970 SAVEDSINCE 2-Jan-1970 SAVEDATESUPPORTED",
		  "and(vbefore 1, von 1, vsince 1, vsupp)" },
		{ "EMAILID M6d99 THREADID \"T_-\"", "and(email 'M6d99', thread 'T_-')" },
		{ "EMAILID a.b", "" }, { "THREADID \"\"", "" },
		{ "RETURN (MIN", "" }, { "RETURN ALL", "" }, { "OLDER 0", "" }, { "UID", "" },
		{ "UID x", "" }, { "BEFORE 31-Feb-2000", "" }, { "FROM \"\xff\"", "" },
		{ "ALL  ALL", "" }, { "MODSEQ \"x\" none 5", "" }, { "KEYWORD (", "" },
		{ "RETURN (FOO) ALL", "" }, { "(ALL) )", "" }, { "0", "" },
	};

	(void)state;
	check_rows(rows, N_ELEMS(rows), show_search);
}

static bool show_sort(struct imap_lex *l, struct buf *out)
{
	static const char names[] = "aCdFTfstS";
	struct imap_search s;
	struct imap_sort by;

	if (!imap_lex_sort(l, &by, &s))
		return false;
	for (size_t i = 0; i < by.n; i++)
		put(out, "%s%c", by.by[i].reverse ? "-" : "", names[by.by[i].key]);
	put(out, " %.*s %u ", (int)s.charset.n, s.charset.p ? s.charset.p : "", s.returns);
	show_key(&s, 0, out);
	return true;
}

static void test_sort(void **state)
{
	static const struct row rows[] = {
		{ "(SUBJECT) UTF-8 ALL", "t  0 and(all)" },
		{ "(ARRIVAL CC DATE DISPLAYFROM DISPLAYTO FROM SIZE SUBJECT TO) us-ascii ALL",
		  "aCdFTfstS  0 and(all)" },
		{ "(REVERSE DATE REVERSE SIZE FROM) KOI8-R SEEN", "-d-sf KOI8-R 0 and(flag 1)" },
		{ "(DATE REVERSE DATE DATE) UTF-8 ALL", "d  0 and(all)" },
		{ "RETURN (PARTIAL 1:3) (DATE) UTF-8 ALL", "d  16 and(all)" },
		{ "", "" }, { "DATE UTF-8 ALL", "" }, { "() UTF-8 ALL", "" }, { "(DATE ) UTF-8 ALL", "" },
		{ "(REVERSE) UTF-8 ALL", "" }, { "(REVERSE REVERSE DATE) UTF-8 ALL", "" },
		{ "(DATE) ALL", "" }, { "(DATE) UTF-8", "" }, { "(DATE) UTF-8 ", "" }, { "(DATES) UTF-8 ALL", "" },
		{ "(DATE)UTF-8 ALL", "" }, { "RETURN (FOO) (DATE) UTF-8 ALL", "" },
	};

	(void)state;
	check_rows(rows, N_ELEMS(rows), show_sort);
}

static bool show_envelope(struct imap_lex *l, struct buf *out)
{
	struct span text = { l->p, (size_t)(l->end - l->p) };
	struct imap_address ad;
	struct imap_lex m;

	if (!imap_envelope_open(&m, text, l->arena, IMAP_ENVELOPE_TO))
		return false;
	while (imap_envelope_next(&m, &ad))
		put(out, "[%.*s|%.*s|%.*s]", (int)ad.name.n, ad.name.p ? ad.name.p : "",
		    (int)ad.mailbox.n, ad.mailbox.p ? ad.mailbox.p : "", (int)ad.host.n,
		    ad.host.p ? ad.host.p : "");
	return true;
}

static void test_envelope(void **state)
{
#define BEFORE "(NIL \"s\" ((\"f\" NIL \"a\" \"h\")) NIL NIL "
	static const struct row rows[] = {
		{ BEFORE "((\"N\" NIL \"m\" \"h\")(NIL NIL \"n\" \"i\")) NIL NIL NIL NIL)",
		  "[N|m|h][|n|i]" },
		{ BEFORE "((NIL NIL \"group\" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL)", "[|group|][||]" },
		{ BEFORE "(({3}\r\na\"b NIL \"m\" \"h\")) NIL NIL NIL NIL)", "[a\"b|m|h]" },
		{ BEFORE "((\"N\" NIL \"m\"", "" }, { BEFORE "NIL NIL NIL NIL NIL)", "" },
		{ "", "" }, { "NIL", "" }, { "(NIL", "" }, { "(NIL NIL NIL NIL NIL", "" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct arena a = { 0 };
		struct imap_lex l;
		struct buf out;

		buf_init(&out, 1000);
		imap_lex_init(&l, span_of(rows[i].in), &a);
		(void)show_envelope(&l, &out);
		if (strcmp(out.data, rows[i].out) != 0)
			fail_msg("row %zu: %s", i, out.data);
		buf_fini(&out);
		arena_fini(&a);
	}
}

static void test_search_bounds(void **state)
{
	static const struct { const char *unit, *last; int most; } deep[] = {
		{ "NOT ", "ALL", IMAP_SEARCH_DEPTH - 1 },
		{ "(", "ALL", IMAP_SEARCH_DEPTH - 1 },
		{ "OR ALL ", "ALL", IMAP_SEARCH_DEPTH - 1 },
		{ "ALL ", "ALL", IMAP_SEARCH_KEYS - 2 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(deep); i++)
		for (int over = 0; over < 2; over++) {
			struct arena a = { 0 };
			struct imap_search s;
			struct imap_lex l;
			struct buf b;

			buf_init(&b, 65536);
			for (int n = 0; n < deep[i].most + over; n++)
				put(&b, "%s", deep[i].unit);
			put(&b, "%s", deep[i].last);
			for (int n = 0; deep[i].unit[0] == '(' && n < deep[i].most + over; n++)
				put(&b, ")");
			imap_lex_init(&l, (struct span){ b.data, b.len }, &a);
			if (imap_lex_search(&l, &s) != (over == 0))
				fail_msg("row %zu, %s the limit", i, over ? "over" : "at");
			buf_fini(&b);
			arena_fini(&a);
		}
}

/* ---- list ------------------------------------------------------------------ */

static bool show_list(struct imap_lex *l, struct buf *out)
{
	struct imap_list s;

	if (!imap_lex_list(l, true, &s))
		return false;
	put(out, "%s%u %u %u <%s>", s.extended ? "x " : "", s.select, s.returns, s.status,
	    s.reference);
	for (size_t i = 0; i < s.n_patterns; i++)
		put(out, " %s", s.patterns[i]);
	return true;
}

static void test_list(void **state)
{
	static const struct row rows[] = {
		{ "\"\" *", "0 0 0 <> *" }, { "\"\" \"\"", "0 0 0 <> " },
		{ "a/ \"b c%\"", "0 0 0 <a/> b c%" },
		{ "(SUBSCRIBED RECURSIVEMATCH) \"\" *", "x 5 0 0 <> *" },
		{ "() \"\" (INBOX \"x/%\")", "x 0 0 0 <> INBOX x/%" },
		{ "\"\" % RETURN (CHILDREN STATUS (MESSAGES UNSEEN) SPECIAL-USE)", "x 0 14 17 <> %" },
		{ "\"\" % RETURN ()", "x 0 0 0 <> %" },
		{ "(SPECIAL-USE) \"\" \"*\" RETURN (SUBSCRIBED)", "x 8 1 0 <> *" },
		{ "\"\" &x", "0 0 0 <> //" },
		{ "\"\" Gel&APY-%", "0 0 0 <> Gel\xc3\xb6%" },
		{ "", "" }, { "\"\"", "" }, { "\"\" ()", "" }, { "(RECURSIVEMATCH) \"\" *", "" },
		{ "(FOO) \"\" *", "" }, { "\"\" * RETURN", "" }, { "\"\" * RETURN (FOO)", "" },
		{ "\"\" * RETURN (STATUS)", "" }, { "\"\" * x", "" }, { "(SUBSCRIBED \"\" *", "" },
		{ "\"\" (a", "" }, { "\"\" *  ", "" },
	};

	(void)state;
	check_rows(rows, N_ELEMS(rows), show_list);
}

static void test_patterns(void **state)
{
	static const struct { const char *pattern, *yes, *no; } rows[] = {
		{ "*", "a/b/c", NULL }, { "%", "abc", "a/b" }, { "%", "", "/" },
		{ "a/%", "a/b", "a/b/c" }, { "a/%/c", "a/b/c", "a/c" }, { "*c", "a/b/c", "a/b" },
		{ "a*%b", "a/x/b", "a" }, { "%/%", "a/b", "a/b/c" }, { "%x%/*", "axb/c/d", "ab/c" },
		{ "inbox", "INBOX", "INBOXES" }, { "InBo%", "INBOX", "INBOX/a" },
		{ "inbox/A", "INBOX/A", "INBOX/a" }, { "abc", "abc", "ABC" },
		{ "abc", "abc", "ab" }, { "abc", "abc", "abcd" }, { "", "", "a" },
		{ "a%%%%b", "axxb", "ax/b" }, { "*a*b*c*", "xxaxxbxxcxx", "cba" },
		{ "%ab", "aab", "a/ab" }, { "**", "", NULL }, { "a/b%", "a/b", "a/" },
	};
	struct arena a = { 0 };
	struct imap_pattern *p;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		assert_int_equal(imap_pattern_make(&a, "", rows[i].pattern, &p), ERR_OK);
		if (!imap_pattern_match(p, rows[i].yes))
			fail_msg("\"%s\" does not match \"%s\"", rows[i].pattern, rows[i].yes);
		if (rows[i].no && imap_pattern_match(p, rows[i].no))
			fail_msg("\"%s\" matches \"%s\"", rows[i].pattern, rows[i].no);
	}
	assert_int_equal(imap_pattern_make(&a, "a/", "%", &p), ERR_OK);
	assert_true(imap_pattern_match(p, "a/b"));
	assert_false(imap_pattern_match(p, "b"));
	arena_fini(&a);
}

/* The classic trap for matchers that go back. */
static void test_pattern_of_many_stars_is_quick(void **state)
{
	char pattern[IMAP_MAX_PATTERN + 2], name[2001];
	struct arena a = { 0 };
	struct imap_pattern *p;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(pattern); i++)
		pattern[i] = i % 2 ? 'a' : i % 4 ? '%' : '*';
	pattern[IMAP_MAX_PATTERN] = '\0';
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(imap_pattern_make(&a, "", pattern, &p), ERR_OK);
	assert_true(imap_pattern_match(p, name));
	name[sizeof(name) - 2] = 'b';
	assert_false(imap_pattern_match(p, name));
	assert_int_equal(imap_pattern_make(&a, "x", pattern, &p), ERR_LIMIT);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_astring),
		cmocka_unit_test(test_nstring),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_mailbox),
		cmocka_unit_test(test_utf7_encoding_refuses_bad_utf8),
		cmocka_unit_test(test_utf7_round_trip),
		cmocka_unit_test(test_writing_strings),
		cmocka_unit_test(test_seqset),
		cmocka_unit_test(test_seqset_use),
		cmocka_unit_test(test_date_time),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_fetch),
		cmocka_unit_test(test_select),
		cmocka_unit_test(test_fetch_bounds),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_search_bounds),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_pattern_of_many_stars_is_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
