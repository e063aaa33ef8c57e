#ifndef AUTH_JWT_H
#define AUTH_JWT_H
/*
 * jwt - signed tokens of others: keys (RFC 7517) and signatures (RFC 7515)
 *
 * A key is RSA (2,048 to 4,096 bits), EC on P-256, or Ed25519; it verifies RS256, ES256
 * or EdDSA, and nothing else, whatever the token says: no "none", no HMAC.
 *
 * A token is at most JWT_MAX bytes.  jwt_read() takes it apart and believes nothing;
 * jwt_is_signed() then says whether a key made it.
 */
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include <stdbool.h>
#include <stddef.h>

#define JWT_MAX	    8192
#define JWK_MAX	    1024	/* bytes of a key's text */
#define JWK_KID_MAX 128

/* ---- keys ----------------------------------------------------------------------- */

struct jwk;

/* One key as JSON.  INVALID with the reason: not JSON, private, too weak, unknown. */
enum err jwk_parse(const char *json, size_t n, struct jwk **out, struct errbuf *eb) A_MUST_USE;
void jwk_free(struct jwk **k);			/* *k may be NULL */
const char *jwk_kid(const struct jwk *k);	/* "" if it has none */
const char *jwk_alg(const struct jwk *k);	/* "RS256" ... */

/* The keys of a JWKS document ({"keys": [...]}) or of a single JWK that can verify
 * signatures, each in a short form of at most JWK_MAX bytes, to add().  Keys of other
 * kinds and uses are passed over and counted.  INVALID: no JWKS, or no key in it. */
enum err jwks_each(const char *json, size_t n,
		   void (*add)(void *ctx, const char *jwk), void *ctx, unsigned *skipped,
		   struct errbuf *eb) A_MUST_USE;

/* ---- tokens ---------------------------------------------------------------------- */

struct json_t;

struct jwt {
	char alg[8], kid[JWK_KID_MAX + 1];
	struct json_t *claims;		/* an object */
	struct span signed_part;	/* of the text that was read */
	unsigned char signature[512];
	size_t n_signature;
};

/* INVALID: not a token in compact form that we could check.  text is borrowed as long
 * as the jwt is; jwt_fini() after success only. */
enum err jwt_read(const char *text, size_t n, struct jwt *out) A_MUST_USE;
void jwt_fini(struct jwt *t);
/* Does the key fit (algorithm, and kid if both have one) and the signature hold? */
bool jwt_is_signed(const struct jwt *t, const struct jwk *k);
#endif
