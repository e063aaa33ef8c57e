/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE. */
#include "roles/client-access/imap/namespace.h"

#include "common/api/objectid.h"
#include <string.h>

static bool one_mailbox(struct imap_session *s, char **name)
{
	struct imap_lex *l = &s->reader.cmd.args;

	return imap_lex_sp(l) && imap_lex_mailbox(l, name) && imap_lex_end(l);
}

/* Where something shall be made there need be nothing yet: elsewhere the answer to
 * who may not is the same whatever there is. */
static enum next may_not_make(struct imap_session *s, const char *path, enum err e)
{
	return imap_fail(s, e == ERR_NOTFOUND && ns_is_elsewhere(path) ? ERR_DENIED : e);
}

static void done(void *ctx, enum err e, uint64_t cn)
{
	struct imap_session *s = ctx;

	(void)cn;
	imap_call_done(s);
	imap_fail(s, e);		/* also says OK */
	imap_pump(s);
}

static void deleted(void *ctx, enum err e, uint64_t cn)
{
	struct imap_session *s = ctx;

	(void)cn;
	imap_call_done(s);
	if (e == ERR_EXISTS)
		imap_finish(s, "NO [HASCHILDREN] Delete what is below it first.");
	else
		imap_fail(s, e);
	imap_pump(s);
}

static void created(void *ctx, enum err e, const struct store_folders *f)
{
	struct imap_session *s = ctx;

	char id[OBJECTID_TEXT];

	imap_call_done(s);
	if (e)
		may_not_make(s, s->run, e);
	else
		imap_finish(s, "OK [MAILBOXID (%s)] Done.",
			    objectid_text(OBJECTID_FOLDER, &s->at.mailbox, f->f[0].fid, id));
	imap_pump(s);
}

/* A name that ends with the delimiter announces children (RFC 3501 6.3.3): the
 * folder itself is made, as every folder here may have both. */
static void cut_delimiter(char *name)
{
	size_t n = strlen(name);

	if (n > 1 && name[n - 1] == '/')
		name[n - 1] = '\0';
}

/* RFC 6154 section 3: " (USE (\Drafts \Sent))"; a folder here has at most one use. */
static bool lex_use(struct imap_lex *l, struct span uses[2], size_t *n)
{
	*n = 0;
	if (imap_lex_peek(l) != ' ')
		return imap_lex_end(l);
	if (!imap_lex_sp(l) || !imap_lex_char(l, '(') || !imap_lex_word(l, "USE") ||
	    !imap_lex_sp(l) || !imap_lex_char(l, '('))
		return imap_lex_fail(l, "Expected USE.");
	while (imap_lex_peek(l) != ')') {
		struct span use;

		if (*n > 0 && !imap_lex_sp(l))
			return false;
		if (!imap_lex_char(l, '\\') || !imap_lex_atom(l, &use))
			return false;
		uses[*n < 2 ? *n : 1] = use;
		++*n;
	}
	l->p++;
	return imap_lex_char(l, ')') && imap_lex_end(l);
}

/* The store's word for a use that a folder may be given; NULL: none. */
static const char *role_of(struct span use)
{
	static const char *const roles[] = { "archive", "drafts", "junk", "sent", "trash" };

	for (size_t i = 0; i < N_ELEMS(roles); i++)
		if (span_is(use, roles[i]))
			return roles[i];
	return NULL;
}

static const char use_refused[] = "NO [USEATTR] No folder can be given that use.";

/* EXISTS: of the name, or of the use? */
static enum next which_exists(struct imap_session *s, enum err e, const struct store_folder *f)
{
	(void)f;
	return e == ERR_NOTFOUND ? imap_finish(s, "%s", use_refused) : imap_fail(s, ERR_EXISTS);
}

static void created_with_use(void *ctx, enum err e, const struct store_folders *f)
{
	struct imap_session *s = ctx;

	if (e != ERR_EXISTS) {
		created(s, e, f);
		return;
	}
	imap_call_done(s);
	folder_find(s, s->run, which_exists);
	imap_pump(s);
}

enum next imap_verb_create(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	const char *role = NULL;
	struct span uses[2];
	struct ns_place p;
	size_t n;
	char *name;
	enum err e;

	if (!imap_lex_sp(l) || !imap_lex_mailbox(l, &name) || !lex_use(l, uses, &n))
		return imap_bad(s);
	if (n > 0)
		role = n == 1 ? role_of(uses[0]) : NULL;
	if (n > 0 && role == NULL)
		return imap_finish(s, "%s", use_refused);
	cut_delimiter(name);
	if (strcmp(name, "INBOX") == 0)
		return imap_fail(s, ERR_EXISTS);
	if (*name == '\0')
		return imap_fail(s, ERR_INVALID);
	e = ns_resolve(s, name, &p);
	if (e)
		return may_not_make(s, name, e);
	s->run = name;
	s->at = p.at;
	if (role && !p.own)
		return imap_finish(s, "%s", use_refused);
	s->call = store_folder_create(&s->at, p.path, role, role ? created_with_use : created, s);
	return imap_await(s);
}

enum next imap_verb_delete(struct imap_session *s)
{
	struct ns_place p;
	char *name;
	enum err e;

	if (!one_mailbox(s, &name))
		return imap_bad(s);
	if (strcmp(name, "INBOX") == 0)
		return imap_finish(s, "NO [CANNOT] INBOX stays.");
	e = ns_resolve(s, name, &p);
	if (e)
		return imap_fail(s, e);
	s->at = p.at;
	s->call = store_folder_delete(&s->at, p.path, deleted, s);
	return imap_await(s);
}

enum next imap_verb_rename(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct ns_place from, to;
	char *old, *new;
	enum err e;

	if (!imap_lex_sp(l) || !imap_lex_mailbox(l, &old) || !imap_lex_sp(l) ||
	    !imap_lex_mailbox(l, &new) || !imap_lex_end(l))
		return imap_bad(s);
	cut_delimiter(new);
	if (strcmp(new, "INBOX") == 0)
		return imap_fail(s, ERR_EXISTS);
	e = ns_resolve(s, old, &from);
	if (e)
		return imap_fail(s, e);
	e = ns_resolve(s, new, &to);
	if (e)
		return may_not_make(s, new, e);
	if (!guid_eq(&from.at.mailbox, &to.at.mailbox))
		return imap_finish(s, "NO [CANNOT] Not into another mailbox; copy its messages.");
	s->view.dirty |= s->state == IN_SELECTED;	/* INBOX may be emptied by it */
	s->at = from.at;
	s->call = store_folder_rename(&s->at, from.path, to.path, done, s);
	return imap_await(s);
}

/* ---- subscriptions -------------------------------------------------------------------- */

/* They are the user's own, all in his mailbox, by the path that he knows. */
static enum next put(struct imap_session *s, const char *path, bool on, bool elsewhere)
{
	enum err e = imap_locate(s, false);

	if (e)
		return imap_fail(s, e);
	s->call = store_folder_subscribe(&s->at, path, on, elsewhere, done, s);
	return imap_await(s);
}

static enum next seen(struct imap_session *s, enum err e, const struct store_folder *f)
{
	if (e)
		return imap_fail(s, e);
	if (!(f->rights & RIGHT_LOOKUP))
		return imap_fail(s, f->rights & RIGHT_READ ? ERR_DENIED : ERR_NOTFOUND);
	return put(s, f->path, true, true);
}

enum next imap_verb_subscribe(struct imap_session *s)
{
	char *name;

	if (!one_mailbox(s, &name))
		return imap_bad(s);
	return ns_is_elsewhere(name) ? folder_find(s, name, seen) : put(s, name, true, false);
}

enum next imap_verb_unsubscribe(struct imap_session *s)
{
	struct ns_place p;
	char *name;

	if (!one_mailbox(s, &name))
		return imap_bad(s);
	/* As SUBSCRIBE has spelt it, if what it names can still be found. */
	if (ns_is_elsewhere(name) && ns_resolve(s, name, &p) == ERR_OK)
		return put(s, ns_path(s, &p, p.path), false, false);
	return put(s, name, false, false);
}
