/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE. */
#include "roles/client-access/imap/imap.h"

#include "common/api/objectid.h"
#include <string.h>

static bool one_mailbox(struct imap_session *s, char **name)
{
	struct imap_lex *l = &s->reader.cmd.args;

	return imap_lex_sp(l) && imap_lex_mailbox(l, name) && imap_lex_end(l);
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
		imap_fail(s, e);
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
	char *name;

	if (!one_mailbox(s, &name))
		return imap_bad(s);
	cut_delimiter(name);
	if (strcmp(name, "INBOX") == 0)
		return imap_fail(s, ERR_EXISTS);
	if (*name == '\0')
		return imap_fail(s, ERR_INVALID);
	s->call = store_folder_create(&s->at, name, NULL, created, s);
	return imap_await(s);
}

enum next imap_verb_delete(struct imap_session *s)
{
	char *name;

	if (!one_mailbox(s, &name))
		return imap_bad(s);
	if (strcmp(name, "INBOX") == 0)
		return imap_finish(s, "NO [CANNOT] INBOX stays.");
	s->call = store_folder_delete(&s->at, name, deleted, s);
	return imap_await(s);
}

enum next imap_verb_rename(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	char *from, *to;

	if (!imap_lex_sp(l) || !imap_lex_mailbox(l, &from) || !imap_lex_sp(l) ||
	    !imap_lex_mailbox(l, &to) || !imap_lex_end(l))
		return imap_bad(s);
	cut_delimiter(to);
	if (strcmp(to, "INBOX") == 0)
		return imap_fail(s, ERR_EXISTS);
	s->view.dirty |= s->state == IN_SELECTED;	/* INBOX may be emptied by it */
	s->call = store_folder_rename(&s->at, from, to, done, s);
	return imap_await(s);
}

static enum next subscribe(struct imap_session *s, bool on)
{
	char *name;

	if (!one_mailbox(s, &name))
		return imap_bad(s);
	s->call = store_folder_subscribe(&s->at, name, on, false, done, s);
	return imap_await(s);
}

enum next imap_verb_subscribe(struct imap_session *s)
{
	return subscribe(s, true);
}

enum next imap_verb_unsubscribe(struct imap_session *s)
{
	return subscribe(s, false);
}
