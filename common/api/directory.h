#ifndef API_DIRECTORY_H
#define API_DIRECTORY_H
/*
 * api directory - what a daemon asks of the directory: changes, enrolment, reports
 *
 * Each function starts one call and returns at once; the callback fires exactly
 * once, from the loop, unless the call is cancelled.  The call's memory is the
 * caller's: a struct directory_call, zeroed, one call at a time.  Arguments are
 * copied, results are valid during the callback only.  A hub answers
 * directory.changes for the edges that it dials, in the same form.
 */
#include "common/api/object.h"
#include "common/rpc/rpc.h"

struct directory_call {
	struct rpc_call *call;		/* NULL: none under way */
	void (*cb)(void);		/* private */
	void *ctx;
};
void directory_cancel(struct directory_call *c);

/* What a replica has and wants. */
struct directory_ask {
	struct guid incarnation;
	uint64_t usn;
	uint32_t filter_version;
	bool snapshot;
	struct guid after;		/* snapshot: last object got, null at first */
	uint32_t limit;			/* objects; 0: the server's choice */
};

/* One page of changes, whole batches of equal numbers, ascending. */
struct directory_page {
	struct guid incarnation;
	uint64_t usn;			/* where the asker stands with this page applied;
					 * snapshot: with its last page applied, that of
					 * the first page counts */
	uint32_t filter_version;
	bool need_snapshot, more;
	struct object **objects;
	size_t n;
};
typedef void directory_page_cb(void *ctx, enum err e, const struct directory_page *p);
void directory_changes(struct directory_call *c, struct rpc_peer *p,
		       const struct directory_ask *ask, directory_page_cb *cb, void *ctx);

/* "Something changed up to usn"; nobody waits for the answer. */
void directory_push(struct rpc_peer *p, uint64_t usn);

struct directory_enrolment {
	const uint8_t *secret;		/* IDENTITY_SECRET bytes of the token */
	size_t secret_len;
	const char *name, *endpoint;	/* endpoint NULL: reported later */
	unsigned role;
	const uint8_t *key;		/* RPC_KEY bytes, our public key */
	const char *const *databases;	/* mailbox role */
	size_t n_databases;
};
struct directory_enrolled {
	struct guid server, organisation;
	const uint8_t *pepper;		/* RPC_KEY bytes; NULL for who needs none */
	const char *org_name, *directory;	/* endpoint of the directory's bus */
};
/* DENIED: not this token, not any more, or not for this role and name. */
typedef void directory_enrol_cb(void *ctx, enum err e, const struct directory_enrolled *r,
				const char *detail);
void directory_enrol(struct directory_call *c, struct rpc_peer *p,
		       const struct directory_enrolment *en, directory_enrol_cb *cb, void *ctx);

#define DIRECTORY_PIN 32u	/* SHA-256 of a TLS certificate's public key: common/tls/ctx.h */

/* A report for `bourse status`; server null: our own. */
struct directory_seen {
	uint64_t usn;
	int64_t started_ms;
	const char *version, *endpoint;
	struct guid server;
	const uint8_t *tls_pin;		/* DIRECTORY_PIN bytes, or NULL */
	const uint8_t *key;		/* of an edge reported for: RPC_KEY bytes; NULL: unknown */
};
typedef void directory_seen_cb(void *ctx, enum err e, uint64_t usn);
void directory_seen(struct directory_call *c, struct rpc_peer *p,
		       const struct directory_seen *s, directory_seen_cb *cb, void *ctx);

typedef void directory_done_cb(void *ctx, enum err e);
void directory_rotate(struct directory_call *c, struct rpc_peer *p,
		       const uint8_t new_key[RPC_KEY], directory_done_cb *cb, void *ctx);

/* hub -> edge: prove the subscription. */
struct directory_introduction {
	const uint8_t *secret;		/* empty once it was proved */
	size_t secret_len;
	struct guid organisation, edge;
	const char *name;		/* of the edge's object */
};
struct directory_introduced {
	uint64_t usn;
	int64_t started_ms;
	const char *version;
	const uint8_t *tls_pin;		/* DIRECTORY_PIN bytes, or NULL */
	const uint8_t *key;		/* the edge's now, RPC_KEY bytes, or NULL */
};
typedef void directory_introduce_cb(void *ctx, enum err e, const struct directory_introduced *r);
void directory_introduce(struct directory_call *c, struct rpc_peer *p,
		       const struct directory_introduction *in, directory_introduce_cb *cb, void *ctx);
#endif
