#include "common/auth/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const struct password_params cheap = { 8192, 1, 4096 };
static const struct pepper pepper = { { 1, 2, 3 } }, other_pepper = { { 9 } };

static enum err check(const struct sealed *s, const char *password, bool *old)
{
	return password_check(s, password, strlen(password), &cheap, &pepper, old);
}

static void test_make_and_check(void **state)
{
	struct sealed argon, scram, damaged;
	struct scram_verifier v;
	bool old = true;

	(void)state;
	assert_int_equal(password_make("correct horse", &cheap, &pepper, &argon, &scram, NULL), ERR_OK);
	assert_int_equal(check(&argon, "correct horse", &old), ERR_OK);
	assert_false(old);
	assert_int_equal(check(&argon, "correct hors", &old), ERR_DENIED);
	assert_int_equal(check(&argon, "", &old), ERR_DENIED);
	assert_int_equal(password_check(&argon, "correct horse\0x", 15, &cheap, &pepper, &old), ERR_DENIED);
	assert_int_equal(password_check(&argon, "correct horse", 13, &cheap, &other_pepper, &old),
			 ERR_CORRUPT);
	for (size_t i = 0; i < argon.n; i += 7) {
		damaged = argon;
		damaged.b[i] ^= 1;
		assert_int_equal(check(&damaged, "correct horse", &old), ERR_CORRUPT);
	}
	damaged = argon;
	damaged.n = 10;
	assert_int_equal(check(&damaged, "correct horse", &old), ERR_CORRUPT);
	/* One sealed verifier does not stand in for the other. */
	assert_int_equal(check(&scram, "correct horse", &old), ERR_CORRUPT);
	assert_int_equal(scram_open(SCRAM_SHA_256, &argon, &pepper, &v), ERR_CORRUPT);
	assert_int_equal(scram_open(SCRAM_SHA_256, &scram, &other_pepper, &v), ERR_CORRUPT);
	assert_int_equal(scram_open(SCRAM_SHA_256, &scram, &pepper, &v), ERR_OK);
	assert_int_equal(v.iterations, 4096);
	assert_int_equal(strlen(v.salt), 24);
	assert_int_equal(strlen(v.stored_key), 44);
	assert_int_equal(strlen(v.server_key), 44);
	/* Nobody: the same answer as a wrong password. */
	memset(&damaged, 0, sizeof(damaged));
	assert_int_equal(check(&damaged, "correct horse", &old), ERR_DENIED);
	assert_int_equal(scram_open(SCRAM_SHA_256, &damaged, &pepper, &v), ERR_CORRUPT);
}

static void test_two_of_the_same_differ(void **state)
{
	struct sealed a, b, sa, sb;

	(void)state;
	assert_int_equal(password_make("x", &cheap, &pepper, &a, &sa, NULL), ERR_OK);
	assert_int_equal(password_make("x", &cheap, &pepper, &b, &sb, NULL), ERR_OK);
	assert_memory_not_equal(a.b, b.b, a.n);
	assert_memory_not_equal(sa.b, sb.b, sa.n);
}

static void test_what_is_no_password(void **state)
{
	static char longest[PASSWORD_MAX + 2];
	static const struct password_params weak = { 8192, 1, 4095 };
	static const char *const bad[] = { "", "bad\x80utf8", "control\x01", ("\xd8\xa7" "1") };
	struct sealed a, s;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++)
		if (password_make(bad[i], &cheap, &pepper, &a, &s, NULL) != ERR_INVALID)
			fail_msg("case %zu was taken", i);
	assert_int_equal(a.n, 0);
	memset(longest, 'x', PASSWORD_MAX + 1);
	assert_int_equal(password_make(longest, &cheap, &pepper, &a, &s, NULL), ERR_INVALID);
	longest[PASSWORD_MAX] = '\0';
	assert_int_equal(password_make(longest, &cheap, &pepper, &a, &s, NULL), ERR_OK);
	assert_int_equal(password_make("x", &weak, &pepper, &a, &s, NULL), ERR_INVALID);
}

/* Composed and decomposed forms are one password (NFKC), as are the examples of
 * RFC 4013 section 3. */
static void test_saslprep(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "I\xc2\xadX", "IX" },
		{ "user", "user" },
		{ "\xc2\xaa", "a" },
		{ "\xe2\x85\xa8", "IX" },
		{ "a\xcc\x8a", "\xc3\xa5" },
	};
	struct sealed a, s;
	char out[PASSWORD_MAX + 1];
	bool old;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		assert_int_equal(password_prepare(cases[i].in, strlen(cases[i].in), out), ERR_OK);
		assert_string_equal(out, cases[i].out);
	}
	assert_int_equal(password_make("a\xcc\x8a", &cheap, &pepper, &a, &s, NULL), ERR_OK);
	assert_int_equal(check(&a, "\xc3\xa5", &old), ERR_OK);
	assert_int_equal(check(&a, "\x80", &old), ERR_DENIED);
}

static void test_imported_hashes(void **state)
{
	static const struct {
		const char *hash, *password;	/* password NULL: refused */
	} cases[] = {
		{ "{SHA512-CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQ"
		  "JuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1", "Hello world!" },
		{ "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!" },
		{ "{CRYPT}$1$abcdefgh$irWbblnpmw.5z7wgBnprh0", "test" },
		{ "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", "secret" },
		{ "{PLAIN}secret", "secret" },
		{ "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0", "secret" },
		{ "{SHA512-CRYPT}$5$saltstring$5B8vYYiY", NULL },
		{ "{SSHA256}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0", NULL },
		{ "{SSHA}!!!!", NULL },
		{ "{NTLM}8846f7eaee8fb117", NULL },
		{ "{PLAIN}", NULL },
		{ "plaintext", NULL },
		{ "$9$x$y", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct sealed a, s;
		bool old = false;
		enum err e = password_import(cases[i].hash, &cheap, &pepper, &a, &s, NULL);

		if (cases[i].password == NULL) {
			if (e != ERR_INVALID || a.n || s.n)
				fail_msg("%s was taken", cases[i].hash);
			continue;
		}
		if (e || check(&a, cases[i].password, &old))
			fail_msg("%s: does not verify", cases[i].hash);
		assert_int_equal(old, s.n == 0);
		assert_int_equal(check(&a, "wrong", &old), ERR_DENIED);
	}
}

static void test_fakes_look_real(void **state)
{
	struct scram_verifier a, b, c, d;

	(void)state;
	scram_fake(SCRAM_SHA_256, "nobody", 5000, &pepper, &a);
	scram_fake(SCRAM_SHA_256, "NoBody", 5000, &pepper, &b);
	scram_fake(SCRAM_SHA_256, "nobody2", 5000, &pepper, &c);
	scram_fake(SCRAM_SHA_256, "nobody", 5000, &other_pepper, &d);
	assert_string_equal(a.salt, b.salt);
	assert_string_not_equal(a.salt, c.salt);
	assert_string_not_equal(a.salt, d.salt);
	assert_string_not_equal(a.stored_key, a.server_key);
	assert_int_equal(a.iterations, 5000);
	assert_int_equal(strlen(a.salt), 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make_and_check),
		cmocka_unit_test(test_two_of_the_same_differ),
		cmocka_unit_test(test_what_is_no_password),
		cmocka_unit_test(test_saslprep),
		cmocka_unit_test(test_imported_hashes),
		cmocka_unit_test(test_fakes_look_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
