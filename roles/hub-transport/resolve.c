#include "roles/hub-transport/resolve.h"

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/list.h"
#include "common/smtp/command.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 32		/* of groups in groups, forwards of forwards */
#define MAX_WORK  200000	/* entries looked at for one message */

/* One thing to resolve: an address, or an object that another one led to. */
struct todo {
	struct list node;
	const char *address;	/* NULL: by guid */
	struct guid guid;
	const struct mail_rcpt *from;	/* whose options go with it */
	unsigned notify, depth;
	bool paged;		/* a member of a page, or below one */
};

struct seen {
	struct hash_node node;
	char key[];		/* GUID of an object, or an outside address */
};

struct resolve {
	struct replica *replica;
	const struct route *route;
	struct mail *in, *out;
	bool relay;
	int64_t now_ms;
	struct arena arena;	/* of the whole run */
	struct arena step;	/* objects of one entry */
	struct list todo;
	struct list pages;	/* of large groups, for when all else is resolved */
	size_t n_pages, n_paged;	/* paged: results that came by pages */
	struct hash seen;
	struct guid sender;	/* the sender's object; null: not one of ours */
	bool sender_known;	/* looked up */
	size_t max_rcpts;	/* the organisation's limit, or the submitter's own */
	bool over;		/* more than that */
	unsigned work;
};

/* ---- results ------------------------------------------------------------------ */

/* Over the limit nobody gets it: half a group would be worse than none.  What comes by
 * pages is not counted: a large group is no mistake of the sender's. */
static bool is_full(struct resolve *rs, const struct todo *t)
{
	size_t n = rs->out->n_rcpts;

	if (n >= MAIL_MAX_RCPTS || (!t->paged && n - rs->n_paged >= rs->max_rcpts))
		rs->over = true;
	return rs->over;
}

static struct mail_rcpt *result(struct resolve *rs, const struct todo *t, const char *address)
{
	struct mail_rcpt *r = mail_add(rs->out, address);

	r->orcpt = arena_str(&rs->out->arena, t->from->orcpt);
	r->notify = t->notify;
	r->due_ms = rs->now_ms;
	rs->n_paged += t->paged;
	/* Reports speak of the address that was written, RFC 3461 section 4.2. */
	if (r->orcpt[0] == '\0' && strcasecmp(address, t->from->address) != 0 &&
	    strlen(t->from->address) < 400)
		r->orcpt = arena_printf(&rs->out->arena, "rfc822;%s", t->from->address);
	return r;
}

static void fail(struct resolve *rs, const struct todo *t, const char *status, const char *diag)
{
	if (!is_full(rs, t))
		mail_report(rs->out, result(rs, t, t->address ? t->address : t->from->address),
			    ACTION_FAILED, status, diag, "");
}

/* True the first time a key is met. */
static bool first_time(struct resolve *rs, const void *key, size_t n)
{
	struct seen *s;

	if (hash_find(&rs->seen, key, n))
		return false;
	s = arena_alloc(&rs->arena, sizeof(*s) + n);
	memcpy(s->key, key, n);
	hash_add(&rs->seen, &s->node, s->key, n);
	return true;
}

static void push(struct resolve *rs, struct todo *t)
{
	list_init(&t->node);
	list_add_tail(&rs->todo, &t->node);
}

static struct todo *child(struct resolve *rs, const struct todo *t)
{
	struct todo *c = arena_alloc(&rs->arena, sizeof(*c));

	c->from = t->from;
	c->notify = t->notify;
	c->depth = t->depth + 1;
	c->paged = t->paged;
	return c;
}

/* ---- outside ------------------------------------------------------------------- */

static const char *domain_of(const char *address)
{
	const char *at = strrchr(address, '@');

	return at ? at + 1 : "";
}

static void outside(struct resolve *rs, const struct todo *t, const char *address)
{
	struct route_hop hop;
	char key[SMTP_KEY_MAX];

	if (smtp_address_key_of(address, key)) {
		fail(rs, t, "5.1.3", "RESOLVER.ADR.BadPrimary; not an address");
		return;
	}
	if (!first_time(rs, key, strlen(key)))
		return;
	if (is_full(rs, t))
		return;
	route_domain(rs->route, domain_of(key), rs->in->size, &hop);
	mail_route(rs->out, result(rs, t, address), hop.kind, hop.name);
}

/* ---- who may send to whom -------------------------------------------------------- */

static void find_sender(struct resolve *rs)
{
	struct object *o;

	if (rs->sender_known)
		return;
	rs->sender_known = true;
	if (!(rs->in->flags & MAIL_AUTHENTICATED))
		return;		/* anybody can write a name */
	if (!guid_is_null(&rs->in->submitter))
		rs->sender = rs->in->submitter;
	else if (rs->in->sender[0] &&
		 replica_by_address(rs->replica, rs->in->sender, &rs->step, &o) == ERR_OK)
		rs->sender = o->guid;
}

static bool names_sender(struct resolve *rs, const struct object *o, unsigned attr)
{
	struct guid g;

	if (guid_is_null(&rs->sender))
		return false;
	for (const struct object_value *v = object_values(o, attr); v; v = v->next) {
		if (guid_from(v->bytes.p, v->bytes.n, &g))
			continue;
		if (guid_eq(&g, &rs->sender) || replica_is_member(rs->replica, &g, &rs->sender))
			return true;
	}
	return false;
}

/* False, and a report is made. */
static bool may_send(struct resolve *rs, const struct todo *t, const struct object *o)
{
	int64_t max = object_number(o, OBJ_MAX_RECEIVE, rs->route->max_receive);
	bool listed = object_has(o, OBJ_ACCEPT_FROM) || object_has(o, OBJ_REJECT_FROM);

	if (max > 0 && rs->in->size > (uint64_t)max) {
		fail(rs, t, "5.2.3", "RESOLVER.RST.RecipSizeLimit; message too large for recipient");
		return false;
	}
	if (rs->in->sender[0] == '\0' && (rs->in->flags & MAIL_REPORT))
		return true;	/* our own reports reach everybody */
	if (object_bool(o, OBJ_REQUIRE_AUTH, false) && !(rs->in->flags & MAIL_AUTHENTICATED)) {
		fail(rs, t, "5.7.1", "RESOLVER.RST.AuthRequired; authentication required");
		return false;
	}
	if (!listed)
		return true;
	find_sender(rs);
	if ((object_has(o, OBJ_ACCEPT_FROM) && !names_sender(rs, o, OBJ_ACCEPT_FROM)) ||
	    names_sender(rs, o, OBJ_REJECT_FROM)) {
		fail(rs, t, "5.7.1", "RESOLVER.RST.NotAuthorized; not authorized");
		return false;
	}
	return true;
}

/* ---- objects ---------------------------------------------------------------------- */

static const char *primary(const struct todo *t, const struct object *o)
{
	const char *a = object_text(o, OBJ_EMAIL);

	if (t->address)
		return t->address;
	return a ? a : t->from->address;
}

static void mailbox(struct resolve *rs, const struct todo *t, const struct object *o)
{
	struct mail_rcpt *r;
	struct guid g;
	char text[GUID_TEXT];

	if (object_guid(o, OBJ_FORWARD_TO, &g)) {
		struct todo *c = child(rs, t);

		c->guid = g;
		push(rs, c);
		if (!object_bool(o, OBJ_FORWARD_KEEP, false))
			return;
	}
	if (object_bool(o, OBJ_DISCONNECTED, false) || !object_guid(o, OBJ_DATABASE, &g)) {
		fail(rs, t, "5.2.1", "mailbox is disabled");
		return;
	}
	if (is_full(rs, t))
		return;
	r = result(rs, t, primary(t, o));
	r->target = o->guid;
	mail_route(rs->out, r, HOP_DATABASE, guid_text(&g, text));
}

static void contact(struct resolve *rs, const struct todo *t, const struct object *o)
{
	const char *target = object_text(o, OBJ_TARGET);
	struct todo *c;

	if (!target) {
		fail(rs, t, "5.1.3", "RESOLVER.ADR.BadPrimary; contact without an address outside");
		return;
	}
	if (replica_domain(rs->replica, domain_of(target)) == DOMAIN_NONE) {
		outside(rs, t, target);
		return;
	}
	c = child(rs, t);
	c->address = arena_str(&rs->arena, target);
	push(rs, c);
}

static void push_page(struct resolve *rs, struct todo *t)
{
	if (!first_time(rs, t->guid.b, sizeof(t->guid.b)))
		return;
	t->paged = true;
	list_init(&t->node);
	list_add_tail(&rs->pages, &t->node);
	rs->n_pages++;
}

static void members(struct resolve *rs, const struct todo *t, const struct object *o)
{
	for (const struct object_value *v = object_values(o, OBJ_MEMBER); v; v = v->next) {
		struct todo *c = child(rs, t);

		c->notify &= ~(unsigned)SMTP_NOTIFY_SUCCESS;
		if (guid_from(v->bytes.p, v->bytes.n, &c->guid))
			continue;
		/* Only while needed: a group of groups must not grow beyond the limit. */
		if (++rs->work > MAX_WORK) {
			fail(rs, t, "5.2.4", "RESOLVER.GRP.Expansion; group is too large");
			return;
		}
		if (object_has_guid(o, OBJ_MEMBER_PAGE, &c->guid))
			push_page(rs, c);
		else
			push(rs, c);
	}
}

static void group(struct resolve *rs, const struct todo *t, const struct object *o)
{
	/* A report of success is about the group (RFC 3461 section 5.2.7.3). */
	if ((t->notify & SMTP_NOTIFY_SUCCESS) && !is_full(rs, t))
		mail_report(rs->out, result(rs, t, primary(t, o)), ACTION_EXPANDED, "2.0.0",
			    "distribution group expanded", "");
	members(rs, t, o);
}

/* ---- pages of large groups -------------------------------------------------------------- */

/* For the next round: the queue gives it back as a recipient that names the page.  Its
 * depth goes along, so that circles of groups end. */
static void put_off(struct resolve *rs, const struct todo *t)
{
	struct mail_rcpt *r = result(rs, t, t->from->address);

	r->target = t->guid;
	r->action = ACTION_EXPANDED;
	r->tries = t->depth;
	mail_route(rs->out, r, HOP_SUBMIT, "");
}

static bool is_put_off(const struct mail_rcpt *r)
{
	return r->kind == HOP_SUBMIT && r->action == ACTION_EXPANDED && !guid_is_null(&r->target);
}

/* Everything else is resolved: a page, if there is room for all of it. */
static void next_page(struct resolve *rs)
{
	struct todo *t = CONTAINER_OF(list_pop(&rs->pages), struct todo, node);
	size_t room = MAIL_MAX_RCPTS - rs->out->n_rcpts, n = 0;
	struct object *o;
	enum err e = replica_by_guid(rs->replica, &t->guid, &rs->step, &o);

	rs->n_pages--;
	if (e == ERR_NOTFOUND || t->depth > MAX_DEPTH || (!e && o->klass != CLASS_GROUP_PAGE))
		return;		/* gone since; in a circle everybody has been met */
	for (const struct object_value *v = e ? NULL : object_values(o, OBJ_MEMBER); v; v = v->next)
		n++;
	if (rs->n_pages + 1 > room)
		rs->over = true;
	else if (e || n + rs->n_pages > room)
		put_off(rs, t);
	else
		members(rs, t, o);
}

static void object(struct resolve *rs, const struct todo *t, const struct object *o)
{
	if (!first_time(rs, o->guid.b, sizeof(o->guid.b)) || !may_send(rs, t, o))
		return;
	if (t->depth > MAX_DEPTH) {
		if (t->paged)
			return;
		fail(rs, t, "5.4.6", "RESOLVER.FWD.Loop; too many levels");
		return;
	}
	switch (o->klass) {
	case CLASS_MAILBOX:
	case CLASS_PUBLIC_FOLDER:
		mailbox(rs, t, o);
		break;
	case CLASS_CONTACT:
		contact(rs, t, o);
		break;
	case CLASS_GROUP:
		group(rs, t, o);
		break;
	default:
		fail(rs, t, "5.1.1", "RESOLVER.ADR.RecipNotFound; not a recipient");
	}
}

/* ---- entries ----------------------------------------------------------------------- */

static void unknown(struct resolve *rs, const struct todo *t)
{
	/* From a contact's target on, the organisation itself is the sender's agent. */
	bool relay = rs->relay || t->depth > 0;
	const char *postmaster;
	struct todo *c;

	switch (replica_domain(rs->replica, domain_of(t->address))) {
	case DOMAIN_AUTHORITATIVE:
		postmaster = route_postmaster(rs->route, t->address);
		if (postmaster) {
			c = child(rs, t);
			c->address = arena_str(&rs->arena, postmaster);
			push(rs, c);
			return;
		}
		fail(rs, t, "5.1.1", "RESOLVER.ADR.RecipNotFound; not found");
		return;
	case DOMAIN_INTERNAL_RELAY:
	case DOMAIN_EXTERNAL_RELAY:
		outside(rs, t, t->address);
		return;
	case DOMAIN_NONE:
		break;
	}
	if (relay)
		outside(rs, t, t->address);
	else
		fail(rs, t, "5.7.1", "SMTPSEND.RelayNotPermitted; unable to relay");
}

static void retry_later(struct resolve *rs, const struct todo *t)
{
	struct mail_rcpt *r;

	if (is_full(rs, t))
		return;
	r = result(rs, t, t->address ? t->address : t->from->address);
	r->due_ms = rs->now_ms + 60000;
	r->diag = "directory replica cannot be read";
	mail_route(rs->out, r, HOP_SUBMIT, "");
}

static void entry(struct resolve *rs, const struct todo *t)
{
	struct object *o = NULL;
	enum err e = t->address ? replica_by_address(rs->replica, t->address, &rs->step, &o)
				: replica_by_guid(rs->replica, &t->guid, &rs->step, &o);

	if (e == ERR_OK)
		object(rs, t, o);
	else if (e != ERR_NOTFOUND && e != ERR_INVALID)
		retry_later(rs, t);
	else if (t->address)
		unknown(rs, t);
	else if (t->depth <= 1)
		fail(rs, t, "5.1.1", "RESOLVER.ADR.RecipNotFound; forward or member is gone");
}

static size_t limit_of(struct replica *r, const struct route *route, const struct mail *m)
{
	struct arena a = { NULL, NULL };
	struct object *o;
	int64_t n = route->max_rcpts;

	if (!guid_is_null(&m->submitter) && replica_by_guid(r, &m->submitter, &a, &o) == ERR_OK)
		n = object_number(o, OBJ_RECIPIENT_LIMIT, n);
	arena_fini(&a);
	return n < 1 ? 1 : n > (int64_t)MAIL_MAX_RCPTS ? MAIL_MAX_RCPTS : (size_t)n;
}

struct resolve *resolve_new(struct replica *r, const struct route *route, struct mail *m,
			    bool relay, int64_t now_ms)
{
	struct resolve *rs = xcalloc(1, sizeof(*rs));

	rs->replica = r;
	rs->route = route;
	rs->max_rcpts = limit_of(r, route, m);
	rs->in = m;
	rs->out = mail_split(m);
	rs->relay = relay;
	rs->now_ms = now_ms;
	list_init(&rs->todo);
	list_init(&rs->pages);
	hash_init(&rs->seen);
	for (size_t i = 0; i < m->n_rcpts; i++) {
		struct todo *t = arena_alloc(&rs->arena, sizeof(*t));

		t->from = &m->rcpts[i];
		t->address = t->from->address;
		t->notify = t->from->notify;
		if (is_put_off(t->from)) {
			t->guid = t->from->target;
			t->depth = t->from->tries;
			push_page(rs, t);
		} else {
			push(rs, t);
		}
	}
	return rs;
}

bool resolve_step(struct resolve *rs, unsigned budget)
{
	struct list *n;

	while (budget-- > 0 && !rs->over) {
		n = list_pop(&rs->todo);
		if (n)
			entry(rs, CONTAINER_OF(n, struct todo, node));
		else if (rs->n_pages > 0)
			next_page(rs);
		else
			return true;
		arena_reset(&rs->step);
	}
	return rs->over || (list_empty(&rs->todo) && rs->n_pages == 0);
}

/* All recipients that were named, each to be reported. */
static struct mail *too_many(struct resolve *rs)
{
	struct mail *m = mail_split(rs->in);

	for (size_t i = 0; i < rs->in->n_rcpts; i++) {
		struct mail_rcpt *r = mail_add_copy(m, &rs->in->rcpts[i]);

		r->due_ms = rs->now_ms;
		mail_report(m, r, ACTION_FAILED, "5.5.3",
			    "RESOLVER.ADR.RecipLimit; too many recipients", "");
	}
	return m;
}

struct mail *resolve_take(struct resolve *rs)
{
	struct mail *m = rs->out;

	if (rs->over)
		return too_many(rs);
	CHECK(list_empty(&rs->todo));
	rs->out = NULL;
	if (m->n_rcpts == 0)
		mail_unref(&m);
	return m;
}

void resolve_free(struct resolve **rsp)
{
	struct resolve *rs = *rsp;

	*rsp = NULL;
	if (!rs)
		return;
	hash_fini(&rs->seen);
	arena_fini(&rs->arena);
	arena_fini(&rs->step);
	mail_unref(&rs->out);
	free(rs);
}

/* ---- at the front ------------------------------------------------------------------ */

enum err resolve_rcpt(struct replica *r, const char *address, bool relay)
{
	switch (replica_recipient(r, address)) {
	case RCPT_KNOWN:
	case RCPT_RELAY:
		return ERR_OK;
	case RCPT_UNKNOWN:
		return ERR_NOTFOUND;
	case RCPT_AGAIN:
		return ERR_AGAIN;
	case RCPT_OUTSIDE:
		break;
	}
	return relay ? ERR_OK : ERR_DENIED;
}

bool resolve_may_send_as(struct replica *r, const struct guid *user, const char *address)
{
	struct arena a = { NULL, NULL };
	struct object *o;
	struct guid g;
	bool may = false;

	if (replica_by_address(r, address, &a, &o) == ERR_OK) {
		may = guid_eq(&o->guid, user);
		for (const struct object_value *v = object_values(o, OBJ_SEND_AS); v && !may;
		     v = v->next)
			may = guid_from(v->bytes.p, v->bytes.n, &g) == ERR_OK &&
			      (guid_eq(&g, user) || replica_is_member(r, &g, user));
	}
	arena_fini(&a);
	return may;
}

uint64_t resolve_max_send(struct replica *r, const struct route *route, const struct guid *user)
{
	struct arena a = { NULL, NULL };
	struct object *o;
	int64_t max = route->max_send > 0 ? route->max_send : route->max_message;

	if (replica_by_guid(r, user, &a, &o) == ERR_OK)
		max = object_number(o, OBJ_MAX_SEND, max);
	arena_fini(&a);
	return max > 0 ? (uint64_t)max : (uint64_t)route->max_message;
}
