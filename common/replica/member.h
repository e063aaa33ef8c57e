#ifndef REPLICA_MEMBER_H
#define REPLICA_MEMBER_H
/*
 * member - a daemon's membership in the organisation: what every role's main does
 *
 * member_open() loads the identity, opens the bus with the role's methods and the
 * ones every daemon answers, listens, dials the directory, opens the replica in
 * the data folder, dials the servers of the roles asked for and keeps all of that
 * up.  From then on it reports what it has seen to the directory, serves
 *
 *	manage.status  manage.stats  manage.log-level  manage.forward (hub)
 *	directory.push (pull now)    directory.changes (hub, for its edges)
 *	directory.introduce (edge, for hubs)
 *
 * and renews its keys when asked.  The directory may be away, also at the start:
 * the replica answers from disk.
 *
 * A role's main, between svc_enter() and svc_run():
 *
 *	struct hub hub = { 0 };			first field: struct member *member
 *	struct member_conf mc = {
 *		.daemon = "bourse-hub", .role = RPC_HUB, .loop = svc_loop(svc),
 *		.config_dir = svc_conf_dir(svc), .data_dir = svc_data(svc),
 *		.metrics = svc_metrics(svc),
 *		.listen = conf.listen, .endpoint = conf.endpoint,
 *		.methods = hub_methods, .n_methods = hub_n_methods,
 *		.owner = &hub.member, .dial = RPC_MAILBOX | RPC_EDGE,
 *		.on_change = on_change, .facts = facts, .ctx = &hub,
 *	};
 *	e = member_open(&mc, &eb);		sets hub.member
 *	...
 *	member_close(&hub.member);
 *
 * Handlers get `owner` as rq->role: a pointer to the role's object.  That is why
 * its first field must be the struct member pointer that owner points to.
 *
 * What is where afterwards: member_rpc() to call and to walk peers,
 * member_replica() to look things up, member_links() for the connection to a
 * server or a database.
 */
#include "common/api/directory.h"
#include "common/auth/password.h"
#include "common/replica/identity.h"
#include "common/replica/links.h"
#include "common/replica/replica.h"
#include "common/rpc/rpc.h"

struct member;
struct member_facts;
struct metrics;

struct member_conf {
	const char *daemon;		/* "bourse-hub": names the key file */
	unsigned role;			/* enum rpc_role */
	struct uv_loop_s *loop;
	const char *config_dir, *data_dir;
	struct metrics *metrics;	/* answers manage.stats; may be NULL */
	const char *listen;		/* bus endpoint, "tcp://0.0.0.0:17003"; NULL, "": none */
	const char *endpoint;		/* what others dial; NULL, "": what enrol was told, or
					 * made from listen and the host's name */
	const struct rpc_method *methods;	/* the role's own */
	size_t n_methods;
	struct member **owner;		/* first field of the role's object */
	unsigned dial;			/* servers of these roles are dialled: enum rpc_role bits */

	void (*on_peer)(void *ctx, struct rpc_peer *p, bool up);	/* optional */
	/* The replica changed; see struct replica_conf.  Optional. */
	void (*on_change)(void *ctx, const struct object *o);
	/* Lines for `bourse status`: member_fact() each.  Optional. */
	void (*facts)(void *ctx, struct member_facts *f);
	void *ctx;
};

/* Strings are copied, methods borrowed.  NOTFOUND: not enrolled yet (the text
 * says how to).  An edge that is not subscribed yet opens and waits. */
enum err member_open(const struct member_conf *conf, struct errbuf *eb) A_MUST_USE;
/* Before the loop's last turns (svc_close()).  Clears *m; *m may be NULL. */
void member_close(struct member **m);

struct rpc *member_rpc(const struct member *m);
struct replica *member_replica(const struct member *m);
struct links *member_links(const struct member *m);
const struct identity *member_identity(const struct member *m);
const struct guid *member_server(const struct member *m);	/* our server object */
const char *member_name(const struct member *m);		/* its name */
/* The organisation's pepper, for common/auth (not at an edge). */
const struct pepper *member_pepper(const struct member *m);

/* The role's TLS certificate (struct tls_cert_info): its pin, by which the servers of
 * the organisation know us over SMTP, reported at once if it is another than before (an
 * edge's by way of its hubs); and its end in Unix seconds, of which status warns. */
void member_set_cert(struct member *m, const uint8_t pin[DIRECTORY_PIN], int64_t not_after);

void member_fact(struct member_facts *f, const char *key, const char *fmt, ...) A_PRINTF(3, 4);
/* What an administrator should do, printed below the table. */
void member_note(struct member_facts *f, const char *fmt, ...) A_PRINTF(2, 3);
#endif
