#ifndef API_MANAGE_H
#define API_MANAGE_H
/*
 * api manage - the answers that every daemon owes its administrators
 *
 * Handlers of manage.* methods finish with one of these; each answers the request.
 * manage_forward() passes a call on to another server and its answer back, reply
 * stream included, so that the shell needs a connection to the directory only and
 * an edge is reached through a hub.
 */
#include "common/rpc/rpc.h"
#include "common/svc/metric.h"

struct manage_status;		/* being filled in */

struct manage_about {
	const char *name, *role, *version;
	int64_t started_ms;
	uint64_t usn;
};
struct manage_status *manage_status_new(struct rpc_request *rq, const struct manage_about *a);
void manage_status_link(struct manage_status *s, const char *name, const char *role, bool up);
void manage_status_fact(struct manage_status *s, const char *key, const char *value);
/* What an administrator should do; before facts, of which there may be too many. */
void manage_status_note(struct manage_status *s, const char *text);
void manage_status_disk(struct manage_status *s, const char *dir);	/* a note if it is low */
void manage_status_reply(struct manage_status *s);	/* s is gone */

void manage_stats_reply(struct rpc_request *rq, struct metrics *m);	/* m may be NULL */
/* level "": only ask.  INVALID for an unknown one. */
void manage_log_level_reply(struct rpc_request *rq, const char *level);

struct manage_call {
	const char *method;
	const void *body;
	size_t body_len;
	struct guid principal;
};
/* Answers rq (a manage.forward) with what `to` says. */
void manage_forward(struct rpc_request *rq, struct rpc_peer *to, const struct manage_call *c);
/* The same one hub further: `to` is asked to forward to `server`. */
void manage_forward_via(struct rpc_request *rq, struct rpc_peer *to, const char *server,
			const struct manage_call *c);
#endif
