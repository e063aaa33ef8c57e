/* LIST with its extensions, LSUB. */
#include "roles/client-access/imap/list_run.h"

#include "common/imap/status.h"
#include "common/imap/write.h"
#include <stdlib.h>
#include <string.h>


/* ---- LIST ------------------------------------------------------------------------- */

static const struct {
	const char *role, *use;		/* RFC 6154 */
} uses[] = {
	{ "all", "\\All" },	  { "archive", "\\Archive" }, { "drafts", "\\Drafts" },
	{ "flagged", "\\Flagged" }, { "junk", "\\Junk" },	  { "sent", "\\Sent" },
	{ "trash", "\\Trash" },
};

static const char *use_of(const struct store_folder *f)
{
	for (size_t i = 0; f->role && i < N_ELEMS(uses); i++)
		if (strcmp(f->role, uses[i].role) == 0)
			return uses[i].use;
	return NULL;
}

/* Calendars and the like are not for mail clients. */
static bool is_mail(const struct store_folder *f)
{
	return f->container_class == NULL || *f->container_class == '\0' ||
	       strncmp(f->container_class, "IPF.Note", 8) == 0;
}

bool list_may_begin(const struct list_run *r, const char *start)
{
	for (size_t i = 0; i < r->args.n_patterns; i++)
		if (imap_pattern_may_begin(r->patterns[i], start))
			return true;
	return false;
}

bool list_matches(const struct list_run *r, const char *path)
{
	for (size_t i = 0; i < r->args.n_patterns; i++)
		if (imap_pattern_match(r->patterns[i], path))
			return true;
	return false;
}

/* All that is subscribed, there or gone, sorted: what is below a folder stands side
 * by side, so that looking for it does not cost the number of folders. */
struct subs {
	const char **path;
	size_t n;
};

static int by_path(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct subs subs_of(struct imap_session *s, const struct store_folders *all)
{
	struct subs out = { NULL, 0 };

	out.path = arena_alloc(&s->reader.arena, (all->n + all->n_gone + 1) * sizeof(*out.path));
	for (size_t i = 0; i < all->n; i++)
		if (all->f[i].subscribed)
			out.path[out.n++] = all->f[i].path;
	for (size_t i = 0; i < all->n_gone; i++)
		out.path[out.n++] = all->gone_subscribed[i];
	qsort(out.path, out.n, sizeof(*out.path), by_path);
	return out;
}

/* Is path before all that begins with "parent/"? */
static int against(const char *path, const char *parent, size_t n)
{
	int c = strncmp(path, parent, n);

	return c ? c : (unsigned char)path[n] - '/';
}

/* Is anything below parent subscribed?  other_than: that this does not name itself. */
static bool subscribed_below(const struct subs *subs, const char *parent,
			     const struct list_run *other_than)
{
	size_t low = 0, high = subs->n, n = strlen(parent);

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (against(subs->path[mid], parent, n) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	while (other_than && low < subs->n && against(subs->path[low], parent, n) == 0 &&
	       list_matches(other_than, subs->path[low]))
		low++;
	return low < subs->n && against(subs->path[low], parent, n) == 0;
}

static void put_name(struct imap_session *s, const char *path)
{
	out_str(s, ") \"/\" ");
	out_mailbox(s, path);
}

static void put_attr(struct imap_session *s, bool *any, const char *attr)
{
	out_fmt(s, "%s%s", *any ? " " : "", attr);
	*any = true;
}

/* RFC 8440 */
static void put_rights(struct imap_session *s, const struct store_folder *f)
{
	char text[RIGHTS_TEXT];

	out_str(s, "* MYRIGHTS ");
	out_mailbox(s, f->path);
	out_fmt(s, " %s\r\n", rights_text(f->rights, text));
}

static void put_folder(struct imap_session *s, struct list_run *r,
		       const struct store_folder *f, bool child_info)
{
	const struct imap_list *a = &r->args;
	bool any = false;

	out_fmt(s, "* %s (", r->lsub ? "LSUB" : "LIST");
	put_attr(s, &any, f->has_children ? "\\HasChildren" : "\\HasNoChildren");
	if (use_of(f))
		put_attr(s, &any, use_of(f));
	if (f->subscribed &&
	    ((a->select & IMAP_SELECT_SUBSCRIBED) || (a->returns & IMAP_LIST_SUBSCRIBED)))
		put_attr(s, &any, "\\Subscribed");
	put_name(s, f->path);
	out_str(s, child_info ? " (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n" : "\r\n");
	if ((a->returns & IMAP_LIST_STATUS) && (f->rights & RIGHT_READ))
		status_put(s, f, a->status);
	if (a->returns & IMAP_LIST_MYRIGHTS)
		put_rights(s, f);
	if (a->returns & IMAP_LIST_METADATA)
		list_meta_note(s, r, f->path);
}

/* A folder that exists: does it belong to the answer? */
static void list_folder(struct imap_session *s, struct list_run *r,
			const struct subs *subs, const struct store_folder *f)
{
	const unsigned select = r->args.select;
	bool selected = true, below = false;

	if (!is_mail(f) || !list_matches(r, f->path))
		return;
	if (select & IMAP_SELECT_SUBSCRIBED)
		selected = f->subscribed;
	if (select & IMAP_SELECT_SPECIAL_USE)
		selected = selected && use_of(f) != NULL;
	/* A folder that is not selected stands there only for what is not named anyway
	 * (RFC 5258 section 3.5); with SPECIAL-USE not all that matches is. */
	if (select & IMAP_SELECT_RECURSIVEMATCH)
		below = subscribed_below(subs, f->path,
					 selected || (select & IMAP_SELECT_SPECIAL_USE) ? NULL : r);
	if (selected || below)
		put_folder(s, r, f, below);
}

/* Subscribed, and not there any more. */
void list_gone(struct imap_session *s, const struct list_run *r, const char *path)
{
	if ((r->args.select & IMAP_SELECT_SUBSCRIBED) == 0 || !list_matches(r, path) ||
	    (r->args.select & IMAP_SELECT_SPECIAL_USE))
		return;
	out_fmt(s, "* %s (%s", r->lsub ? "LSUB" : "LIST",
		r->lsub ? "\\Noselect" : "\\NonExistent \\Subscribed");
	put_name(s, path);
	out_str(s, "\r\n");
}

/* RFC 3501 6.3.9: LSUB "" "%" also names, as \Noselect, a parent that is not
 * subscribed itself but has children that are. */
static void lsub_parents(struct imap_session *s, const struct list_run *r,
			 const struct subs *subs, const struct store_folders *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct store_folder *f = &all->f[i];

		if (f->subscribed || !is_mail(f) || !list_matches(r, f->path) ||
		    !subscribed_below(subs, f->path, NULL))
			continue;
		out_str(s, "* LSUB (\\Noselect");
		put_name(s, f->path);
		out_str(s, "\r\n");
	}
}

static bool ends_with_percent(const struct list_run *r)
{
	const char *p = r->args.patterns[0];
	size_t n = strlen(p);

	return n > 0 && p[n - 1] == '%';
}

void list_folders(struct imap_session *s, struct list_run *r,
		  const struct store_folders *all)
{
	struct subs subs = { NULL, 0 };

	if (r->lsub || (r->args.select & IMAP_SELECT_RECURSIVEMATCH))
		subs = subs_of(s, all);
	for (size_t i = 0; i < all->n; i++)
		list_folder(s, r, &subs, &all->f[i]);
	if (r->lsub && ends_with_percent(r))
		lsub_parents(s, r, &subs, all);
}

void list_node(struct imap_session *s, const struct list_run *r, const char *path)
{
	if (!list_matches(r, path) ||
	    (r->lsub ? !ends_with_percent(r)
		     : r->args.select & (IMAP_SELECT_SUBSCRIBED | IMAP_SELECT_SPECIAL_USE)))
		return;
	out_fmt(s, "* %s (\\Noselect%s", r->lsub ? "LSUB" : "LIST",
		r->lsub ? "" : " \\HasChildren");
	put_name(s, path);
	out_str(s, "\r\n");
}

static void listed(void *ctx, enum err e, const struct store_folders *all)
{
	struct imap_session *s = ctx;
	struct list_run *r = s->run;

	imap_call_done(s);
	if (e) {
		imap_fail(s, e);
		imap_pump(s);
		return;
	}
	list_folders(s, r, all);
	for (size_t i = 0; i < all->n_gone; i++)
		if (!ns_is_elsewhere(all->gone_subscribed[i]))
			list_gone(s, r, all->gone_subscribed[i]);
	list_shared_note(s, all);
	list_meta_say(s, list_shared);
	imap_pump(s);
}

struct api_call *list_ask(struct imap_session *s, const struct list_run *r, store_folders_cb *cb)
{
	if ((r->args.returns & IMAP_LIST_STATUS) && (r->args.status & IMAP_STATUS_DELETED_STORAGE))
		return store_folder_list_deleted(&s->at, NULL, cb, s);
	return store_folder_list(&s->at, NULL, cb, s);
}

static enum next start(struct imap_session *s, bool lsub)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct list_run *r = arena_alloc(&s->reader.arena, sizeof(*r));

	if (!imap_lex_sp(l) || !imap_lex_list(l, !lsub, &r->args))
		return imap_bad(s);
	if (!r->args.extended && !lsub && *r->args.patterns[0] == '\0') {
		out_str(s, "* LIST (\\Noselect) \"/\" \"\"\r\n");	/* what delimits? */
		return imap_finish(s, "OK Done.");
	}
	for (size_t i = 0; i < r->args.n_patterns; i++)
		if (imap_pattern_make(&s->reader.arena, r->args.reference,
				      r->args.patterns[i], &r->patterns[i]) != ERR_OK)
			return imap_finish(s, "BAD Pattern too long.");
	r->lsub = lsub;
	r->place.prefix = "";
	if (lsub)
		r->args.select = IMAP_SELECT_SUBSCRIBED;
	s->run = r;
	s->call = list_ask(s, r, listed);
	return imap_await(s);
}

enum next imap_verb_list(struct imap_session *s)
{
	return start(s, false);
}

enum next imap_verb_lsub(struct imap_session *s)
{
	return start(s, true);
}
