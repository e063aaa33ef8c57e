#include "common/auth/foreign.h"

#include "common/base/check.h"
#include <crypt.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_SALT 64

/* {SCHEME}s that only say which crypt(3) hash follows; prefix NULL: any. */
static const struct {
	const char *scheme, *prefix;
} crypt_schemes[] = {
	{ "{CRYPT}", NULL },	     { "{SHA512-CRYPT}", "$6$" }, { "{SHA256-CRYPT}", "$5$" },
	{ "{BLF-CRYPT}", "$2" },     { "{MD5-CRYPT}", "$1$" },
};
static const char *const crypt_prefixes[] = { "$2a$", "$2b$", "$2y$", "$6$", "$5$",
					      "$1$",  "$y$",  "$7$",  "$gy$" };

/* base64(digest, salt), RFC 2307 and its later relatives. */
static const struct {
	const char *scheme;
	const EVP_MD *(*md)(void);
	size_t n;
} salted[] = {
	{ "{SSHA}", EVP_sha1, 20 },
	{ "{SSHA256}", EVP_sha256, 32 },
	{ "{SSHA512}", EVP_sha512, 64 },
};

static bool starts(const char *s, const char *with)
{
	return strncasecmp(s, with, strlen(with)) == 0;
}

static bool is_crypt(const char *hash)
{
	for (size_t i = 0; i < N_ELEMS(crypt_prefixes); i++)
		if (strncmp(hash, crypt_prefixes[i], strlen(crypt_prefixes[i])) == 0)
			return crypt_checksalt(hash) != CRYPT_SALT_INVALID;
	return false;
}

/* The bytes of a salted hash; false if it is none. */
static bool salted_open(const char *hash, size_t *which, unsigned char *bytes, size_t cap, size_t *n)
{
	for (size_t i = 0; i < N_ELEMS(salted); i++) {
		const char *text = hash + strlen(salted[i].scheme);

		if (!starts(hash, salted[i].scheme))
			continue;
		*which = i;
		return sodium_base642bin(bytes, cap, text, strlen(text), NULL, n, NULL,
					 sodium_base64_VARIANT_ORIGINAL) == 0 &&
		       *n >= salted[i].n && *n <= salted[i].n + MAX_SALT;
	}
	return false;
}

enum err foreign_parse(const char *hash, char *out, size_t cap)
{
	unsigned char bytes[256];
	size_t which, n;

	for (size_t i = 0; i < N_ELEMS(crypt_schemes); i++)
		if (starts(hash, crypt_schemes[i].scheme)) {
			hash += strlen(crypt_schemes[i].scheme);
			if (crypt_schemes[i].prefix &&
			    strncmp(hash, crypt_schemes[i].prefix, strlen(crypt_schemes[i].prefix)) != 0)
				return ERR_INVALID;
			break;
		}
	if (strlen(hash) >= cap)
		return ERR_INVALID;
	if (!is_crypt(hash) && !salted_open(hash, &which, bytes, sizeof(bytes), &n))
		return ERR_INVALID;
	strcpy(out, hash);
	return ERR_OK;
}

static bool salted_check(const char *hash, const char *password)
{
	unsigned char bytes[256], got[EVP_MAX_MD_SIZE];
	size_t which, n;
	EVP_MD_CTX *md;
	bool ok;

	if (!salted_open(hash, &which, bytes, sizeof(bytes), &n))
		return false;
	md = EVP_MD_CTX_new();
	CHECK(md != NULL);
	ok = EVP_DigestInit_ex(md, salted[which].md(), NULL) == 1 &&
	     EVP_DigestUpdate(md, password, strlen(password)) == 1 &&
	     EVP_DigestUpdate(md, bytes + salted[which].n, n - salted[which].n) == 1 &&
	     EVP_DigestFinal_ex(md, got, NULL) == 1 && sodium_memcmp(got, bytes, salted[which].n) == 0;
	EVP_MD_CTX_free(md);
	return ok;
}

bool foreign_check(const char *hash, const char *password)
{
	struct crypt_data *cd;
	const char *got;
	bool ok;

	if (hash[0] == '{')
		return salted_check(hash, password);
	cd = xcalloc(1, sizeof(*cd));	/* 32 KiB: too much for a worker's stack */
	got = crypt_r(password, hash, cd);
	ok = got && got[0] != '*' && strlen(got) == strlen(hash) &&
	     sodium_memcmp(got, hash, strlen(hash)) == 0;
	sodium_memzero(cd, sizeof(*cd));
	free(cd);
	return ok;
}
