#ifndef UM_GATEWAY_H
#define UM_GATEWAY_H
/*
 * gateway - the IP gateways of the directory: whose calls are taken
 *
 * Kept in memory by address.  A gateway given by name is resolved when it changes and
 * every five minutes; while its name does not resolve, its last addresses stay.
 */
#include "common/base/addr.h"
#include "common/base/guid.h"
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define GATEWAY_ADDRS 8

enum gateway_status { GATEWAY_ENABLED, GATEWAY_NO_NEW_CALLS, GATEWAY_DISABLED };

struct gateway {
	struct guid guid;
	char name[128], host[256];
	uint16_t port;			/* 0: 5060, or 5061 over TLS */
	enum gateway_status status;
	bool outbound;
	struct addr addr[GATEWAY_ADDRS];
	size_t n_addrs;
};

struct replica;
struct gateway_lookup;

struct gateways {
	struct gateway *list;
	size_t n, cap;
	uv_loop_t *loop;
	struct gateway_lookup *lookups;	/* under way */
};

void gateways_init(struct gateways *g, uv_loop_t *loop);
void gateways_fini(struct gateways *g);	/* look-ups end as the loop turns on */
/* Read them again from the replica. */
void gateways_load(struct gateways *g, struct replica *r);
void gateways_resolve(struct gateways *g);	/* names anew */
/* By source address; disabled ones are nobody's.  NULL. */
const struct gateway *gateways_find(const struct gateways *g, const struct addr *source);
#endif
