#ifndef TLS_DIGEST_H
#define TLS_DIGEST_H
/*
 * digest - SHA-256 over bytes that come in pieces
 *
 * Here because this folder is where OpenSSL is: its SHA-256 uses the processor's
 * instructions and is several times faster than portable ones.
 */
#include <stddef.h>
#include <stdint.h>

#define DIGEST_BYTES 32u

struct digest;

struct digest *digest_new(void);
void digest_free(struct digest **d);	/* *d may be NULL */
void digest_feed(struct digest *d, const void *p, size_t n);
/* The sum of all that was fed; the object then begins anew. */
void digest_take(struct digest *d, uint8_t out[DIGEST_BYTES]);

/* HMAC-SHA256 (RFC 2104) of n bytes at p. */
void digest_hmac(const void *key, size_t key_len, const void *p, size_t n,
		 uint8_t out[DIGEST_BYTES]);
#endif
