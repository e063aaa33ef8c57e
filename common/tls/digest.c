#include "common/tls/digest.h"

#include "common/base/check.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <limits.h>
#include <stdlib.h>

struct digest {
	EVP_MD_CTX *ctx;
};

static void begin(struct digest *d)
{
	CHECK(EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) == 1);
}

struct digest *digest_new(void)
{
	struct digest *d = xcalloc(1, sizeof(*d));

	d->ctx = EVP_MD_CTX_new();
	CHECK(d->ctx != NULL);
	begin(d);
	return d;
}

void digest_free(struct digest **dp)
{
	struct digest *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

void digest_feed(struct digest *d, const void *p, size_t n)
{
	CHECK(EVP_DigestUpdate(d->ctx, p, n) == 1);
}

void digest_take(struct digest *d, uint8_t out[DIGEST_BYTES])
{
	unsigned n = 0;

	CHECK(EVP_DigestFinal_ex(d->ctx, out, &n) == 1 && n == DIGEST_BYTES);
	begin(d);
}

void digest_hmac(const void *key, size_t key_len, const void *p, size_t n,
		 uint8_t out[DIGEST_BYTES])
{
	unsigned len = DIGEST_BYTES;

	CHECK(key_len <= INT_MAX);
	CHECK(HMAC(EVP_sha256(), key, (int)key_len, p, n, out, &len) != NULL);
	CHECK(len == DIGEST_BYTES);
}
