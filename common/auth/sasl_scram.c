/* SCRAM: scram.c knows the messages, the directory knows the keys. */
#include "common/auth/sasl_priv.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include <sodium.h>
#include <string.h>

/* The verifier of this user, or one that nobody can answer to. */
static enum err find_keys(struct sasl *s, const char *user, struct scram_verifier *out)
{
	struct login_try t = sasl_try(s, user);
	enum scram_hash hash = s->mech->hash;
	const struct sealed *sealed;
	struct credential cred;
	enum err e;

	e = login_begin(s->login, &t, &cred);
	if (e && e != ERR_NOTFOUND)
		return e;
	sealed = hash == SCRAM_SHA_1 ? &cred.scram_sha1 : &cred.scram;
	s->known = e == ERR_OK && sealed->n > 0;
	e = ERR_OK;
	if (s->known && scram_open(hash, sealed, login_pepper(s->login), out)) {
		log_error(NULL, "verifier-damaged account=%s", cred.user);
		e = ERR_AGAIN;
	} else if (s->known) {
		s->result = (struct login_result){ .principal = cred.principal, .usn = cred.usn };
		memcpy(s->result.user, cred.user, sizeof(s->result.user));
	} else {
		scram_fake(hash, user, login_scram_iterations(s->login), login_pepper(s->login),
			   out);
	}
	sodium_memzero(&cred, sizeof(cred));
	return e;
}

static bool first(struct sasl *s, const char *msg, size_t n)
{
	struct scram_verifier v;
	const char *user, *authzid, *offer;
	enum err e;

	s->scram = scram_new(s->mech->hash, s->mech->plus, s->conf.proof);
	e = scram_first(s->scram, msg, n, &user, &authzid);
	if (!e && authzid && strcmp(authzid, user) != 0)
		e = ERR_DENIED;
	if (!e)
		e = find_keys(s, user, &v);
	if (e)
		return sasl_over(s, e);
	s->user = xstrdup(user);
	offer = scram_offer(s->scram, &v, NULL);
	sodium_memzero(&v, sizeof(v));
	return sasl_challenge(s, offer, strlen(offer));
}

static bool last(struct sasl *s, const char *msg, size_t n)
{
	struct login_try t = sasl_try(s, s->user);
	const char *answer;
	enum err e = scram_final(s->scram, msg, n, &answer);

	/* What is malformed proves nothing; the proof itself is a try. */
	if (e == ERR_INVALID)
		return sasl_over(s, e);
	if (!e && !s->known)		/* nobody has those keys; but be sure */
		e = ERR_DENIED;
	login_note(s->login, &t, e == ERR_OK);
	if (e)
		return sasl_over(s, e);
	s->has_result = true;
	return sasl_challenge(s, answer, strlen(answer));	/* the client checks us */
}

bool sasl_read_scram(struct sasl *s, char *msg, size_t n)
{
	if (s->has_result)		/* the empty answer to our last message */
		return n == 0 ? true : sasl_over(s, ERR_INVALID);
	return s->scram == NULL ? first(s, msg, n) : last(s, msg, n);
}
