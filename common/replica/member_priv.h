#ifndef REPLICA_MEMBER_PRIV_H
#define REPLICA_MEMBER_PRIV_H
/* member_priv - what member.c and the handlers in rpc.c share */
#include "common/api/directory.h"
#include "common/base/list.h"
#include "common/replica/member.h"
#include <uv.h>

struct member {
	struct member_conf conf;
	char *endpoint;			/* what we tell others to dial; NULL: nothing */
	struct identity *id;
	struct pepper pepper;
	struct rpc *rpc;
	struct rpc_method *methods;	/* ours, then the role's */
	struct replica *replica;
	struct links *links;
	struct rpc_peer *directory;	/* NULL at an edge */
	struct rpc_peer *source;	/* edge: the hub we pull from */
	int64_t started_ms;

	uv_timer_t *settle;		/* work put off until the loop turns; freed by close */
	bool servers_changed, feed_changed;
	uv_timer_t *report;
	struct directory_call seen, rotate;
	uint64_t reported_usn;
	uint8_t pin[DIRECTORY_PIN];	/* of our TLS certificate */
	int64_t cert_end;		/* its, Unix seconds; valid if has_pin */
	bool has_pin, pin_changed;	/* changed: not reported yet */
	struct list introductions;	/* hub: under way, one per edge connection */
};

extern const struct rpc_method member_methods[];
extern const size_t member_n_methods;

/* edge: is this how the hubs of our organisation introduce themselves? */
enum err member_introduced(struct member *m, struct rpc_peer *p,
			   const struct directory_introduction *in,
			   struct errbuf *eb) A_MUST_USE;
/* hub: an edge says that there is news of it. */
void member_edge_news(struct member *m, struct rpc_peer *p);
/* hub: what its edges are fed with; NOTFOUND: not an edge of ours. */
enum err member_edge_key(struct member *m, const struct guid *edge, uint8_t key[RPC_KEY],
			 struct errbuf *eb) A_MUST_USE;
enum err member_rotate(struct member *m, struct errbuf *eb) A_MUST_USE;
#endif
