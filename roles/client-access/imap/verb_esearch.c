/*
 * ESEARCH: one search over several folders (RFC 7377)
 *
 * Without sources, or of the selected folder alone, it is a UID SEARCH that names its
 * folder.  Otherwise the folders are looked up first and then searched one after the
 * other, each as if it were selected for that time, with a search of its own inside this
 * command.
 */
#include "roles/client-access/imap/search.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NAMES   200u		/* in one command */
#define MAX_FOLDERS 20000u

enum source_bits {
	SOURCE_SELECTED = 1,
	SOURCE_INBOXES = 2,
	SOURCE_PERSONAL = 4,
	SOURCE_SUBSCRIBED = 8
};

enum how { ITSELF, ITS_CHILDREN, ALL_BELOW };	/* and itself */

struct name {
	const char *path;
	enum how how;
	bool is_known;			/* found among the user's own */
};

struct target {
	const char *path;
	uint64_t fid;
	uint32_t uidvalidity;
	bool is_elsewhere;		/* shared: to be looked up */
};

struct esearch {
	unsigned sources;		/* enum source_bits */
	struct name names[MAX_NAMES];
	size_t n_names;
	struct span program;
	struct target *targets;
	size_t n, at;
	/* What stands in s->view while a folder is searched. */
	bool is_borrowed;
	struct guid mailbox;
	uint64_t fid;
	struct uid_map *map;
	uint32_t recent_above, recent_last;
};

static imap_work_fn next_folder, folder_found_hits;

/* ---- the command ------------------------------------------------------------------------- */

static bool one_name(struct imap_lex *l, struct esearch *x, enum how how)
{
	char *path;

	if (x->n_names == MAX_NAMES)
		return imap_lex_fail(l, "Too many mailboxes.");
	if (!imap_lex_mailbox(l, &path))
		return false;
	x->names[x->n_names++] = (struct name){ path, how, false };
	return true;
}

/* one-or-more-mailbox (RFC 5465) */
static bool some_names(struct imap_lex *l, struct esearch *x, enum how how)
{
	if (!imap_lex_sp(l))
		return false;
	if (imap_lex_peek(l) != '(')
		return one_name(l, x, how);
	l->p++;
	do {
		if (!one_name(l, x, how))
			return false;
	} while (imap_lex_peek(l) == ' ' && imap_lex_sp(l));
	return imap_lex_char(l, ')');
}

static bool one_source(struct imap_lex *l, struct esearch *x)
{
	static const struct { const char *name; unsigned bit; } bits[] = {
		{ "selected", SOURCE_SELECTED }, { "inboxes", SOURCE_INBOXES },
		{ "personal", SOURCE_PERSONAL }, { "subscribed", SOURCE_SUBSCRIBED },
	};
	static const struct { const char *name; enum how how; } named[] = {
		{ "mailboxes", ITSELF }, { "subtree", ALL_BELOW }, { "subtree-one", ITS_CHILDREN },
	};

	for (size_t i = 0; i < N_ELEMS(bits); i++)
		if (imap_lex_word(l, bits[i].name)) {
			x->sources |= bits[i].bit;
			return true;
		}
	for (size_t i = 0; i < N_ELEMS(named); i++)
		if (imap_lex_word(l, named[i].name))
			return some_names(l, x, named[i].how);
	return imap_lex_fail(l, "Unknown source of a search.");
}

static bool sources(struct imap_lex *l, struct esearch *x)
{
	if (!imap_lex_word(l, "IN")) {
		x->sources = SOURCE_SELECTED;
		return true;
	}
	if (!imap_lex_sp(l) || !imap_lex_char(l, '('))
		return false;
	do {
		if (!one_source(l, x))
			return false;
	} while (imap_lex_peek(l) == ' ' && imap_lex_sp(l));
	return imap_lex_char(l, ')') && imap_lex_sp(l);
}

static bool only_selected(const struct esearch *x)
{
	return x->sources == SOURCE_SELECTED && x->n_names == 0;
}

/* RFC 7377 section 2.1: there is always something to say. */
static void wants_esearch(struct search_run *r)
{
	r->q.esearch = true;
	if ((r->q.returns & (IMAP_RETURN_SAYS | IMAP_RETURN_SAVE)) == 0)
		r->q.returns |= IMAP_RETURN_ALL;
	r->uid = true;
}

/* ---- which folders --------------------------------------------------------------------------- */

static bool is_below(const char *path, const char *parent, bool only_children)
{
	size_t n = strlen(parent);

	return strncmp(path, parent, n) == 0 && path[n] == '/' &&
	       (!only_children || strchr(path + n + 1, '/') == NULL);
}

/* Names compare as the store compares them, but for the case of other letters than
 * those of INBOX: what is not found so is looked up. */
static bool is_wanted(struct esearch *x, const struct store_folder *f)
{
	bool wanted = (x->sources & SOURCE_PERSONAL) != 0;

	wanted |= (x->sources & SOURCE_SUBSCRIBED) && f->subscribed;
	wanted |= (x->sources & SOURCE_INBOXES) && f->role && strcmp(f->role, "inbox") == 0;
	for (size_t i = 0; i < x->n_names; i++) {
		struct name *k = &x->names[i];
		bool is_it = strcmp(f->path, k->path) == 0;

		k->is_known |= is_it;
		wanted |= is_it;
		wanted |= k->how != ITSELF && is_below(f->path, k->path, k->how == ITS_CHILDREN);
	}
	return wanted;
}

static void add_target(struct imap_session *s, struct esearch *x, const struct store_folder *f)
{
	x->targets[x->n++] = (struct target){ arena_str(&s->reader.arena, f->path), f->fid,
					      f->uidvalidity, false };
}

static void folders_known(void *ctx, enum err e, const struct store_folders *f)
{
	struct imap_session *s = ctx;
	struct esearch *x = s->run;

	imap_call_done(s);
	if (!e && f->n > MAX_FOLDERS)
		e = ERR_LIMIT;
	if (e) {
		if (e == ERR_LIMIT)
			imap_finish(s, "NO [LIMIT] Too many mailboxes.");
		else
			imap_fail(s, e);
		imap_pump(s);
		return;
	}
	x->targets = arena_alloc(&s->reader.arena, (f->n + MAX_NAMES + 1) * sizeof(*x->targets));
	for (size_t i = 0; i < f->n; i++)
		if (is_wanted(x, &f->f[i]))
			add_target(s, x, &f->f[i]);
	for (size_t i = 0; i < x->n_names; i++)
		if (!x->names[i].is_known)
			x->targets[x->n++] = (struct target){ x->names[i].path, 0, 0, true };
	imap_work(s, next_folder);
	imap_pump(s);
}

/* ---- one folder after the other ------------------------------------------------------------------ */

static void give_back(struct imap_session *s, struct esearch *x)
{
	struct imap_view *v = &s->view;

	if (!x->is_borrowed)
		return;
	x->is_borrowed = false;
	uid_map_unref(&v->map);
	v->mailbox = x->mailbox;
	v->fid = x->fid;
	v->map = x->map;
	v->recent_above = x->recent_above;
	v->recent_last = x->recent_last;
}

static void drop(struct imap_session *s)
{
	give_back(s, s->run);
}

/* This folder is what searches look at, until give_back(). */
static void borrow(struct imap_session *s, struct esearch *x, uint64_t fid,
		   const struct store_selected *sel)
{
	struct imap_view *v = &s->view;

	x->is_borrowed = true;
	x->mailbox = v->mailbox;
	x->fid = v->fid;
	x->map = v->map;
	x->recent_above = v->recent_above;
	x->recent_last = v->recent_last;
	v->mailbox = s->at.mailbox;
	v->fid = fid;
	v->map = uid_map_new(sel->runs.r, sel->runs.n);
	v->recent_above = v->recent_last = UINT32_MAX;	/* nothing is \Recent to us */
}

static enum next go_on(struct imap_session *s)
{
	struct esearch *x = s->run;

	give_back(s, x);
	x->at++;
	return imap_work(s, next_folder);
}

/* What cannot be searched (gone, no right) is left out; what fails ends it all. */
static enum next folder_found_hits(struct imap_session *s)
{
	struct search_run *r = s->run;
	enum err e = r->failed;

	if (!e) {
		imap_seqset_resolve(&r->hits, 0);
		if (r->hits.n > 0)
			e = search_put(s);
	}
	search_unnest(s);
	if (e && e != ERR_NOTFOUND && e != ERR_DENIED) {
		give_back(s, s->run);
		return e == ERR_LIMIT ? imap_finish(s, "NO [LIMIT] Too many messages for this.")
				      : imap_fail(s, e);
	}
	return go_on(s);
}

static enum next search_folder(struct imap_session *s)
{
	struct esearch *x = s->run;
	const struct target *t = &x->targets[x->at];
	struct search_run *r = search_nest(s, x->program, true);

	if (r == NULL) {		/* it was read before: cannot be */
		give_back(s, x);
		return imap_fail(s, ERR_INTERNAL);
	}
	wants_esearch(r);
	r->path = t->path;
	r->uidvalidity = t->uidvalidity;
	return search_start(s, r, folder_found_hits);
}

static void on_selected(void *ctx, enum err e, const struct store_selected *sel)
{
	struct imap_session *s = ctx;
	struct esearch *x = s->run;
	struct target *t = &x->targets[x->at];

	imap_call_done(s);
	if (e == ERR_NOTFOUND || e == ERR_DENIED || (!e && sel->total == 0)) {
		go_on(s);
	} else if (e) {
		imap_fail(s, e);
	} else {
		t->uidvalidity = sel->uidvalidity;
		borrow(s, x, t->fid, sel);
		imap_work(s, search_folder);
	}
	imap_pump(s);
}

static enum next select_folder(struct imap_session *s)
{
	struct esearch *x = s->run;

	s->call = store_select(&s->at, x->targets[x->at].fid, false, true, on_selected, s);
	return imap_await(s);
}

/* A folder of others; s->at is its mailbox now. */
static enum next elsewhere(struct imap_session *s, enum err e, const struct store_folder *f)
{
	struct esearch *x = s->run;

	if (e)
		return go_on(s);
	x->targets[x->at].fid = f->fid;
	return imap_work(s, select_folder);
}

static enum next next_folder(struct imap_session *s)
{
	struct esearch *x = s->run;
	enum err e;

	if (x->at == x->n)
		return imap_finish(s, "OK Done.");
	if (out_full(s))
		return NEXT_WAIT;
	if (x->targets[x->at].is_elsewhere)
		return folder_find(s, x->targets[x->at].path, elsewhere);
	e = imap_locate(s, false);
	return e ? imap_fail(s, e) : select_folder(s);
}

static enum next search_many(struct imap_session *s, struct esearch *x, struct search_run *r)
{
	if (r->q.returns & (IMAP_RETURN_SAVE | IMAP_RETURN_UPDATE))
		return imap_finish(s, "BAD Only of the selected mailbox.");
	for (size_t i = 0; i < r->q.n_keys; i++)
		if (r->q.keys[i].op == IMAP_KEY_SAVED)
			return imap_finish(s, "BAD \"$\" is of the selected mailbox.");
	search_drop(r);
	if ((x->sources & SOURCE_SELECTED) && x->n_names < MAX_NAMES)
		x->names[x->n_names++] = (struct name){ s->view.path, ITSELF, false };
	s->run = x;
	s->run_free = drop;
	s->call = store_folder_list(&s->at, NULL, folders_known, s);
	return imap_await(s);
}

enum next imap_verb_esearch(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct esearch *x = arena_alloc(&s->reader.arena, sizeof(*x));
	struct search_run *r = search_new(s);
	enum err e;

	if (!imap_lex_sp(l) || !sources(l, x))
		return imap_bad(s);
	r->program = x->program = (struct span){ l->p, (size_t)(l->end - l->p) };
	if (!imap_lex_search(l, &r->q))
		return imap_bad(s);
	if ((x->sources & SOURCE_SELECTED) && s->state != IN_SELECTED)
		return imap_finish(s, "BAD Select a mailbox first.");
	if ((r->q.returns & IMAP_RETURN_UPDATE) && context_is_used(s))
		return imap_finish(s, "BAD A context has this tag already.");
	if (!search_texts(s, r))
		return NEXT_MORE;
	wants_esearch(r);
	if (!only_selected(x))
		return search_many(s, x, r);
	e = imap_locate(s, true);
	if (e)
		return imap_fail(s, e);
	r->path = s->view.path;
	r->uidvalidity = s->view.uidvalidity;
	return search_start(s, r, search_say);
}
