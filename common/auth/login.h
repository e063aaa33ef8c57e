#ifndef AUTH_LOGIN_H
#define AUTH_LOGIN_H
/*
 * login - does this user know this password, may they use this protocol?
 *
 * One struct login per daemon.  Credentials come from the replica through
 * struct credential_source, a point read that the loop does itself.  Argon2 runs
 * on a worker pool with a bounded queue.
 *
 * A verified login is remembered in memory, under a keyed hash of user, password
 * and credential USN; so the next one costs microseconds, and a change of
 * password or a disabled account ends it at once, because the credential is
 * looked up each time and its USN is part of the key.
 *
 * Failures are counted per account and per source address; who must wait gets
 * LIMIT and the password is not looked at.  A remembered password does not wait
 * for its account's failures, so that guessing does not lock the owner out.
 *
 * Results: OK; DENIED (wrong user or password: never says which; or the account
 * or the protocol is switched off); LIMIT (too many failures, wait); AGAIN (queue
 * full, directory not there yet).
 */
#include "common/auth/oauth.h"
#include "common/auth/password.h"
#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/base/guid.h"
#include "common/svc/work.h"
#include <stdbool.h>
#include <stdint.h>

/* Protocols that can be switched off per mailbox. */
enum login_protocol {
	LOGIN_IMAP = 1,
	LOGIN_POP3 = 2,
	LOGIN_SMTP = 4,
	LOGIN_HTTP = 8,
	LOGIN_SIEVE = 16,
};

#define LOGIN_CERTS 8

struct credential {
	struct guid principal;
	uint64_t usn;			/* of the last change to what is below */
	bool enabled;
	unsigned protocols;		/* enum login_protocol bits that are on */
	char user[256];			/* canonical name, for logs: the primary address */
	struct sealed argon, scram, scram_sha1;
	/* SHA-256 of certificates that stand for this user; more are not looked at. */
	uint8_t certs[LOGIN_CERTS][32];
	size_t n_certs;
	bool external;			/* ask source.bind() instead of argon */
};

/* The replica implements it. */
struct credential_source {
	/* Who is `user` (as typed: an address or alias, or DOMAIN\name)?  OK,
	 * NOTFOUND, AGAIN.  On the loop. */
	enum err (*lookup)(void *ctx, const char *user, struct credential *out);
	/* Pass-through to the enterprise's directory: OK, DENIED, AGAIN.  Blocks, on
	 * a worker thread.  May be NULL when nothing is external. */
	enum err (*bind)(void *ctx, const struct credential *c, const char *password);
	void *ctx;
};

struct login_conf {
	struct work_pool *pool;			/* borrowed */
	struct credential_source source;
	struct pepper pepper;			/* copied, wiped */
	struct password_params params;		/* of the dummy check for unknown users */
	size_t max_cached;			/* logins remembered; 0: 20,000 */
	int64_t cache_ms;			/* for how long; 0: an hour */
	/* Failures; zero values: 5 tries, then 1 s doubling to 5 min, forgotten after
	 * 30 min, 10,000 keys; an address has 20 tries. */
	unsigned account_tries, source_tries;
};

struct login;
struct login_call;

struct login *login_new(const struct login_conf *conf);
void login_free(struct login **l);		/* cancels what runs */

struct login_try {
	const char *user;			/* copied */
	const char *password;			/* copied, the copy is wiped */
	size_t password_len;
	struct addr source;			/* the client's; family 0: not counted */
	enum login_protocol protocol;
	int64_t now_ms;				/* monotonic */
	const uint8_t *cert;			/* login_admit(): 32 bytes, or NULL */
};

struct login_result {
	struct guid principal;
	uint64_t usn;				/* of the credential that was good */
	char user[256];
	bool rehash;				/* verified by an imported hash */
};

/* r is borrowed; NULL unless e is OK. */
typedef void login_cb(void *ctx, enum err e, const struct login_result *r);

/* Answers once, from the loop, never from inside the call. */
struct login_call *login_verify(struct login *l, const struct login_try *t, login_cb *cb,
				void *ctx);
void login_cancel(struct login_call **c);	/* *c may be NULL */

/* ---- what the organisation decides, see common/replica/issuers.h ------------ */

/* Whose tokens are believed; taken, may be NULL.  Replaces the last one. */
void login_set_oauth(struct login *l, struct oauth *o);
const struct oauth *login_oauth(const struct login *l);		/* may be NULL */
/* Is SCRAM-SHA-1 offered?  Not until this is called. */
void login_set_sha1(struct login *l, bool on);
bool login_has_sha1(const struct login *l);

/* ---- for mechanisms that verify without a password ------------------------- */

/* May this user begin?  OK with the credential; LIMIT, AGAIN; NOTFOUND, also for
 * who is disabled: go on with a fake verifier. */
enum err login_begin(struct login *l, const struct login_try *t, struct credential *out)
	A_MUST_USE;
/* What came of it: failures are counted, a success clears the account's. */
void login_note(struct login *l, const struct login_try *t, bool ok);
/* Somebody was named by who we believe (a token, a certificate): may they come in?
 * OK with the result; DENIED, AGAIN; LIMIT: the address has failed too often.  With
 * t->cert only if that certificate is one of the user's.  Nothing is counted: call
 * login_note() when they are in, login_note_source() when they are not. */
enum err login_admit(struct login *l, const struct login_try *t, struct login_result *out)
	A_MUST_USE;
/* A token or certificate was no good.  Counted for the address only: nothing was
 * guessed about a user. */
void login_note_source(struct login *l, const struct login_try *t);
const struct pepper *login_pepper(const struct login *l);
unsigned login_scram_iterations(const struct login *l);	/* for fakes */

/* Is a login that was good still good?  For live connections, after directory
 * changes: DENIED when the account was disabled or its credential changed. */
enum err login_still(struct login *l, const struct login_result *r,
		     enum login_protocol protocol) A_MUST_USE;

struct login_stats {
	uint64_t ok, cached, denied, limited, busy;
	size_t in_cache;
};
void login_get_stats(const struct login *l, struct login_stats *out);
#endif
