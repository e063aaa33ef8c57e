#include "common/smtp/address.h"
#include "common/smtp/xtext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10
#define A250 A60 A60 A60 A60 A10

static const struct {
	const char *in;
	const char *local, *domain;	/* NULL: refused */
	const char *key, *written;	/* NULL: as the input */
	bool needs_utf8;
} addresses[] = {
	{ "ann@example.org", "ann", "example.org", NULL, NULL, false },
	{ "Ann.O'Hara+x@Example.ORG", "Ann.O'Hara+x", "example.org", "ann.o'hara+x@example.org",
	  "Ann.O'Hara+x@example.org", false },
	{ "\"a b\"@x", "a b", "x", NULL, NULL, false },
	{ "\"ann\"@x", "ann", "x", "ann@x", "ann@x", false },
	{ "\"A\\n\\n\"@x", "Ann", "x", "ann@x", "Ann@x", false },
	{ "\"a@b\"@x", "a@b", "x", NULL, NULL, false },
	{ "\"a\\\"\\\\b\"@x", "a\"\\b", "x", NULL, NULL, false },
	{ "\"a..b\"@x", "a..b", "x", NULL, NULL, false },
	{ "\"a>b\"@x", "a>b", "x", NULL, NULL, false },
	{ "a@[192.0.2.1]", "a", "[192.0.2.1]", NULL, NULL, false },
	{ "a@[IPv6:2001:DB8::0:1]", "a", "[ipv6:2001:db8::1]", "a@[ipv6:2001:db8::1]",
	  "a@[ipv6:2001:db8::1]", false },
	{ "a@_x.b_c.de", "a", "_x.b_c.de", NULL, NULL, false },
	{ A250 "aaaaa@x", A250 "aaaaa", "x", NULL, NULL, false },
	/* U-labels, in both cases and both normal forms */
	{ "a@b\xc3\xbc" "cher.example", "a", "xn--bcher-kva.example",
	  "a@xn--bcher-kva.example", "a@xn--bcher-kva.example", false },
	{ "a@BU\xcc\x88" "CHER.example", "a", "xn--bcher-kva.example",
	  "a@xn--bcher-kva.example", "a@xn--bcher-kva.example", false },
	{ "\xc3\x9cl\xc3\xa9@x", "\xc3\x9cl\xc3\xa9", "x", "\xc3\xbcl\xc3\xa9@x", NULL, true },
	{ "U\xcc\x88@x", "U\xcc\x88", "x", "\xc3\xbc@x", NULL, true },
	{ "Stra\xc3\x9f" "e@x", "Stra\xc3\x9f" "e", "x", "strasse@x", NULL, true },
	{ "", NULL, NULL, NULL, NULL, false },
	{ "@", NULL, NULL, NULL, NULL, false },
	{ "ann", NULL, NULL, NULL, NULL, false },
	{ "ann@", NULL, NULL, NULL, NULL, false },
	{ "@x", NULL, NULL, NULL, NULL, false },
	{ "a b@x", NULL, NULL, NULL, NULL, false },
	{ ".a@x", NULL, NULL, NULL, NULL, false },
	{ "a.@x", NULL, NULL, NULL, NULL, false },
	{ "a..b@x", NULL, NULL, NULL, NULL, false },
	{ "a@b@x", NULL, NULL, NULL, NULL, false },
	{ "\"\"@x", NULL, NULL, NULL, NULL, false },
	{ "\"a@x", NULL, NULL, NULL, NULL, false },
	{ "\"a\\", NULL, NULL, NULL, NULL, false },
	{ "\"a\nb\"@x", NULL, NULL, NULL, NULL, false },
	{ "\"a\"b@x", NULL, NULL, NULL, NULL, false },
	{ "a@x ", NULL, NULL, NULL, NULL, false },
	{ "a@x>", NULL, NULL, NULL, NULL, false },
	{ "a@x.", NULL, NULL, NULL, NULL, false },
	{ "a@.x", NULL, NULL, NULL, NULL, false },
	{ "a@x..y", NULL, NULL, NULL, NULL, false },
	{ "a@-x", NULL, NULL, NULL, NULL, false },
	{ "a@x-", NULL, NULL, NULL, NULL, false },
	{ "a@x-.y", NULL, NULL, NULL, NULL, false },
	{ "a@x!y", NULL, NULL, NULL, NULL, false },
	{ "a@" A60 "aaaa.x", NULL, NULL, NULL, NULL, false },
	{ "a@[192.0.2]", NULL, NULL, NULL, NULL, false },
	{ "a@[2001:db8::1]", NULL, NULL, NULL, NULL, false },
	{ "a@[IPv6:1]", NULL, NULL, NULL, NULL, false },
	{ "a@[x:y]", NULL, NULL, NULL, NULL, false },
	{ "a@[", NULL, NULL, NULL, NULL, false },
	{ "a@[]", NULL, NULL, NULL, NULL, false },
	{ "a@[192.0.2.1", NULL, NULL, NULL, NULL, false },
	{ A250 "aaaaaa@x", NULL, NULL, NULL, NULL, false },
	{ "\xff@x", NULL, NULL, NULL, NULL, false },
	{ "\xc0\xaf@x", NULL, NULL, NULL, NULL, false },
	{ "\xed\xa0\x80@x", NULL, NULL, NULL, NULL, false },
	{ "a@\xff", NULL, NULL, NULL, NULL, false },
};

static void check_written(const struct smtp_address *a, const char *want)
{
	struct arena arena = { 0 };
	struct buf b;

	buf_init(&b, 1000);
	assert_int_equal(smtp_address_write(a, &b), ERR_OK);
	assert_string_equal(b.data, want);
	buf_fini(&b);
	assert_string_equal(smtp_address_text(a, &arena), want);
	arena_fini(&arena);
}

static void test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(addresses); i++) {
		struct smtp_address a;
		char key[SMTP_KEY_MAX];
		enum err e = smtp_address_parse(span_of(addresses[i].in), &a, NULL);

		if ((e == ERR_OK) != (addresses[i].local != NULL))
			fail_msg("\"%s\": %s", addresses[i].in, err_text(e));
		if (e)
			continue;
		assert_string_equal(a.local, addresses[i].local);
		assert_string_equal(a.domain, addresses[i].domain);
		assert_int_equal(smtp_address_needs_utf8(&a), addresses[i].needs_utf8);
		assert_int_equal(a.utf8, smtp_has_8bit(span_of(addresses[i].in)));
		assert_int_equal(smtp_address_key(&a, key), ERR_OK);
		assert_string_equal(key, addresses[i].key ? addresses[i].key : addresses[i].in);
		check_written(&a, addresses[i].written ? addresses[i].written
						       : addresses[i].in);
	}
}

static void test_domain_ends_where_it_must(void **state)
{
	struct smtp_address a;
	struct span in = SPAN("a@example.org>rest");
	char domain[SMTP_DOMAIN_MAX + 1];

	(void)state;
	assert_int_equal(smtp_address_scan(&in, &a, NULL), ERR_OK);
	assert_string_equal(a.domain, "example.org");
	assert_true(span_is(in, ">rest"));
	assert_int_equal(smtp_domain_normal((struct span){ "a\0b", 3 }, domain, NULL),
			 ERR_INVALID);
	assert_int_equal(smtp_domain_normal((struct span){ "[1\0]", 4 }, domain, NULL),
			 ERR_INVALID);
	assert_int_equal(smtp_domain_normal(SPAN(A250 "aaaaaaaaaa"), domain, NULL),
			 ERR_INVALID);
}

static void test_full_buffer_is_told(void **state)
{
	struct smtp_address a;
	struct buf b;

	(void)state;
	assert_int_equal(smtp_address_parse(SPAN("\"a b\"@x"), &a, NULL), ERR_OK);
	for (size_t max = 0; max < 7; max++) {
		buf_init(&b, max);
		assert_int_equal(smtp_address_write(&a, &b), ERR_LIMIT);
		buf_fini(&b);
	}
}

static void test_tags(void **state)
{
	static const struct { const char *key, *out; bool tagged; } t[] = {
		{ "ann+x@y", "ann@y", true },
		{ "ann+x+z@y", "ann@y", true },
		{ "ann+@y", "ann@y", true },
		{ "+x@y", "+x@y", false },
		{ "++x@y", "+@y", true },
		{ "ann@y", "ann@y", false },
		{ "\"a+b c\"@y", "\"a+b c\"@y", false },
		{ "postmaster", "postmaster", false },
		{ "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		char out[SMTP_KEY_MAX];

		assert_int_equal(smtp_key_untagged(t[i].key, out), t[i].tagged);
		assert_string_equal(out, t[i].out);
	}
}

static void test_xtext(void **state)
{
	static const struct { const char *in, *out; } t[] = {
		{ "abc", "abc" }, { "a+2Bb+3Dc", "a+b=c" }, { "a+20b", "a b" },
		{ "a+C3+BC", "a\xc3\xbc" },
		{ "a+2", NULL }, { "a+", NULL }, { "a+2b", NULL }, { "a+0A", NULL },
		{ "a+00", NULL }, { "a+7F", NULL }, { "a=b", NULL }, { "a b", NULL },
		{ "a+FF", NULL }, { "01234567890123456", NULL },
	};
	struct buf b;
	char out[16];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		enum err e = smtp_xtext_decode(span_of(t[i].in), out, sizeof(out));

		if (e != (t[i].out ? ERR_OK : ERR_INVALID))
			fail_msg("%s: %s", t[i].in, err_text(e));
		assert_string_equal(out, t[i].out ? t[i].out : "");
		if (e)
			continue;
		buf_init(&b, 100);
		assert_int_equal(smtp_xtext_encode(out, &b), ERR_OK);
		assert_string_equal(b.data, t[i].in);
		buf_fini(&b);
	}
}

static void test_orcpt(void **state)
{
	static const struct { const char *in, *out, *ascii, *utf8; } t[] = {
		{ "rfc822;Bob@x", "rfc822;Bob@x", "rfc822;Bob@x", "rfc822;Bob@x" },
		{ "RFC822;a+2Bb@x", "rfc822;a+b@x", "rfc822;a+2Bb@x", "rfc822;a+2Bb@x" },
		{ "utf-8;\\x{FC}@x", "utf-8;\xc3\xbc@x", "utf-8;\\x{FC}@x",
		  "utf-8;\xc3\xbc@x" },
		{ "utf-8;\xc3\xbc@x", "utf-8;\xc3\xbc@x", "utf-8;\\x{FC}@x",
		  "utf-8;\xc3\xbc@x" },
		{ "utf-8;\\x{1F600}", "utf-8;\xf0\x9f\x98\x80", "utf-8;\\x{1F600}",
		  "utf-8;\xf0\x9f\x98\x80" },
		{ "utf-8;\\x{D800}", NULL, NULL, NULL },
		{ "utf-8;\\x{110000}", NULL, NULL, NULL },
		{ "utf-8;\\x{FC", NULL, NULL, NULL },
		{ "utf-8;\\x{}", NULL, NULL, NULL },
		{ "utf-8;\\x{0A}", NULL, NULL, NULL },
		{ ";x", NULL, NULL, NULL }, { "rfc822;", NULL, NULL, NULL },
		{ "rfc822", NULL, NULL, NULL }, { "a b;c", NULL, NULL, NULL },
		{ "rfc822;a+0Db", NULL, NULL, NULL },
		{ "rfc822;01234567890123456789012345678901", NULL, NULL, NULL },
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		enum err e = smtp_orcpt_decode(span_of(t[i].in), out, sizeof(out));

		if (e != (t[i].out ? ERR_OK : ERR_INVALID))
			fail_msg("%s: %s", t[i].in, err_text(e));
		if (e)
			continue;
		assert_string_equal(out, t[i].out);
		for (int utf8 = 0; utf8 < 2; utf8++) {
			struct buf b;

			buf_init(&b, 100);
			assert_int_equal(smtp_orcpt_encode(out, utf8, &b), ERR_OK);
			assert_string_equal(b.data, utf8 ? t[i].utf8 : t[i].ascii);
			buf_fini(&b);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_domain_ends_where_it_must),
		cmocka_unit_test(test_full_buffer_is_told),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_xtext),
		cmocka_unit_test(test_orcpt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
