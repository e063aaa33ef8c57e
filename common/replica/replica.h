#ifndef REPLICA_REPLICA_H
#define REPLICA_REPLICA_H
/*
 * replica - this daemon's own copy of the directory, and looking things up in it
 *
 * A SQLite file in the data folder, kept in step by pulling changes from the
 * directory (for an edge: from whichever hub has dialled it).  A look-up is a
 * local indexed point read, cheap enough for the loop, and works while the
 * directory is away, also after a restart of this daemon.
 *
 * Objects handed out live in the arena that was passed in.
 */
#include "common/api/object.h"
#include "common/auth/login.h"
#include "common/base/err.h"
#include "common/rpc/rpc.h"
#include <stdbool.h>
#include <stdint.h>

struct replica;

struct replica_conf {
	const char *path;		/* the SQLite file */
	struct uv_loop_s *loop;		/* for retries; NULL: none are made */
	struct rpc_peer *directory;	/* where to pull; NULL: set by replica_set_source() */
	/* An object came, changed or left (deleted).  NULL object: everything may have
	 * changed (snapshot swapped in).  Optional. */
	void (*on_change)(void *ctx, const struct object *o);
	void *ctx;
	const uint8_t *feed_key;	/* an edge's own key of 32 bytes, else NULL; copied */
};
enum err replica_open(const struct replica_conf *conf, struct replica **out,
		      struct errbuf *eb) A_MUST_USE;
void replica_close(struct replica **r);
void replica_set_source(struct replica *r, struct rpc_peer *p);	/* NULL: nobody now */
uint64_t replica_usn(const struct replica *r);
struct db *replica_db(struct replica *r);	/* for feeding edges; never kept */
bool replica_is_ready(const struct replica *r);	/* has ever been filled */
void replica_pull(struct replica *r);			/* a hint came */

/* ---- looking up; NOTFOUND if there is none ----------------------------------- */

/* Any recipient by address, in DESIGN section 4's order: the whole address, then
 * without +tag if the domain allows it. */
enum err replica_by_address(struct replica *r, const char *address, struct arena *a,
			    struct object **out) A_MUST_USE;
enum err replica_by_guid(struct replica *r, const struct guid *g, struct arena *a,
			 struct object **out) A_MUST_USE;
enum err replica_by_name(struct replica *r, unsigned klass, const char *name,
			 struct arena *a, struct object **out) A_MUST_USE;
/* A mailbox user by what is typed at a login: primary or other address, or the
 * bare name or alias. */
enum err replica_by_login(struct replica *r, const char *login, struct arena *a,
			  struct object **out) A_MUST_USE;

enum domain_kind { DOMAIN_NONE, DOMAIN_AUTHORITATIVE, DOMAIN_INTERNAL_RELAY, DOMAIN_EXTERNAL_RELAY };
/* The accepted domain that holds this domain name (A-label or U-label). */
enum domain_kind replica_domain(struct replica *r, const char *domain);

enum recipient_kind {
	RCPT_UNKNOWN,		/* in an authoritative domain, and nobody */
	RCPT_KNOWN,
	RCPT_RELAY,		/* in a relay domain */
	RCPT_OUTSIDE,		/* not a domain of ours */
	RCPT_AGAIN,		/* cannot tell now: never filled yet, or its disk fails */
};
/* What RCPT TO needs; at an edge it asks the keyed hashes. */
enum recipient_kind replica_recipient(struct replica *r, const char *address);

/* All objects of a class by name.  What changes meanwhile may be seen or not. */
struct replica_iter;
struct replica_iter *replica_each(struct replica *r, unsigned klass);
struct object *replica_each_next(struct replica_iter *it, struct arena *a);	/* NULL: end */
void replica_each_end(struct replica_iter **it);
/* Is who in the group, directly or through groups in it?  Loops do no harm. */
bool replica_is_member(struct replica *r, const struct guid *group, const struct guid *who);
/* Whom rights may be given to so that who has them: who itself, then the groups it is
 * in, directly or through groups.  At most cap; the number. */
size_t replica_principals(struct replica *r, const struct guid *who, struct guid *out, size_t cap);
/* The objects whose attribute attr (one with ATTR_REF) names target; at most cap. */
size_t replica_linked(struct replica *r, const struct guid *target, unsigned attr,
		      struct guid *out, size_t cap);

/* The one organisation-wide object, with defaults where it is silent. */
enum err replica_transport(struct replica *r, struct arena *a, struct object **out) A_MUST_USE;

/* ---- logins ------------------------------------------------------------------- */

/* For common/auth/login.h: verifiers, switches and the number of the mailbox's last
 * change.  AGAIN while the replica has never been filled. */
struct credential_source replica_credentials(struct replica *r);

/* ---- servers and keys ----------------------------------------------------------- */

/* rpc_conf.who for every role but the directory: servers and administrators by
 * their key, from a table in memory. */
bool replica_who(void *replica, const uint8_t key[RPC_KEY], struct rpc_ident *out);
#endif
