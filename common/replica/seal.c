#include "common/replica/seal.h"

#include <sodium.h>

_Static_assert(SEAL_MORE == crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES, "SEAL_MORE");

static void key_for(const struct pepper *p, const char *label, uint8_t key[32])
{
	crypto_generichash(key, 32, (const uint8_t *)label, strlen(label), p->key,
			   sizeof(p->key));
}

void seal(const struct pepper *p, const char *label, const void *in, size_t n, uint8_t *out)
{
	uint8_t key[32];

	key_for(p, label, key);
	randombytes_buf(out, crypto_secretbox_NONCEBYTES);
	crypto_secretbox_easy(out + crypto_secretbox_NONCEBYTES, in, n, out, key);
	sodium_memzero(key, sizeof(key));
}

enum err seal_open(const struct pepper *p, const char *label, struct span in, uint8_t *out,
		   size_t n)
{
	const uint8_t *from = (const uint8_t *)in.p;
	uint8_t key[32];
	int rc;

	if (in.n != n + SEAL_MORE)
		return ERR_CORRUPT;
	key_for(p, label, key);
	rc = crypto_secretbox_open_easy(out, from + crypto_secretbox_NONCEBYTES,
					in.n - crypto_secretbox_NONCEBYTES, from, key);
	sodium_memzero(key, sizeof(key));
	return rc == 0 ? ERR_OK : ERR_CORRUPT;
}
