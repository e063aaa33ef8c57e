#include "roles/unified-messaging/media/srtp.h"

#include "common/base/check.h"

#include <re.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_KEY = 46 };

static const struct {
	const char *name;
	enum srtp_suite suite;
	size_t bytes;		/* key and salt */
} suites[] = {
	{ "AES_CM_128_HMAC_SHA1_80", SRTP_AES_CM_128_HMAC_SHA1_80, 30 },
	{ "AES_CM_128_HMAC_SHA1_32", SRTP_AES_CM_128_HMAC_SHA1_32, 30 },
	{ "AES_256_CM_HMAC_SHA1_80", SRTP_AES_256_CM_HMAC_SHA1_80, 46 },
	{ "AES_256_CM_HMAC_SHA1_32", SRTP_AES_256_CM_HMAC_SHA1_32, 46 },
};

struct srtp_pair {
	struct srtp *in, *out;
	struct sdp_key theirs, ours;
};

static bool decode_key(const char *text, size_t want, uint8_t out[MAX_KEY])
{
	size_t n = 0;

	return sodium_base642bin(out, MAX_KEY, text, strlen(text), NULL, &n, NULL,
				 sodium_base64_VARIANT_ORIGINAL) == 0 && n == want;
}

static enum err make(struct srtp_pair *p, size_t which, const struct sdp_key *theirs,
		     struct errbuf *eb)
{
	uint8_t key[MAX_KEY], mine[MAX_KEY];
	enum err e = ERR_OK;

	if (!decode_key(theirs->key, suites[which].bytes, key))
		return err_set(eb, ERR_INVALID, "a key of SRTP that is no key");
	randombytes_buf(mine, sizeof(mine));
	p->theirs = *theirs;
	p->ours = *theirs;
	sodium_bin2base64(p->ours.key, sizeof(p->ours.key), mine, suites[which].bytes,
			  sodium_base64_VARIANT_ORIGINAL);
	if (srtp_alloc(&p->in, suites[which].suite, key, suites[which].bytes, 0) ||
	    srtp_alloc(&p->out, suites[which].suite, mine, suites[which].bytes, 0))
		e = err_set(eb, ERR_INTERNAL, "libre makes no SRTP context");
	sodium_memzero(key, sizeof(key));
	sodium_memzero(mine, sizeof(mine));
	return e;
}

enum err srtp_pair_new(const struct sdp_stream *theirs, struct sdp_key *ours,
		       struct srtp_pair **out, struct errbuf *eb)
{
	for (size_t i = 0; i < theirs->n_keys; i++)
		for (size_t k = 0; k < N_ELEMS(suites); k++) {
			struct srtp_pair *p;
			enum err e;

			if (strcasecmp(theirs->key[i].suite, suites[k].name) != 0)
				continue;
			p = xcalloc(1, sizeof(*p));
			e = make(p, k, &theirs->key[i], eb);
			if (e) {
				srtp_pair_free(&p);
				return e;
			}
			*ours = p->ours;
			*out = p;
			return ERR_OK;
		}
	return err_set(eb, ERR_NOTFOUND, "no suite of SRTP that we can do");
}

void srtp_pair_free(struct srtp_pair **pp)
{
	struct srtp_pair *p = *pp;

	if (!p)
		return;
	*pp = NULL;
	mem_deref(p->in);
	mem_deref(p->out);
	sodium_memzero(p, sizeof(*p));
	free(p);
}

bool srtp_pair_same(const struct srtp_pair *p, const struct sdp_stream *theirs)
{
	for (size_t i = 0; i < theirs->n_keys; i++)
		if (theirs->key[i].tag == p->theirs.tag)
			return strcmp(theirs->key[i].key, p->theirs.key) == 0 &&
			       strcasecmp(theirs->key[i].suite, p->theirs.suite) == 0;
	return false;
}

void srtp_pair_ours(const struct srtp_pair *p, struct sdp_key *out)
{
	*out = p->ours;
}

bool srtp_pair_open(struct srtp_pair *p, struct mbuf *mb, bool rtcp)
{
	return (rtcp ? srtcp_decrypt(p->in, mb) : srtp_decrypt(p->in, mb)) == 0;
}

bool srtp_pair_close(struct srtp_pair *p, struct mbuf *mb, bool rtcp)
{
	return (rtcp ? srtcp_encrypt(p->out, mb) : srtp_encrypt(p->out, mb)) == 0;
}
