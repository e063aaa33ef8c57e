#ifndef AUTH_OAUTH_H
#define AUTH_OAUTH_H
/*
 * oauth - whose bearer tokens are believed, and whom they stand for
 *
 * An issuer is who signs tokens: its name as tokens have it in "iss", its keys, and who
 * must be meant by them ("aud").  A token is good if a key of its issuer signed it, it
 * is for one of our audiences, its time has come ("nbf") and is not over ("exp", which
 * it must have), both with a minute's grace, it has the scope that the issuer's object
 * asks for, and a claim ("email" or the one configured) names the user.  An "email"
 * that the issuer itself calls not verified names nobody.
 *
 * No token is fetched or asked about anywhere: one that was withdrawn before its time
 * is good until then, and keys are exchanged by an administrator (bourse oauth keys).
 */
#include "common/auth/jwt.h"
#include "common/base/err.h"
#include <stdint.h>

#define OAUTH_USER_MAX 256
#define OAUTH_KEYS     32	/* of one issuer; more are not looked at */

/* An issuer as it is configured; all borrowed. */
struct oauth_issuer {
	const char *name;		/* "iss", exactly */
	const char *claim;		/* that names the user; NULL: "email" */
	const char *scope;		/* that a token must have; NULL: none */
	const char *const *audiences;	/* to NULL; one of them must be meant */
	const char *const *keys;	/* to NULL: JWKs as jwks_each() makes them */
};

struct oauth;

struct oauth *oauth_new(void);
void oauth_free(struct oauth **o);		/* *o may be NULL */
/* INVALID: no audience, or a name without text.  Keys that cannot be used are passed
 * over and logged. */
enum err oauth_add(struct oauth *o, const struct oauth_issuer *i, struct errbuf *eb) A_MUST_USE;
size_t oauth_issuers(const struct oauth *o);	/* 0 also for NULL */

enum oauth_verdict {
	OAUTH_GOOD,
	OAUTH_BAD_TOKEN,		/* "invalid_token", RFC 6750 section 3.1 */
	OAUTH_NO_SCOPE,			/* "insufficient_scope" */
	OAUTH_BAD_REQUEST,		/* "invalid_request": no token at all */
};

struct oauth_answer {
	char user[OAUTH_USER_MAX];	/* as the claim has it */
	const char *why;		/* for our log; static text */
};

/* now_s: seconds of Unix time. */
enum oauth_verdict oauth_check(const struct oauth *o, const char *token, size_t n, int64_t now_s,
			       struct oauth_answer *out);

/* What a client is told (RFC 7628 section 3.2.2): JSON with the status, and the scope
 * and where to look if there is just one issuer.  The caller frees it. */
char *oauth_error_text(const struct oauth *o, enum oauth_verdict v);

/* ---- what clients send ------------------------------------------------------------- */

struct oauth_message {
	struct span user;		/* may be empty */
	struct span token;		/* empty: none was sent */
};
/* RFC 7628 section 3.1: "n,a=user,^Ahost=...^Aauth=Bearer ...^A^A".  INVALID. */
enum err oauth_read_bearer(char *msg, size_t n, struct oauth_message *out) A_MUST_USE;
/* Google's: "user=...^Aauth=Bearer ...^A^A".  INVALID. */
enum err oauth_read_xoauth2(const char *msg, size_t n, struct oauth_message *out) A_MUST_USE;
#endif
