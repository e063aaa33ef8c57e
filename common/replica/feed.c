#include "common/replica/feed.h"

#include "common/replica/objects.h"
#include "common/smtp/address.h"
#include <sodium.h>

enum {
	PAGE_BYTES = 224 * 1024,	/* a bus message may have 320 KiB */
	PAGE_OBJECTS = 512,
	SKIP_OBJECTS = 512,	/* snapshot: unseen ones before one is sent as a marker */
};

/* ---- what a role may see --------------------------------------------------------- */

void feed_hash(const uint8_t key[32], const char *address_key, uint8_t out[FEED_HASH])
{
	crypto_generichash(out, FEED_HASH, (const uint8_t *)address_key, strlen(address_key),
			   key, 32);
}

/* Verifiers go where a login of an enabled protocol can happen. */
static bool may_have_verifiers(unsigned role, const struct object *o)
{
	if (o->klass != CLASS_MAILBOX || !object_bool(o, OBJ_ENABLED, true) ||
	    object_bool(o, OBJ_DISCONNECTED, false) || object_bool(o, OBJ_SHARED, false))
		return false;
	if (role == RPC_CAS)
		return object_bool(o, OBJ_IMAP, true) || object_bool(o, OBJ_POP3, true);
	return role == RPC_HUB && object_bool(o, OBJ_SUBMISSION, true);
}

/* Recipients that nobody outside may write to do not exist at the edge: refusing
 * there makes no bounces to forged senders. */
static const struct object *hashed(const struct feed_to *to, const struct object *o,
				   struct arena *a)
{
	struct object *h;

	if (!to->hash_key || object_bool(o, OBJ_REQUIRE_AUTH, false) ||
	    object_has(o, OBJ_ACCEPT_FROM) || object_bool(o, OBJ_DISCONNECTED, false))
		return NULL;
	h = object_new(a, CLASS_MAILBOX);
	h->guid = o->guid;
	h->usn = o->usn;
	for (const struct object_value *v = object_values(o, OBJ_EMAIL); v; v = v->next) {
		char key[SMTP_KEY_MAX];
		uint8_t hash[FEED_HASH];

		if (smtp_address_key_of(v->bytes.p, key) != ERR_OK)
			continue;
		feed_hash(to->hash_key, key, hash);
		object_add_bytes(h, OBJ_RECIPIENT_HASH, hash, sizeof(hash));
	}
	return h->attrs ? h : NULL;
}

/* Edges know hubs by their keys, and themselves. */
static const struct object *server_for_edge(const struct feed_to *to, const struct object *o,
					    struct arena *a)
{
	static const unsigned keep[] = { OBJ_NAME, OBJ_ROLE, OBJ_KEY };
	struct object *s;

	if (object_number(o, OBJ_ROLE, 0) != RPC_HUB && !guid_eq(&o->guid, &to->server))
		return NULL;
	s = object_copy(a, o);
	for (const struct object_attr *t = o->attrs; t; t = t->next) {
		bool kept = false;

		for (size_t i = 0; i < N_ELEMS(keep); i++)
			kept |= t->attr == keep[i];
		if (!kept)
			object_unset(s, t->attr);
	}
	return s;
}

static const struct object *for_edge(const struct feed_to *to, const struct object *o,
				     struct arena *a)
{
	struct object *t;

	if (class_is_recipient(o->klass))
		return hashed(to, o, a);
	switch (o->klass) {
	case CLASS_SERVER:
		return server_for_edge(to, o, a);
	case CLASS_CONNECTOR:
		return !object_has(o, OBJ_SOURCE) ||
		       object_has_guid(o, OBJ_SOURCE, &to->server) ? o : NULL;
	case CLASS_TRANSPORT:
		t = object_copy(a, o);
		object_unset(t, OBJ_TRUSTED_RANGE);
		return t;
	case CLASS_DOMAIN:
	case CLASS_REMOTE_DOMAIN:
		return o;
	default:
		return NULL;
	}
}

static bool may_have(const struct feed_to *to, const struct object *o, unsigned attr)
{
	const struct attr_info *i = attr_by_id(attr);

	/* A newer directory's attribute: it may be a secret, so it stays there. */
	if (!i)
		return false;
	if (!(i->flags & ATTR_SECRET))
		return true;
	if (attr == OBJ_PIN)
		return to->role == RPC_UM && object_bool(o, OBJ_UM_ENABLED, false);
	if (attr == OBJ_FEED_KEY || attr == OBJ_SUBSCRIPTION)
		return to->role == RPC_HUB;
	return may_have_verifiers(to->role, o);
}

const struct object *feed_filter(const struct feed_to *to, const struct object *o,
				 struct arena *a)
{
	struct object *copy = NULL;

	if (o->deleted)
		return NULL;
	if (to->role == RPC_EDGE)
		return for_edge(to, o, a);
	for (const struct object_attr *t = o->attrs; t; t = t->next) {
		if (may_have(to, o, t->attr))
			continue;
		if (!copy)
			copy = object_copy(a, o);
		object_unset(copy, t->attr);
	}
	return copy ? copy : o;
}

/* ---- pages ------------------------------------------------------------------------ */

struct page {
	const struct feed_to *to;
	struct directory_page *out;
	struct arena *a;
	size_t cap, limit;
	size_t bytes;
	size_t batch_at, batch_bytes;	/* where the batch of batch_usn began */
	uint64_t batch_usn;
	bool snapshot;
	size_t skipped;
};

/* About what it takes in the message. */
static size_t weight(const struct object *o)
{
	size_t n = 48;

	for (const struct object_attr *t = o->attrs; t; t = t->next) {
		n += 8;
		for (const struct object_value *v = t->values; v; v = v->next)
			n += v->bytes.n + 16;
	}
	return n;
}

static void add(struct page *p, struct object *o)
{
	if (p->out->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		struct object **grown = arena_alloc(p->a, cap * sizeof(*grown));

		if (p->out->n)
			memcpy(grown, p->out->objects, p->out->n * sizeof(*grown));
		p->out->objects = grown;
		p->cap = cap;
	}
	p->out->objects[p->out->n++] = o;
}

/* In a snapshot a tombstone is just a mark of how far the page has come.
 *
 * The batch that was begun does not fit: the page ends before it, unless it is the
 * page's first; the directory keeps batches below OBJECT_MAX_BYTES. */
static bool page_object(void *ctx, struct object *o)
{
	struct page *p = ctx;
	const struct object *seen = feed_filter(p->to, o, p->a);
	struct object *send = (struct object *)(uintptr_t)seen;
	size_t w;

	if (!seen && p->snapshot && ++p->skipped < SKIP_OBJECTS)
		return true;
	if (!seen) {
		send = object_new(p->a, o->klass);
		send->guid = o->guid;
		send->usn = o->usn;
		send->deleted = true;
	}
	/* A marker ends the page soon, for reading what is not sent takes time too. */
	w = p->snapshot && !seen ? PAGE_BYTES / 8 : weight(send);
	p->skipped = 0;
	if (p->snapshot || o->usn != p->batch_usn) {
		p->batch_at = p->out->n;
		p->batch_bytes = p->bytes;
		p->batch_usn = o->usn;
	}
	if (p->out->n && p->batch_at > 0 &&
	    (p->bytes + w > PAGE_BYTES || (p->out->n >= p->limit && p->batch_at == p->out->n))) {
		p->out->n = p->batch_at;
		p->out->more = true;
		return false;
	}
	add(p, send);
	p->bytes += w;
	return true;
}

/* May this asker go on from where it stands? */
static bool can_continue(const struct directory_ask *ask, const struct guid *incarnation,
			 uint64_t floor)
{
	return guid_eq(&ask->incarnation, incarnation) && ask->usn >= floor &&
	       ask->filter_version == FEED_VERSION;
}

enum err feed_page(struct db *db, const struct feed_to *to, const struct directory_ask *ask,
		   struct arena *a, struct directory_page *out, struct errbuf *eb)
{
	struct page p = { .to = to, .out = out, .a = a, .snapshot = ask->snapshot };
	uint64_t usn = (uint64_t)objects_meta_int(db, META_USN);
	enum err e;

	*out = (struct directory_page){ .usn = usn, .filter_version = FEED_VERSION };
	if (!objects_meta_guid(db, META_INCARNATION, &out->incarnation))
		return err_set(eb, ERR_AGAIN, "nothing here yet");
	p.limit = ask->limit && ask->limit < PAGE_OBJECTS ? ask->limit : PAGE_OBJECTS;
	if (ask->snapshot)
		return objects_snapshot(db, &ask->after, a, page_object, &p, eb);
	if (!can_continue(ask, &out->incarnation, (uint64_t)objects_meta_int(db, META_FLOOR))) {
		out->need_snapshot = true;
		return ERR_OK;
	}
	/* A hub that is behind its edge just has nothing new. */
	if (ask->usn > usn) {
		out->usn = ask->usn;
		return ERR_OK;
	}
	e = objects_since(db, ask->usn, a, page_object, &p, eb);
	if (!e && out->more)
		out->usn = out->objects[out->n - 1]->usn;
	return e;
}
