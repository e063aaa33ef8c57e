#ifndef RELAY_ROUTE_H
#define RELAY_ROUTE_H
/*
 * route - the organisation's transport settings and send connectors, in memory
 *
 * Read from the replica, and again after it changed.  Which connector a domain
 * takes: the most specific address space, then the lowest priority, then the
 * name; connectors that are too small for the message are passed over.
 */
#include "common/base/addr.h"
#include "common/base/arena.h"
#include "common/relay/mail.h"
#include "common/replica/replica.h"

struct route_range {
	struct addr net;
	unsigned bits;
};

struct route_connector {
	const char *name;
	const char *const *spaces;	/* "*", "example.com", "*.example.com"; to NULL */
	const char *const *smart_hosts;	/* to NULL */
	int64_t priority, max_size;	/* 0: none */
	uint16_t port;			/* 0: 25 */
	bool require_tls;
	bool by_edge;			/* goes out through an edge */
	struct guid edge;		/* this one; null: any */
};

struct route {
	struct arena arena;
	struct route_connector *connectors;
	size_t n_connectors;
	struct route_range *trusted;
	size_t n_trusted;
	size_t n_edges;			/* in the organisation */
	/* transport settings */
	int64_t max_message, max_send, max_receive, expire_ms, notice_ms, retry_ms;
	unsigned max_rcpts, max_hops;
	const char *postmaster;		/* the setting, else postmaster at the default domain */
	bool postmaster_set;
};

/* at_edge: nothing goes out through an edge, we are one. */
void route_load(struct route *r, struct replica *replica, const char *hostname, bool at_edge);
void route_fini(struct route *r);

/* Where mail for this domain outside goes.  Always finds something: without a
 * connector mail goes through an edge if there is one, else by MX. */
struct route_hop {
	enum hop_kind kind;
	const char *name;			/* borrowed from r or domain */
	char text[GUID_TEXT];			/* ... or in here */
	const struct route_connector *connector; /* NULL: none */
};
void route_domain(const struct route *r, const char *domain, uint64_t size,
		  struct route_hop *out);
/* The port (0: 25) and TLS rule of the connector that leads to this hop. */
void route_settings(const struct route *r, enum hop_kind kind, const char *name, uint16_t *port,
		    bool *require_tls);
/* Who gets the mail for `postmaster` at an authoritative domain that has no such
 * recipient (RFC 5321 section 4.5.1): the transport setting.  NULL: nobody, or the
 * address is another. */
const char *route_postmaster(const struct route *r, const char *address);
bool route_is_trusted(const struct route *r, const struct addr *a);
#endif
