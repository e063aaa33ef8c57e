#ifndef HUB_TRUST_H
#define HUB_TRUST_H
/*
 * trust - who may use the internal port without a login
 *
 * Servers of the organisation, by the public-key pin of the TLS certificate they
 * show, and hosts in the trusted ranges.  Pins come from the servers' objects and
 * are kept in memory; tens of them.
 */
#include "common/relay/route.h"
#include "common/replica/replica.h"
#include "common/tls/conn.h"

enum trust_level {
	TRUST_NONE,
	TRUST_RANGE,		/* may relay */
	TRUST_EDGE,		/* may relay; what it brings is from outside, nobody's login */
	TRUST_SERVER,		/* may relay; its mail is the organisation's own */
};
const char *trust_text(enum trust_level t);	/* for the tracking log */

struct trust_pin;
struct trust {			/* zero: nothing read yet */
	struct trust_pin *pins;
	size_t n, cap;
	bool is_read;
};

/* An object changed, NULL: many.  The pins are read again when next asked for. */
void trust_note(struct trust *t, const struct object *o);
void trust_fini(struct trust *t);

/* tls: of the connection, zero if it is plain. */
enum trust_level trust_of(struct trust *t, struct replica *r, const struct route *route,
			  const struct addr *peer, const struct conn_tls *tls);
#endif
