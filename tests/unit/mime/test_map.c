#include "common/base/arena.h"
#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/mime/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TEXT_HEAD "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" "
#define NO_ENVELOPE "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"

static const struct {
	const char *name, *in, *envelope, *body, *structure;
} cases[] = {
	{ "empty", "", NO_ENVELOPE, TEXT_HEAD "0 0)", TEXT_HEAD "0 0 NIL NIL NIL NIL)" },
	{ "plain",
	  "Date: Sat, 21 Nov 2026 22:41:31 +0000\r\nFrom: Ann <ann@x.org>\r\n"
	  "Subject: \r\nTo: grp: b@y, c@z;\r\nMessage-ID: <1@x>\r\n\r\nhi\r\nyou\r\n",
	  "(\"Sat, 21 Nov 2026 22:41:31 +0000\" \"\" ((\"Ann\" NIL \"ann\" \"x.org\")) "
	  "((\"Ann\" NIL \"ann\" \"x.org\")) ((\"Ann\" NIL \"ann\" \"x.org\")) "
	  "((NIL NIL \"grp\" NIL)(NIL NIL \"b\" \"y\")(NIL NIL \"c\" \"z\")"
	  "(NIL NIL NIL NIL)) NIL NIL NIL \"<1@x>\")",
	  TEXT_HEAD "9 2)", TEXT_HEAD "9 2 NIL NIL NIL NIL)" },
	{ "sender and reply-to of their own; quoting",
	  "From: \"A \\\"q\\\" B\" <a@x>\nSender: s@x\nReply-To: <r@x>\nCc: local\n"
	  "Subject: back\\slash\n\n",
	  "(NIL \"back\\\\slash\" ((\"A \\\"q\\\" B\" NIL \"a\" \"x\")) "
	  "((NIL NIL \"s\" \"x\")) ((NIL NIL \"r\" \"x\")) NIL "
	  "((NIL NIL \"local\" \"\")) NIL NIL NIL)",
	  TEXT_HEAD "0 0)", TEXT_HEAD "0 0 NIL NIL NIL NIL)" },
	{ "8-bit and folded: literals, unfolding",
	  "Subject: caf\xc3\xa9\r\n in\r\n\tParis\r\n\r\n",
	  "(NIL {14}\r\ncaf\xc3\xa9 in\tParis NIL NIL NIL NIL NIL NIL NIL NIL)",
	  TEXT_HEAD "0 0)", TEXT_HEAD "0 0 NIL NIL NIL NIL)" },
	{ "mixed with all the trimmings",
	  "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\npreamble\r\n--b\r\n"
	  "Content-Type: text/html; charset=utf-8\r\nContent-ID: <i>\r\n"
	  "Content-Description: d\r\nContent-Transfer-Encoding: BASE64\r\n"
	  "Content-MD5: Zm9v\r\nContent-Language: en, de\r\nContent-Location: http://l\r\n"
	  "\r\nab\r\n--b  \r\nContent-Type: application/x\r\n"
	  "Content-Disposition: attachment; filename*0=a; filename*1=\"b c\"\r\n\r\nxyz"
	  "\r\n--b--\r\nepilogue\r\n",
	  NO_ENVELOPE,
	  "((\"text\" \"html\" (\"charset\" \"utf-8\") \"<i>\" \"d\" \"BASE64\" 2 0)"
	  "(\"application\" \"x\" NIL NIL NIL \"7bit\" 3) \"mixed\")",
	  "((\"text\" \"html\" (\"charset\" \"utf-8\") \"<i>\" \"d\" \"BASE64\" 2 0 "
	  "\"Zm9v\" NIL (\"en\" \"de\") \"http://l\")"
	  "(\"application\" \"x\" NIL NIL NIL \"7bit\" 3 NIL "
	  "(\"attachment\" (\"filename\" \"ab c\")) NIL NIL) "
	  "\"mixed\" (\"boundary\" \"b\") NIL NIL NIL)" },
	{ "message in a digest, headers cut off by boundaries",
	  "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n"
	  "Subject: in\r\n\r\nhey\r\n--b\r\n--b--",
	  NO_ENVELOPE,
	  "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 18 "
	  "(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) " TEXT_HEAD "3 0) 2)"
	  "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 0 " NO_ENVELOPE " "
	  TEXT_HEAD "0 0) 0) \"digest\")", NULL },
	{ "boundaries that begin alike, inner one never closed",
	  "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
	  "Content-Type: multipart/alternative; boundary=ab\r\n\r\n--ab\r\n\r\n1\r\n"
	  "--abc\r\n--ab\r\n\r\n22\r\n--a\r\n\r\n333\r\n--a--\r\n--ab\r\n",
	  NO_ENVELOPE,
	  "((" TEXT_HEAD "8 1)" TEXT_HEAD "2 0) \"alternative\")"
	  TEXT_HEAD "3 0) \"mixed\")", NULL },
	{ "boundary ending in dashes is not the end of its prefix",
	  "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
	  "Content-Type: multipart/mixed; boundary=a--\r\n\r\n--a--\r\n\r\nx\r\n--a----\r\n"
	  "--a--\r\n",
	  NO_ENVELOPE, "((" TEXT_HEAD "1 0) \"mixed\") \"mixed\")", NULL },
	{ "one boundary on two levels: the inner one first",
	  "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
	  "Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\n1\r\n"
	  "--a--\r\n--a\r\n\r\n22\r\n--a--\r\n--a\r\n\r\n333",
	  NO_ENVELOPE,
	  "((" TEXT_HEAD "1 0) \"alternative\")" TEXT_HEAD "2 0) \"mixed\")", NULL },
	{ "multipart without boundary, and without parts",
	  "Content-Type: multipart/mixed\r\n\r\na\r\n", NO_ENVELOPE, TEXT_HEAD "3 1)", NULL },
	{ "no part", "Content-Type: multipart/mixed; boundary=q\r\n\r\nabc\r\n",
	  NO_ENVELOPE, TEXT_HEAD "5 1)", NULL },
	{ "bare LF, CR alone, NUL",
	  "Subject: a\rb\nContent-Type: multipart/x; boundary=b\n\n--b\n\na\rb\n\n--b--",
	  "(NIL {3}\r\na\rb NIL NIL NIL NIL NIL NIL NIL NIL)",
	  "(" TEXT_HEAD "4 1) \"x\")", NULL },
	{ "empty line of a message's header before a boundary",
	  "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: s\r\n\r\n"
	  "--b--", NO_ENVELOPE,
	  "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 14 "
	  "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) " TEXT_HEAD "0 0) 2) \"digest\")", NULL },
	{ "malformed type is text", "Content-Type: text\r\n\r\nx", NO_ENVELOPE,
	  TEXT_HEAD "1 0)", NULL },
	{ "nested message is the whole message",
	  "Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed;\r\n"
	  " boundary=z\r\n\r\n--z\r\n\r\nq\r\n--z--\r\n",
	  NO_ENVELOPE,
	  "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 64 " NO_ENVELOPE
	  " (" TEXT_HEAD "1 0) \"mixed\") 7)", NULL },
};

static void map_to(struct span in, size_t cut, struct buf *blob)
{
	struct mime_map *m = mime_map_new();

	mime_map_feed(m, in.p, cut);
	mime_map_feed(m, in.p + cut, in.n - cut);
	mime_map_finish(m);
	assert_int_equal(mime_map_encode(m, blob), ERR_OK);
	mime_map_free(&m);
}

static void expect(const char *name, const char *what, struct span got, const char *want)
{
	if (want && !span_eq(got, span_of(want)))
		fail_msg("%s: %s is\n%.*s\nnot\n%s", name, what, (int)got.n, got.p, want);
}

static void test_cases_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct span in = span_of(cases[i].in);
		struct buf first, again;

		buf_init(&first, MIME_MAP_MAX);
		map_to(in, 0, &first);
		for (size_t cut = 0; cut <= in.n; cut++) {
			struct mime_view v;

			buf_init(&again, MIME_MAP_MAX);
			map_to(in, cut, &again);
			assert_int_equal(mime_map_decode((struct span){ again.data, again.len },
							 &v, NULL), ERR_OK);
			expect(cases[i].name, "envelope", v.envelope, cases[i].envelope);
			expect(cases[i].name, "body", v.body, cases[i].body);
			expect(cases[i].name, "structure", v.bodystructure,
			       cases[i].structure);
			if (first.len != again.len ||
			    memcmp(first.data, again.data, first.len) != 0)
				fail_msg("%s: differs when cut at %zu", cases[i].name, cut);
			buf_fini(&again);
		}
		buf_fini(&first);
	}
}

static const char nested[] =
	"Subject: top\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"
	"--o\r\nX: 1\r\n\r\none\r\n"
	"--o\r\nContent-Type: message/rfc822\r\n\r\n"
	"Subject: in\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n"
	"--i\r\n\r\ntwo-one\r\n--i\r\nX: 22\r\n\r\ntwo-two\r\n--i--\r\n"
	"--o\r\nContent-Type: message/rfc822\r\n\r\nSubject: t\r\n\r\nthree\r\n--o--\r\n";

static const struct {
	const char *section, *text;
	enum err e;
} sections[] = {
	{ "1", "one", ERR_OK },
	{ "1.MIME", "X: 1\r\n\r\n", ERR_OK },
	{ "1.1", NULL, ERR_NOTFOUND },
	{ "1.HEADER", NULL, ERR_NOTFOUND },
	{ "1.TEXT", NULL, ERR_NOTFOUND },
	{ "2.HEADER", "Subject: in\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n", ERR_OK },
	{ "2.TEXT", "--i\r\n\r\ntwo-one\r\n--i\r\nX: 22\r\n\r\ntwo-two\r\n--i--", ERR_OK },
	{ "2.MIME", "Content-Type: message/rfc822\r\n\r\n", ERR_OK },
	{ "2.1", "two-one", ERR_OK },
	{ "2.2", "two-two", ERR_OK },
	{ "2.2.mime", "X: 22\r\n\r\n", ERR_OK },
	{ "2.3", NULL, ERR_NOTFOUND },
	{ "3", "Subject: t\r\n\r\nthree", ERR_OK },
	{ "3.1", "three", ERR_OK },
	{ "3.1.MIME", "Subject: t\r\n\r\n", ERR_OK },
	{ "3.2", NULL, ERR_NOTFOUND },
	{ "3.1.1", NULL, ERR_NOTFOUND },
	{ "4", NULL, ERR_NOTFOUND },
	{ "99999999999999999999", NULL, ERR_NOTFOUND },
	{ "HEADER", "Subject: top\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n", ERR_OK },
	{ "0", NULL, ERR_INVALID },
	{ "01", NULL, ERR_INVALID },
	{ "1.", NULL, ERR_INVALID },
	{ "1x", NULL, ERR_INVALID },
	{ ".1", NULL, ERR_INVALID },
	{ "MIME", NULL, ERR_INVALID },
	{ "BODY", NULL, ERR_INVALID },
	{ "", nested, ERR_OK },
};

static void test_sections(void **state)
{
	struct mime_view v;
	struct buf blob;

	(void)state;
	buf_init(&blob, MIME_MAP_MAX);
	map_to(span_of(nested), 0, &blob);
	assert_int_equal(mime_map_decode((struct span){ blob.data, blob.len }, &v, NULL), ERR_OK);
	for (size_t i = 0; i < N_ELEMS(sections); i++) {
		struct mime_range r;
		enum err e = mime_map_part(&v, span_of(sections[i].section), &r);

		if (e != sections[i].e)
			fail_msg("%s: %s", sections[i].section, err_text(e));
		if (!e)
			expect("section", sections[i].section,
			       (struct span){ nested + r.start, r.len }, sections[i].text);
	}
	buf_fini(&blob);
}

/* Any damage is refused or harmless: no range may leave the message. */
static void test_damaged_blobs(void **state)
{
	struct mime_view v;
	struct buf blob;

	(void)state;
	buf_init(&blob, MIME_MAP_MAX);
	map_to(span_of(nested), 0, &blob);
	for (size_t n = 0; n < blob.len; n++)
		assert_int_not_equal(mime_map_decode((struct span){ blob.data, n }, &v, NULL),
				     ERR_OK);
	for (size_t i = 0; i < blob.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			blob.data[i] ^= (char)(1u << bit);
			if (!mime_map_decode((struct span){ blob.data, blob.len }, &v, NULL)) {
				for (size_t k = 0; k < N_ELEMS(sections); k++) {
					struct mime_range r;

					if (!mime_map_part(&v, span_of(sections[k].section), &r))
						assert_true(r.start <= v.size &&
							    r.len <= v.size - r.start);
				}
			}
			blob.data[i] ^= (char)(1u << bit);
		}
	}
	buf_fini(&blob);
}

static void feed_str(struct mime_map *m, const char *s)
{
	mime_map_feed(m, s, strlen(s));
}

static struct mime_view finish(struct mime_map **m, struct buf *blob)
{
	struct mime_view v;

	mime_map_finish(*m);
	buf_init(blob, MIME_MAP_MAX);
	assert_int_equal(mime_map_encode(*m, blob), ERR_OK);
	assert_int_equal(mime_map_decode((struct span){ blob->data, blob->len }, &v, NULL), ERR_OK);
	mime_map_free(m);
	return v;
}

/* parts children: 9,999 are kept, one more makes the message flat. */
static void many_parts(unsigned parts, bool flat)
{
	struct mime_map *m = mime_map_new();
	struct mime_view v;
	struct buf blob;

	feed_str(m, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (unsigned i = 0; i < parts; i++)
		feed_str(m, "--b\r\n\r\nx\r\n");
	feed_str(m, "--b--\r\n");
	v = finish(&m, &blob);
	assert_int_equal(v.is_flat, flat);
	assert_int_equal(v.n_parts, flat ? 1 : parts + 1);
	if (flat) {
		struct mime_part t = mime_view_part(&v, 0);

		assert_int_equal(t.body_start, 45);
		assert_int_equal(t.body_end, v.size);
		expect("flat", "body", v.body, "(\"multipart\" \"mixed\" (\"boundary\" \"b\") "
		       "NIL NIL \"7bit\" 1000007)");
	}
	buf_fini(&blob);
}

static void test_part_limit(void **state)
{
	(void)state;
	many_parts(MIME_PARTS_MAX - 1, false);
	many_parts(100000, true);
}

static void nestings(unsigned levels, bool flat)
{
	struct mime_map *m = mime_map_new();
	struct mime_view v;
	struct buf blob;

	for (unsigned i = 0; i < levels; i++)
		feed_str(m, "Content-Type: message/rfc822\r\n\r\n");
	v = finish(&m, &blob);
	assert_int_equal(v.is_flat, flat);
	if (flat)
		expect("flat", "body", v.body, "(\"application\" \"octet-stream\" NIL NIL NIL "
		       "\"7bit\" 159968)");
	buf_fini(&blob);
}

static void test_depth_limit(void **state)
{
	(void)state;
	nestings(MIME_DEPTH_MAX, false);
	nestings(5000, true);
}

/* Texts too large for the blob make the message flat as well. */
static void test_map_limit(void **state)
{
	struct mime_map *m = mime_map_new();
	char *junk = malloc(60001);
	struct mime_view v;
	struct buf blob;

	(void)state;
	memset(junk, 'j', 60000);
	junk[60000] = '\0';
	feed_str(m, "Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (unsigned i = 0; i < 50; i++) {
		feed_str(m, "--b\r\nContent-Description: ");
		feed_str(m, junk);
		feed_str(m, "\r\n\r\nx\r\n");
	}
	v = finish(&m, &blob);
	assert_true(v.is_flat);
	expect("flat", "envelope", v.envelope, "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL)");
	buf_fini(&blob);
	free(junk);
}

/* A header without end, and of the kind that expands most. */
static void test_endless_header(void **state)
{
	static const char *const lines[] = { "To: a,b,c,d,e,f,g\r\n", "From: a,", "x" };

	(void)state;
	for (size_t k = 0; k < N_ELEMS(lines); k++) {
		struct mime_map *m = mime_map_new();
		struct mime_view v;
		struct buf blob;

		for (unsigned i = 0; i < 100000; i++)
			feed_str(m, k == 1 && i ? "a," : lines[k]);
		v = finish(&m, &blob);
		assert_int_equal(v.n_parts, 1);
		assert_int_equal(mime_view_part(&v, 0).body_start, v.size);
		buf_fini(&blob);
	}
}

static void test_summary(void **state)
{
	static const char in[] =
		"Date: Sat, 21 Nov 2026 22:41:31 +0100\r\nFrom: =?utf-8?q?J=C3=B6rg?= <j@x.org>\r\n"
		"To: Ann <a@x>, b@y\r\nSubject: Re: [list] Fwd: =?iso-8859-1?Q?caf=E9?= (fwd)\r\n"
		"Message-ID: <m1@x>\r\nReferences: <r1@x> <r2@x>\r\nIn-Reply-To: <r2@x>\r\n\r\nx";
	struct mime_map *m = mime_map_new();
	const struct summary *s = mime_map_summary(m);

	(void)state;
	feed_str(m, in);
	mime_map_finish(m);
	expect("summary", "subject", s->subject, "Re: [list] Fwd: caf\xc3\xa9 (fwd)");
	expect("summary", "base", s->base_subject, "caf\xc3\xa9");
	expect("summary", "name", s->from_name, "J\xc3\xb6rg");
	expect("summary", "addr", s->from_addr, "j@x.org");
	expect("summary", "to", s->to_text, "Ann; b@y");
	expect("summary", "id", s->message_id, "m1@x");
	assert_true(s->has_date);
	assert_int_equal(s->sent_ms, 1795297291000);
	assert_int_equal(s->n_refs, 2);
	assert_true(s->refs[1] == summary_id_hash(SPAN("r2@x")));
	assert_true(s->in_reply_to_hash == s->refs[1]);
	assert_true(s->is_reply);
	assert_int_equal(mime_map_size(m), sizeof(in) - 1);
	assert_int_equal(mime_map_header_size(m), sizeof(in) - 2);
	mime_map_free(&m);
}

static const struct {
	const char *in;
	bool attach;
} attach_cases[] = {
	{ "Content-Type: text/plain\r\n\r\n", false },
	{ "Content-Type: application/pdf\r\n\r\n", true },
	{ "Content-Type: text/plain; name=x\r\n\r\n", true },
	{ "Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\n", true },
	{ "Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
	  "\r\n--b\r\nContent-Type: image/png; name=i\r\n\r\n\r\n--b--", false },
	{ "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\r\n--b\r\n"
	  "Content-Type: application/pgp-signature; name=s.asc\r\n\r\n\r\n--b--", false },
	{ "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\r\n--b\r\n"
	  "Content-Type: message/rfc822\r\n\r\n\r\n--b--", true },
};

static void test_attachments(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(attach_cases); i++) {
		struct mime_map *m = mime_map_new();

		feed_str(m, attach_cases[i].in);
		mime_map_finish(m);
		if (mime_map_has_attach(m) != attach_cases[i].attach)
			fail_msg("attachment wrong in case %zu", i);
		mime_map_free(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_at_every_split), cmocka_unit_test(test_sections),
		cmocka_unit_test(test_damaged_blobs), cmocka_unit_test(test_part_limit),
		cmocka_unit_test(test_depth_limit), cmocka_unit_test(test_map_limit),
		cmocka_unit_test(test_endless_header), cmocka_unit_test(test_summary),
		cmocka_unit_test(test_attachments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
