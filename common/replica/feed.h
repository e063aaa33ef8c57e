#ifndef REPLICA_FEED_H
#define REPLICA_FEED_H
/*
 * feed - which part of the directory a role gets, and the pages it is sent in
 *
 * The directory feeds all servers, and a hub the edges it dials, by the same
 * rules.  An object that a role may not have, or not any more, goes as a
 * tombstone, so the feed remembers nothing about who got what.
 *
 *	mailbox  all but secrets and administrators' attributes
 *	hub      the same, with verifiers of mailboxes that may submit, and what is
 *		 sealed for edges
 *	cas, um  the same as mailbox; cas with verifiers of mailboxes that have IMAP
 *		 or POP3 on, um with the verifiers of PINs
 *	edge     domains, connectors, transport settings, keys of hubs, and for each
 *		 recipient who takes mail from outside the BLAKE2b-128 of its address
 *		 keys under that edge's own key
 *
 * Administrators are fed to all but edges: they may call daemons directly.
 */
#include "common/api/directory.h"
#include "common/db/db.h"

#define FEED_VERSION 1u		/* raise it when a rule above changes */
#define FEED_HASH    16u

struct feed_to {
	unsigned role;			/* enum rpc_role */
	struct guid server;		/* who asks */
	const uint8_t *hash_key;	/* an edge's, 32 bytes; else NULL */
};

/* The object as that role may see it, borrowed or in a; NULL: not at all. */
const struct object *feed_filter(const struct feed_to *to, const struct object *o,
				 struct arena *a);

void feed_hash(const uint8_t key[32], const char *address_key, uint8_t out[FEED_HASH]);

/* Answer one ask from a file of objects.  Everything lives in a.  The page is
 * small enough for one message. */
enum err feed_page(struct db *db, const struct feed_to *to, const struct directory_ask *ask,
		   struct arena *a, struct directory_page *out, struct errbuf *eb) A_MUST_USE;
#endif
