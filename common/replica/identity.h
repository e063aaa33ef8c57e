#ifndef REPLICA_IDENTITY_H
#define REPLICA_IDENTITY_H
/*
 * identity - who this daemon is: its CURVE keys and what enrolment gave it
 *
 * One file, DIR/keys/<daemon>/key, mode 0600 in a folder of mode 0700: the key
 * pair (and the one before, while a rotation overlaps), the server's GUID, the
 * directory's public key and endpoint, and the organisation's pepper, which is
 * in no replica and no backup of one.  The file is replaced whole and synced.  What
 * root writes is given to the account named like the daemon, if there is one.
 *
 * Inside roles enrol with a token that `bourse server add` printed:
 *
 *	bourse-hub [-C DIR] enrol TOKEN
 *
 * An edge does it the other way round, as nothing in the perimeter may open a
 * connection inward: `bourse-edge [-C DIR] enrol --endpoint tcp://HOST:PORT` prints
 * a subscription for `bourse edge subscribe FILE`; the hubs then dial the edge and
 * prove the secret in it.  Either is one call from the role's main(), before
 * svc_open():
 *
 *	if (identity_wants_enrol(argc, argv))
 *		return identity_enrol_main(argc, argv, "bourse-hub", RPC_HUB);
 */
#include "common/base/err.h"
#include "common/base/guid.h"
#include "common/rpc/rpc.h"
#include <stdbool.h>
#include <stdint.h>

#define IDENTITY_SECRET 32u	/* bytes of a token's or subscription's secret */

struct identity {
	char *path;			/* of the key file */
	char *daemon;			/* "bourse-hub" */
	char *name;			/* of the server object: "hub1"; "" before enrolment */
	unsigned role;			/* enum rpc_role */
	struct guid server, organisation;	/* null before enrolment */
	uint8_t public_key[RPC_KEY], secret_key[RPC_KEY];
	uint8_t old_public_key[RPC_KEY], old_secret_key[RPC_KEY];	/* zero: no rotation */
	uint8_t pepper[RPC_KEY];	/* seals credentials; an edge has its feed key here */
	uint8_t directory_key[RPC_KEY];	/* an edge: zero */
	char *directory_endpoint;	/* an edge: NULL */
	char *endpoint;			/* what others dial, if enrolment was told */
	uint8_t secret[IDENTITY_SECRET];	/* an edge's subscription; zero once proved */
	int64_t secret_expires_ms;
	uint8_t hub_key[RPC_KEY];	/* an edge: the hub that proved the secret */
};

/* NOTFOUND if there is no file; CORRUPT if it is damaged, DENIED if others may
 * read it. */
enum err identity_load(const char *config_dir, const char *daemon, struct identity **out,
		       struct errbuf *eb) A_MUST_USE;
/* A new one with fresh keys, not enrolled and not written yet. */
struct identity *identity_new(const char *config_dir, const char *daemon, unsigned role);
enum err identity_save(const struct identity *id, struct errbuf *eb) A_MUST_USE;
void identity_free(struct identity **id);	/* wipes the secrets */
bool identity_is_enrolled(const struct identity *id);

/* Where others reach somebody who listens there: 0.0.0.0, * and [::] become the
 * host's name.  Freed by the caller. */
char *identity_reachable(const char *listen);

/* A new key pair; the present one becomes the old one.  Not saved. */
void identity_rotate(struct identity *id);

/* ---- joining ---------------------------------------------------------------- */

/* Is the first word behind the options "enrol"? */
bool identity_wants_enrol(int argc, char **argv);
/* Options: -C DIR, --endpoint tcp://HOST:PORT (what others dial), --database NAME
 * (mailbox, repeatable).  Runs a loop of its own; returns the exit status. */
int identity_enrol_main(int argc, char **argv, const char *daemon, unsigned role);
#endif
