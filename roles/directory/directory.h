/* Private to roles/directory. */
#ifndef DIRECTORY_DIRECTORY_H
#define DIRECTORY_DIRECTORY_H
/*
 * directory - the organisation's master: one SQLite database, one writer, the loop
 *
 * Every change is a batch: objects with the next number (USN), the audit's line,
 * one transaction, then a hint to all who are connected.
 */
#include "common/auth/password.h"
#include "common/db/db.h"
#include "common/replica/identity.h"
#include "common/replica/tables.h"
#include "common/rpc/rpc.h"
#include "common/svc/metric.h"
#include "common/svc/work.h"
#include "roles/directory/gate.h"
#include <uv.h>

struct directory_conf {
	char *listen, *enrol_listen, *endpoint, *enrol_endpoint, *local, *organisation;
	uint64_t argon_bytes;
	unsigned argon_passes, scram_iterations, workers, audit_days;
};

enum directory_metric {
	M_USN, M_CHANGES, M_REFUSED, M_PAGES, M_SNAPSHOTS, M_ENROLLED, M_ENROL_REFUSED,
	M_MEMBERS,
};

struct directory {
	const struct directory_conf *conf;
	const char *config_dir, *data_dir;
	uv_loop_t *loop;
	struct db *db;
	struct rpc *rpc;
	struct identity *id;
	struct pepper pepper;
	struct tables tables;		/* keys and domains in memory */
	struct work_pool *pool;		/* password hashing */
	struct metrics *metrics;
	struct metric_set *m;

	uint64_t usn;
	struct guid incarnation, organisation, self;	/* self: our server object */
	char org_name[128];
	int64_t started_ms;

	uv_timer_t push, daily, walk;
	bool timers;			/* they are initialised */
	struct hash members;		/* who reported: struct seen, by GUID */
	struct gate enrol_gate;

	/* Address policies being applied: walk.c. */
	char *walk_after;		/* a name's key; NULL: nothing to do */
	unsigned walk_class, walk_changed;
};

/* ---- serve.c -------------------------------------------------------------------- */
void directory_conf_fill(struct directory_conf *c);	/* what follows from what is set */
void directory_init(struct directory *d);
struct metric_set *directory_metrics(struct metrics *m);
/* d has conf, folders, loop and metrics.  Closing is right after a failure too; the
 * loop must turn until its handles are closed. */
enum err directory_open(struct directory *d, struct errbuf *eb) A_MUST_USE;
void directory_close(struct directory *d);

/* ---- schema.c ------------------------------------------------------------------- */
enum err directory_open_db(struct directory *d, struct errbuf *eb) A_MUST_USE;
/* First start: organisation, transport settings, our own server object.  Later:
 * what is needed after a change of keys or endpoint. */
enum err directory_found(struct directory *d, int64_t now_ms, struct errbuf *eb) A_MUST_USE;
/* After a restore, or when a replica knows more than we do: a new incarnation, so
 * that everybody takes a snapshot. */
enum err directory_renew(struct directory *d, const char *why, struct errbuf *eb) A_MUST_USE;
/* Does anybody get postmaster's mail? */
bool directory_has_postmaster(struct directory *d);
/* Old tombstones and audit lines go. */
enum err directory_tidy(struct directory *d, int64_t now_ms, struct errbuf *eb) A_MUST_USE;

/* ---- batch.c ---------------------------------------------------------------------- */
struct batch {
	struct directory *d;
	uint64_t usn;		/* of the objects being written */
	size_t bytes;		/* written with it */
	int64_t now_ms;
	bool keys;		/* servers, administrators or domains among them */
};
enum err batch_begin(struct batch *b, struct directory *d, int64_t now_ms,
		     struct errbuf *eb) A_MUST_USE;
enum err batch_put(struct batch *b, struct object *o, struct errbuf *eb) A_MUST_USE;
enum err batch_commit(struct batch *b, struct errbuf *eb) A_MUST_USE;
void batch_abort(struct batch *b);	/* no-op after the commit */

/* ---- seen.c ------------------------------------------------------------------------ */
struct seen {
	struct hash_node node;
	struct guid server;
	uint64_t usn;
	int64_t at_ms, started_ms;
	char version[32];
};
void seen_note(struct directory *d, const struct guid *server, uint64_t usn,
	       const char *version, int64_t started_ms, int64_t now_ms);
const struct seen *seen_find(const struct directory *d, const struct guid *server);
void seen_forget(struct directory *d, const struct guid *server);
void seen_free(struct directory *d);

/* ---- rpc.c ------------------------------------------------------------------------- */
extern const struct rpc_method directory_methods[];
extern const size_t directory_n_methods;

/* ---- admin.c: sockets of administrators ----------------------------------------------- */
enum err admin_listen(struct directory *d, struct errbuf *eb) A_MUST_USE;
#endif
