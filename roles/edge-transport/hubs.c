#include "roles/edge-transport/hubs.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/rpc/rpc.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_HUBS 256

struct hub {
	struct guid guid;
	char name[64];
	struct rpc_peer *peer;
	int64_t messages, bytes;	/* credit; may be below 0 for a while */
	bool silent;
};

struct hubs {
	struct hub hub[MAX_HUBS];
	size_t n;
};

struct hubs *hubs_new(void)
{
	return xcalloc(1, sizeof(struct hubs));
}

void hubs_free(struct hubs **h)
{
	free(*h);
	*h = NULL;
}

/* ---- who is there ---------------------------------------------------------------- */

static struct hub *find(struct hubs *h, const struct guid *g)
{
	for (size_t i = 0; i < h->n; i++)
		if (guid_eq(&h->hub[i].guid, g))
			return &h->hub[i];
	return NULL;
}

static struct hub *find_peer(struct hubs *h, const struct rpc_peer *p)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->hub[i].peer == p)
			return &h->hub[i];
	return NULL;
}

static struct hub *add(struct hubs *h, struct rpc_peer *p, const char *name)
{
	if (h->n == MAX_HUBS) {
		log_warn(NULL, "too many hubs: not used hub=%s", name);
		return NULL;
	}
	h->hub[h->n] = (struct hub){ .peer = p };
	return &h->hub[h->n++];
}

/* The hub that proved the subscription has no name until its object has arrived:
 * its credit waits for that, so that the first letter need not wait for its next offer. */
static bool is_known(struct hub *x)
{
	const struct rpc_ident *who;

	if (!guid_is_null(&x->guid))
		return true;
	who = rpc_peer_ident(x->peer);
	x->guid = who->guid;
	snprintf(x->name, sizeof(x->name), "%s", who->name);
	return !guid_is_null(&x->guid);
}

static bool takes_mail(const struct hub *x)
{
	return x->messages > 0 && !x->silent && !guid_is_null(&x->guid);
}

bool hubs_offer(struct hubs *h, struct rpc_peer *p, const struct hubs_offer *o)
{
	struct hub *x = find_peer(h, p);
	bool had;

	if (!x)
		x = add(h, p, o->name);
	if (!x)
		return false;
	had = takes_mail(x);
	x->guid = o->hub;
	snprintf(x->name, sizeof(x->name), "%s", o->name);
	x->messages = o->messages < INT32_MAX ? (int64_t)o->messages : INT32_MAX;
	x->bytes = o->bytes < INT64_MAX / 2 ? (int64_t)o->bytes : INT64_MAX / 2;
	x->silent = false;
	return !had && takes_mail(x);
}

void hubs_lost(struct hubs *h, const struct rpc_peer *p)
{
	struct hub *x = find_peer(h, p);

	if (x)
		*x = h->hub[--h->n];
}

size_t hubs_count(struct hubs *h)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		n += is_known(&h->hub[i]);
	return n;
}

/* ---- credit ------------------------------------------------------------------------ */

/* Larger ones are streamed to a file there. */
static int64_t cost(const struct mail *m)
{
	return m->size <= MAIL_INLINE ? (int64_t)m->size : 0;
}

bool hubs_take_any(struct hubs *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (is_known(&h->hub[i]) && takes_mail(&h->hub[i]))
			return true;
	return false;
}

bool hubs_choose(struct hubs *h, const struct mail *m, const struct guid *not_this,
		 struct hubs_choice *out)
{
	const struct hub *best = NULL;

	for (size_t i = 0; i < h->n; i++) {
		struct hub *x = &h->hub[i];

		if (!is_known(x) || !takes_mail(x) || x->bytes < cost(m) ||
		    (not_this && guid_eq(&x->guid, not_this)))
			continue;
		if (!best || x->messages > best->messages ||
		    (x->messages == best->messages && x->bytes > best->bytes))
			best = x;
	}
	if (best)
		*out = (struct hubs_choice){ best->guid, best->name, best->peer };
	return best != NULL;
}

void hubs_given(struct hubs *h, const struct guid *hub, const struct mail *m)
{
	struct hub *x = find(h, hub);

	if (x) {
		x->messages--;
		x->bytes -= cost(m);
	}
}

void hubs_answered(struct hubs *h, const struct guid *hub, const struct mail *m)
{
	struct hub *x = find(h, hub);

	if (x) {
		x->messages++;
		x->bytes += cost(m);
	}
}

void hubs_silent(struct hubs *h, const struct guid *hub)
{
	struct hub *x = find(h, hub);

	if (x)
		x->silent = true;
}
