#ifndef DNS_PARSE_H
#define DNS_PARSE_H
/*
 * parse - what stands in a DNS answer (private to common/dns)
 *
 * Answers come from the network: nothing in them is believed beyond its length.
 * Names end up lower case, without a trailing dot, at most 253 bytes, and hold
 * only letters, digits, '-', '_' and '.', so they may be logged and compared.
 */
#include "common/base/addr.h"
#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>

struct dns_mx_record {
	unsigned preference;
	char name[256];
};

#define DNS_MAX_TEXTS 64
#define DNS_MAX_TEXT  4096

struct dns_texts {
	char **s;		/* NULL-terminated */
	size_t n;
};
void dns_texts_fini(struct dns_texts *t);

/* Lower case, trailing dot cut; INVALID for what is not a name. */
enum err dns_name_copy(const char *name, char *out, size_t cap) A_MUST_USE;
void dns_reverse_name(const struct addr *a, char out[80]);

/* What c-ares's status means: OK, NOTFOUND, AGAIN. */
enum err dns_status(int status, const unsigned char *reply, int len) A_MUST_USE;
/* Seconds the answer may be kept: the least time to live of its records or, if `none`,
 * what the SOA beside it says.  0: not at all, or damaged. */
unsigned dns_ttl(const unsigned char *reply, int len, bool none);
bool dns_is_authentic(const unsigned char *reply, int len);	/* AD bit */

/* Sorted by preference, equal ones shuffled.  DENIED: null MX.  NOTFOUND: none.
 * INVALID: none usable.  AGAIN: damaged. */
enum err dns_parse_mx(const unsigned char *reply, int len, struct dns_mx_record *out, size_t *n,
		      size_t max) A_MUST_USE;
/* type: 1 (A) or 28 (AAAA). */
enum err dns_parse_addrs(const unsigned char *reply, int len, int type, struct addr *out,
			 size_t *n, size_t max) A_MUST_USE;
/* type: 12 (PTR) or 16 (TXT). */
enum err dns_parse_texts(const unsigned char *reply, int len, int type,
			 struct dns_texts *out) A_MUST_USE;
#endif
