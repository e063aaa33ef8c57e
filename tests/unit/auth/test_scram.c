/* SCRAM's messages: the examples of the RFCs, bindings, and garbage. */
#include "common/auth/scram.h"
#include "common/base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <cmocka.h>

#define B64 sodium_base64_VARIANT_ORIGINAL

static const EVP_MD *md_of(enum scram_hash h)
{
	return h == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
}

/* What password_make() would have stored for this salt. */
static void verifier(enum scram_hash h, const char *password, const char *salt, unsigned iterations,
		     struct scram_verifier *out)
{
	unsigned char s[64], salted[64], client[64], server[64], stored[64];
	size_t n;
	int len = EVP_MD_get_size(md_of(h));

	assert_int_equal(sodium_base642bin(s, sizeof(s), salt, strlen(salt), NULL, &n, NULL, B64), 0);
	PKCS5_PBKDF2_HMAC(password, -1, s, (int)n, (int)iterations, md_of(h), len, salted);
	HMAC(md_of(h), salted, len, (const unsigned char *)"Client Key", 10, client, NULL);
	HMAC(md_of(h), salted, len, (const unsigned char *)"Server Key", 10, server, NULL);
	EVP_Digest(client, (size_t)len, stored, NULL, md_of(h), NULL);
	out->iterations = iterations;
	strcpy(out->salt, salt);
	sodium_bin2base64(out->stored_key, sizeof(out->stored_key), stored, (size_t)len, B64);
	sodium_bin2base64(out->server_key, sizeof(out->server_key), server, (size_t)len, B64);
}

static void test_examples(void **state)
{
	static const struct {
		enum scram_hash hash;
		const char *first, *nonce, *salt, *offer, *last, *answer;
	} cases[] = {
		/* RFC 5802 section 5 */
		{ SCRAM_SHA_1, "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j",
		  "QSXCR+Q6sek8bf92",
		  "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
		  "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
		  "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
		/* RFC 7677 section 3 */
		{ SCRAM_SHA_256, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
		  "W22ZaJ0SNY7soEsUEjb6gQ==",
		  "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		  "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		  "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		  "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct scram *s = scram_new(cases[i].hash, false, NULL);
		const char *user, *authzid, *answer;
		struct scram_verifier v;

		verifier(cases[i].hash, "pencil", cases[i].salt, 4096, &v);
		assert_int_equal(scram_first(s, cases[i].first, strlen(cases[i].first), &user,
					     &authzid), ERR_OK);
		assert_string_equal(user, "user");
		assert_null(authzid);
		assert_string_equal(scram_offer(s, &v, cases[i].nonce), cases[i].offer);
		assert_int_equal(scram_final(s, cases[i].last, strlen(cases[i].last), &answer),
				 ERR_OK);
		assert_string_equal(answer, cases[i].answer);
		scram_free(&s);

		verifier(cases[i].hash, "pencils", cases[i].salt, 4096, &v);
		s = scram_new(cases[i].hash, false, NULL);
		assert_int_equal(scram_first(s, cases[i].first, strlen(cases[i].first), &user,
					     &authzid), ERR_OK);
		(void)scram_offer(s, &v, cases[i].nonce);
		assert_int_equal(scram_final(s, cases[i].last, strlen(cases[i].last), &answer),
				 ERR_DENIED);
		scram_free(&s);
	}
}

static void test_first(void **state)
{
	static const struct conn_proof both = { .has_exporter = true, .n_end_point = 32 };
	static const struct conn_proof end_point = { .n_end_point = 32 };
	static const struct {
		const char *msg;
		bool plus;
		const struct conn_proof *proof;
		enum err e;
		const char *user, *authzid;
	} cases[] = {
		{ "n,,n=ann,r=x", false, NULL, ERR_OK, "ann", NULL },
		{ "y,,n=ann,r=x", false, NULL, ERR_OK, "ann", NULL },
		{ "n,a=bob,n=ann,r=x", false, NULL, ERR_OK, "ann", "bob" },
		{ "n,,n=a=2Cb=3D,r=x,ext=1", false, NULL, ERR_OK, "a,b=", NULL },
		{ "n,,n=ann,r=x", false, &both, ERR_OK, "ann", NULL },
		{ "y,,n=ann,r=x", false, &both, ERR_DENIED, NULL, NULL },
		{ "y,,n=ann,r=x", false, &end_point, ERR_DENIED, NULL, NULL },
		{ "p=tls-exporter,,n=ann,r=x", true, &both, ERR_OK, "ann", NULL },
		{ "p=tls-server-end-point,,n=ann,r=x", true, &both, ERR_OK, "ann", NULL },
		{ "p=tls-server-end-point,,n=ann,r=x", true, &end_point, ERR_OK, "ann", NULL },
		{ "p=tls-exporter,,n=ann,r=x", true, &end_point, ERR_INVALID, NULL, NULL },
		{ "p=tls-exporter,,n=ann,r=x", false, &both, ERR_INVALID, NULL, NULL },
		{ "p=tls-unique,,n=ann,r=x", true, &both, ERR_INVALID, NULL, NULL },
		{ "n,,n=ann,r=x", true, &both, ERR_INVALID, NULL, NULL },
		{ "p=,,n=ann,r=x", true, &both, ERR_INVALID, NULL, NULL },
		{ "p=tls-exporter", true, &both, ERR_INVALID, NULL, NULL },
		{ "n,,n=ann,r=", false, NULL, ERR_INVALID, NULL, NULL },
		{ "n,,n=ann,r=a b", false, NULL, ERR_INVALID, NULL, NULL },
		{ "n,,n=,r=x", false, NULL, ERR_INVALID, NULL, NULL },
		{ "n,,n=a=2,r=x", false, NULL, ERR_INVALID, NULL, NULL },
		{ "n,,n=a=41,r=x", false, NULL, ERR_INVALID, NULL, NULL },
		{ "n,,m=e,n=ann,r=x", false, NULL, ERR_INVALID, NULL, NULL },
		{ "n,,r=x,n=ann", false, NULL, ERR_INVALID, NULL, NULL },
		{ "n,a=bob", false, NULL, ERR_INVALID, NULL, NULL },
		{ "n,x,n=ann,r=x", false, NULL, ERR_INVALID, NULL, NULL },
		{ "n,", false, NULL, ERR_INVALID, NULL, NULL },
		{ "n", false, NULL, ERR_INVALID, NULL, NULL },
		{ ",,,", false, NULL, ERR_INVALID, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct scram *s = scram_new(SCRAM_SHA_256, cases[i].plus, cases[i].proof);
		const char *user, *authzid;
		enum err e = scram_first(s, cases[i].msg, strlen(cases[i].msg), &user, &authzid);

		if (e != cases[i].e)
			fail_msg("%s: %s", cases[i].msg, err_text(e));
		if (!e) {
			assert_string_equal(user, cases[i].user);
			assert_true((authzid != NULL) == (cases[i].authzid != NULL));
			if (authzid)
				assert_string_equal(authzid, cases[i].authzid);
		}
		scram_free(&s);
	}
}

static void test_final_is_malformed(void **state)
{
	static const struct {
		const char *msg;
		enum err e;
	} cases[] = {
		{ "c=biws,r=xy,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ERR_DENIED },
		{ "c=biws,r=xz,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ERR_DENIED },
		{ "c=eSws,r=xy,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ERR_DENIED },
		{ "c=biws,r=xy,p=AAAA", ERR_INVALID },
		{ "c=biws,r=xy,p=", ERR_INVALID },
		{ "c=biws,r=xy,p=!", ERR_INVALID },
		{ "c=biws,r=xy", ERR_INVALID },
		{ "c=biws,r=xy,", ERR_INVALID },
		{ "c=biws,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ERR_INVALID },
		{ "c=biws,r=xy,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,x=1", ERR_INVALID },
		{ "c=biws,r=xy,e,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ERR_INVALID },
		{ "", ERR_INVALID },
	};
	struct scram_verifier v;

	(void)state;
	verifier(SCRAM_SHA_256, "pencil", "QSXCR+Q6sek8bf92", 4096, &v);
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct scram *s = scram_new(SCRAM_SHA_256, false, NULL);
		const char *user, *authzid, *answer;
		enum err e;

		assert_int_equal(scram_first(s, "n,,n=ann,r=x", 12, &user, &authzid), ERR_OK);
		(void)scram_offer(s, &v, "y");
		e = scram_final(s, cases[i].msg, strlen(cases[i].msg), &answer);
		if (e != cases[i].e || answer)
			fail_msg("%s: %s", cases[i].msg, err_text(e));
		scram_free(&s);
	}
}

/* A random nonce differs each time and has nothing in it that would end it. */
static void test_nonce(void **state)
{
	struct scram_verifier v;
	char before[200] = "";

	(void)state;
	verifier(SCRAM_SHA_1, "pencil", "QSXCR+Q6sek8bf92", 4096, &v);
	for (int i = 0; i < 50; i++) {
		struct scram *s = scram_new(SCRAM_SHA_1, false, NULL);
		const char *user, *authzid, *offer;

		assert_int_equal(scram_first(s, "n,,n=ann,r=x", 12, &user, &authzid), ERR_OK);
		offer = scram_offer(s, &v, NULL);
		assert_int_equal(strcspn(offer, ","), 2 + 1 + 24);
		assert_string_not_equal(offer, before);
		strcpy(before, offer);
		scram_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_final_is_malformed),
		cmocka_unit_test(test_nonce),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
