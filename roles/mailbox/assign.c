#include "roles/mailbox/assign.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "roles/mailbox/principal.h"
#include "roles/mailbox/watch.h"
#include <stdio.h>
#include <stdlib.h>

/* A mailbox being made, or given other quotas. */
struct making {
	struct list node;		/* in store.making */
	struct role *st;
	struct sdb *sdb;
	struct job job;
	struct provision_op op;
	struct list waiting;		/* struct waiter */
};

struct waiter {
	struct list node;
	assign_ready_fn *ready;
	void *ctx;
};

/* A mailbox whose object is gone, or disabled. */
struct leaving_ref {
	struct role *st;
	struct guid guid;
	struct job job;
	struct state_op op;
};

static int64_t limit(const struct object *o, unsigned attr)
{
	return object_number(o, attr, -1);
}

static int64_t or_else(int64_t v, uint64_t def)
{
	return v >= 0 ? v : (int64_t)def;
}

/* ---- databases --------------------------------------------------------------------- */

static bool is_ours(struct role *st, const struct object *o)
{
	struct guid server;

	return !o->deleted && object_guid(o, OBJ_SERVER, &server) &&
	       guid_eq(&server, member_server(st->member));
}

/* A database that leaves the directory, or this server, stays open: what is in it
 * must not be out of reach because of a slip of an administrator. */
static struct sdb *take_database(struct role *st, const struct object *o)
{
	const struct quotas policy = {
		.warn = or_else(limit(o, OBJ_QUOTA_WARN), st->conf->quota_warn),
		.send = or_else(limit(o, OBJ_QUOTA_SEND), st->conf->quota_send),
		.recv = or_else(limit(o, OBJ_QUOTA_RECEIVE), st->conf->quota_recv),
	};
	const char *name = object_text(o, OBJ_NAME);
	struct errbuf eb = { "" };
	struct sdb *s = NULL;

	if (is_ours(st, o) &&
	    role_add_database(st, &o->guid, name ? name : "?", &policy, &s, &eb) != ERR_OK)
		return NULL;
	return s;
}

/* ---- mailboxes ------------------------------------------------------------------------ */

static void tell_waiting(struct making *mk)
{
	struct list *n;

	while ((n = list_pop(&mk->waiting)) != NULL) {
		struct waiter *w = CONTAINER_OF(n, struct waiter, node);
		assign_ready_fn *ready = w->ready;
		void *ctx = w->ctx;

		free(w);
		ready(ctx);
	}
}

static void made(struct job *j)
{
	struct making *mk = CONTAINER_OF(j, struct making, job);
	char text[GUID_TEXT];

	list_del(&mk->node);
	if (j->e == ERR_OK)
		role_note(mk->sdb, &mk->op.guid, mk->op.mbx, MAILBOX_LIVE);
	if (j->e)
		log_error(NULL, "mailbox not made mailbox=%s database=%s err=%s detail=%s",
			  guid_text(&mk->op.guid, text), mk->sdb->name, err_text(j->e),
			  j->eb.text);
	else if (mk->op.made)
		log_info(NULL, "mailbox made mailbox=%s database=%s",
			 guid_text(&mk->op.guid, text), mk->sdb->name);
	tell_waiting(mk);
	free(mk);
}

static struct making *find_making(struct role *st, const struct guid *g)
{
	LIST_EACH (&st->making, n) {
		struct making *mk = CONTAINER_OF(n, struct making, node);

		if (guid_eq(&mk->op.guid, g))
			return mk;
	}
	return NULL;
}

static struct making *make(struct sdb *s, const struct object *o)
{
	struct making *mk = xcalloc(1, sizeof(*mk));

	mk->st = s->store;
	mk->sdb = s;
	list_init(&mk->waiting);
	list_add_tail(&s->store->making, &mk->node);
	mk->op.guid = o->guid;
	if (o->klass == CLASS_PUBLIC_FOLDER)
		snprintf(mk->op.public_name, sizeof(mk->op.public_name), "%s",
			 object_text(o, OBJ_NAME));
	mk->op.quotas = (struct quotas){ limit(o, OBJ_QUOTA_WARN), limit(o, OBJ_QUOTA_SEND),
					 limit(o, OBJ_QUOTA_RECEIVE) };
	mk->job = (struct job){ .write = mailbox_provision, .arg = &mk->op, .done = made,
				.lane = LANE_INTERACTIVE, .bytes = 4096 };
	mdb_write(s->mdb, &mk->job);
	return mk;
}

static void disconnected(struct job *j)
{
	struct leaving_ref *l = CONTAINER_OF(j, struct leaving_ref, job);
	struct mref *m = role_mailbox(l->st, &l->guid);
	char text[GUID_TEXT];

	if (j->e == ERR_OK && m) {
		m->state = MAILBOX_DISCONNECTED;
		watch_end(m, ERR_NOTFOUND);
	}
	log_info(NULL, "mailbox disconnected mailbox=%s err=%s", guid_text(&l->guid, text),
		 err_text(j->e));
	free(l);
}

static void leave(struct mref *m)
{
	struct leaving_ref *l;

	if (m->state != MAILBOX_LIVE || m->sdb->mdb == NULL)
		return;
	l = xcalloc(1, sizeof(*l));
	l->st = m->sdb->store;
	l->guid = m->guid;
	l->op.mbx = m->mbx;
	l->job = (struct job){ .write = mailbox_disconnect, .arg = &l->op, .done = disconnected,
			       .lane = LANE_INTERACTIVE };
	mdb_write(m->sdb->mdb, &l->job);
}

static struct sdb *database_of(struct role *st, const struct object *o)
{
	struct object *d = NULL;
	struct arena a = { 0 };
	struct sdb *s;
	struct guid g;

	if (!object_guid(o, OBJ_DATABASE, &g))
		return NULL;
	s = role_database(st, &g);
	if (s && s->mdb)
		return s;
	if (replica_by_guid(member_replica(st->member), &g, &a, &d) == ERR_OK)
		s = take_database(st, d);
	arena_fini(&a);
	return s && s->mdb ? s : NULL;
}

static bool has_user(const struct object *o)
{
	return !o->deleted && object_number(o, OBJ_DISCONNECTED, 0) == 0;
}

/* The object of a mailbox came or changed. */
static struct making *take_mailbox(struct role *st, const struct object *o)
{
	struct mref *m = role_mailbox(st, &o->guid);
	struct making *mk = find_making(st, &o->guid);
	struct sdb *s;

	if (!has_user(o)) {
		if (m)
			leave(m);
		return NULL;
	}
	s = database_of(st, o);
	if (s == NULL || mk || (m && m->sdb != s))
		return mk;	/* elsewhere; a move between databases is not by assignment */
	return make(s, o);
}

static void each(struct role *st, unsigned klass, void (*fn)(struct role *, const struct object *))
{
	struct replica_iter *it = replica_each(member_replica(st->member), klass);
	struct arena a = { 0 };
	struct object *o;

	while ((o = replica_each_next(it, &a)) != NULL) {
		fn(st, o);
		arena_reset(&a);
	}
	replica_each_end(&it);
	arena_fini(&a);
}

static void each_database(struct role *st, const struct object *o)
{
	take_database(st, o);
}

static void each_mailbox(struct role *st, const struct object *o)
{
	struct mref *m = role_mailbox(st, &o->guid);

	/* Known and alive: its quotas come with its own changes. */
	if (m == NULL || m->state == MAILBOX_DISCONNECTED || !has_user(o))
		take_mailbox(st, o);
}

/* Mailboxes here whose object went while we were away. */
static void leave_orphans(struct role *st)
{
	for (struct hash_node *n = hash_next(&st->mailboxes, NULL); n;
	     n = hash_next(&st->mailboxes, n)) {
		struct mref *m = CONTAINER_OF(n, struct mref, node);
		struct object *o = NULL;
		struct arena a = { 0 };

		if (m->state == MAILBOX_LIVE &&
		    replica_by_guid(member_replica(st->member), &m->guid, &a, &o) == ERR_NOTFOUND)
			leave(m);
		arena_fini(&a);
	}
}

void assign_on_change(void *store, const struct object *o)
{
	struct role *st = store;

	if (st->draining || st->inbox == NULL || st->member == NULL)
		return;
	if (o == NULL || o->deleted || class_is_recipient(o->klass) ||
	    o->klass == CLASS_GROUP_PAGE)
		principal_forget(st);
	if (o == NULL) {
		if (!replica_is_ready(member_replica(st->member)))
			return;
		each(st, CLASS_DATABASE, each_database);
		each(st, CLASS_MAILBOX, each_mailbox);
		each(st, CLASS_PUBLIC_FOLDER, each_mailbox);
		leave_orphans(st);
	} else if (o->klass == CLASS_DATABASE) {
		take_database(st, o);
	} else if (class_has_mailbox(o->klass) || role_mailbox(st, &o->guid)) {
		take_mailbox(st, o);
	}
}

/* ---- asked for before its turn ----------------------------------------------------------- */

static struct making *make_known(struct role *st, const struct guid *g)
{
	struct making *mk = find_making(st, g);
	struct object *o = NULL;
	struct arena a = { 0 };

	if (mk == NULL && st->member &&
	    replica_by_guid(member_replica(st->member), g, &a, &o) == ERR_OK &&
	    class_has_mailbox(o->klass))
		mk = take_mailbox(st, o);
	arena_fini(&a);
	return mk;
}

bool assign_route(struct role *st, const struct guid *g, struct mref **out, enum err *e,
		  struct errbuf *eb, assign_ready_fn *ready, void *ctx)
{
	struct making *mk;
	struct waiter *w;

	*e = role_route(st, g, out, eb);
	if (*e != ERR_NOTFOUND || st->draining)
		return true;
	mk = make_known(st, g);
	if (mk == NULL)
		return true;
	w = xcalloc(1, sizeof(*w));
	w->ready = ready;
	w->ctx = ctx;
	list_add_tail(&mk->waiting, &w->node);
	return false;
}

void assign_cancel(struct role *st, void *ctx)
{
	LIST_EACH (&st->making, n) {
		struct making *mk = CONTAINER_OF(n, struct making, node);

		LIST_EACH (&mk->waiting, i) {
			struct waiter *w = CONTAINER_OF(i, struct waiter, node);

			if (w->ctx == ctx) {
				list_del(i);
				free(w);
			}
		}
	}
}

void assign_drop(struct role *st)
{
	/* Their jobs have all come back: the databases are closed. */
	CHECK(list_empty(&st->making));
}
