/*
 * What comes from strangers about tokens.  The first byte chooses: a token to check, a
 * message of OAUTHBEARER or XOAUTH2, a JWKS document.
 *
 * No token is good, since none in the corpus is signed by the key; and a key that a
 * document gave in its short form is a key, whose short form is the same.
 */
#include "common/auth/oauth.h"
#include "common/base/check.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char key[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
			  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";

static void check_token(const char *p, size_t n)
{
	static const char *const audience[] = { "imap", NULL }, *const keys[] = { key, NULL };
	const struct oauth_issuer i = { "i", "sub", "s", audience, keys };
	struct oauth *o = oauth_new();
	struct oauth_answer a;
	enum oauth_verdict v;
	char *text;

	if (oauth_add(o, &i, NULL))
		abort();
	v = oauth_check(o, p, n, 1500000, &a);
	if (v == OAUTH_GOOD || a.why == NULL)
		abort();
	text = oauth_error_text(o, v);
	free(text);
	oauth_free(&o);
}

static void on_again(void *ctx, const char *jwk)
{
	if (strcmp(ctx, jwk) != 0)
		abort();
}

static void on_key(void *ctx, const char *jwk)
{
	struct jwk *k;
	unsigned skipped;
	char *copy = xstrdup(jwk);

	(void)ctx;
	if (strlen(jwk) > JWK_MAX || jwk_parse(jwk, strlen(jwk), &k, NULL) ||
	    jwks_each(jwk, strlen(jwk), on_again, copy, &skipped, NULL))
		abort();
	jwk_free(&k);
	free(copy);
}

static void check_message(char *p, size_t n, bool google)
{
	struct oauth_message m;
	enum err e = google ? oauth_read_xoauth2(p, n, &m) : oauth_read_bearer(p, n, &m);

	if (!e && (m.user.n > n || m.token.n > n || memchr(m.token.p ? m.token.p : p, '\1', m.token.n)))
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	unsigned skipped;
	char *copy;

	if (size < 1 || size > 16384)
		return 0;
	copy = xcalloc(1, size);		/* a NUL behind it, as sasl_line() has it */
	memcpy(copy, data + 1, size - 1);
	switch (data[0] & 3) {
	case 0:	 check_token(copy, size - 1); break;
	case 1:	 check_message(copy, size - 1, false); break;
	case 2:	 check_message(copy, size - 1, true); break;
	default: (void)!jwks_each(copy, size - 1, on_key, NULL, &skipped, NULL); break;
	}
	free(copy);
	return 0;
}
