#ifndef UM_MEDIA_JITTER_H
#define UM_MEDIA_JITTER_H
/*
 * jitter - RTP packets of one source, back in the order they were sent
 *
 * What is in order comes out at once.  A packet that is missing is waited for until
 * JITTER_DEPTH later ones are here; then it is given up as lost.  What comes after
 * it was given up is late and dropped.  A jump of the sequence number by more than
 * JITTER_JUMP begins anew, as a source that restarts does.
 *
 * Pure: no clock, no allocation; about 11 KiB a source.
 */
#include "common/base/attr.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JITTER_SLOTS   16u	/* a power of two */
#define JITTER_DEPTH   5u
#define JITTER_JUMP    500
#define JITTER_PAYLOAD 700u	/* 80 ms of G.711, and what Opus makes of speech */

struct jitter_packet {
	uint32_t ts;
	uint16_t seq;
	uint8_t pt;
	bool marker, here;
	uint16_t n;
	uint8_t data[JITTER_PAYLOAD];
};

struct jitter {
	struct jitter_packet slot[JITTER_SLOTS];
	uint16_t next;		/* the one that comes out next */
	unsigned waiting;	/* packets in slots */
	bool begun;
	uint64_t received, lost, late, dropped;
};

void jitter_init(struct jitter *j);

/* A packet arrived; its bytes are copied.  False: dropped (too large, late, twice). */
bool jitter_put(struct jitter *j, uint16_t seq, uint32_t ts, uint8_t pt, bool marker,
		const void *p, size_t n);

enum jitter_next {
	JITTER_NONE,		/* nothing for now */
	JITTER_PACKET,
	JITTER_LOST,		/* the next one is lost: conceal a packet's worth */
};
/* *out is valid until the next jitter_put().  flush: do not wait for what is missing. */
enum jitter_next jitter_get(struct jitter *j, bool flush, const struct jitter_packet **out);
#endif
