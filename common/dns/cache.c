#include "common/dns/cache.h"

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/list.h"
#include "common/dns/parse.h"
#include <ares.h>
#include <stdlib.h>
#include <string.h>

struct key {
	int type;
	char name[256];		/* filled with zeros */
};

struct entry {
	struct hash_node node;
	struct list used;	/* in dns_cache.used */
	struct key key;
	int64_t until_ms;
	int status, len;
	unsigned char reply[];
};

struct dns_cache {
	struct hash entries;
	struct list used;	/* the one asked for longest ago comes first */
	size_t max;
};

struct dns_cache *dns_cache_new(size_t max_entries)
{
	struct dns_cache *c = xcalloc(1, sizeof(*c));

	CHECK(max_entries > 0);
	hash_init(&c->entries);
	list_init(&c->used);
	c->max = max_entries;
	return c;
}

static void drop(struct dns_cache *c, struct entry *e)
{
	hash_del(&c->entries, &e->node);
	list_del(&e->used);
	free(e);
}

void dns_cache_free(struct dns_cache **cp)
{
	struct dns_cache *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	LIST_EACH (&c->used, n)
		drop(c, CONTAINER_OF(n, struct entry, used));
	hash_fini(&c->entries);
	free(c);
}

static bool key_of(const char *name, int type, struct key *out)
{
	memset(out, 0, sizeof(*out));
	out->type = type;
	if (strlen(name) >= sizeof(out->name))
		return false;
	strcpy(out->name, name);
	return true;
}

static struct entry *find(const struct dns_cache *c, const struct key *k)
{
	struct hash_node *n = hash_find(&c->entries, k, sizeof(*k));

	return n ? CONTAINER_OF(n, struct entry, node) : NULL;
}

bool dns_cache_get(struct dns_cache *c, const char *name, int type, int64_t now_ms, int *status,
		   const unsigned char **reply, int *len)
{
	struct entry *e;
	struct key k;

	e = key_of(name, type, &k) ? find(c, &k) : NULL;
	if (e == NULL)
		return false;
	if (e->until_ms <= now_ms) {
		drop(c, e);
		return false;
	}
	list_del(&e->used);
	list_add_tail(&c->used, &e->used);
	*status = e->status;
	*reply = e->reply;
	*len = e->len;
	return true;
}

/* Seconds; 0: not to be kept. */
static unsigned worth(int status, const unsigned char *reply, int len)
{
	bool none = status == ARES_ENOTFOUND || status == ARES_ENODATA;
	unsigned max = none ? DNS_CACHE_NEGATIVE_S : DNS_CACHE_DAY_S, s;

	if ((status != ARES_SUCCESS && !none) || len > DNS_CACHE_REPLY_MAX)
		return 0;
	s = dns_ttl(reply, len, none);
	return s < max ? s : max;
}

void dns_cache_put(struct dns_cache *c, const char *name, int type, int64_t now_ms, int status,
		   const unsigned char *reply, int len)
{
	unsigned seconds = reply && len > 0 ? worth(status, reply, len) : 0;
	struct entry *e;
	struct key k;

	if (!key_of(name, type, &k))
		return;
	e = find(c, &k);
	if (e)
		drop(c, e);
	if (seconds == 0)
		return;
	if (c->entries.n >= c->max)
		drop(c, CONTAINER_OF(c->used.next, struct entry, used));
	e = xcalloc(1, sizeof(*e) + (size_t)len);
	e->key = k;
	e->until_ms = now_ms + (int64_t)seconds * 1000;
	e->status = status;
	e->len = len;
	memcpy(e->reply, reply, (size_t)len);
	list_init(&e->used);
	list_add_tail(&c->used, &e->used);
	hash_add(&c->entries, &e->node, &e->key, sizeof(e->key));
}

size_t dns_cache_count(const struct dns_cache *c)
{
	return c->entries.n;
}
