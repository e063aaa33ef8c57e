/*
 * A session with NOTIFY has a seat at its own mailbox's watch.
 *
 * Invariants:
 * 1. Nothing is said while a command runs, except by IDLE.
 * 2. The table changes with the line that tells the client; what the client did itself
 *    (CREATE and the like) goes into the table unsaid.
 */
#include "roles/client-access/imap/notify.h"

#include "common/imap/notify.h"
#include "roles/client-access/imap/notify_meta.h"
#include "common/imap/status.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct known {				/* a folder, as it was told */
	uint64_t fid, highestmodseq;
	uint32_t uidvalidity, uidnext, total, unread;
	bool subscribed, seen;		/* seen: in the list that is looked at */
	char *path;
};

struct notify {
	struct imap_session *s;
	struct arena arena;		/* what was asked for */
	struct imap_notify want;
	const struct imap_notify_group *selected;	/* NULL: nothing of it */
	struct known *known;		/* by fid */
	size_t n;
	struct notify_meta meta;
	struct watch_seat seat;
	bool watching, dirty;
	bool wants_meta, wants_server_meta;
	uint64_t fresh_fid;
	uint32_t fresh_first, fresh_last;	/* to be fetched there; 0: none */
	/* While a FETCH of our own runs: what was there before. */
	bool fetching;
	struct imap_reader reader;
	const struct imap_verb *verb;
	void *run;
	void (*run_free)(struct imap_session *s);
	imap_work_fn *on_line;
};

/* ---- what is wanted ---------------------------------------------------------------------- */

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return strncmp(path, top, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool group_has(const struct imap_notify_group *g, const char *path, bool subscribed)
{
	switch (g->boxes) {
	case IMAP_BOXES_INBOXES:		/* rules may deliver anywhere */
	case IMAP_BOXES_PERSONAL:
		return true;
	case IMAP_BOXES_SUBSCRIBED:
		return subscribed;
	case IMAP_BOXES_SUBTREE:
	case IMAP_BOXES_NAMED:
		for (size_t i = 0; i < g->n_paths; i++)
			if (g->boxes == IMAP_BOXES_SUBTREE ? is_below(path, g->paths[i])
							   : strcmp(path, g->paths[i]) == 0)
				return true;
		return false;
	case IMAP_BOXES_SELECTED:
	case IMAP_BOXES_SELECTED_DELAYED:
		break;
	}
	return false;
}

static unsigned events_of(const struct notify *n, const char *path, bool subscribed)
{
	unsigned events = 0;

	for (size_t i = 0; i < n->want.n; i++)
		if (group_has(&n->want.groups[i], path, subscribed))
			events |= n->want.groups[i].events;
	return events;
}

static bool is_selected(const struct imap_session *s, uint64_t fid)
{
	return s->state == IN_SELECTED && s->view.fid == fid &&
	       guid_eq(&s->view.mailbox, &s->who.principal);
}

/* For notify_meta.c; path "" is the server. */
static bool wants_meta(const struct imap_session *s, const char *path)
{
	const struct notify *n = s->notify;
	bool subscribed = false;

	for (size_t i = 0; i < n->n; i++)
		subscribed |= n->known[i].subscribed && strcmp(n->known[i].path, path) == 0;
	return *path ? (events_of(n, path, subscribed) & IMAP_EVENT_META) != 0
		     : n->wants_server_meta;
}

struct notify_meta *notify_meta_of(struct imap_session *s)
{
	return &s->notify->meta;
}

bool notify_allows_idle(const struct imap_session *s)
{
	return s->notify == NULL || (s->notify->selected && s->notify->selected->events);
}

bool notify_wants_flags(const struct imap_session *s)
{
	return s->notify == NULL ||
	       (s->notify->selected && (s->notify->selected->events & IMAP_EVENT_FLAGS));
}

/* ---- the table ------------------------------------------------------------------------------ */

static int by_fid(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return x->fid < y->fid ? -1 : x->fid > y->fid;
}

static struct known *find(const struct notify *n, uint64_t fid)
{
	const struct known key = { .fid = fid };

	return n->n ? bsearch(&key, n->known, n->n, sizeof(key), by_fid) : NULL;
}

static void free_table(struct known *k, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(k[i].path);
	free(k);
}

static struct known known_of(const struct store_folder *f)
{
	return (struct known){
		.fid = f->fid, .highestmodseq = f->highestmodseq, .uidvalidity = f->uidvalidity,
		.uidnext = f->uidnext, .total = f->total, .unread = f->unread,
		.subscribed = f->subscribed, .path = xstrdup(f->path),
	};
}

static bool is_mail(const struct store_folder *f)
{
	return f->container_class == NULL || *f->container_class == '\0' ||
	       strncmp(f->container_class, "IPF.Note", 8) == 0;
}

static void make_table(struct notify *n, const struct store_folders *all)
{
	free_table(n->known, n->n);
	n->known = xcalloc(all->n + 1, sizeof(*n->known));
	n->n = 0;
	for (size_t i = 0; i < all->n; i++)
		if (is_mail(&all->f[i]))
			n->known[n->n++] = known_of(&all->f[i]);
	qsort(n->known, n->n, sizeof(*n->known), by_fid);
}

/* ---- saying ------------------------------------------------------------------------------------ */

static unsigned status_items(const struct imap_session *s, unsigned events)
{
	unsigned items = IMAP_STATUS_UIDVALIDITY | IMAP_STATUS_UIDNEXT | IMAP_STATUS_MESSAGES;

	if (events & IMAP_EVENT_FLAGS)
		items |= IMAP_STATUS_UNSEEN;
	if (s->condstore)
		items |= IMAP_STATUS_HIGHESTMODSEQ;
	return items;
}

static void put_list(struct imap_session *s, const char *attrs, const char *path, const char *old)
{
	out_fmt(s, "* LIST (%s) \"/\" ", attrs);
	out_mailbox(s, path);
	if (old) {
		out_str(s, " (\"OLDNAME\" (");
		out_mailbox(s, old);
		out_str(s, "))");
	}
	out_str(s, "\r\n");
}

static void put_folder(struct imap_session *s, const struct store_folder *f, const char *old)
{
	char attrs[64];

	snprintf(attrs, sizeof(attrs), "%s%s", f->has_children ? "\\HasChildren" : "\\HasNoChildren",
		 f->subscribed ? " \\Subscribed" : "");
	put_list(s, attrs, f->path, old);
}

/* Its path has changed only because that of a folder above it has (RFC 5465 5.4). */
static bool moved_along(const struct notify *n, const struct store_folders *all,
			const struct store_folder *f, const struct known *was)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct store_folder *up = &all->f[i];
		const struct known *k;
		size_t len = strlen(up->path);

		if (up->fid != f->parent)
			continue;
		k = find(n, up->fid);
		return k && strcmp(k->path, up->path) != 0 && is_below(was->path, k->path) &&
		       strcmp(was->path + strlen(k->path), f->path + len) == 0;
	}
	return false;
}

static bool messages_changed(const struct known *was, const struct store_folder *f, unsigned events)
{
	if (was->uidvalidity != f->uidvalidity || was->uidnext != f->uidnext ||
	    was->total != f->total)
		return events & IMAP_EVENT_MESSAGES;
	return (events & IMAP_EVENT_FLAGS) &&
	       (was->unread != f->unread || was->highestmodseq != f->highestmodseq);
}

static void compare(struct imap_session *s, const struct store_folders *all,
		    const struct store_folder *f, bool names)
{
	struct notify *n = s->notify;
	struct known *was = find(n, f->fid);
	unsigned events = events_of(n, f->path, f->subscribed);
	unsigned about_name = events_of(n, f->path, f->subscribed || (was && was->subscribed));

	if (was)
		was->seen = true;
	if (was == NULL || strcmp(was->path, f->path) != 0) {
		if (names && (about_name & IMAP_EVENT_NAME) && !(was && moved_along(n, all, f, was)))
			put_folder(s, f, was ? was->path : NULL);
	} else if (names && was->subscribed != f->subscribed &&
		   (about_name & IMAP_EVENT_SUBSCRIPTION)) {
		put_folder(s, f, NULL);
	}
	if (was && !is_selected(s, f->fid) && messages_changed(was, f, events))
		status_put(s, f, status_items(s, events));
}

static void say_gone(struct imap_session *s, bool names)
{
	struct notify *n = s->notify;

	for (size_t i = 0; i < n->n; i++) {
		struct known *k = &n->known[i];

		if (!k->seen && names && (events_of(n, k->path, k->subscribed) & IMAP_EVENT_NAME))
			put_list(s, k->subscribed ? "\\NonExistent \\Subscribed" : "\\NonExistent",
				 k->path, NULL);
	}
}

static void stop(struct imap_session *s)
{
	struct notify *n = s->notify;

	s->notify = NULL;
	if (n == NULL)
		return;
	if (n->watching)
		watch_leave(&s->cas->watches, &n->seat);
	if (n->fetching)
		imap_reader_fini(&n->reader);
	notify_meta_fini(&n->meta);
	free_table(n->known, n->n);
	arena_fini(&n->arena);
	free(n);
}

void notify_free(struct imap_session *s)
{
	stop(s);
}

/* ---- looking ------------------------------------------------------------------------------------- */

static void on_hint(struct watch_seat *seat)
{
	struct notify *n = CONTAINER_OF(seat, struct notify, seat);

	n->dirty = true;
	notify_news(n->s);
}

static void watch(struct imap_session *s, uint64_t cn)
{
	struct notify *n = s->notify;

	if (n->watching)
		return;
	n->seat.hint = on_hint;
	n->watching = true;
	n->dirty |= watch_join(&s->cas->watches, &n->seat, &s->at, cn);
}

static enum next back(struct imap_session *s)
{
	s->step = STEP_READ;
	return NEXT_MORE;
}

/* The answer to a hint. */
static void on_list(void *ctx, enum err e, const struct store_folders *all)
{
	struct imap_session *s = ctx;
	struct notify *n = s->notify;

	imap_call_done(s);
	if (!e && all->n > NOTIFY_FOLDERS) {
		out_str(s, "* OK [NOTIFICATIONOVERFLOW] Too many folders.\r\n");
		stop(s);
	} else if (!e) {
		for (size_t i = 0; i < n->n; i++)
			n->known[i].seen = false;
		for (size_t i = 0; i < all->n; i++)
			if (is_mail(&all->f[i]))
				compare(s, all, &all->f[i], !s->own_names);
		say_gone(s, !s->own_names);
		make_table(n, all);
	}
	if (!e && s->notify && n->wants_meta)
		notify_meta_read(s, &n->meta, !s->own_names, back);
	else
		imap_work(s, back);	/* after an error: another hint will come */
	s->own_names = s->own_names && e;
	imap_pump(s);
}

static bool has_others(const struct notify *n)
{
	return n->want.n > (n->selected ? 1u : 0u);
}

/* ---- new messages of the selected folder ----------------------------------------------------------- */

void notify_fresh(struct imap_session *s, uint32_t first, uint32_t last)
{
	struct notify *n = s->notify;

	if (n == NULL || n->want.fetch.n == 0 || n->fetching)
		return;
	if (n->fresh_fid != s->view.fid)
		n->fresh_first = n->fresh_last = 0;
	n->fresh_fid = s->view.fid;
	if (n->fresh_first == 0 || first < n->fresh_first)
		n->fresh_first = first;
	if (last > n->fresh_last)
		n->fresh_last = last;
}

static enum next fetch_fresh(struct imap_session *s)
{
	struct notify *n = s->notify;
	struct buf line;
	size_t used;

	buf_init(&line, 64 + n->want.fetch.n);
	CHECK(buf_addf(&line, "x UID FETCH %u:%u ", n->fresh_first, n->fresh_last) == ERR_OK &&
	      buf_add(&line, n->want.fetch.p, n->want.fetch.n) == ERR_OK &&
	      buf_adds(&line, "\r\n") == ERR_OK);
	n->fresh_first = n->fresh_last = 0;
	n->reader = s->reader;
	n->verb = s->verb;
	n->run = s->run;
	n->run_free = s->run_free;
	n->on_line = s->on_line;
	n->fetching = s->quiet = true;
	s->verb = NULL;
	s->run = NULL;
	s->run_free = NULL;
	imap_reader_init(&s->reader, &imap_limits_default);
	CHECK(imap_reader_feed(&s->reader, line.data, line.len, &used) == IMAP_READ_COMMAND);
	buf_fini(&line);
	s->step = STEP_RUN;
	return NEXT_MORE;
}

enum next notify_fetched(struct imap_session *s)
{
	struct notify *n = s->notify;

	if (s->run_free)
		s->run_free(s);
	sync_free(s);
	imap_reader_fini(&s->reader);
	buf_clear(&s->reply);
	s->reader = n->reader;
	s->verb = n->verb;
	s->run = n->run;
	s->run_free = n->run_free;
	s->on_line = n->on_line;
	n->fetching = s->quiet = false;
	return back(s);
}

/* ---- between commands -------------------------------------------------------------------------------- */

static bool may_speak(const struct imap_session *s)
{
	return s->notify && s->step == STEP_READ && (s->verb == NULL || s->idling) &&
	       !s->io.is_full(s->io.ctx);
}

static bool may_tell_selected(const struct imap_session *s)
{
	const struct imap_notify_group *g = s->notify->selected;

	return s->state == IN_SELECTED && s->view.dirty && g && g->events &&
	       (s->idling || g->boxes == IMAP_BOXES_SELECTED);
}

enum next notify_tell(struct imap_session *s)
{
	struct notify *n = s->notify;

	if (!may_speak(s))
		return NEXT_WAIT;
	if (may_tell_selected(s) && imap_locate(s, true) == ERR_OK)
		return sync_start(s, back);
	if (n->fresh_first && s->state == IN_SELECTED && n->fresh_fid == s->view.fid)
		return fetch_fresh(s);
	if (!n->dirty || !has_others(n) || imap_locate(s, false) != ERR_OK)
		return NEXT_WAIT;
	n->dirty = false;
	s->call = store_folder_list(&s->at, NULL, on_list, s);
	return imap_await(s);
}

void notify_note(struct imap_session *s)
{
	static imap_work_fn *const names[] = {
		imap_verb_create, imap_verb_delete, imap_verb_rename, imap_verb_subscribe,
		imap_verb_unsubscribe, imap_verb_setmetadata,
	};

	for (size_t i = 0; s->notify && s->verb && i < N_ELEMS(names); i++)
		if (s->verb->run == names[i])
			s->own_names = s->notify->dirty = true;
}

void notify_news(struct imap_session *s)
{
	if (may_speak(s))
		imap_pump(s);
}

/* ---- NOTIFY ---------------------------------------------------------------------------------------------- */

/* Without STATUS, and without other folders, there is nothing to say. */
static void say_first(struct imap_session *s, const struct store_folders *all)
{
	struct notify *n = s->notify;

	for (size_t i = 0; i < all->n; i++) {
		const struct store_folder *f = &all->f[i];
		unsigned events = events_of(n, f->path, f->subscribed);
		unsigned items = status_items(s, events);

		if (events & IMAP_EVENT_FLAGS)		/* section 3.1: whatever is enabled */
			items |= IMAP_STATUS_HIGHESTMODSEQ;
		if (is_mail(f) && (events & IMAP_EVENT_MESSAGES) && !is_selected(s, f->fid))
			status_put(s, f, items);
	}
}

static enum next finish_first(struct imap_session *s)
{
	return imap_finish(s, "OK Done.");
}

static void on_first(void *ctx, enum err e, const struct store_folders *all)
{
	struct imap_session *s = ctx;

	imap_call_done(s);
	if (e) {
		stop(s);
		imap_fail(s, e);
	} else if (all->n > NOTIFY_FOLDERS) {
		stop(s);
		imap_finish(s, "NO [NOTIFICATIONOVERFLOW] Too many folders.");
	} else {
		if (s->notify->want.status)
			say_first(s, all);
		make_table(s->notify, all);
		s->own_names = false;
		watch(s, all->cn);
		if (s->notify->wants_meta)
			notify_meta_read(s, &s->notify->meta, false, finish_first);
		else
			imap_finish(s, "OK Done.");
	}
	imap_pump(s);
}

static void keep(struct imap_session *s, struct notify *n, struct span text)
{
	struct imap_lex l;

	/* The same text once more, into an arena that stays. */
	imap_lex_init(&l, (struct span){ arena_dup(&n->arena, text.p, text.n), text.n }, &n->arena);
	l.utf8 = s->reader.cmd.args.utf8;
	CHECK(imap_lex_notify(&l, &n->want));
	for (size_t i = 0; i < n->want.n; i++)
		if (n->want.groups[i].boxes <= IMAP_BOXES_SELECTED_DELAYED)
			n->selected = &n->want.groups[i];
	for (size_t i = 0; i < n->want.n; i++) {
		n->wants_server_meta |= n->want.groups[i].events & IMAP_EVENT_SERVER_META;
		n->wants_meta |= n->want.groups[i].events & (IMAP_EVENT_META | IMAP_EVENT_SERVER_META);
	}
	n->meta.wants = wants_meta;
	n->s = s;
	s->notify = n;
}

enum next imap_verb_notify(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	const struct span text = { l->p, (size_t)(l->end - l->p) };
	struct imap_notify want;

	if (!imap_lex_notify(l, &want))
		return imap_bad(s);
	if (want.bad_event)
		return imap_finish(s, "NO [BADEVENT (" IMAP_EVENT_NAMES ")] Not these.");
	stop(s);
	if (!want.on)
		return imap_finish(s, "OK Done.");
	keep(s, xcalloc(1, sizeof(struct notify)), text);
	if (!has_others(s->notify))
		return imap_finish(s, "OK Done.");
	s->call = store_folder_list(&s->at, NULL, on_first, s);
	return imap_await(s);
}
