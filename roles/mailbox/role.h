#ifndef MAILBOX_ROLE_H
#define MAILBOX_ROLE_H
/*
 * role - the role: which databases and mailboxes this server holds
 *
 * Everything here belongs to the loop.  The directory's replica says which
 * databases are ours and which mailboxes live in them; each is opened or made
 * within a second of its object's coming, or at once when somebody asks for it.
 */
#include "common/base/arena.h"
#include "common/base/hash.h"
#include "common/base/list.h"
#include "common/replica/member.h"
#include "common/svc/metric.h"
#include "common/svc/work.h"
#include "roles/mailbox/conf.h"
#include "roles/mailbox/mailbox.h"
#include "roles/mailbox/mdb.h"
#include "roles/mailbox/zpool.h"
#include <uv.h>

struct svc;

enum {
	M_DELIVERED,
	M_DELIVER_CALLS,
	M_APPENDED,
	M_REFUSED,
	M_REPEATS,
	M_CONTENT_BYTES,
	M_COMMITS,
	M_WRITES,
	M_MAILBOXES,
	M_DATABASES,
	M_WATCHES,
	M_QUARANTINED,
	M_WAL_BYTES,
	M_UPLOAD_BYTES,
};

/* The housekeeper's position and orders in a database (keep.c). */
struct keep_op {
	int64_t keep_deleted_ms, keep_mailbox_ms;
	int64_t at_mbx;			/* mailboxes up to here are done in this round */
	/* results of a step */
	bool more, round_over;
	int64_t gone_mbx;		/* a mailbox that is no more, or 0 */
};

/* A database as the loop knows it. */
struct sdb {
	struct list node;
	struct role *store;
	struct guid guid;
	struct mdb *mdb;		/* NULL: could not be opened; tried again */
	struct quotas policy;
	char *name;
	struct keep_op keeping;
	struct job keep;
	bool is_keeping;
	size_t n_mailboxes;
};

/* A mailbox as the loop knows it. */
struct mref {
	struct hash_node node;		/* in store.mailboxes, by guid */
	struct guid guid;
	struct sdb *sdb;
	int64_t mbx;
	int state;			/* enum mailbox_state */
	bool is_quarantined;
	uint64_t cn;			/* newest that was told; 0: none yet */
	struct list watchers;		/* watch.c */
};

struct role {
	struct member *member;		/* first: see common/replica/member.h */
	struct mailbox_conf *conf;
	struct svc *svc;
	uv_loop_t *loop;
	char *data;
	struct inbox *inbox;
	struct work_pool *work;
	struct zpool *zpool;
	struct metrics *metrics;	/* the daemon's registry */
	struct metric_set *m;
	struct list databases;		/* struct sdb */
	struct hash mailboxes;		/* struct mref */
	struct list making;		/* provisioning under way (assign.c) */
	struct hash principals;		/* what is known of who asks (principal.c) */
	size_t upload_bytes;		/* held by uploads */
	size_t n_calls;			/* being served */
	uv_timer_t keeper;
	bool has_keeper, draining;
	struct rpc_method *methods;	/* all tables in one */
	size_t n_methods;
};

/* Opens inbox, workers and the databases found in the data folder. */
enum err role_open(struct role *st, struct errbuf *eb) A_MUST_USE;
/* Closes the databases: what was submitted is finished and answered. */
void role_close(struct role *st);

struct sdb *role_database(struct role *st, const struct guid *g);	/* NULL: not ours */
struct mref *role_mailbox(struct role *st, const struct guid *g);	/* NULL: not known */
struct mref *role_by_number(struct sdb *s, int64_t mbx);
/* Take note of a mailbox that was made, or found. */
struct mref *role_note(struct sdb *s, const struct guid *g, int64_t mbx, int state);
void role_forget(struct role *st, struct mref *m);
/* The mailbox goes by another GUID from now on. */
void role_rename(struct role *st, struct mref *m, const struct guid *as);

/* May it be used?  NOTFOUND: unknown or disconnected; AGAIN: in quarantine, or its
 * database cannot be opened. */
enum err role_route(struct role *st, const struct guid *g, struct mref **out,
		     struct errbuf *eb) A_MUST_USE;

/* Make or open a database of this server. */
enum err role_add_database(struct role *st, const struct guid *g, const char *name,
			    const struct quotas *policy, struct sdb **out,
			    struct errbuf *eb) A_MUST_USE;

/* All methods of the role, for member_conf: borrowed from st until role_close(). */
void role_collect_methods(struct role *st);
#endif
