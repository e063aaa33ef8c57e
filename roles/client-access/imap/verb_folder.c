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

enum next imap_verb_create(struct imap_session *s)
{
	struct ns_place p;
	char *name;
	enum err e;

	if (!one_mailbox(s, &name))
		return imap_bad(s);
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
	s->call = store_folder_create(&s->at, p.path, NULL, created, s);
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
	char *name;

	if (!one_mailbox(s, &name))
		return imap_bad(s);
	return put(s, name, false, false);
}
