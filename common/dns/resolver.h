#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H
/*
 * resolver - names and mail exchangers, asked for on the loop
 *
 * One resolver per daemon, over c-ares.  Each question is answered exactly once,
 * from the loop, never from inside the call; not at all after dns_cancel().
 *
 * What the errors mean:
 *   NOTFOUND  permanent: no such name, or no record of that kind
 *   DENIED    permanent: the domain says it takes no mail (null MX, RFC 7505)
 *   INVALID   permanent: not a name DNS can hold
 *   AGAIN     temporary: no answer, server failure, damaged answer
 *   LIMIT     temporary: too many questions are open (max_queries)
 *
 * Names are A-labels: the caller has converted them.  A trailing dot is allowed;
 * no search list is applied.
 */
#include "common/base/addr.h"
#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct resolver;
struct dns_query;

struct resolver_conf {
	uv_loop_t *loop;
	const char *const *servers;	/* "ip" or "ip:port", to NULL; NULL or empty: the
					 * system's (resolv.conf) */
	unsigned timeout_ms;		/* first try; 0: 3,000 */
	unsigned tries;			/* per server; 0: 3 */
	unsigned max_queries;		/* open at a time; 0: 4,096 */
	bool no_ipv6;			/* do not ask for AAAA */
	unsigned cache;			/* answers remembered (cache.h); 0: none */
};

enum err resolver_open(const struct resolver_conf *conf, struct resolver **out,
		       struct errbuf *eb) A_MUST_USE;
void resolver_close(struct resolver **r);	/* open questions get no answer */

#define DNS_MAX_HOSTS 32	/* more MX hosts than that are cut off, worst first */
#define DNS_MAX_ADDRS 32	/* per host */

struct dns_host {
	char name[256];			/* lower case, no trailing dot */
	unsigned preference;
	const struct addr *addrs;	/* port 0; IPv6 and IPv4 as they should be tried */
	size_t n_addrs;			/* 0: this host could not be resolved */
	enum err e;			/* then why: NOTFOUND, AGAIN */
};

/* Hosts by preference, equal ones in random order (RFC 5321 section 5.1); without
 * an MX the domain itself, `implicit`.  OK when at least one host has an address;
 * else AGAIN if any failed temporarily.  hosts is borrowed. */
struct dns_mx {
	const struct dns_host *hosts;
	size_t n_hosts;
	bool implicit;
	bool authentic;			/* the AD bit of every answer used */
};
typedef void dns_mx_cb(void *ctx, enum err e, const struct dns_mx *mx, const char *detail);
typedef void dns_host_cb(void *ctx, enum err e, const struct dns_host *host);
/* Texts of all records or all names of a PTR, NULL-terminated, borrowed.  The
 * strings of one TXT record are joined without a blank (RFC 7208 section 3.3). */
typedef void dns_text_cb(void *ctx, enum err e, const char *const *texts, size_t n);

struct dns_query *dns_mx(struct resolver *r, const char *domain, dns_mx_cb *cb, void *ctx);
struct dns_query *dns_host(struct resolver *r, const char *name, dns_host_cb *cb, void *ctx);
struct dns_query *dns_ptr(struct resolver *r, const struct addr *a, dns_text_cb *cb, void *ctx);
struct dns_query *dns_txt(struct resolver *r, const char *name, dns_text_cb *cb, void *ctx);
void dns_cancel(struct dns_query **q);		/* *q may be NULL */
#endif
