#include "common/smtp/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define ALL (SMTP_EXT_SIZE | SMTP_EXT_8BITMIME | SMTP_EXT_SMTPUTF8 | SMTP_EXT_DSN | SMTP_EXT_AUTH)

static void test_verbs(void **state)
{
	static const struct {
		const char *line;
		enum smtp_verb verb;
		unsigned code;		/* 0: fine */
		const char *arg;
	} t[] = {
		{ "EHLO x", SMTP_EHLO, 0, "x" },
		{ "ehlo   x y  ", SMTP_EHLO, 0, "x y" },
		{ "HELO", SMTP_HELO, 501, "" },
		{ "MAIL FROM:<>", SMTP_MAIL, 0, "FROM:<>" },
		{ "data", SMTP_DATA, 0, "" },
		{ "DATA ", SMTP_DATA, 0, "" },
		{ "DATA x", SMTP_DATA, 501, "x" },
		{ "NOOP", SMTP_NOOP, 0, "" },
		{ "NOOP x", SMTP_NOOP, 0, "x" },
		{ "STARTTLS x", SMTP_STARTTLS, 501, "x" },
		{ "AUTH", SMTP_AUTH, 501, "" },
		{ "", SMTP_UNKNOWN, 500, "" },
		{ "DAT", SMTP_UNKNOWN, 500, "" },
		{ "DATAX", SMTP_UNKNOWN, 500, "" },
		{ "GET / HTTP/1.1", SMTP_UNKNOWN, 500, "/ HTTP/1.1" },
		{ "NOOP a\nDATA", SMTP_UNKNOWN, 500, "" },
		{ "NOOP a\rb", SMTP_UNKNOWN, 500, "" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		struct smtp_command c;
		const struct smtp_fault *f = smtp_command_parse(span_of(t[i].line), &c);

		if ((f ? f->code : 0) != t[i].code || c.verb != t[i].verb ||
		    !span_eq(c.arg, span_of(t[i].arg)))
			fail_msg("\"%s\": %u %s \"%.*s\"", t[i].line, f ? f->code : 0,
				 smtp_verb_name(c.verb), (int)c.arg.n, c.arg.p);
	}
	assert_string_equal(smtp_verb_name(SMTP_BDAT), "BDAT");
	assert_string_equal(smtp_verb_name(SMTP_UNKNOWN), "?");
}

/* A MAIL command understood, printed as the client's half would write it. */
static void test_mail(void **state)
{
	static const struct {
		const char *arg;
		unsigned ext, code;
		const char *enhanced;	/* of the refusal */
		const char *written;	/* address and parameters */
	} t[] = {
		{ "FROM:<>", 0, 0, NULL, "" },
		{ "from: <a@b>", 0, 0, NULL, "a@b" },
		{ "FROM:<@x,@y.z:a@b>", 0, 0, NULL, "a@b" },
		{ "FROM:<\"a> b\"@c>", 0, 0, NULL, "\"a> b\"@c" },
		{ "FROM:<a@b> size=10", ALL, 0, NULL, "a@b SIZE=10" },
		{ "FROM:<a@b> SIZE=18446744073709551615", ALL, 0, NULL,
		  "a@b SIZE=18446744073709551615" },
		{ "FROM:<a@b>  BODY=8bitmime \tRET=hdrs", ALL, 0, NULL,
		  "a@b BODY=8BITMIME RET=HDRS" },
		{ "FROM:<a@b> BODY=7BIT RET=FULL ENVID=q+20q", ALL, 0, NULL,
		  "a@b RET=FULL ENVID=q+20q" },
		{ "FROM:<\xc3\xbc@b> SMTPUTF8", ALL, 0, NULL, "\xc3\xbc@b SMTPUTF8" },
		{ "FROM:<a@b> AUTH=<>", ALL, 0, NULL, "a@b AUTH=<>" },
		{ "FROM:<a@b> AUTH=x+2By@z", ALL, 0, NULL, "a@b AUTH=x+2By@z" },
		{ "TO:<a@b>", ALL, 501, "5.5.4", NULL },
		{ "FROM:a@b", ALL, 501, "5.5.4", NULL },
		{ "FROM", ALL, 501, "5.5.4", NULL },
		{ "FROM:", ALL, 501, "5.5.4", NULL },
		{ "FROM:<", ALL, 501, "5.1.7", NULL },
		{ "FROM:<a@b", ALL, 501, "5.1.7", NULL },
		{ "FROM:<a@b>x", ALL, 501, "5.1.7", NULL },
		{ "FROM:<a>", ALL, 501, "5.1.7", NULL },
		{ "FROM:<postmaster>", ALL, 501, "5.1.7", NULL },
		{ "FROM:< >", ALL, 501, "5.1.7", NULL },
		{ "FROM:<@x:>", ALL, 0, NULL, "" },
		{ "FROM:<@x>", ALL, 501, "5.1.7", NULL },
		{ "FROM:<@:a@b>", ALL, 501, "5.1.7", NULL },
		{ "FROM:<@<>:a@b>", ALL, 501, "5.1.7", NULL },
		{ "FROM:<\xc3\xbc@b>", ALL, 553, "5.6.7", NULL },
		{ "FROM:<a@\xc3\xbc>", ALL, 553, "5.6.7", NULL },
		{ "FROM:<a@b> SIZE=1", 0, 555, "5.5.4", NULL },
		{ "FROM:<a@b> XYZ", ALL, 555, "5.5.4", NULL },
		{ "FROM:<a@b> NOTIFY=NEVER", ALL, 555, "5.5.4", NULL },
		{ "FROM:<a@b> SIZE", ALL, 501, "5.5.4", NULL },
		{ "FROM:<a@b> SIZE=", ALL, 501, "5.5.4", NULL },
		{ "FROM:<a@b> SIZE=-1", ALL, 501, "5.5.4", NULL },
		{ "FROM:<a@b> SIZE=18446744073709551616", ALL, 501, "5.5.4", NULL },
		{ "FROM:<a@b> SIZE=000000000000000000001", ALL, 501, "5.5.4", NULL },
		{ "FROM:<a@b> SIZE=1 size=1", ALL, 501, "5.5.4", NULL },
		{ "FROM:<a@b> BODY=BINARYMIME", ALL, 501, "5.5.4", NULL },
		{ "FROM:<a@b> SMTPUTF8=1", ALL, 501, "5.5.4", NULL },
		{ "FROM:<a@b> RET=X", ALL, 501, "5.5.4", NULL },
		{ "FROM:<a@b> ENVID=a+0Ab", ALL, 501, "5.5.4", NULL },
		{ "FROM:<a@b> AUTH=nobody", ALL, 501, "5.5.4", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		struct smtp_mail m;
		struct buf b;
		const struct smtp_fault *f = smtp_mail_parse(span_of(t[i].arg), t[i].ext, &m);

		if ((f ? f->code : 0) != t[i].code ||
		    (f && strcmp(f->enhanced, t[i].enhanced) != 0))
			fail_msg("%s: %u %s", t[i].arg, f ? f->code : 0, f ? f->text : "");
		if (f)
			continue;
		buf_init(&b, 1000);
		assert_int_equal(smtp_address_write(&m.from, &b), ERR_OK);
		assert_int_equal(smtp_mail_write(&m, ALL, &b), ERR_OK);
		assert_string_equal(b.data, t[i].written);
		buf_clear(&b);
		assert_int_equal(smtp_mail_write(&m, 0, &b), ERR_OK);
		assert_int_equal(b.len, 0);
		buf_fini(&b);
	}
}

static void test_rcpt(void **state)
{
	static const struct {
		const char *arg;
		bool smtputf8;
		unsigned code;
		const char *enhanced, *written;
	} t[] = {
		{ "TO:<a@b>", false, 0, NULL, "a@b" },
		{ "TO:<PostMaster>", false, 0, NULL, "postmaster" },
		{ "TO:<postmaster@b>", false, 0, NULL, "postmaster@b" },
		{ "TO:<@x:postmaster@b>", false, 0, NULL, "postmaster@b" },
		{ "TO:<a@b> NOTIFY=never", false, 0, NULL, "a@b NOTIFY=NEVER" },
		{ "TO:<a@b> NOTIFY=delay,SUCCESS ORCPT=rfc822;x+2By", false, 0, NULL,
		  "a@b NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+2By" },
		{ "TO:<\xc3\xbc@b> ORCPT=utf-8;\xc3\xbc", true, 0, NULL,
		  "\xc3\xbc@b ORCPT=utf-8;\xc3\xbc" },
		{ "TO:<a@b> ORCPT=utf-8;\\x{FC}", false, 0, NULL, "a@b ORCPT=utf-8;\\x{FC}" },
		{ "TO:<>", false, 501, "5.1.3", NULL },
		{ "TO:<x>", false, 501, "5.1.3", NULL },
		{ "TO:a@b", false, 501, "5.5.4", NULL },
		{ "FROM:<a@b>", false, 501, "5.5.4", NULL },
		{ "TO:<\xc3\xbc@b>", false, 553, "5.6.7", NULL },
		{ "TO:<a@b> ORCPT=utf-8;\xc3\xbc", false, 553, "5.6.7", NULL },
		{ "TO:<a@b> NOTIFY=", false, 501, "5.5.4", NULL },
		{ "TO:<a@b> NOTIFY=NEVER,DELAY", false, 501, "5.5.4", NULL },
		{ "TO:<a@b> NOTIFY=DELAY,", false, 501, "5.5.4", NULL },
		{ "TO:<a@b> NOTIFY=DELAY,DELAY", false, 501, "5.5.4", NULL },
		{ "TO:<a@b> ORCPT=x", false, 501, "5.5.4", NULL },
		{ "TO:<a@b> SIZE=1", false, 555, "5.5.4", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		struct smtp_rcpt r;
		struct buf b;
		const struct smtp_fault *f =
			smtp_rcpt_parse(span_of(t[i].arg), ALL, t[i].smtputf8, &r);

		if ((f ? f->code : 0) != t[i].code ||
		    (f && strcmp(f->enhanced, t[i].enhanced) != 0))
			fail_msg("%s: %u %s", t[i].arg, f ? f->code : 0, f ? f->text : "");
		if (f)
			continue;
		buf_init(&b, 1000);
		assert_int_equal(smtp_address_write(&r.to, &b), ERR_OK);
		assert_int_equal(smtp_rcpt_write(&r, ALL, t[i].smtputf8, &b), ERR_OK);
		assert_string_equal(b.data, t[i].written);
		buf_fini(&b);
	}
}

static void test_bdat_and_helo(void **state)
{
	static const struct { const char *arg; bool ok, last; uint64_t size; } bdat[] = {
		{ "0", true, false, 0 }, { "12 last", true, true, 12 },
		{ "0 LAST", true, true, 0 }, { "x", false, false, 0 },
		{ "12 LAST x", false, false, 0 }, { "12 FIRST", false, false, 0 },
		{ "-1", false, false, 0 }, { "99999999999999999999", false, false, 0 },
	};
	static const struct { const char *arg, *name; } helo[] = {
		{ "x.example", "x.example" }, { "[192.0.2.1] extra", "[192.0.2.1]" },
		{ "a_b", "a_b" }, { "(x", NULL }, { "a;b", NULL }, { "\xff", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(bdat); i++) {
		struct smtp_bdat b;
		const struct smtp_fault *f = smtp_bdat_parse(span_of(bdat[i].arg), &b);

		if ((f == NULL) != bdat[i].ok)
			fail_msg("%s", bdat[i].arg);
		if (!f) {
			assert_int_equal(b.size, bdat[i].size);
			assert_int_equal(b.last, bdat[i].last);
		}
	}
	for (size_t i = 0; i < N_ELEMS(helo); i++) {
		char name[SMTP_DOMAIN_MAX + 1];
		const struct smtp_fault *f = smtp_helo_parse(span_of(helo[i].arg), name);

		assert_int_equal(f == NULL, helo[i].name != NULL);
		assert_string_equal(name, helo[i].name ? helo[i].name : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_rcpt),
		cmocka_unit_test(test_bdat_and_helo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
