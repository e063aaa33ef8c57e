#include "roles/unified-messaging/sip/numbers.h"
#include "common/base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	const char *value, *user, *host, *name;
} reads[] = {
	{ "<sip:1001@pbx.example.org>", "1001", "pbx.example.org", "" },
	{ "sip:1001@pbx;tag=x", "1001", "pbx", "" },
	{ "\"Ann Lee\" <sip:+1-555-12@gw:5060;user=phone>;tag=1", "+155512", "gw", "Ann Lee" },
	{ "Ann <sips:ann@gw>", "ann", "gw", "Ann" },
	{ "\"A \\\"B\\\" <sip:x@y>\" <sip:1@h>", "1", "h", "A \"B\" <sip:x@y>" },
	{ "<tel:+1(555)12;phone-context=x>", "+155512", "", "" },
	{ "<sip:10%30%311@h>", "10011", "h", "" },
	{ "<sip:a%0d%0ab@h>", "ab", "h", "" },
	{ "<sip:host.only>", "", "host.only", "" },
	{ "<sip:1001:secret@h>", "1001", "h", "" },
	{ "\xc3\x84nne <sip:1@h>", "1", "h", "\xc3\x84nne" },
	{ "\xff\xfe <sip:1@h>", "1", "h", "" },
	{ "<http://x@y>", NULL, NULL, NULL },
	{ "<sip:1001@h", NULL, NULL, NULL },
	{ "\"unclosed <sip:1@h>", NULL, NULL, NULL },
	{ "", NULL, NULL, NULL },
	{ "<>", NULL, NULL, NULL },
};

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(reads); i++) {
		struct number n;
		bool ok = number_read(span_of(reads[i].value), &n);

		if (ok != (reads[i].user != NULL))
			fail_msg("%s: %d", reads[i].value, ok);
		if (ok && (strcmp(n.user, reads[i].user) != 0 || strcmp(n.host, reads[i].host) != 0 ||
			   strcmp(n.name, reads[i].name) != 0))
			fail_msg("%s: \"%s\" \"%s\" \"%s\"", reads[i].value, n.user, n.host, n.name);
	}
}

static const struct {
	const char *value, *user;
	enum divert why;
} diversions[] = {
	{ "<sip:1001@pbx>;reason=no-answer", "1001", DIVERT_NO_ANSWER },
	{ "<sip:1002@pbx>;reason=\"user-busy\";counter=1", "1002", DIVERT_BUSY },
	/* Newest first: the caller wanted 1001. */
	{ "<sip:1002@pbx>;reason=user-busy, <sip:1001@pbx>;reason=unconditional", "1001", DIVERT_ALWAYS },
	{ "\"a, b\" <sip:1001@pbx>;reason=away", "1001", DIVERT_OTHER },
	{ "<sip:1001@pbx>", "1001", DIVERT_OTHER },
	{ "<sip:pbx>;reason=user-busy", NULL, DIVERT_NONE },
	{ "nonsense", NULL, DIVERT_NONE },
	{ ",,,", NULL, DIVERT_NONE },
}, histories[] = {
	{ "<sip:1001@pbx?Reason=SIP%3Bcause%3D486>;index=1, <sip:um@um>;index=1.1", "1001", DIVERT_BUSY },
	{ "<sip:1001@pbx;cause=408>;index=1,<sip:um@um;cause=302>;index=1.1", "1001", DIVERT_NO_ANSWER },
	{ "<sip:1001@pbx>;index=1, <sip:1002@pbx?Reason=SIP;cause=302>;index=1.1, <sip:um@um>;index=1.2", "1002", DIVERT_ALWAYS },
	{ "<sip:1001@pbx>;index=1, <sip:um@um>;index=1.1", "1001", DIVERT_OTHER },
	{ "<sip:1001@pbx>;index=1", NULL, DIVERT_NONE },
};

static void test_diverted(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(diversions); i++) {
		enum divert why = DIVERT_NONE;
		struct number n;
		bool ok = number_diversion(span_of(diversions[i].value), &n, &why);

		if (ok != (diversions[i].user != NULL) ||
		    (ok && (strcmp(n.user, diversions[i].user) != 0 || why != diversions[i].why)))
			fail_msg("%s: %d %s %s", diversions[i].value, ok, ok ? n.user : "", divert_name(why));
	}
	for (size_t i = 0; i < N_ELEMS(histories); i++) {
		enum divert why;
		struct number n;
		bool ok = number_history(span_of(histories[i].value), &n, &why);

		if (ok != (histories[i].user != NULL) ||
		    (ok && (strcmp(n.user, histories[i].user) != 0 || why != histories[i].why)))
			fail_msg("%s: %d %s %s", histories[i].value, ok, ok ? n.user : "", divert_name(why));
	}
}

static void test_long_values_are_cut(void **state)
{
	char value[600] = "\"";
	struct number n;

	(void)state;
	memset(value + 1, 'n', 200);
	strcpy(value + 201, "\" <sip:");
	memset(value + 208, '1', 200);
	strcpy(value + 408, "@host>");
	assert_true(number_read(span_of(value), &n));
	assert_int_equal(strlen(n.user), NUMBER_MAX - 1);
	assert_int_equal(strlen(n.name), NAME_MAX_LEN - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_diverted),
		cmocka_unit_test(test_long_values_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
