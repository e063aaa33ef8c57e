#ifndef DNS_CACHE_H
#define DNS_CACHE_H
/*
 * cache - answers of name servers, for as long as they say (private to common/dns)
 *
 * Keeps whole answers by name and type: those with records for the least of their times
 * to live, a day at most; those that say there is none for what their SOA says (RFC 2308
 * section 5), five minutes at most, so that a domain that was mended is soon found.  A
 * temporary failure is not kept, nor what may be kept for no time.
 *
 * Bounded by a number of entries, each of 2 KiB at most; the one that was not asked for
 * longest makes room.  Time is an argument, milliseconds that never go backwards.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_CACHE_DAY_S	     86400
#define DNS_CACHE_NEGATIVE_S 300
#define DNS_CACHE_REPLY_MAX  2048

struct dns_cache;

struct dns_cache *dns_cache_new(size_t max_entries);	/* at least 1 */
void dns_cache_free(struct dns_cache **c);		/* *c may be NULL */

/* name: lower case, at most 255 bytes.  The answer is borrowed until the next put. */
bool dns_cache_get(struct dns_cache *c, const char *name, int type, int64_t now_ms, int *status,
		   const unsigned char **reply, int *len);
/* status is c-ares's; copied if it is worth keeping. */
void dns_cache_put(struct dns_cache *c, const char *name, int type, int64_t now_ms, int status,
		   const unsigned char *reply, int len);
size_t dns_cache_count(const struct dns_cache *c);
#endif
