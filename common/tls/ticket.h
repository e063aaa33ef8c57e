#ifndef TLS_TICKET_H
#define TLS_TICKET_H
/*
 * ticket - the keys of session tickets (private to common/tls)
 *
 * A ticket is the session itself, encrypted for us.  Who learns its key can read
 * what TLS 1.2 clients said in resumed sessions, so keys are never stored, and
 * are replaced every TICKET_MS; tickets of the key before are still taken.
 */
#include "common/base/err.h"
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#define TICKET_MS (12 * 3600 * 1000)

struct ticket_key {
	unsigned char name[16], aes[32], hmac[32];
};

struct tickets {
	struct ticket_key now, before;
	int64_t made_ms;
};

void tickets_init(struct tickets *t, int64_t now_ms);
void tickets_fini(struct tickets *t);
/* As OpenSSL's callback wants it: 1 go on, 2 go on and renew, 0 unknown key, -1. */
int tickets_seal(struct tickets *t, int64_t now_ms, unsigned char name[16], unsigned char *iv,
		 EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac);
int tickets_open(struct tickets *t, int64_t now_ms, const unsigned char name[16],
		 const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac);
#endif
