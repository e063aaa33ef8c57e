#include "common/auth/password.h"

#include "common/auth/foreign.h"
#include "common/base/check.h"
#include <ctype.h>
#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SALT_BYTES 16
#define KEY_BYTES  32		/* of the longest hash */
#define FORMAT	   1		/* first byte of a sealed verifier */
#define OVERHEAD   (1 + crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES)
#define TEXT_MAX   (PASSWORD_SEALED_MAX - OVERHEAD)	/* with its NUL */
#define B64(n)	   sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL)

static const struct {
	const char *name;		/* RFC 5803 */
	const char *purpose;		/* of the key that seals */
	const char *fakes[3];
	size_t key;			/* bytes */
} scrams[] = {
	[SCRAM_SHA_256] = { "SCRAM-SHA-256$", "scram",
			    { "fake salt", "fake stored", "fake server" }, 32 },
	[SCRAM_SHA_1] = { "SCRAM-SHA-1$", "scram-sha-1",
			  { "fake salt 1", "fake stored 1", "fake server 1" }, 20 },
};

static const EVP_MD *scram_md(enum scram_hash hash)
{
	return hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
}

/* ---- sealing ------------------------------------------------------------------------ */

/* A key per purpose, so that one sealed verifier cannot stand in for the other. */
static void subkey(const struct pepper *pepper, const char *purpose, uint8_t out[32])
{
	crypto_generichash(out, 32, (const unsigned char *)purpose, strlen(purpose), pepper->key,
			   sizeof(pepper->key));
}

static void seal(const char *purpose, const struct pepper *pepper, const char *text,
		 struct sealed *out)
{
	uint8_t key[32], *nonce = out->b + 1;
	size_t n = strlen(text);

	CHECK(n < TEXT_MAX && sodium_init() >= 0);
	subkey(pepper, purpose, key);
	out->b[0] = FORMAT;
	randombytes_buf(nonce, crypto_secretbox_NONCEBYTES);
	crypto_secretbox_easy(nonce + crypto_secretbox_NONCEBYTES, (const unsigned char *)text, n,
			      nonce, key);
	out->n = n + OVERHEAD;
	sodium_memzero(key, sizeof(key));
}

static enum err unseal(const char *purpose, const struct pepper *pepper, const struct sealed *in,
		       char out[TEXT_MAX])
{
	const uint8_t *nonce = in->b + 1;
	uint8_t key[32];
	int r;

	if (in->n < OVERHEAD || in->n >= PASSWORD_SEALED_MAX || in->b[0] != FORMAT)
		return ERR_CORRUPT;
	subkey(pepper, purpose, key);
	r = crypto_secretbox_open_easy((unsigned char *)out, nonce + crypto_secretbox_NONCEBYTES,
				       in->n - 1 - crypto_secretbox_NONCEBYTES, nonce, key);
	sodium_memzero(key, sizeof(key));
	if (r)
		return ERR_CORRUPT;
	out[in->n - OVERHEAD] = '\0';
	return ERR_OK;
}

/* ---- preparing ------------------------------------------------------------------------ */

static bool is_printable_ascii(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			return false;
	return true;
}

enum err password_prepare(const char *in, size_t len, char *out)
{
	char copy[PASSWORD_MAX + 1], *prepared = NULL;
	int r;

	if (len == 0 || len > PASSWORD_MAX || memchr(in, '\0', len))
		return ERR_INVALID;
	memcpy(copy, in, len);
	copy[len] = '\0';
	if (is_printable_ascii(copy, len)) {
		memcpy(out, copy, len + 1);
		sodium_memzero(copy, sizeof(copy));
		return ERR_OK;
	}
	/* Unassigned in Unicode 3.2 is allowed: people use newer characters. */
	r = gsasl_saslprep(copy, GSASL_ALLOW_UNASSIGNED, &prepared, NULL);
	sodium_memzero(copy, sizeof(copy));
	if (r == GSASL_OK && (prepared[0] == '\0' || strlen(prepared) > PASSWORD_MAX))
		r = GSASL_SASLPREP_ERROR;
	if (r == GSASL_OK)
		strcpy(out, prepared);
	if (prepared)
		sodium_memzero(prepared, strlen(prepared));
	gsasl_free(prepared);
	return r == GSASL_OK ? ERR_OK : ERR_INVALID;
}

/* ---- making ----------------------------------------------------------------------------- */

static void hmac(enum scram_hash hash, const uint8_t *key, const char *text, uint8_t *out)
{
	CHECK(HMAC(scram_md(hash), key, (int)scrams[hash].key, (const unsigned char *)text,
		   strlen(text), out, NULL) != NULL);
}

static void base64(const uint8_t *in, size_t n, char *out, size_t cap)
{
	sodium_bin2base64(out, cap, in, n, sodium_base64_VARIANT_ORIGINAL);
}

/* RFC 5802 section 3. */
static void make_scram(enum scram_hash hash, const char *password, unsigned iterations,
		       const struct pepper *pepper, struct sealed *out)
{
	const EVP_MD *md = scram_md(hash);
	size_t n = scrams[hash].key;
	uint8_t salt[SALT_BYTES], salted[KEY_BYTES], client[KEY_BYTES], stored[KEY_BYTES],
		server[KEY_BYTES];
	char text[TEXT_MAX], b[3][B64(KEY_BYTES)];

	randombytes_buf(salt, sizeof(salt));
	CHECK(PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, sizeof(salt), (int)iterations,
				md, (int)n, salted) == 1);
	hmac(hash, salted, "Client Key", client);
	hmac(hash, salted, "Server Key", server);
	CHECK(EVP_Digest(client, n, stored, NULL, md, NULL) == 1);
	base64(salt, sizeof(salt), b[0], sizeof(b[0]));
	base64(stored, n, b[1], sizeof(b[1]));
	base64(server, n, b[2], sizeof(b[2]));
	snprintf(text, sizeof(text), "%s%u:%s$%s:%s", scrams[hash].name, iterations, b[0], b[1],
		 b[2]);
	seal(scrams[hash].purpose, pepper, text, out);
	sodium_memzero(salted, sizeof(salted));
	sodium_memzero(client, sizeof(client));
	sodium_memzero(server, sizeof(server));
	sodium_memzero(stored, sizeof(stored));
	sodium_memzero(text, sizeof(text));
	sodium_memzero(b, sizeof(b));
}

enum err password_make(const char *password, const struct password_params *params,
		       const struct pepper *pepper, struct sealed *argon, struct sealed *scram,
		       struct errbuf *eb)
{
	char prepared[PASSWORD_MAX + 1], text[crypto_pwhash_STRBYTES];
	enum err e = ERR_OK;

	argon->n = scram->n = 0;
	CHECK(sodium_init() >= 0);
	if (password_prepare(password, strlen(password), prepared))
		return err_set(eb, ERR_INVALID, "a password is 1 to %d bytes of printable text",
			       PASSWORD_MAX);
	if (params->scram_iterations < 4096)
		e = err_set(eb, ERR_INVALID, "at least 4096 iterations");
	else if (crypto_pwhash_str(text, prepared, strlen(prepared), params->argon_passes,
				   params->argon_bytes))
		e = err_set(eb, ERR_AGAIN, "Argon2id: no memory, or bad parameters");
	if (e == ERR_OK) {
		seal("argon", pepper, text, argon);
		make_scram(SCRAM_SHA_256, prepared, params->scram_iterations, pepper, scram);
	}
	sodium_memzero(prepared, sizeof(prepared));
	sodium_memzero(text, sizeof(text));
	return e;
}

enum err password_make_scram(enum scram_hash hash, const char *password,
			     const struct password_params *params, const struct pepper *pepper,
			     struct sealed *out, struct errbuf *eb)
{
	char prepared[PASSWORD_MAX + 1];

	out->n = 0;
	if (password_prepare(password, strlen(password), prepared) ||
	    params->scram_iterations < 4096)
		return err_set(eb, ERR_INVALID, "no password, or too few iterations");
	make_scram(hash, prepared, params->scram_iterations, pepper, out);
	sodium_memzero(prepared, sizeof(prepared));
	return ERR_OK;
}

enum err password_import(const char *hash, const struct password_params *params,
			 const struct pepper *pepper, struct sealed *argon, struct sealed *scram,
			 struct errbuf *eb)
{
	char text[TEXT_MAX];

	argon->n = scram->n = 0;
	if (strncasecmp(hash, "{PLAIN}", 7) == 0)
		return password_make(hash + 7, params, pepper, argon, scram, eb);
	if (foreign_parse(hash, text, sizeof(text)))
		return err_set(eb, ERR_INVALID, "not a password hash of a known form");
	seal("argon", pepper, text, argon);
	return ERR_OK;
}

/* ---- checking ----------------------------------------------------------------------------- */

/* As long as a real check takes, for accounts that do not exist. */
static void waste_time(const char *password, size_t len, const struct password_params *params)
{
	static const uint8_t salt[crypto_pwhash_SALTBYTES];
	uint8_t out[32];

	(void)!crypto_pwhash(out, sizeof(out), password, len, salt, params->argon_passes,
			     params->argon_bytes, crypto_pwhash_ALG_ARGON2ID13);
}

static bool check_text(const char *text, const char *raw, const char *prepared, bool *old)
{
	if (strncmp(text, "$argon2", 7) == 0)
		return prepared[0] && crypto_pwhash_str_verify(text, prepared, strlen(prepared)) == 0;
	*old = true;
	/* The other system will have hashed what was typed. */
	return foreign_check(text, raw) ||
	       (prepared[0] && strcmp(raw, prepared) != 0 && foreign_check(text, prepared));
}

enum err password_check(const struct sealed *argon, const char *password, size_t len,
			const struct password_params *params, const struct pepper *pepper, bool *old)
{
	char text[TEXT_MAX], raw[PASSWORD_MAX + 1], prepared[PASSWORD_MAX + 1] = "";
	enum err e;

	*old = false;
	CHECK(sodium_init() >= 0);
	if (len == 0 || len > PASSWORD_MAX || memchr(password, '\0', len))
		return ERR_DENIED;
	if (argon->n == 0) {
		waste_time(password, len, params);
		return ERR_DENIED;
	}
	e = unseal("argon", pepper, argon, text);
	if (e)
		return e;
	memcpy(raw, password, len);
	raw[len] = '\0';
	if (password_prepare(password, len, prepared))
		prepared[0] = '\0';
	e = check_text(text, raw, prepared, old) ? ERR_OK : ERR_DENIED;
	sodium_memzero(text, sizeof(text));
	sodium_memzero(raw, sizeof(raw));
	sodium_memzero(prepared, sizeof(prepared));
	return e;
}

/* ---- SCRAM ---------------------------------------------------------------------------------- */

/* The text up to `stop`, which is skipped. */
static bool take(const char **at, char stop, char *out, size_t cap)
{
	const char *end = strchrnul(*at, stop);
	size_t n = (size_t)(end - *at);

	if (n == 0 || n >= cap || *end != stop)
		return false;
	memcpy(out, *at, n);
	out[n] = '\0';
	*at = stop ? end + 1 : end;
	return true;
}

enum err scram_open(enum scram_hash hash, const struct sealed *scram,
		    const struct pepper *pepper, struct scram_verifier *out)
{
	char text[TEXT_MAX], number[16];
	size_t n = strlen(scrams[hash].name);
	const char *at = text + n;
	enum err e = unseal(scrams[hash].purpose, pepper, scram, text);

	if (e)
		return e;
	if (strncmp(text, scrams[hash].name, n) != 0 ||
	    !take(&at, ':', number, sizeof(number)) || !take(&at, '$', out->salt, sizeof(out->salt)) ||
	    !take(&at, ':', out->stored_key, sizeof(out->stored_key)) ||
	    !take(&at, '\0', out->server_key, sizeof(out->server_key)))
		e = ERR_CORRUPT;
	else
		out->iterations = (unsigned)strtoul(number, NULL, 10);
	sodium_memzero(text, sizeof(text));
	return e;
}

void scram_fake(enum scram_hash hash, const char *user, unsigned iterations,
		const struct pepper *pepper, struct scram_verifier *out)
{
	char *to[] = { out->salt, out->stored_key, out->server_key }, *folded = xstrdup(user);
	size_t caps[] = { sizeof(out->salt), sizeof(out->stored_key), sizeof(out->server_key) };
	uint8_t key[32], h[KEY_BYTES];

	for (char *c = folded; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	out->iterations = iterations;
	for (size_t i = 0; i < N_ELEMS(to); i++) {
		subkey(pepper, scrams[hash].fakes[i], key);
		crypto_generichash(h, sizeof(h), (const unsigned char *)folded, strlen(folded), key,
				   sizeof(key));
		base64(h, i == 0 ? SALT_BYTES : scrams[hash].key, to[i], caps[i]);
	}
	free(folded);
}
