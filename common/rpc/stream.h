#ifndef RPC_STREAM_H
#define RPC_STREAM_H
/*
 * stream - the credit of one direction of a call
 *
 * The receiver allows so many bytes at first and gives back what it has digested,
 * in steps of a quarter of its window or when nothing is left undigested, so that
 * small grants are not messages of their own and the sender never waits for ever.
 */
#include "common/base/list.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream_in {
	size_t window;		/* taken from the peer's budget */
	size_t left;		/* what the sender may still send */
	size_t undigested;
	size_t owed;		/* digested, not yet given back */
};

/* False: the sender sent more than it may. */
static inline bool stream_take(struct stream_in *s, size_t n)
{
	if (n > s->left)
		return false;
	s->left -= n;
	s->undigested += n;
	return true;
}

/* The credit to send now; 0: none. */
static inline size_t stream_digest(struct stream_in *s, size_t n)
{
	size_t give;

	s->undigested -= n;
	s->owed += n;
	if (s->undigested > 0 && s->owed < s->window / 4)
		return 0;
	give = s->owed;
	s->left += give;
	s->owed = 0;
	return give;
}

struct stream_out {
	struct list node;	/* rpc_peer.streams, while it may carry chunks */
	uint64_t credit;
	bool upload;		/* of a call we make; else of a request we serve */
};
#endif
