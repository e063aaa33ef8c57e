#include "common/auth/scram.h"

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/span.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define VARIANT	  sodium_base64_VARIANT_ORIGINAL
#define NONCE	  18		/* random bytes of ours */
#define KEY_MAX	  EVP_MAX_MD_SIZE
#define FINAL_MAX 4096		/* bytes of a client's last message */

struct scram {
	const EVP_MD *md;
	size_t key;			/* bytes of a key */
	bool plus;
	const struct conn_proof *proof;
	const struct scram_verifier *verifier;	/* copied into the arena */
	struct arena arena;
	struct span header;		/* gs2: "n,,", with the binding's name and authzid */
	const uint8_t *binding;		/* what c= must end with; NULL: nothing */
	size_t n_binding;
	const char *bare;		/* the client's first message without the header */
	const char *nonce;		/* the client's, then both halves */
	const char *offer;
};

struct scram *scram_new(enum scram_hash hash, bool plus, const struct conn_proof *proof)
{
	struct scram *s = xcalloc(1, sizeof(*s));

	CHECK(sodium_init() >= 0);
	s->md = hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
	s->key = (size_t)EVP_MD_get_size(s->md);
	s->plus = plus;
	s->proof = proof;
	return s;
}

void scram_free(struct scram **sp)
{
	struct scram *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (s->verifier)
		sodium_memzero((void *)s->verifier, sizeof(*s->verifier));
	arena_fini(&s->arena);
	free(s);
}

/* ---- the client's first message -------------------------------------------------------- */

/* "K=value" up to a comma or the end, which is skipped. */
static bool field(struct span *in, char key, struct span *value)
{
	const char *comma = memchr(in->p, ',', in->n);
	size_t n = comma ? (size_t)(comma - in->p) : in->n;

	if (n < 2 || in->p[0] != key || in->p[1] != '=')
		return false;
	*value = (struct span){ in->p + 2, n - 2 };
	n += comma != NULL;
	in->p += n;
	in->n -= n;
	return true;
}

/* RFC 5802 section 5.1: "=2C" and "=3D", no other use of "=". */
static const char *saslname(struct scram *s, struct span in)
{
	char *out = arena_alloc(&s->arena, in.n + 1), *to = out;

	if (in.n == 0 || in.n > SCRAM_NAME_MAX || memchr(in.p, '\0', in.n))
		return NULL;
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] != '=') {
			*to++ = in.p[i];
			continue;
		}
		if (in.n - i < 3)
			return NULL;
		if (memcmp(in.p + i, "=2C", 3) == 0)
			*to++ = ',';
		else if (memcmp(in.p + i, "=3D", 3) == 0)
			*to++ = '=';
		else
			return NULL;
		i += 2;
	}
	*to = '\0';
	return out;
}

static bool can_bind(const struct scram *s)
{
	return s->proof && (s->proof->has_exporter || s->proof->n_end_point > 0);
}

/* RFC 9266; RFC 5929 section 4. */
static enum err choose_binding(struct scram *s, struct span name)
{
	if (!s->plus)
		return ERR_INVALID;
	if (span_eq(name, SPAN("tls-exporter")) && s->proof && s->proof->has_exporter) {
		s->binding = s->proof->exporter;
		s->n_binding = sizeof(s->proof->exporter);
	} else if (span_eq(name, SPAN("tls-server-end-point")) && s->proof &&
		   s->proof->n_end_point > 0) {
		s->binding = s->proof->end_point;
		s->n_binding = s->proof->n_end_point;
	} else {
		return ERR_INVALID;
	}
	return ERR_OK;
}

/* "n," "y," or "p=name,", then "," or "a=authzid,". */
static enum err read_header(struct scram *s, struct span *in, const char **authzid)
{
	const char *start = in->p;
	struct span value;
	enum err e = ERR_OK;

	if (field(in, 'p', &value)) {
		e = choose_binding(s, value);
	} else if (in->n >= 2 && (in->p[0] == 'n' || in->p[0] == 'y') && in->p[1] == ',') {
		if (s->plus)
			e = ERR_INVALID;
		else if (in->p[0] == 'y' && can_bind(s))
			e = ERR_DENIED;		/* somebody took -PLUS out of our list */
		in->p += 2;
		in->n -= 2;
	} else {
		e = ERR_INVALID;
	}
	if (e)
		return e;
	if (in->n > 0 && in->p[0] == ',') {
		in->p++;
		in->n--;
	} else if (field(in, 'a', &value)) {
		*authzid = saslname(s, value);
		e = *authzid && in->p[-1] == ',' ? ERR_OK : ERR_INVALID;
	} else {
		e = ERR_INVALID;
	}
	s->header = (struct span){ start, (size_t)(in->p - start) };
	return e;
}

static bool is_nonce(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] > 0x7e || s.p[i] == ',')
			return false;
	return s.n > 0;
}

enum err scram_first(struct scram *s, const char *msg, size_t n, const char **user,
		     const char **authzid)
{
	struct span in = { arena_strn(&s->arena, msg, n), n }, name, nonce;
	enum err e;

	CHECK(s->bare == NULL);
	*user = *authzid = NULL;
	if (n == 0 || n > SCRAM_NAME_MAX * 4 || memchr(msg, '\0', n))
		return ERR_INVALID;
	e = read_header(s, &in, authzid);
	if (e)
		return e;
	s->bare = in.p;
	/* "m=" comes first and is for mandatory extensions, of which there are none. */
	if (!field(&in, 'n', &name) || !field(&in, 'r', &nonce) || !is_nonce(nonce) ||
	    nonce.n > SCRAM_NONCE_MAX)
		return ERR_INVALID;
	*user = saslname(s, name);
	s->nonce = arena_strn(&s->arena, nonce.p, nonce.n);
	return *user ? ERR_OK : ERR_INVALID;
}

const char *scram_offer(struct scram *s, const struct scram_verifier *v, const char *nonce)
{
	uint8_t random[NONCE];
	char ours[sodium_base64_ENCODED_LEN(NONCE, VARIANT)];

	CHECK(s->nonce != NULL && s->offer == NULL);
	s->verifier = arena_dup(&s->arena, v, sizeof(*v));
	if (nonce == NULL) {
		randombytes_buf(random, sizeof(random));
		sodium_bin2base64(ours, sizeof(ours), random, sizeof(random), VARIANT);
		nonce = ours;
	}
	s->nonce = arena_printf(&s->arena, "%s%s", s->nonce, nonce);
	s->offer = arena_printf(&s->arena, "r=%s,s=%s,i=%u", s->nonce, v->salt, v->iterations);
	return s->offer;
}

/* ---- the client's last message ----------------------------------------------------------- */

static bool decode(struct span in, uint8_t *out, size_t cap, size_t *n)
{
	return sodium_base642bin(out, cap, in.p, in.n, NULL, n, NULL, VARIANT) == 0;
}

/* c= is the header of the first message and the channel's own bytes. */
static bool is_bound(const struct scram *s, struct span c)
{
	uint8_t got[FINAL_MAX];
	size_t n;

	return c.n < sizeof(got) && decode(c, got, sizeof(got), &n) &&
	       n == s->header.n + s->n_binding && memcmp(got, s->header.p, s->header.n) == 0 &&
	       (s->n_binding == 0 ||
		sodium_memcmp(got + s->header.n, s->binding, s->n_binding) == 0);
}

static void sign(const struct scram *s, const uint8_t *key, const char *text, uint8_t out[KEY_MAX])
{
	CHECK(HMAC(s->md, key, (int)s->key, (const unsigned char *)text, strlen(text), out, NULL));
}

/* RFC 5802 section 3: ClientKey is the proof with our signature taken off, and its hash
 * is what we store. */
static bool is_proof(const struct scram *s, const char *auth, const uint8_t *proof)
{
	uint8_t stored[KEY_MAX], signature[KEY_MAX], key[KEY_MAX], h[KEY_MAX];
	bool ok;
	size_t n;

	if (!decode(span_of(s->verifier->stored_key), stored, sizeof(stored), &n) || n != s->key)
		return false;
	sign(s, stored, auth, signature);
	for (size_t i = 0; i < s->key; i++)
		key[i] = proof[i] ^ signature[i];
	CHECK(EVP_Digest(key, s->key, h, NULL, s->md, NULL) == 1);
	ok = sodium_memcmp(h, stored, s->key) == 0;
	sodium_memzero(key, sizeof(key));
	sodium_memzero(stored, sizeof(stored));
	return ok;
}

static const char *answer_of(struct scram *s, const char *auth)
{
	uint8_t key[KEY_MAX], signature[KEY_MAX];
	char text[sodium_base64_ENCODED_LEN(KEY_MAX, VARIANT)];
	size_t n;

	if (!decode(span_of(s->verifier->server_key), key, sizeof(key), &n) || n != s->key)
		return NULL;
	sign(s, key, auth, signature);
	sodium_bin2base64(text, sizeof(text), signature, s->key, VARIANT);
	sodium_memzero(key, sizeof(key));
	return arena_printf(&s->arena, "v=%s", text);
}

enum err scram_final(struct scram *s, const char *msg, size_t n, const char **answer)
{
	struct span in = { arena_strn(&s->arena, msg, n), n }, c, nonce, ext, p;
	size_t without = 0, n_proof;
	uint8_t proof[KEY_MAX];
	const char *auth;

	CHECK(s->offer != NULL);
	*answer = NULL;
	if (n == 0 || n > FINAL_MAX || memchr(msg, '\0', n) || !field(&in, 'c', &c) ||
	    !field(&in, 'r', &nonce))
		return ERR_INVALID;
	/* Extensions may stand before the proof, which is last. */
	while (in.n > 0 && in.p[0] != 'p')
		if (!field(&in, in.p[0], &ext))
			return ERR_INVALID;
	without = n - in.n;
	if (!field(&in, 'p', &p) || in.n > 0 ||
	    !decode(p, proof, sizeof(proof), &n_proof) || n_proof != s->key)
		return ERR_INVALID;
	if (!is_bound(s, c) || !span_eq(nonce, span_of(s->nonce)))
		return ERR_DENIED;
	auth = arena_printf(&s->arena, "%s,%s,%.*s", s->bare, s->offer, (int)without - 1, msg);
	if (!is_proof(s, auth, proof))
		return ERR_DENIED;
	*answer = answer_of(s, auth);
	return *answer ? ERR_OK : ERR_DENIED;
}
