#ifndef FAKE_WORLD_H
#define FAKE_WORLD_H
/* fake_world - hubs, the bus, the replica and sockets as the edge's tests need them;
 * the queue and the spool are real */
#include "roles/edge-transport/edge.h"

#define WORLD_HUBS  3
#define WORLD_CALLS 64

struct rpc_peer {
	struct rpc_ident ident;
	bool up;
};

struct front_session {
	struct edge *edge;
	void *data;
	struct addr peer;
	struct smtp_server *smtp;
	struct buf out;
	unsigned hangups, timers;
};

struct hub_call {
	bool open;
	struct rpc_peer *peer;
	hand_cb *on_hand;
	hub_held_cb *on_held;
	hub_done_cb *on_done;
	void *ctx;
	unsigned timeout_ms;
	/* what was handed over, or told */
	struct guid origin;
	uint64_t seq;
	size_t n_rcpts;
	char sender[128], prefix[512];
};

/* What a hub hands over: given to edge_take() by the fake relay_hand_take(). */
struct relay_hand {
	bool answered;
	enum hand_verdict v;
};

struct world {
	char dir[64];
	uv_loop_t loop;
	struct edge edge;
	struct edge_conf conf;
	struct rpc_peer peers[WORLD_HUBS];
	struct hub_call calls[WORLD_CALLS];
	size_t n_calls;
	struct queue_hop due;		/* the last one the queue said */
	char due_name[128];
	unsigned n_due;
	unsigned look_ups;		/* replica_recipient() */
	bool ready;			/* replica_is_ready() */
	struct mail *handed;		/* taken by relay_hand_take() */
	struct relay_hand hand;
	bool declined;			/* by relay_hand_decline() */
	int64_t counts[EDGE_METRICS];
	char logged[512];		/* the last line */
	unsigned n_logged;
};
extern struct world *world;		/* of the running test */

int world_up(void **state);
int world_down(void **state);
void world_shut(void);			/* the queue, and */
void world_reopen(void);		/* open it again, shut or not */
void world_offer(unsigned hub, unsigned messages);
void world_lose(unsigned hub);
/* Answer an open call. */
void world_answer(size_t call, enum err e, enum hand_verdict v, const char *detail);
struct mail *world_mail(const char *to);	/* with identity and body */
/* Run the loop until *flag. */
void world_wait(const bool *flag);
uint64_t world_queued(void);		/* messages in the queue's database */
#endif
