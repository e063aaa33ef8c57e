#include "common/tls/ticket.h"

#include "common/base/check.h"
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

static void make_key(struct ticket_key *k)
{
	CHECK(RAND_bytes(k->name, sizeof(k->name)) == 1 && RAND_bytes(k->aes, sizeof(k->aes)) == 1 &&
	      RAND_bytes(k->hmac, sizeof(k->hmac)) == 1);
}

void tickets_init(struct tickets *t, int64_t now_ms)
{
	make_key(&t->now);
	make_key(&t->before);		/* matches nothing */
	t->made_ms = now_ms;
}

void tickets_fini(struct tickets *t)
{
	OPENSSL_cleanse(t, sizeof(*t));
}

static void rotate(struct tickets *t, int64_t now_ms)
{
	int64_t age = now_ms - t->made_ms;

	if (age < TICKET_MS)
		return;
	t->before = t->now;
	make_key(&t->now);
	if (age >= 2 * TICKET_MS)	/* nobody came for long: both are old */
		make_key(&t->before);
	t->made_ms = now_ms;
}

static bool set_mac(EVP_MAC_CTX *mac, struct ticket_key *k)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->hmac, sizeof(k->hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

int tickets_seal(struct tickets *t, int64_t now_ms, unsigned char name[16], unsigned char *iv,
		 EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	rotate(t, now_ms);
	memcpy(name, t->now.name, sizeof(t->now.name));
	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1 ||
	    EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, t->now.aes, iv) != 1 ||
	    !set_mac(mac, &t->now))
		return -1;
	return 1;
}

int tickets_open(struct tickets *t, int64_t now_ms, const unsigned char name[16],
		 const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	struct ticket_key *k = &t->now;

	rotate(t, now_ms);
	if (memcmp(name, k->name, sizeof(k->name)) != 0)
		k = &t->before;
	if (memcmp(name, k->name, sizeof(k->name)) != 0)
		return 0;
	if (!set_mac(mac, k) ||
	    EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->aes, iv) != 1)
		return -1;
	return k == &t->now ? 1 : 2;
}
