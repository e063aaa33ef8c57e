#ifndef UM_FAX_UDPTL_H
#define UM_FAX_UDPTL_H
/*
 * udptl - packets of T.38 over UDP, with redundancy and FEC (T.38 section 9)
 *
 * spandsp makes and takes IFP packets only; this puts them into datagrams.  A
 * datagram carries a packet and, against loss, the packets before it: whole
 * (redundancy), or as parities of several (FEC).
 *
 * Pure: no clock, no allocation; 6 KiB a direction.
 */
#include "common/base/attr.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UDPTL_SLOTS    16u	/* packets remembered; a power of two */
#define UDPTL_IFP      320u	/* octets of a packet; spandsp's stay below 60 */
#define UDPTL_DATAGRAM 1400u

struct udptl_slot {
	bool here;
	uint16_t seq, n;
	uint8_t ifp[UDPTL_IFP];
};

enum udptl_recovery { UDPTL_PLAIN, UDPTL_REDUNDANCY, UDPTL_FEC };

struct udptl_tx {
	enum udptl_recovery recovery;
	unsigned span;			/* earlier packets repeated, or in a parity: up to 5 */
	size_t max;			/* octets of a datagram that the peer takes */
	uint16_t seq;
	struct udptl_slot slot[UDPTL_SLOTS];
};

void udptl_tx_init(struct udptl_tx *t, enum udptl_recovery recovery, unsigned span, size_t max);
/* The datagram for the next packet into out (UDPTL_DATAGRAM octets); its length, 0 if
 * the packet is too large.  What does not fit t->max is left out, oldest first. */
size_t udptl_pack(struct udptl_tx *t, const uint8_t *ifp, size_t n, uint8_t *out);

struct udptl_rx {
	bool begun;
	uint16_t next;			/* expected */
	struct udptl_slot slot[UDPTL_SLOTS];
	uint64_t received, recovered, lost, malformed;
};

typedef void udptl_ifp_fn(void *ctx, uint16_t seq, const uint8_t *ifp, size_t n);
/* A datagram came: fn gets the packets that were not there before, in order; those
 * that are missing for good are skipped.  False: malformed, nothing was given. */
bool udptl_unpack(struct udptl_rx *r, const uint8_t *p, size_t n, udptl_ifp_fn *fn, void *ctx);
#endif
