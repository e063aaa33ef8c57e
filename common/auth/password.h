#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H
/*
 * password - verifiers: what is stored instead of a password
 *
 * Two per account: an Argon2id hash, for PLAIN and LOGIN, and a SCRAM-SHA-256
 * verifier (RFC 5802, 7677); a third, for SCRAM-SHA-1, only where the organisation
 * says so, since it is the easiest to guess against.  All are sealed (XSalsa20-Poly1305) with keys made
 * from the organisation's pepper, so a stolen database or backup cannot even be
 * guessed against.  The pepper lives in each role's key file, nowhere else.
 *
 * A sealed verifier is opaque bytes of at most PASSWORD_SEALED_MAX.
 *
 * Passwords are prepared by SASLprep (RFC 4013) before hashing, so that PLAIN
 * and SCRAM agree; one that SASLprep refuses is INVALID when it is set, and just
 * wrong when it is tried.  At most PASSWORD_MAX bytes.
 *
 * password_make(), password_import() and password_check() compute for tens of
 * milliseconds: call them on a worker.  They share no state.
 */
#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PASSWORD_MAX	    1024	/* bytes of a password */
#define PASSWORD_SEALED_MAX 512
#define PASSWORD_PEPPER	    32

struct pepper {
	uint8_t key[PASSWORD_PEPPER];
};

struct sealed {
	size_t n;		/* 0: there is none */
	uint8_t b[PASSWORD_SEALED_MAX];
};

struct password_params {
	uint64_t argon_bytes;		/* memory of one hash, at least 8 KiB */
	unsigned argon_passes;		/* at least 1 */
	/* At least 4,096.  Cyrus SASL, which mbsync and many others log in with, refuses
	 * more than 65,536; and who steals a sealed verifier needs the pepper too. */
	unsigned scram_iterations;
};
#define PASSWORD_DEFAULTS { 19u << 20, 2, 65536 }	/* 21 ms, OWASP's choice */

/* Both verifiers of a new password.  INVALID: empty, too long, not UTF-8, or
 * refused by SASLprep. */
enum err password_make(const char *password, const struct password_params *params,
		       const struct pepper *pepper, struct sealed *argon,
		       struct sealed *scram, struct errbuf *eb) A_MUST_USE;

/* Take over a hash of another system: {CRYPT}, {SHA512-CRYPT}, {SHA256-CRYPT},
 * {BLF-CRYPT}, {MD5-CRYPT} before a crypt(3) hash, or that hash bare ($2y$, $6$,
 * $5$, $1$, $y$, $7$); {PLAIN}, which makes both verifiers at once; {SSHA},
 * {SSHA256}, {SSHA512} (base64).  Without a
 * password there is no SCRAM: scram->n is 0.  INVALID if the form is unknown. */
enum err password_import(const char *hash, const struct password_params *params,
			 const struct pepper *pepper, struct sealed *argon,
			 struct sealed *scram, struct errbuf *eb) A_MUST_USE;

/* OK, or DENIED (wrong), CORRUPT (not sealed with this pepper, damaged).  `old`
 * becomes true if a newer verifier should replace this one (imported hash).
 * An empty verifier (n 0) costs the same time and is DENIED: so the answer's
 * delay does not tell who exists. */
enum err password_check(const struct sealed *argon, const char *password, size_t len,
			const struct password_params *params, const struct pepper *pepper,
			bool *old) A_MUST_USE;

enum scram_hash { SCRAM_SHA_256, SCRAM_SHA_1 };

/* One SCRAM verifier more, of a password that password_make() took. */
enum err password_make_scram(enum scram_hash hash, const char *password,
			     const struct password_params *params, const struct pepper *pepper,
			     struct sealed *out, struct errbuf *eb) A_MUST_USE;

/* A SCRAM verifier opened: texts as RFC 5803 has them. */
struct scram_verifier {
	unsigned iterations;
	char salt[64];			/* base64 */
	char stored_key[48];		/* base64 of 32 bytes, or 20 */
	char server_key[48];
};
enum err scram_open(enum scram_hash hash, const struct sealed *scram,
		    const struct pepper *pepper, struct scram_verifier *out) A_MUST_USE;	/* CORRUPT */
/* For an account that does not exist or has no verifier: the same salt every time
 * it is asked for, and keys that nobody has. */
void scram_fake(enum scram_hash hash, const char *user, unsigned iterations,
		const struct pepper *pepper, struct scram_verifier *out);

/* SASLprep; out holds at least PASSWORD_MAX + 1.  INVALID. */
enum err password_prepare(const char *in, size_t len, char *out) A_MUST_USE;
#endif
