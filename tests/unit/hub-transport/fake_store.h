#ifndef FAKE_STORE_H
#define FAKE_STORE_H
/* fake_store - mailbox servers that answer when the test says so */
#include "common/api/store.h"
#include "common/rpc/rpc.h"

#define FAKE_CALLS 32

struct fake_call {
	struct guid origin;
	uint64_t seq;
	size_t n_to;
	struct guid to[16];
	char content[64];
	bool cancelled, answered;
	store_deliver_cb *cb;
	void *ctx;
};

/* One for the whole test program: reset it in each test. */
struct fake_store {
	struct fake_call call[FAKE_CALLS];
	size_t n;
	bool down;		/* no connection leads to any database */
};
struct fake_store *fake_store(void);
/* Answer call i with this status for all of its recipients; e: no answer at all. */
void fake_answer(size_t i, enum err e, enum err status);
#endif
