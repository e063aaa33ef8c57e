#include "common/base/attr.h"
#include "common/mime/address.h"
#include "common/mime/build.h"
#include "common/mime/codec.h"
#include "common/mime/date.h"
#include "common/mime/param.h"
#include "common/mime/summary.h"
#include "common/mime/utf8.h"
#include "common/mime/word.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Lists are compared as "name|local|host", groups as "name:" and ";". */
static const struct {
	const char *in, *want;
} addresses[] = {
	{ "", "" },
	{ " , ,;", "" },
	{ "a@b", "|a|b " },
	{ "<a@b>", "|a|b " },
	{ "Ann  B. <a@b>,c@d", "Ann B.|a|b |c|d " },
	{ "\"Q \\\"x\\\", y\" <a@b>", "Q \"x\", y|a|b " },
	{ "a@b (Ann (the (one)))", "Ann (the (one))|a|b " },
	{ "(c) a (d) . b @ x (e) . y", "e|a.b|x.y " },
	{ "<@r1,@r2:a@b>", "|a|b " },
	{ "<@h>", "||h " },
	{ "\"a b\"@c", "|a b|c " },
	{ "\"a\\\\b\"@[1.2.3.4]", "|a\\b|[1.2.3.4] " },
	{ "x@[IPv6:::1", "|x|[IPv6:::1] " },
	{ "g: a@b, C <c@d>;, e@f", "g: |a|b C|c|d ; |e|f " },
	{ "undisclosed recipients:;", "undisclosed recipients: ; " },
	{ "a: b: c@d", "a: ; b: |c|d ; " },
	{ "a: b@c", "a: |b|c ; " },
	{ "me@x <me@x>", "me@x|me|x " },
	{ "just words", "|just words| " },
	{ "J\xc3\xb6rg <j\xc3\xb6@\xc3\xb6.de>", "J\xc3\xb6rg|j\xc3\xb6|\xc3\xb6.de " },
	{ "a@b junk, c@d", "|a|b |c|d " },
	{ "Name <a@b", "Name|a|b " },
	{ "\"open", "|open| " },
	{ "((((", "" },
	{ "Fold\r\n ed <a@\r\n b>", "Fold ed|a|b " },
	{ "a@@b", "|a| " },
	{ ">a@b", "|a|b " },
	{ "]]][[ a@b", "|a|b " },
};

static void list_text(const struct address *list, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		const struct address *a = &list[i];
		enum err e;

		if (a->kind == ADDRESS_GROUP_END)
			e = buf_adds(out, "; ");
		else if (a->kind == ADDRESS_GROUP)
			e = buf_addf(out, "%.*s: ", (int)a->name.n, a->name.n ? a->name.p : "");
		else
			e = buf_addf(out, "%.*s|%.*s|%.*s ", (int)a->name.n,
				     a->name.n ? a->name.p : "", (int)a->local.n,
				     a->local.n ? a->local.p : "", (int)a->host.n,
				     a->host.n ? a->host.p : "");
		assert_int_equal(e, ERR_OK);
	}
}

static void test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(addresses); i++) {
		struct buf text, line, again;
		struct arena a = { 0 };
		struct address *list;
		size_t n;

		buf_init(&text, 4096);
		buf_init(&line, 4096);
		buf_init(&again, 4096);
		n = address_parse(&a, span_of(addresses[i].in), 100, &list);
		list_text(list, n, &text);
		if (strcmp(text.data, addresses[i].want) != 0)
			fail_msg("%s: %s", addresses[i].in, text.data);
		assert_int_equal(address_write(list, n, &line), ERR_OK);
		n = address_parse(&a, (struct span){ line.data, line.len }, 100, &list);
		list_text(list, n, &again);
		if (strcmp(again.data, addresses[i].want) != 0)
			fail_msg("%s written as %s is %s", addresses[i].in, line.data, again.data);
		buf_fini(&text);
		buf_fini(&line);
		buf_fini(&again);
		arena_fini(&a);
	}
}

static const struct {
	const char *in, *route;
} routes[] = {
	{ "<@r1,@r2:a@b>", "@r1,@r2" },
	{ "X <@r1 ,\r\n @[1:2]: a@b>", "@r1,@[1:2]" },
	{ "<@:a@b>", "@" },
	{ "<@h>", "" },
	{ "<@h", "" },
	{ "<@[h:a@b>", "" },
	{ "a@b", "" },
};

static void test_routes(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(routes); i++) {
		struct arena a = { 0 };
		struct address *list;
		struct span got;

		assert_int_equal(address_parse(&a, span_of(routes[i].in), 100, &list), 1);
		got = list[0].route;
		assert_int_equal(got.n, strlen(routes[i].route));
		assert_int_equal(strncmp(got.n ? got.p : "", routes[i].route, got.n), 0);
		arena_fini(&a);
	}
}

/* A full list drops what is too much and still closes its group. */
static const struct {
	size_t max;
	const char *want;
} limits[] = {
	{ 0, "" },
	{ 1, "|x|y " },
	{ 2, "|x|y " },
	{ 3, "|x|y g: ; " },
	{ 4, "|x|y g: |a|b ; " },
	{ 5, "|x|y g: |a|b |c|d ; " },
	{ 6, "|x|y g: |a|b |c|d ; |h|i " },
};

static void test_address_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(limits); i++) {
		struct arena a = { 0 };
		struct address *list;
		struct buf text;
		size_t n;

		buf_init(&text, 1000);
		n = address_parse(&a, SPAN("x@y, g: a@b, c@d; h@i"), limits[i].max, &list);
		list_text(list, n, &text);
		if (strcmp(text.data, limits[i].want) != 0)
			fail_msg("max %zu: %s", limits[i].max, text.data);
		buf_fini(&text);
		arena_fini(&a);
	}
}

static const struct {
	const char *in, *want;
} words[] = {
	{ "plain", "plain" },
	{ "=?utf-8?q?J=C3=B6rg_x?=", "J\xc3\xb6rg x" },
	{ "=?utf-8*de?B?SsO2cmc=?=", "J\xc3\xb6rg" },
	{ "a =?us-ascii?q?b?=  =?us-ascii?q?c?= d", "a bc d" },
	{ "=?utf-8?q?=C3?=\r\n =?utf-8?q?=B6?=", "\xc3\xb6" },
	{ "=?iso-8859-1?q?=E9?= =?utf-8?q?=C3=A9?=", "\xc3\xa9\xc3\xa9" },
	{ "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "\xe6\x97\xa5\xe6\x9c\xac" },
	{ "=?x-unknown?q?abc?=", "=?x-unknown?q?abc?=" },
	{ "=?utf-8?q?cut", "=?utf-8?q?cut" },
	{ "=?utf-8?x?cut?=", "=?utf-8?x?cut?=" },
	{ "=?utf-8?q?" "?=", "" },
	{ "=?", "=?" },
	{ "=?=?=?utf-8?q?a?=", "=?=?a" },
	{ "=?utf-8?q?a=0D=0Ab=00c?=", "a  b c" },
	{ "=?utf-8?q?bad=FF?=", "bad\xef\xbf\xbd" },
	{ "raw caf\xe9", "raw caf\xc3\xa9" },
	{ "raw caf\xc3\xa9", "raw caf\xc3\xa9" },
	{ "a\r\n b", "a b" },
	{ "=?utf-8?q?=4?= =?utf-8?b?!!!?=", "=4" },
};

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(words); i++) {
		struct buf out;

		buf_init(&out, 1000);
		word_decode(span_of(words[i].in), &out);
		if (strcmp(out.data, words[i].want) != 0)
			fail_msg("%s: %s", words[i].in, out.data);
		buf_fini(&out);
		for (size_t max = 0; max < strlen(words[i].want); max++) {
			buf_init(&out, max);
			word_decode(span_of(words[i].in), &out);
			assert_true(utf8_valid((struct span){ out.data, out.len }));
			assert_memory_equal(out.data, words[i].want, out.len);
			buf_fini(&out);
		}
	}
}

static void test_word_encode(void **state)
{
	static const char text[] = "\xe6\x97\xa5\xe6\x9c\xac \xc3\xb6\xc3\xb6 a long subject "
				   "that needs several words \xe6\x97\xa5\xe6\x9c\xac =?x?=";
	struct buf out, back;

	(void)state;
	buf_init(&out, 1000);
	buf_init(&back, 1000);
	assert_int_equal(word_encode(SPAN("just ASCII, as is."), &out), ERR_OK);
	assert_string_equal(out.data, "just ASCII, as is.");
	buf_clear(&out);
	assert_int_equal(word_encode(span_of(text), &out), ERR_OK);
	for (const char *p = out.data, *q; *p; p = q + (*q == ' ')) {
		q = strchrnul(p, ' ');
		assert_in_range(q - p, 1, 75);
	}
	word_decode((struct span){ out.data, out.len }, &back);
	assert_string_equal(back.data, text);
	buf_fini(&out);
	buf_fini(&back);
}

static const struct {
	const char *in;
	int64_t ms;		/* -1: no date */
	int offset;
} dates[] = {
	{ "Sat, 21 Nov 2026 22:41:31 +0100", 1795297291000, 60 },
	{ "21 Nov 2026 22:41:31 GMT", 1795300891000, 0 },
	{ "Sat, 21 Nov 2026 22:41 -0000", 1795300860000, 0 },
	{ "Sat,21 Nov 26 22:41:31 EST", 1795318891000, -300 },
	{ "Sat, 21 Nov 126 22:41:31 Z (comment (nested))", 1795300891000, 0 },
	{ "(c) Sat (c) , 21 (c) Nov 2026 22 : 41 : 31 (c) +0000", 1795300891000, 0 },
	{ "21-Nov-2026 22:41:31 +01:00", 1795297291000, 60 },
	{ "Sat Nov 21 22:41:31 2026", 1795300891000, 0 },
	{ "Sat Nov 21 22:41:31 UTC 2026", 1795300891000, 0 },
	{ "Thu, 1 Jan 1970 00:00:00 +0000", 0, 0 },
	{ "Thu, 1 Jan 1970 00:00:00 +0001", -60000, 1 },
	{ "29 Feb 2024 00:00:00 X", 1709164800000, 0 },
	{ "30 Jun 2015 23:59:60 +0000", 1435708800000, 0 },
	{ "29 Feb 2023 00:00:00 +0000", -1, 0 },
	{ "32 Jan 2023 00:00:00 +0000", -1, 0 },
	{ "1 Jan 2023 24:00:00 +0000", -1, 0 },
	{ "1 Foo 2023 00:00:00 +0000", -1, 0 },
	{ "1 Jan 99999999999999999999 00:00:00", -1, 0 },
	{ "1 Jan 2023", -1, 0 },
	{ "", -1, 0 },
	{ "garbage", -1, 0 },
};

static void test_dates(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(dates); i++) {
		char text[DATE_TEXT_MAX];
		int64_t ms = -1, again;
		int offset = 0;
		bool ok = date_parse(span_of(dates[i].in), &ms, &offset);

		if (ok != (dates[i].ms != -1) || ms != dates[i].ms || offset != dates[i].offset)
			fail_msg("%s: %lld %d", dates[i].in, (long long)ms, offset);
		if (!ok)
			continue;
		assert_true(date_parse((struct span){ text, date_write(text, ms, offset) },
				       &again, NULL));
		assert_true(again == ms);
	}
	char text[DATE_TEXT_MAX];

	date_write(text, 1795297291000, 60);
	assert_string_equal(text, "Sat, 21 Nov 2026 22:41:31 +0100");
	date_write(text, -62135596800000, 0);
	assert_string_equal(text, "Mon, 1 Jan 0001 00:00:00 +0000");
}

static const struct {
	const char *in, *params, *filename;
} params[] = {
	{ "attachment", "", NULL },
	{ "attachment; filename=a", "filename=a ", "a" },
	{ "attachment; filename=\"a \\\"b;\"; x = (c) y", "filename=a \"b; x=y ", "a \"b;" },
	{ "a; filename*=iso-8859-1'en'caf%E9", "filename*=iso-8859-1'en'caf%E9 ", "caf\xc3\xa9" },
	{ "a; filename*1=b; filename*0=a; y=z", "filename=ab y=z ", "ab" },
	{ "a; filename*0*=utf-8''a%20; filename*1=\"b%\"", "filename*=utf-8''a%20b%25 ", "a b%" },
	{ "a; filename=\"=?utf-8?q?=C3=B6?=\"", "filename==?utf-8?q?=C3=B6?= ", "\xc3\xb6" },
	{ "a; filename=a/b c; ;; =x; y", "filename=a/b ", "a/b" },
	{ "a; filename*1=b", "", NULL },
	{ "a; filename=\"open", "filename=open ", "open" },
	{ "a; filename*=broken", "filename*=broken ", "broken" },
	{ "(c) a (c) ;(c)filename(c)=(c)\"v\"(c)", "filename=v ", "v" },
};

static void test_params(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(params); i++) {
		struct arena a = { 0 };
		struct param_value v;
		struct buf text;

		buf_init(&text, 1000);
		param_parse(&a, span_of(params[i].in), &v);
		for (size_t k = 0; k < v.n_params; k++)
			assert_int_equal(buf_addf(&text, "%.*s=%.*s ", (int)v.params[k].name.n,
						  v.params[k].name.p, (int)v.params[k].value.n,
						  v.params[k].value.p), ERR_OK);
		if (strcmp(text.data, params[i].params) != 0)
			fail_msg("%s: %s", params[i].in, text.data);
		buf_clear(&text);
		assert_int_equal(param_text(&v, "filename", &text), params[i].filename != NULL);
		if (params[i].filename && strcmp(text.data, params[i].filename) != 0)
			fail_msg("%s: filename %s", params[i].in, text.data);
		buf_fini(&text);
		arena_fini(&a);
	}
}

static const struct {
	const char *in, *want;
	bool is_reply;
} subjects[] = {
	{ "", "", false },
	{ "hello", "hello", false },
	{ "Re: hello", "hello", true },
	{ "RE : [x] Fwd[2]:  a   b (fwd) (FWD) ", "a b", true },
	{ "[list] hello", "hello", false },
	{ "[a] [b]", "[b]", false },
	{ "[only]", "[only]", false },
	{ "[a] re: [b] x", "x", true },
	{ "[fwd: Re: hi]", "hi", true },
	{ "[fwd: [fwd: x]]", "x", true },
	{ "re:", "", true },
	{ "reply to you", "reply to you", false },
	{ "[x] reply", "reply", false },
	{ "[un closed", "[un closed", false },
};

static void test_base_subject(void **state)
{
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(subjects); i++) {
		bool is_reply;
		struct span s = summary_base_subject(&a, span_of(subjects[i].in), &is_reply);

		if (!span_eq(s, span_of(subjects[i].want)) || is_reply != subjects[i].is_reply)
			fail_msg("%s: %.*s", subjects[i].in, (int)s.n, s.p);
	}
	arena_fini(&a);
}

static const struct {
	const char *in;
	size_t n;
	const char *base64, *qp;
} codecs[] = {
	{ "", 0, "", "" },
	{ "a", 1, "YQ==\r\n", "a" },
	{ "a\xff\0", 3, "Yf8A\r\n", "a=FF=00" },
	{ "a \r\n.\r\nb=\t", 10, "YSANCi4NCmI9CQ==\r\n", "a=20\r\n=2E\r\nb=3D=09" },
	{ "\r\r\n", 3, "DQ0K\r\n", "=0D\r\n" },
};

static void test_codecs_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(codecs); i++) {
		for (size_t cut = 0; cut <= codecs[i].n; cut++) {
			const char *p = codecs[i].in;
			size_t n = codecs[i].n;
			struct b64_enc b = { 0 };
			struct qp_enc q = { 0 };
			struct b64_dec bd = { 0 };
			struct qp_dec qd = { 0 };
			struct buf out, back;

			buf_init(&out, 1000);
			buf_init(&back, 1000);
			assert_int_equal(b64_enc_feed(&b, p, cut, &out), ERR_OK);
			assert_int_equal(b64_enc_feed(&b, p + cut, n - cut, &out), ERR_OK);
			assert_int_equal(b64_enc_end(&b, &out), ERR_OK);
			assert_string_equal(out.data, codecs[i].base64);
			for (size_t k = 0; k < out.len; k++)
				assert_int_equal(b64_dec_feed(&bd, out.data + k, 1, &back), 0);
			assert_int_equal(back.len, n);
			assert_memory_equal(back.data, p, n);
			buf_clear(&out);
			buf_clear(&back);
			assert_int_equal(qp_enc_feed(&q, p, cut, &out), ERR_OK);
			assert_int_equal(qp_enc_feed(&q, p + cut, n - cut, &out), ERR_OK);
			assert_int_equal(qp_enc_end(&q, &out), ERR_OK);
			assert_string_equal(out.data, codecs[i].qp);
			for (size_t k = 0; k < out.len; k++)
				assert_int_equal(qp_dec_feed(&qd, out.data + k, 1, &back), 0);
			assert_int_equal(qp_dec_end(&qd, &back), ERR_OK);
			assert_int_equal(back.len, n);
			assert_memory_equal(back.data, p, n);
			buf_fini(&out);
			buf_fini(&back);
		}
	}
}

static const struct {
	const char *in, *want;
} broken_qp[] = {
	{ "a=\r\nb", "ab" }, { "a=  \r\nb", "ab" }, { "a  \r\nb", "a\r\nb" },
	{ "a=zb", "a=zb" }, { "a=4", "a=4" }, { "a=4z", "a=4z" }, { "a=", "a" },
	{ "a=c3=b6", "a\xc3\xb6" }, { "a\rb", "a\rb" }, { "a \t ", "a" },
};

static void test_broken_qp(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(broken_qp); i++) {
		struct qp_dec d = { 0 };
		struct buf out;

		buf_init(&out, 100);
		assert_int_equal(qp_dec_feed(&d, broken_qp[i].in, strlen(broken_qp[i].in), &out),
				 ERR_OK);
		assert_int_equal(qp_dec_end(&d, &out), ERR_OK);
		if (strcmp(out.data, broken_qp[i].want) != 0)
			fail_msg("%s: %s", broken_qp[i].in, out.data);
		buf_fini(&out);
	}
}

static void test_build(void **state)
{
	static const struct address list[] = {
		{ .kind = ADDRESS_MAILBOX, .name = { "J\xc3\xb6rg", 5 },
		  .local = { "j", 1 }, .host = { "x", 1 } },
		{ .kind = ADDRESS_MAILBOX, .local = { "a b", 3 }, .host = { "y", 1 } },
	};
	char one[BUILD_BOUNDARY_MAX], two[BUILD_BOUNDARY_MAX];
	struct buf out;

	(void)state;
	buf_init(&out, 10000);
	assert_int_equal(build_field(&out, "Subject", SPAN("Undeliverable:\r\nX-Evil: 1")), ERR_OK);
	assert_string_equal(out.data, "Subject: Undeliverable:  X-Evil: 1\r\n");
	buf_clear(&out);
	assert_int_equal(build_field(&out, "Subject",
		SPAN("word word word word word word word word word word word word word word "
		     "word word word word")), ERR_OK);
	assert_string_equal(out.data, "Subject: word word word word word word word word word "
			    "word word word word\r\n word word word word word\r\n");
	buf_clear(&out);
	assert_int_equal(build_addresses(&out, "To", list, 2), ERR_OK);
	assert_string_equal(out.data, "To: =?utf-8?q?J=C3=B6rg?= <j@x>, \"a b\"@y\r\n");
	buf_clear(&out);
	assert_int_equal(build_date(&out, 1795297291000, 60), ERR_OK);
	assert_string_equal(out.data, "Date: Sat, 21 Nov 2026 22:41:31 +0100\r\n");
	assert_int_equal(build_field(&out, "", SPAN("x")), ERR_INVALID);
	assert_int_equal(build_field(&out, "a b", SPAN("x")), ERR_INVALID);
	assert_int_equal(build_field(&out, "a:", SPAN("x")), ERR_INVALID);
	build_boundary(one, 7, 1);
	build_boundary(two, 7, 2);
	assert_string_not_equal(one, two);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_routes), cmocka_unit_test(test_address_limit),
		cmocka_unit_test(test_words), cmocka_unit_test(test_word_encode),
		cmocka_unit_test(test_dates), cmocka_unit_test(test_params),
		cmocka_unit_test(test_base_subject), cmocka_unit_test(test_codecs_at_every_split),
		cmocka_unit_test(test_broken_qp), cmocka_unit_test(test_build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
