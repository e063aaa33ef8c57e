#ifndef FAKE_BUS_H
#define FAKE_BUS_H
/* fake_bus - servers of the organisation that answer when the test says so */
#include "common/api/hub.h"
#include "common/base/guid.h"
#include "common/rpc/rpc.h"

#define FAKE_SERVERS 4

struct rpc_peer {
	struct rpc_ident ident;
	bool up;
};

/* A call under way: one kind of callback is set. */
struct hub_call {
	struct rpc_peer *peer;
	hub_held_cb *held;
	hub_done_cb *done;
	hand_cb *hand;
	void *ctx;
	uint64_t seq;		/* relay_done */
	struct guid origin;	/* hands */
	size_t n_rcpts;
	bool live;
};

struct fake_bus {
	struct rpc_peer server[FAKE_SERVERS];
	size_t n;
	struct hub_call call[64];
	size_t n_calls;
};
struct fake_bus *fake_bus(void);	/* one for the program; reset it in each test */
struct rpc_peer *fake_server(unsigned role);
/* The oldest call that is not answered; NULL: none. */
struct hub_call *fake_call(void);
void fake_held(struct hub_call *c, enum err e, uint64_t lowest);
void fake_done(struct hub_call *c, enum err e);
void fake_hand(struct hub_call *c, enum err e, enum hand_verdict v);
#endif
