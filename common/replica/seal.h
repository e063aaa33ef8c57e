#ifndef REPLICA_SEAL_H
#define REPLICA_SEAL_H
/*
 * seal - small secrets in directory objects, readable only with the pepper
 *
 * An edge's feed key and subscription travel to hubs in replicas; the pepper that
 * opens them is in key files only.  XSalsa20-Poly1305 under a key of its own for
 * each label, random nonce in front.
 */
#include "common/auth/password.h"
#include "common/base/span.h"

#define SEAL_MORE 40u	/* bytes that sealing adds */

void seal(const struct pepper *p, const char *label, const void *in, size_t n, uint8_t *out);
/* out takes in.n - SEAL_MORE bytes.  CORRUPT: not sealed with this pepper. */
enum err seal_open(const struct pepper *p, const char *label, struct span in, uint8_t *out,
		   size_t n) A_MUST_USE;
#endif
