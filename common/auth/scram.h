#ifndef AUTH_SCRAM_H
#define AUTH_SCRAM_H
/*
 * scram - the server's side of a SCRAM exchange (RFC 5802, 7677), without I/O
 *
 *	client-first  ->  scram_first(): whose keys are wanted
 *	server-first  <-  scram_offer()
 *	client-final  ->  scram_final(): is it them?
 *	server-final  <-  its answer
 *
 * Private to common/auth.  Messages are plain bytes, not base64.  The object is wiped
 * when it is freed.
 */
#include "common/auth/password.h"
#include "common/base/err.h"
#include "common/tls/conn.h"
#include <stdbool.h>
#include <stddef.h>

#define SCRAM_NAME_MAX	1024	/* bytes of an identity */
#define SCRAM_NONCE_MAX 512	/* bytes of the client's nonce */

struct scram;

/* plus: the mechanism is a -PLUS.  proof: what the connection can be bound to, borrowed;
 * NULL: nothing. */
struct scram *scram_new(enum scram_hash hash, bool plus, const struct conn_proof *proof);
void scram_free(struct scram **s);		/* *s may be NULL */

/* Names are the caller's until scram_free().  INVALID: malformed, or a channel binding
 * we do not know.  DENIED: the client could bind and was told that we cannot. */
enum err scram_first(struct scram *s, const char *msg, size_t n, const char **user,
		     const char **authzid) A_MUST_USE;
/* The server's first message, valid until scram_free().  nonce is our half: printable,
 * no comma; NULL: random. */
const char *scram_offer(struct scram *s, const struct scram_verifier *v, const char *nonce);
/* OK: *answer is the server's last message.  DENIED: wrong proof or channel binding.
 * INVALID: malformed. */
enum err scram_final(struct scram *s, const char *msg, size_t n, const char **answer) A_MUST_USE;
#endif
