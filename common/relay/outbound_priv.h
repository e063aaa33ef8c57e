#ifndef RELAY_OUTBOUND_PRIV_H
#define RELAY_OUTBOUND_PRIV_H
/*
 * outbound_priv - the two halves of outbound
 *
 * outbound.c: lanes.  A lane is a hop with work: its items, its hosts, how many
 * connections it may have.  outbound_conn.c: one connection and its conversation.
 */
#include "common/base/hash.h"
#include "common/base/list.h"
#include "common/relay/client.h"
#include "common/relay/outbound.h"

#define OUTBOUND_HOSTS 16

struct lane_host {
	char name[256];
	struct addr addr;
};

struct lane {
	struct hash_node node;		/* in outbound.lanes, by hop id */
	struct outbound *out;
	struct queue_hop hop;		/* name is name[] */
	char name[300];
	struct outbound_route route;
	struct list waiting;		/* struct job */
	size_t n_waiting;
	struct list conns;		/* struct out_conn */
	size_t n_conns;
	bool taking, resolving, pinned;
	struct dns_query *query;
	struct lane_host hosts[OUTBOUND_HOSTS];
	size_t n_hosts;			/* 0: not resolved yet */
	int64_t resolved_ms;		/* monotonic */
};

struct job {
	struct list node;
	struct queue_item *item;
	size_t first;			/* recipients before it have their verdict */
	enum queue_verdict *verdicts;
	const char *why;		/* somebody has to wait; in the mail's arena, or NULL */
};

struct outbound {
	struct outbound_conf conf;
	struct hash lanes;
	size_t n_conns;
	bool closing;
};

struct out_conn {
	struct list node;		/* in lane.conns */
	struct lane *lane;
	struct conn *conn;
	struct smtp_client *smtp;
	struct smtp_client_conf smtp_conf;
	size_t host;			/* index into lane.hosts */
	bool plain;			/* TLS failed at this host: without it now */
	bool ready, idle, ended;
	struct job *job;
	struct smtp_rcpt *rcpts;	/* of the transaction in hand */
	size_t n;
	int64_t idle_since_ms;
};

/* outbound.c, asked by connections */
struct job *lane_next(struct lane *l);		/* NULL: nothing waits */
void lane_job_done(struct lane *l, struct job **job, bool up);
/* The host did not take a conversation: try the next one, or the lane is down. */
void lane_host_failed(struct lane *l, size_t host, const struct smtp_result *r);
void lane_conn_gone(struct lane *l);		/* a connection was taken out */
int64_t outbound_now(void);			/* wall clock */

/* outbound_conn.c */
void out_conn_open(struct lane *l, size_t host, bool plain);
void out_conn_work(struct out_conn *c);		/* idle: is there something now? */
void out_conn_tick(struct out_conn *c, int64_t mono_ms);
void out_conn_free(struct out_conn *c);		/* without a word; its job's item is freed */
#endif
