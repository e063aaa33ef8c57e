#include "common/auth/jwt.h"

#include "common/base/check.h"
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define B64URL	 sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define RSA_MIN	 2048		/* bits */
#define RSA_MAX	 4096
#define PART_MAX 512		/* bytes of a decoded number of a key */
#define KEYS_MAX 64		/* looked at in one document */
#define P256	 32		/* bytes of a coordinate */

/* ---- JSON ------------------------------------------------------------------------------ */

static json_t *read_json(const char *text, size_t n)
{
	json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(j))
		return j;
	json_decref(j);
	return NULL;
}

static const char *text_of(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	return s ? s : "";
}

static bool decode(const char *text, size_t n, unsigned char *out, size_t cap, size_t *len)
{
	return sodium_base642bin(out, cap, text, n, NULL, len, NULL, B64URL) == 0;
}

/* ---- keys --------------------------------------------------------------------------------- */

enum key_kind { KEY_RSA, KEY_EC, KEY_ED };

/* What a key of each kind is called, and which members say it. */
static const struct {
	const char *kty, *crv, *alg, *evp;
	const char *members[2];
} kinds[] = {
	[KEY_RSA] = { "RSA", "", "RS256", "RSA", { "n", "e" } },
	[KEY_EC] = { "EC", "P-256", "ES256", "EC", { "x", "y" } },
	[KEY_ED] = { "OKP", "Ed25519", "EdDSA", "ED25519", { "x", NULL } },
};

struct jwk {
	enum key_kind kind;
	char kid[JWK_KID_MAX + 1];
	EVP_PKEY *key;
};

struct parts {
	unsigned char b[2][PART_MAX];
	size_t n[2];
};

static bool build_params(enum key_kind kind, const struct parts *p, OSSL_PARAM_BLD *b,
			 BIGNUM *numbers[2], unsigned char point[1 + 2 * P256])
{
	switch (kind) {
	case KEY_RSA:
		for (size_t i = 0; i < 2; i++)
			numbers[i] = BN_bin2bn(p->b[i], (int)p->n[i], NULL);
		return numbers[0] && numbers[1] && BN_num_bits(numbers[0]) >= RSA_MIN &&
		       BN_num_bits(numbers[0]) <= RSA_MAX && BN_num_bits(numbers[1]) <= 32 &&
		       BN_is_odd(numbers[1]) && !BN_is_one(numbers[1]) &&
		       OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, numbers[0]) &&
		       OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, numbers[1]);
	case KEY_EC:
		if (p->n[0] != P256 || p->n[1] != P256)
			return false;
		point[0] = 4;			/* uncompressed, SEC 1 section 2.3.3 */
		memcpy(point + 1, p->b[0], P256);
		memcpy(point + 1 + P256, p->b[1], P256);
		return OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME,
						       "prime256v1", 0) &&
		       OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point,
							1 + 2 * P256);
	case KEY_ED:
		return p->n[0] == 32 &&
		       OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, p->b[0], 32);
	}
	return false;
}

/* NULL: not a key of its kind, or too weak.  OpenSSL checks that a point is on its
 * curve. */
static EVP_PKEY *make_key(enum key_kind kind, const struct parts *p)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kinds[kind].evp, NULL);
	unsigned char point[1 + 2 * P256];
	BIGNUM *numbers[2] = { NULL, NULL };
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	CHECK(b && ctx);
	if (build_params(kind, p, b, numbers, point))
		params = OSSL_PARAM_BLD_to_param(b);
	if (params && (EVP_PKEY_fromdata_init(ctx) != 1 ||
		       EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1))
		key = NULL;
	OSSL_PARAM_free(params);
	BN_free(numbers[0]);
	BN_free(numbers[1]);
	OSSL_PARAM_BLD_free(b);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return key;
}

static bool read_parts(const json_t *j, enum key_kind kind, struct parts *out)
{
	for (size_t i = 0; i < 2 && kinds[kind].members[i]; i++) {
		const char *s = text_of(j, kinds[kind].members[i]);

		if (!decode(s, strlen(s), out->b[i], sizeof(out->b[i]), &out->n[i]) ||
		    out->n[i] == 0)
			return false;
	}
	return true;
}

static bool find_kind(const json_t *j, enum key_kind *out)
{
	for (size_t i = 0; i < N_ELEMS(kinds); i++)
		if (strcmp(text_of(j, "kty"), kinds[i].kty) == 0 &&
		    strcmp(text_of(j, "crv"), kinds[i].crv) == 0) {
			*out = (enum key_kind)i;
			return true;
		}
	return false;
}

static enum err key_of(const json_t *j, struct jwk **out, struct errbuf *eb)
{
	const char *kid = text_of(j, "kid"), *alg = text_of(j, "alg"), *use = text_of(j, "use");
	struct parts parts = { .n = { 0, 0 } };
	enum key_kind kind;
	EVP_PKEY *key;

	*out = NULL;
	if (json_object_get(j, "d") || json_object_get(j, "k"))
		return err_set(eb, ERR_INVALID, "a private or secret key, which nobody may have");
	if (!find_kind(j, &kind))
		return err_set(eb, ERR_INVALID, "not RSA, EC P-256 or Ed25519");
	if (strlen(kid) > JWK_KID_MAX)
		return err_set(eb, ERR_INVALID, "kid longer than %d bytes", JWK_KID_MAX);
	if ((*alg && strcmp(alg, kinds[kind].alg) != 0) || (*use && strcmp(use, "sig") != 0))
		return err_set(eb, ERR_INVALID, "not for %s signatures", kinds[kind].alg);
	key = read_parts(j, kind, &parts) ? make_key(kind, &parts) : NULL;
	if (key == NULL)
		return err_set(eb, ERR_INVALID, "malformed, or RSA not of %d to %d bits", RSA_MIN,
			       RSA_MAX);
	*out = xcalloc(1, sizeof(**out));
	(*out)->kind = kind;
	(*out)->key = key;
	strcpy((*out)->kid, kid);
	return ERR_OK;
}

enum err jwk_parse(const char *json, size_t n, struct jwk **out, struct errbuf *eb)
{
	json_t *j = read_json(json, n);
	enum err e;

	*out = NULL;
	if (j == NULL)
		return err_set(eb, ERR_INVALID, "not a JSON object");
	e = key_of(j, out, eb);
	json_decref(j);
	return e;
}

void jwk_free(struct jwk **kp)
{
	struct jwk *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	EVP_PKEY_free(k->key);
	free(k);
}

const char *jwk_kid(const struct jwk *k)
{
	return k->kid;
}

const char *jwk_alg(const struct jwk *k)
{
	return kinds[k->kind].alg;
}

/* Without what only others need (x5c and the like). */
static char *short_form(const json_t *j, const struct jwk *k)
{
	json_t *o = json_object();
	char *text;

	json_object_set_new(o, "kty", json_string(kinds[k->kind].kty));
	if (kinds[k->kind].crv[0])
		json_object_set_new(o, "crv", json_string(kinds[k->kind].crv));
	if (k->kid[0])
		json_object_set_new(o, "kid", json_string(k->kid));
	for (size_t i = 0; i < 2 && kinds[k->kind].members[i]; i++)
		json_object_set(o, kinds[k->kind].members[i],
				json_object_get(j, kinds[k->kind].members[i]));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	CHECK(text != NULL);
	return text;
}

static bool add_key(const json_t *j, void (*add)(void *ctx, const char *jwk), void *ctx)
{
	struct jwk *k;
	char *text;
	bool fits;

	if (!json_is_object(j) || key_of(j, &k, NULL) != ERR_OK)
		return false;
	text = short_form(j, k);
	fits = strlen(text) <= JWK_MAX;
	if (fits)
		add(ctx, text);
	free(text);
	jwk_free(&k);
	return fits;
}

enum err jwks_each(const char *json, size_t n, void (*add)(void *ctx, const char *jwk),
		   void *ctx, unsigned *skipped, struct errbuf *eb)
{
	json_t *j = read_json(json, n), *keys = json_object_get(j, "keys"), *one;
	unsigned good = 0;
	size_t i;

	*skipped = 0;
	if (j == NULL)
		return err_set(eb, ERR_INVALID, "not a JSON object");
	if (keys == NULL)
		good = add_key(j, add, ctx);
	json_array_foreach(keys, i, one) {
		if (i < KEYS_MAX && add_key(one, add, ctx))
			good++;
		else
			(*skipped)++;
	}
	json_decref(j);
	return good ? ERR_OK : err_set(eb, ERR_INVALID, "no key in it that can verify RS256, "
				       "ES256 or EdDSA");
}

/* ---- tokens --------------------------------------------------------------------------------- */

static json_t *read_part(struct span in)
{
	unsigned char json[JWT_MAX];
	size_t n;

	return in.n < sizeof(json) && decode(in.p, in.n, json, sizeof(json), &n)
		       ? read_json((const char *)json, n) : NULL;
}

static enum err read_head(struct jwt *t, struct span in)
{
	json_t *j = read_part(in);
	const char *alg = text_of(j, "alg"), *kid = text_of(j, "kid");
	enum err e = ERR_OK;

	/* "crit" names extensions that must be understood: none are (RFC 7515 4.1.11). */
	if (j == NULL || strlen(alg) >= sizeof(t->alg) || strlen(kid) > JWK_KID_MAX ||
	    json_object_get(j, "crit")) {
		e = ERR_INVALID;
	} else {
		strcpy(t->alg, alg);
		strcpy(t->kid, kid);
	}
	json_decref(j);
	return e;
}

enum err jwt_read(const char *text, size_t n, struct jwt *out)
{
	const char *dot1 = memchr(text, '.', n), *dot2, *end = text + n;

	memset(out, 0, sizeof(*out));
	dot2 = dot1 ? memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1)) : NULL;
	if (n > JWT_MAX || dot2 == NULL ||
	    !decode(dot2 + 1, (size_t)(end - dot2 - 1), out->signature, sizeof(out->signature),
		    &out->n_signature) ||
	    out->n_signature == 0 || read_head(out, (struct span){ text, (size_t)(dot1 - text) }))
		return ERR_INVALID;
	out->claims = read_part((struct span){ dot1 + 1, (size_t)(dot2 - dot1 - 1) });
	out->signed_part = (struct span){ text, (size_t)(dot2 - text) };
	return out->claims ? ERR_OK : ERR_INVALID;
}

void jwt_fini(struct jwt *t)
{
	json_decref(t->claims);
	t->claims = NULL;
}

/* RFC 7518 section 3.4 has R and S side by side, OpenSSL wants them in ASN.1. */
static int ecdsa_der(const struct jwt *t, unsigned char **der)
{
	ECDSA_SIG *sig;
	BIGNUM *r, *s;
	int n;

	*der = NULL;
	if (t->n_signature != 2 * P256)
		return -1;
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(t->signature, P256, NULL);
	s = BN_bin2bn(t->signature + P256, P256, NULL);
	CHECK(sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1);
	n = i2d_ECDSA_SIG(sig, der);
	ECDSA_SIG_free(sig);
	return n;
}

static bool verify(EVP_PKEY *key, const EVP_MD *md, const unsigned char *signature, size_t n,
		   struct span text)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	CHECK(ctx != NULL);
	ok = EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
	     EVP_DigestVerify(ctx, signature, n, (const unsigned char *)text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

bool jwt_is_signed(const struct jwt *t, const struct jwk *k)
{
	unsigned char *der;
	bool ok;
	int n;

	if (strcmp(t->alg, kinds[k->kind].alg) != 0 ||
	    (t->kid[0] && k->kid[0] && strcmp(t->kid, k->kid) != 0))
		return false;
	if (k->kind != KEY_EC)
		return verify(k->key, k->kind == KEY_RSA ? EVP_sha256() : NULL, t->signature,
			      t->n_signature, t->signed_part);
	n = ecdsa_der(t, &der);
	ok = n > 0 && verify(k->key, EVP_sha256(), der, (size_t)n, t->signed_part);
	OPENSSL_free(der);
	return ok;
}
