#include "common/dns/parse.h"

#include "common/base/check.h"
#include <ares.h>
#include <ares_dns.h>
#include <arpa/nameser.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define HEADER	  12
#define MAX_NAME  253
#define AD_BIT	  0x20		/* in the fourth byte of the header */

enum err dns_name_copy(const char *name, char *out, size_t cap)
{
	size_t n = strlen(name), label = 0;

	if (n > 0 && name[n - 1] == '.')
		n--;
	if (n == 0 || n > MAX_NAME || n >= cap)
		return ERR_INVALID;
	for (size_t i = 0; i < n; i++) {
		char c = name[i];

		if (c == '.' ? label == 0 : label == 63)
			return ERR_INVALID;
		label = c == '.' ? 0 : label + 1;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c + 'a' - 'A');
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		      c == '.'))
			return ERR_INVALID;
		out[i] = c;
	}
	out[n] = '\0';
	return label > 0 ? ERR_OK : ERR_INVALID;
}

void dns_reverse_name(const struct addr *a, char out[80])
{
	const uint8_t *ip = a->ip;
	size_t k = 0;

	if (a->family == 4) {
		snprintf(out, 80, "%u.%u.%u.%u.in-addr.arpa", ip[3], ip[2], ip[1], ip[0]);
		return;
	}
	for (int i = 15; i >= 0; i--)
		k += (size_t)snprintf(out + k, 80 - k, "%x.%x.", ip[i] & 15, ip[i] >> 4);
	snprintf(out + k, 80 - k, "ip6.arpa");
}

enum err dns_status(int status, const unsigned char *reply, int len)
{
	switch (status) {
	case ARES_SUCCESS:
		return reply && len >= HEADER ? ERR_OK : ERR_AGAIN;
	case ARES_ENODATA:
	case ARES_ENOTFOUND:
		return ERR_NOTFOUND;
	default:
		return ERR_AGAIN;
	}
}

bool dns_is_authentic(const unsigned char *reply, int len)
{
	return len >= HEADER && (reply[3] & AD_BIT) != 0;
}

/* ---- walking the answer section ------------------------------------------------------ */

struct walk {
	const unsigned char *reply, *at, *end;
	unsigned left;			/* records not yet seen */
	int type;			/* of the current record */
	uint32_t ttl;
	const unsigned char *data;
	size_t len;
};

static bool skip_name(struct walk *w)
{
	char *name;
	long n;

	if (ares_expand_name(w->at, w->reply, (int)(w->end - w->reply), &name, &n) != ARES_SUCCESS)
		return false;
	ares_free_string(name);
	w->at += n;
	return w->at <= w->end;
}

static bool walk_begin(struct walk *w, const unsigned char *reply, int len)
{
	unsigned questions;

	if (len < HEADER)
		return false;
	*w = (struct walk){ .reply = reply, .at = reply + HEADER, .end = reply + len };
	questions = DNS_HEADER_QDCOUNT(reply);
	w->left = DNS_HEADER_ANCOUNT(reply);
	for (; questions > 0; questions--) {
		if (!skip_name(w) || w->end - w->at < QFIXEDSZ)
			return false;
		w->at += QFIXEDSZ;
	}
	return true;
}

enum walk_step { WALK_RECORD, WALK_END, WALK_BAD };

static enum walk_step walk_next(struct walk *w)
{
	int class;

	while (w->left > 0) {
		w->left--;
		if (!skip_name(w) || w->end - w->at < RRFIXEDSZ)
			return WALK_BAD;
		w->type = DNS_RR_TYPE(w->at);
		class = DNS_RR_CLASS(w->at);
		w->ttl = DNS_RR_TTL(w->at);
		w->len = DNS_RR_LEN(w->at);
		w->at += RRFIXEDSZ;
		if ((size_t)(w->end - w->at) < w->len)
			return WALK_BAD;
		w->data = w->at;
		w->at += w->len;
		if (class == ns_c_in)
			return WALK_RECORD;
	}
	return WALK_END;
}

#define SOA_TAIL 22		/* two names of a byte at least, five numbers */

/* RFC 2308 section 5: the lesser of the SOA's own time and its last number. */
static uint32_t soa_ttl(const struct walk *w)
{
	const unsigned char *p = w->data + w->len - 4;
	uint32_t minimum = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

	return minimum < w->ttl ? minimum : w->ttl;
}

unsigned dns_ttl(const unsigned char *reply, int len, bool none)
{
	uint32_t least = UINT32_MAX, ttl;
	enum walk_step step;
	struct walk w;

	if (!walk_begin(&w, reply, len))
		return 0;
	if (none)
		w.left += DNS_HEADER_NSCOUNT(reply);
	while ((step = walk_next(&w)) == WALK_RECORD) {
		ttl = w.ttl;
		if (none && (w.type != ns_t_soa || w.len < SOA_TAIL))
			continue;
		if (none)
			ttl = soa_ttl(&w);
		if (ttl > INT32_MAX)	/* RFC 2181 section 8 */
			ttl = 0;
		if (ttl < least)
			least = ttl;
	}
	return step == WALK_BAD || least == UINT32_MAX ? 0 : least;
}

/* A name inside a record's data; root gives "".  False: damaged or unusable. */
static bool name_in(const struct walk *w, const unsigned char *at, char *out, size_t cap, bool *root)
{
	char *name;
	bool ok;
	long n;

	*root = false;
	if (at >= w->data + w->len ||
	    ares_expand_name(at, w->reply, (int)(w->end - w->reply), &name, &n) != ARES_SUCCESS)
		return false;
	*root = name[0] == '\0';
	ok = at + n <= w->data + w->len && (*root || dns_name_copy(name, out, cap) == ERR_OK);
	ares_free_string(name);
	return ok;
}

/* ---- MX -------------------------------------------------------------------------------- */

static int by_preference(const void *a, const void *b)
{
	const struct dns_mx_record *x = a, *y = b;

	return (x->preference > y->preference) - (x->preference < y->preference);
}

/* RFC 5321 section 5.1: equal preferences in random order, to spread load. */
static void shuffle(struct dns_mx_record *r, size_t n)
{
	struct dns_mx_record tmp;

	for (size_t i = n; i > 1; i--) {
		uint32_t v = 0;
		size_t k;

		CHECK(getrandom(&v, sizeof(v), 0) == (ssize_t)sizeof(v));
		k = v % i;
		tmp = r[i - 1];
		r[i - 1] = r[k];
		r[k] = tmp;
	}
}

/* Keep the best `max`: a full table loses its worst entry to a better one. */
static void add_mx(struct dns_mx_record *out, size_t *n, size_t max, const struct dns_mx_record *r)
{
	size_t worst = 0;

	for (size_t i = 0; i < *n; i++)
		if (strcmp(out[i].name, r->name) == 0) {
			if (r->preference < out[i].preference)
				out[i].preference = r->preference;
			return;
		}
	if (*n < max) {
		out[(*n)++] = *r;
		return;
	}
	for (size_t i = 1; i < *n; i++)
		if (out[i].preference > out[worst].preference)
			worst = i;
	if (r->preference < out[worst].preference)
		out[worst] = *r;
}

enum err dns_parse_mx(const unsigned char *reply, int len, struct dns_mx_record *out, size_t *n,
		      size_t max)
{
	struct dns_mx_record r;
	enum walk_step step;
	bool root, null_mx = false, unusable = false;
	struct walk w;

	*n = 0;
	if (!walk_begin(&w, reply, len))
		return ERR_AGAIN;
	while ((step = walk_next(&w)) == WALK_RECORD) {
		if (w.type != ns_t_mx || w.len < 3)
			continue;
		r.preference = (unsigned)w.data[0] << 8 | w.data[1];
		/* One unusable host does not spoil the others. */
		if (!name_in(&w, w.data + 2, r.name, sizeof(r.name), &root))
			unusable = true;
		else if (root)
			null_mx = true;
		else
			add_mx(out, n, max, &r);
	}
	if (step == WALK_BAD)
		return ERR_AGAIN;
	if (*n == 0)
		return null_mx ? ERR_DENIED : unusable ? ERR_INVALID : ERR_NOTFOUND;
	shuffle(out, *n);
	qsort(out, *n, sizeof(*out), by_preference);
	return ERR_OK;
}

/* ---- addresses and texts ------------------------------------------------------------------ */

enum err dns_parse_addrs(const unsigned char *reply, int len, int type, struct addr *out, size_t *n,
			 size_t max)
{
	size_t size = type == ns_t_a ? 4 : 16;
	enum walk_step step;
	struct walk w;

	*n = 0;
	if (!walk_begin(&w, reply, len))
		return ERR_AGAIN;
	while ((step = walk_next(&w)) == WALK_RECORD) {
		if (w.type != type || w.len != size || *n == max)
			continue;
		memset(&out[*n], 0, sizeof(*out));
		out[*n].family = type == ns_t_a ? 4 : 6;
		memcpy(out[*n].ip, w.data, size);
		(*n)++;
	}
	if (step == WALK_BAD)
		return ERR_AGAIN;
	return *n ? ERR_OK : ERR_NOTFOUND;
}

void dns_texts_fini(struct dns_texts *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->s[i]);
	free(t->s);
	*t = (struct dns_texts){ NULL, 0 };
}

/* The strings of one record, joined; NUL bytes end a text early, as they would in
 * every C program that reads it. */
static char *join_strings(const unsigned char *p, size_t n)
{
	char *text = xcalloc(1, n + 1);
	size_t k = 0;

	while (n > 0) {
		size_t len = *p++;

		n--;
		if (len > n || k + len > DNS_MAX_TEXT) {
			free(text);
			return NULL;
		}
		memcpy(text + k, p, len);
		k += len;
		p += len;
		n -= len;
	}
	return text;
}

enum err dns_parse_texts(const unsigned char *reply, int len, int type, struct dns_texts *out)
{
	char name[256], *text;
	enum walk_step step;
	struct walk w;
	bool root;

	out->s = xcalloc(DNS_MAX_TEXTS + 1, sizeof(char *));
	out->n = 0;
	step = walk_begin(&w, reply, len) ? WALK_RECORD : WALK_BAD;
	while (step == WALK_RECORD && (step = walk_next(&w)) == WALK_RECORD) {
		if (w.type != type || out->n == DNS_MAX_TEXTS)
			continue;
		text = NULL;
		if (type == ns_t_txt)
			text = join_strings(w.data, w.len);
		else if (name_in(&w, w.data, name, sizeof(name), &root) && !root)
			text = xstrdup(name);
		if (text)
			out->s[out->n++] = text;
	}
	if (step == WALK_END && out->n > 0)
		return ERR_OK;
	dns_texts_fini(out);
	return step == WALK_END ? ERR_NOTFOUND : ERR_AGAIN;
}
