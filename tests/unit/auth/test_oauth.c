/* Keys, tokens, and who is believed. */
#include "common/auth/oauth.h"
#include "common/base/check.h"
#include "tests/unit/auth/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <cmocka.h>

#define NOW  1500000
#define B64U sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* ---- an issuer with a key of its own ------------------------------------------------ */

struct rig {
	EVP_PKEY *key;
	char jwk[200];
	struct oauth *oauth;
};

static const char *const imap_only[] = { "imap", NULL };

static void rig_issuer(struct rig *r, const char *claim, const char *scope)
{
	const char *const keys[] = { JWK_RSA, JWK_EC, JWK_ED, r->jwk, "{}", NULL };
	const struct oauth_issuer i = { "https://id.example.test", claim, scope, imap_only, keys };
	const struct oauth_issuer other = { "https://other.example.test", NULL, NULL, imap_only,
					    keys + 4 };

	oauth_free(&r->oauth);
	r->oauth = oauth_new();
	assert_int_equal(oauth_add(r->oauth, &i, NULL), ERR_OK);
	assert_int_equal(oauth_add(r->oauth, &other, NULL), ERR_OK);
	assert_int_equal(oauth_issuers(r->oauth), 2);
}

static void rig_up(struct rig *r)
{
	unsigned char raw[32];
	size_t n = sizeof(raw);
	char x[64];

	memset(r, 0, sizeof(*r));
	r->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	assert_non_null(r->key);
	assert_int_equal(EVP_PKEY_get_raw_public_key(r->key, raw, &n), 1);
	sodium_bin2base64(x, sizeof(x), raw, n, B64U);
	snprintf(r->jwk, sizeof(r->jwk),
		 "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"t\",\"x\":\"%s\"}", x);
	rig_issuer(r, NULL, NULL);
}

static void rig_down(struct rig *r)
{
	oauth_free(&r->oauth);
	EVP_PKEY_free(r->key);
}

static void sign(struct rig *r, const char *head, const char *claims, char *out, size_t cap)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char sig[64];
	size_t n = sizeof(sig), len;

	sodium_bin2base64(out, cap, (const unsigned char *)head, strlen(head), B64U);
	strcat(out, ".");
	len = strlen(out);
	sodium_bin2base64(out + len, cap - len, (const unsigned char *)claims, strlen(claims), B64U);
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, r->key), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &n, (unsigned char *)out, strlen(out)), 1);
	EVP_MD_CTX_free(ctx);
	strcat(out, ".");
	len = strlen(out);
	sodium_bin2base64(out + len, cap - len, sig, n, B64U);
}

/* ---- tokens of others ----------------------------------------------------------------- */

static void test_vectors(void **state)
{
	static const char *const tokens[] = { TOKEN_RSA, TOKEN_EC, TOKEN_ED };
	struct oauth_answer a;
	struct rig r;

	(void)state;
	rig_up(&r);
	for (size_t i = 0; i < N_ELEMS(tokens); i++) {
		size_t n = strlen(tokens[i]);
		char *copy = xstrdup(tokens[i]);

		assert_int_equal(oauth_check(r.oauth, tokens[i], n, NOW, &a), OAUTH_GOOD);
		assert_string_equal(a.user, "ann@a.test");
		/* No byte of it may be another.  The last one of a part has unused bits,
		 * which the decoder wants to be 0. */
		for (size_t k = 0; k < n; k += 7) {
			copy[k] = copy[k] == 'A' ? 'B' : 'A';
			if (oauth_check(r.oauth, copy, n, NOW, &a) == OAUTH_GOOD)
				fail_msg("token %zu with another byte %zu", i, k);
			copy[k] = tokens[i][k];
		}
		for (size_t k = 0; k < n; k += 5)
			assert_int_not_equal(oauth_check(r.oauth, copy, k, NOW, &a), OAUTH_GOOD);
		free(copy);
	}
	rig_down(&r);
}

#define HEAD "{\"alg\":\"EdDSA\",\"kid\":\"t\"}"
#define ISS  "\"iss\":\"https://id.example.test\","
#define GOOD "{" ISS "\"aud\":\"imap\",\"exp\":2000000,\"email\":\"ann@a.test\"}"

static void test_claims(void **state)
{
	static const struct {
		const char *name, *head, *claims, *claim, *scope;
		enum oauth_verdict v;
	} cases[] = {
		{ "good", HEAD, GOOD, NULL, NULL, OAUTH_GOOD },
		{ "no kid", "{\"alg\":\"EdDSA\"}", GOOD, NULL, NULL, OAUTH_GOOD },
		{ "another kid", "{\"alg\":\"EdDSA\",\"kid\":\"u\"}", GOOD, NULL, NULL, OAUTH_BAD_TOKEN },
		{ "none", "{\"alg\":\"none\"}", GOOD, NULL, NULL, OAUTH_BAD_TOKEN },
		{ "HMAC with a public key", "{\"alg\":\"HS256\"}", GOOD, NULL, NULL, OAUTH_BAD_TOKEN },
		{ "alg of another key", "{\"alg\":\"RS256\"}", GOOD, NULL, NULL, OAUTH_BAD_TOKEN },
		{ "no alg", "{}", GOOD, NULL, NULL, OAUTH_BAD_TOKEN },
		{ "crit", "{\"alg\":\"EdDSA\",\"crit\":[\"x\"],\"x\":1}", GOOD, NULL, NULL, OAUTH_BAD_TOKEN },
		{ "alg twice", "{\"alg\":\"EdDSA\",\"alg\":\"none\"}", GOOD, NULL, NULL, OAUTH_BAD_TOKEN },
		{ "not an object", HEAD, "[1]", NULL, NULL, OAUTH_BAD_TOKEN },
		{ "no JSON", HEAD, "hello", NULL, NULL, OAUTH_BAD_TOKEN },
		{ "another issuer's name", HEAD, "{\"iss\":\"https://other.example.test\",\"aud\":\"imap\","
		  "\"exp\":2000000,\"email\":\"ann@a.test\"}", NULL, NULL, OAUTH_BAD_TOKEN },
		{ "unknown issuer", HEAD, "{\"iss\":\"x\",\"aud\":\"imap\",\"exp\":2000000,\"email\":\"a\"}",
		  NULL, NULL, OAUTH_BAD_TOKEN },
		{ "no issuer", HEAD, "{\"aud\":\"imap\",\"exp\":2000000,\"email\":\"a\"}", NULL, NULL,
		  OAUTH_BAD_TOKEN },
		{ "another audience", HEAD, "{" ISS "\"aud\":\"pop\",\"exp\":2000000,\"email\":\"a\"}",
		  NULL, NULL, OAUTH_BAD_TOKEN },
		{ "no audience", HEAD, "{" ISS "\"exp\":2000000,\"email\":\"a\"}", NULL, NULL,
		  OAUTH_BAD_TOKEN },
		{ "one of several audiences", HEAD, "{" ISS "\"aud\":[\"x\",7,\"imap\"],\"exp\":2000000,"
		  "\"email\":\"a\"}", NULL, NULL, OAUTH_GOOD },
		{ "audience is no text", HEAD, "{" ISS "\"aud\":7,\"exp\":2000000,\"email\":\"a\"}", NULL,
		  NULL, OAUTH_BAD_TOKEN },
		{ "no exp", HEAD, "{" ISS "\"aud\":\"imap\",\"email\":\"a\"}", NULL, NULL, OAUTH_BAD_TOKEN },
		{ "exp as text", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":\"2000000\",\"email\":\"a\"}", NULL,
		  NULL, OAUTH_BAD_TOKEN },
		{ "expired", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":1499940,\"email\":\"a\"}", NULL, NULL,
		  OAUTH_BAD_TOKEN },
		{ "expired within grace", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":1499940.5,\"email\":\"a\"}",
		  NULL, NULL, OAUTH_GOOD },
		{ "too early", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":2000000,\"nbf\":1500061,"
		  "\"email\":\"a\"}", NULL, NULL, OAUTH_BAD_TOKEN },
		{ "early within grace", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":2000000,\"nbf\":1500060,"
		  "\"email\":\"a\"}", NULL, NULL, OAUTH_GOOD },
		{ "nbf as text", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":2000000,\"nbf\":\"1\",\"email\":\"a\"}",
		  NULL, NULL, OAUTH_BAD_TOKEN },
		{ "no user", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":2000000}", NULL, NULL, OAUTH_BAD_TOKEN },
		{ "empty user", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":2000000,\"email\":\"\"}", NULL, NULL,
		  OAUTH_BAD_TOKEN },
		{ "control character", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":2000000,\"email\":\"a\\n\"}",
		  NULL, NULL, OAUTH_BAD_TOKEN },
		{ "NUL", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":2000000,\"email\":\"a\\u0000b\"}",
		  NULL, NULL, OAUTH_BAD_TOKEN },
		{ "not verified", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":2000000,\"email\":\"a\","
		  "\"email_verified\":false}", NULL, NULL, OAUTH_BAD_TOKEN },
		{ "another claim", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":2000000,\"sub\":\"ann\"}",
		  "sub", NULL, OAUTH_GOOD },
		{ "claim is a number", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":2000000,\"sub\":5}",
		  "sub", NULL, OAUTH_BAD_TOKEN },
		{ "no scope", HEAD, GOOD, NULL, "mail", OAUTH_NO_SCOPE },
		{ "scope", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":2000000,\"email\":\"a\",\"scope\":\"x mail\"}",
		  NULL, "mail", OAUTH_GOOD },
		{ "longer scope", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":2000000,\"email\":\"a\","
		  "\"scope\":\"x mailbox\"}", NULL, "mail", OAUTH_NO_SCOPE },
		{ "scp list", HEAD, "{" ISS "\"aud\":\"imap\",\"exp\":2000000,\"email\":\"a\","
		  "\"scp\":[\"x\",\"mail\"]}", NULL, "mail", OAUTH_GOOD },
	};
	struct oauth_answer a;
	char token[4000];
	struct rig r;

	(void)state;
	rig_up(&r);
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		enum oauth_verdict v;

		rig_issuer(&r, cases[i].claim, cases[i].scope);
		sign(&r, cases[i].head, cases[i].claims, token, sizeof(token));
		v = oauth_check(r.oauth, token, strlen(token), NOW, &a);
		if (v != cases[i].v)
			fail_msg("%s: %d %s", cases[i].name, v, a.why ? a.why : "");
		assert_true((v == OAUTH_GOOD) == (a.why == NULL));
	}
	assert_int_equal(oauth_check(r.oauth, "", 0, NOW, &a), OAUTH_BAD_REQUEST);
	assert_int_equal(oauth_check(r.oauth, "..", 2, NOW, &a), OAUTH_BAD_TOKEN);
	rig_down(&r);
}

static void test_error_text(void **state)
{
	const char *const keys[] = { JWK_ED, NULL };
	const struct oauth_issuer i = { "https://id.example.test", NULL, "ma\"il", imap_only, keys };
	struct oauth *o = oauth_new();
	char *text;

	(void)state;
	text = oauth_error_text(o, OAUTH_BAD_TOKEN);
	assert_string_equal(text, "{\"status\":\"invalid_token\"}");
	free(text);
	assert_int_equal(oauth_add(o, &i, NULL), ERR_OK);
	text = oauth_error_text(o, OAUTH_NO_SCOPE);
	assert_string_equal(text, "{\"status\":\"insufficient_scope\",\"scope\":\"ma\\\"il\","
			    "\"openid-configuration\":"
			    "\"https://id.example.test/.well-known/openid-configuration\"}");
	free(text);
	oauth_free(&o);
}

/* ---- keys ------------------------------------------------------------------------------- */

static void test_bad_keys(void **state)
{
	static const char *const bad[] = {
		"", "{}", "[]", "null", "{\"kty\":\"RSA\"}", JWK_RSA_1024,
		"{\"kty\":\"oct\",\"k\":\"AAAA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"x\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"enc\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"RS256\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		/* not a point of the curve */
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\","
		"\"y\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}",
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		struct errbuf eb = { "" };
		struct jwk *k;

		if (jwk_parse(bad[i], strlen(bad[i]), &k, &eb) != ERR_INVALID || k || !eb.text[0])
			fail_msg("%s", bad[i]);
	}
}

static void collect(void *ctx, const char *jwk)
{
	struct jwk *k;

	assert_int_equal(jwk_parse(jwk, strlen(jwk), &k, NULL), ERR_OK);
	strcat(ctx, jwk_kid(k));
	strcat(ctx, jwk_alg(k));
	strcat(ctx, " ");
	assert_null(strstr(jwk, "x5c"));
	jwk_free(&k);
}

static void test_documents(void **state)
{
	static const struct {
		const char *text, *kids;
		unsigned skipped;
		enum err e;
	} cases[] = {
		{ "{\"keys\":[" JWK_RSA "," JWK_EC "," JWK_RSA_1024 ",7," JWK_ED "]}",
		  "r1RS256 e1ES256 d1EdDSA ", 2, ERR_OK },
		{ JWK_ED, "d1EdDSA ", 0, ERR_OK },
		{ "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x5c\":[\"MII\"],"
		  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}", "EdDSA ", 0, ERR_OK },
		{ "{\"keys\":[]}", "", 0, ERR_INVALID },
		{ "{\"keys\":{}}", "", 0, ERR_INVALID },
		{ "{\"keys\":[" JWK_RSA_1024 "]}", "", 1, ERR_INVALID },
		{ "[" JWK_ED "]", "", 0, ERR_INVALID },
		{ "{\"keys\":[", "", 0, ERR_INVALID },
		{ "", "", 0, ERR_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		char kids[200] = "";
		unsigned skipped;

		assert_int_equal(jwks_each(cases[i].text, strlen(cases[i].text), collect, kids,
					   &skipped, NULL), cases[i].e);
		assert_string_equal(kids, cases[i].kids);
		assert_int_equal(skipped, cases[i].skipped);
	}
}

/* ---- messages --------------------------------------------------------------------------- */

static void test_messages(void **state)
{
	static const struct {
		const char *text;
		bool google;
		enum err e;
		const char *user, *token;
	} cases[] = {
		{ "n,a=ann@a.test,\1host=h\1port=143\1auth=Bearer abc\1\1", false, ERR_OK, "ann@a.test", "abc" },
		{ "n,,\1auth=Bearer abc\1\1", false, ERR_OK, "", "abc" },
		{ "n,,\1user=eve\1auth=bearer abc\1\1", false, ERR_OK, "", "abc" },
		{ "y,a=a=2Cb=3Dc,\1auth=Bearer a.b.c\1\1", false, ERR_OK, "a,b=c", "a.b.c" },
		{ "n,,\1\1", false, ERR_OK, "", "" },
		{ "n,,\1auth=\1\1", false, ERR_OK, "", "" },
		{ "n,,\1auth=Bearer \1\1", false, ERR_OK, "", "" },
		{ "n,,\1auth=Basic abc\1\1", false, ERR_OK, "", "" },
		{ "n,,\1auth=Bearer abc\1", false, ERR_INVALID, NULL, NULL },
		{ "n,,\1auth=Bearer abc", false, ERR_INVALID, NULL, NULL },
		{ "n,,\1auth=Bearer abc\1\1x", false, ERR_INVALID, NULL, NULL },
		{ "p=tls-exporter,,\1auth=Bearer abc\1\1", false, ERR_INVALID, NULL, NULL },
		{ "n,b=x,\1\1", false, ERR_INVALID, NULL, NULL },
		{ "n,a=,\1\1", false, ERR_INVALID, NULL, NULL },
		{ "n,a=x=2,\1\1", false, ERR_INVALID, NULL, NULL },
		{ "n,a=x=41,\1\1", false, ERR_INVALID, NULL, NULL },
		{ "n,,", false, ERR_INVALID, NULL, NULL },
		{ "n", false, ERR_INVALID, NULL, NULL },
		{ "", false, ERR_INVALID, NULL, NULL },
		{ "user=ann\1auth=Bearer abc\1\1", true, ERR_OK, "ann", "abc" },
		{ "auth=Bearer abc\1user=ann\1\1", true, ERR_OK, "ann", "abc" },
		{ "user=ann\1\1", true, ERR_OK, "ann", "" },
		{ "user=ann\1auth=Bearer abc\1", true, ERR_INVALID, NULL, NULL },
		{ "user=ann", true, ERR_INVALID, NULL, NULL },
		{ "", true, ERR_INVALID, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		char *text = xstrdup(cases[i].text);
		size_t n = strlen(text);
		struct oauth_message m;
		enum err e = cases[i].google ? oauth_read_xoauth2(text, n, &m)
					     : oauth_read_bearer(text, n, &m);

		if (e != cases[i].e || (!e && (!span_eq(m.user, span_of(cases[i].user)) ||
					       !span_eq(m.token, span_of(cases[i].token)))))
			fail_msg("case %zu: %s", i, cases[i].text);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_error_text),
		cmocka_unit_test(test_bad_keys),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
