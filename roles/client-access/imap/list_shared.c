/*
 * LIST of what is not the user's own: what others share with him, public folders.
 *
 *	own folders said --> which mailboxes? --> one after another: their folders
 *
 * Which: those that he has full access to, as the directory says; those that rows of
 * rights let him see, as each mailbox server says; the public ones.  A LIST of what is
 * subscribed looks only into mailboxes that a subscription names.  A server that is
 * away has nothing to show: LIST does not fail for that.
 */
#include "roles/client-access/imap/list_run.h"

#include <stdlib.h>
#include <string.h>

enum { STORES_MAX = 256, FULL_MAX = 1000, FOUND_MAX = 5000, SUBS_MAX = 5000 };

static void next_mailbox(struct imap_session *s);

/* ---- one mailbox --------------------------------------------------------------------- */

static bool take_sub(struct list_run *r, const char *path)
{
	for (size_t i = 0; i < r->n_subs; i++)
		if (r->subs[i] && strcmp(r->subs[i], path) == 0) {
			r->subs[i] = NULL;
			return true;
		}
	return false;
}

/* The folders under the names the client knows them by. */
static void say(struct imap_session *s, struct list_run *r, const struct store_folders *f)
{
	struct store_folder *mine = arena_alloc(&s->reader.arena, (f->n + 1) * sizeof(*mine));
	struct store_folders all = { .f = mine, .n = f->n };

	for (size_t i = 0; i < f->n; i++) {
		mine[i] = f->f[i];
		mine[i].path = ns_path(s, &r->place, f->f[i].path);
		mine[i].subscribed = take_sub(r, mine[i].path);
		/* Drafts and the like are roles in its owner's eyes only. */
		mine[i].role = "";
	}
	list_folders(s, r, &all);
}

static void looked(void *ctx, enum err e, const struct store_folders *f)
{
	struct imap_session *s = ctx;
	struct list_run *r = s->run;

	imap_call_done(s);
	if (e == ERR_OK)
		say(s, r, f);
	list_meta_say(s, next_mailbox);
	imap_pump(s);
}

/* Nobody is left: what is subscribed and was not seen is not there any more. */
static void finish(struct imap_session *s)
{
	struct list_run *r = s->run;

	for (size_t i = 0; i < r->n_subs; i++)
		if (r->subs[i])
			list_gone(s, r, r->subs[i]);
	imap_finish(s, "OK Done.");
}

static void next_mailbox(struct imap_session *s)
{
	struct list_run *r = s->run;

	while (r->at < r->n_todo) {
		const struct shared *m = &r->todo[r->at++];
		bool is_user = m->kind == SHARING_USER;
		const char *node;

		if (ns_of_mailbox(s, m, &r->place) != ERR_OK)
			continue;
		node = is_user ? arena_printf(&s->reader.arena, NS_OTHERS "/%s", m->name) : NULL;
		if (node)
			list_node(s, r, node);
		if (!list_may_begin(r, is_user ? r->place.prefix : ns_path(s, &r->place, m->name)))
			continue;
		s->at = r->place.at;
		s->call = list_ask(s, r, looked);
		imap_await(s);
		return;
	}
	finish(s);
}

/* ---- which mailboxes --------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct shared *x = a, *y = b;

	return x->kind != y->kind ? (x->kind > y->kind) - (x->kind < y->kind)
				  : strcmp(x->name, y->name);
}

static void add(struct list_run *r, const struct shared *m)
{
	for (size_t i = 0; i < r->n_todo; i++)
		if (guid_eq(&r->todo[i].guid, &m->guid))
			return;
	r->todo[r->n_todo++] = *m;
}

static void begin(struct imap_session *s)
{
	struct list_run *r = s->run;
	bool users = false, publics = false;

	if (r->n_todo)
		qsort(r->todo, r->n_todo, sizeof(*r->todo), by_name);
	for (size_t i = 0; i < r->n_todo; i++) {
		users |= r->todo[i].kind == SHARING_USER;
		publics |= r->todo[i].kind == SHARING_PUBLIC;
	}
	if (users)
		list_node(s, r, NS_OTHERS);
	if (publics)
		list_node(s, r, NS_PUBLIC);
	next_mailbox(s);
}

/* Names for what was found; then the public folders. */
static void found_all(struct imap_session *s)
{
	struct list_run *r = s->run;
	struct arena *a = &s->reader.arena;
	struct shared *publics = NULL, m;
	size_t n = 0;

	if (list_may_begin(r, NS_PUBLIC))
		n = sharing_public(s->cas, a, &publics);
	r->todo = arena_alloc(a, (r->n_found + n + 1) * sizeof(*r->todo));
	for (size_t i = 0; i < r->n_found; i++)
		if (!guid_eq(&r->found[i], &s->who.principal) &&
		    sharing_name(s->cas, &r->found[i], a, &m) && m.kind == SHARING_USER)
			add(r, &m);
	for (size_t i = 0; i < n; i++)
		if (list_may_begin(r, arena_printf(a, NS_PUBLIC "/%s", publics[i].name)))
			add(r, &publics[i]);
	begin(s);
}

static void ask_store(struct imap_session *s);

static void told(void *ctx, enum err e, const struct guid *mailboxes, size_t n)
{
	struct imap_session *s = ctx;
	struct list_run *r = s->run;

	imap_call_done(s);
	for (size_t i = 0; e == ERR_OK && i < n && r->n_found < FOUND_MAX; i++)
		r->found[r->n_found++] = mailboxes[i];
	ask_store(s);
	imap_pump(s);
}

static void ask_store(struct imap_session *s)
{
	struct list_run *r = s->run;
	struct store_at at = { .principal = s->who.principal };

	if (r->n_stores == 0) {
		found_all(s);
		return;
	}
	at.peer = r->stores[--r->n_stores];
	s->call = store_acl_shared(&at, told, s);
	imap_await(s);
}

static void search_all(struct imap_session *s, struct list_run *r)
{
	struct arena *a = &s->reader.arena;

	if (list_may_begin(r, NS_OTHERS)) {
		r->found = arena_alloc(a, FOUND_MAX * sizeof(*r->found));
		r->n_found = sharing_full(s->cas, &s->who.principal, r->found, FULL_MAX);
		r->stores = arena_alloc(a, STORES_MAX * sizeof(*r->stores));
		r->n_stores = sharing_stores(s->cas, r->stores, STORES_MAX);
	}
	ask_store(s);
}

/* Only mailboxes that something subscribed is in. */
static void search_subscribed(struct imap_session *s, struct list_run *r)
{
	struct ns_place p;
	struct shared m;

	r->todo = arena_alloc(&s->reader.arena, (r->n_subs + 1) * sizeof(*r->todo));
	for (size_t i = 0; i < r->n_subs; i++)
		if (ns_resolve(s, r->subs[i], &p) == ERR_OK &&
		    sharing_name(s->cas, &p.at.mailbox, &s->reader.arena, &m))
			add(r, &m);
	begin(s);
}

void list_shared_note(struct imap_session *s, const struct store_folders *own)
{
	struct list_run *r = s->run;

	r->subs = arena_alloc(&s->reader.arena, (own->n_gone + 1) * sizeof(*r->subs));
	for (size_t i = 0; i < own->n_gone && r->n_subs < SUBS_MAX; i++)
		if (ns_is_elsewhere(own->gone_subscribed[i]))
			r->subs[r->n_subs++] = arena_str(&s->reader.arena,
							 own->gone_subscribed[i]);
}

void list_shared(struct imap_session *s)
{
	struct list_run *r = s->run;

	if (r->args.select & IMAP_SELECT_SUBSCRIBED)
		search_subscribed(s, r);
	else if (list_may_begin(r, NS_OTHERS) || list_may_begin(r, NS_PUBLIC))
		search_all(s, r);
	else
		finish(s);
}
