#ifndef BASE_ADDR_H
#define BASE_ADDR_H
/*
 * addr - an IP address with a port, small enough to copy
 *
 * An IPv4 address mapped into IPv6 (::ffff:a.b.c.d) becomes IPv4 on the way in,
 * so two ways to write one host compare equal.
 */
#include "common/base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct sockaddr;
struct sockaddr_storage;

struct addr {
	uint8_t family;		/* 4, 6, or 0: none */
	uint8_t ip[16];		/* network order; the first 4 for IPv4, rest zero */
	uint16_t port;		/* host order */
};

#define ADDR_TEXT 56		/* "[ipv6%scope]:port" and NUL */

/* "192.0.2.1:25", "[2001:db8::1]:25"; without a port, default_port; "*:25" is
 * [::]:25, which also takes IPv4.  No names.  INVALID. */
enum err addr_parse(const char *text, uint16_t default_port, struct addr *out) A_MUST_USE;

const char *addr_text(const struct addr *a, char out[ADDR_TEXT]);	/* with the port */
const char *addr_host(const struct addr *a, char out[ADDR_TEXT]);	/* without, no [] */

bool addr_eq_host(const struct addr *a, const struct addr *b);	/* ports do not count */
bool addr_is_loopback(const struct addr *a);

/* The part that names one customer, for limits and throttles: the whole IPv4
 * address, the /64 of an IPv6 one.  Port 0. */
struct addr addr_source(const struct addr *a);

void addr_from_sockaddr(const struct sockaddr *sa, struct addr *out);
void addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out);
#endif
