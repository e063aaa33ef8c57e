/* Sharing: rights on folders, mailboxes for groups, public folders. */
#include "roles/shell/names.h"
#include "roles/shell/nouns.h"
#include "roles/shell/rights/rights.h"

#include <string.h>

/* ---- what is meant ------------------------------------------------------------------ */

struct target {
	struct object *mailbox;
	const char *server, *path;
};

/* MAILBOX, or MAILBOX/FOLDER; of a public folder the name is the path's first part. */
static enum err find(struct shell *sh, const char *word, struct target *t)
{
	size_t n = strcspn(word, "/");
	enum err e = object_mailbox(sh, arena_strn(&sh->arena, word, n), &t->mailbox, &t->server);

	if (e == ERR_OK && t->mailbox->klass == CLASS_PUBLIC_FOLDER)
		t->path = word;
	else
		t->path = word[n] ? word + n + 1 : "";
	return e;
}

static enum err find_who(struct shell *sh, const char *word, struct guid *out)
{
	struct object *o;
	enum err e;

	if (strcmp(word, "anyone") == 0) {
		*out = rights_anyone;
		return ERR_OK;
	}
	if (strcmp(word, "authenticated") == 0) {
		*out = rights_authenticated;
		return ERR_OK;
	}
	if (guid_parse(word, out) == ERR_OK)	/* whose object may be gone */
		return ERR_OK;
	e = ask_get(sh, 0, word, &o);
	if (e == ERR_OK)
		*out = o->guid;
	return e;
}

/* Letters, or one of Exchange's roles. */
static enum err find_rights(struct shell *sh, const char *word, unsigned *out)
{
	if (rights_of_role(word, out) || rights_parse(word, strlen(word), out) == ERR_OK)
		return ERR_OK;
	return err_set(&sh->eb, ERR_INVALID, "%s: not of lrswipkxtea, and none of Reviewer, Author, "
		       "NoneditingAuthor, PublishingAuthor, Editor, PublishingEditor, Contributor, "
		       "Owner, None", word);
}

/* ---- permission --------------------------------------------------------------------- */

static const char *who_text(struct shell *sh, const struct guid *g)
{
	if (guid_eq(g, &rights_anyone))
		return "anyone";
	if (guid_eq(g, &rights_authenticated))
		return "authenticated";
	return names_of(sh, g);
}

static enum err show(struct shell *sh, const struct target *t)
{
	struct rights_row *rows = NULL;
	char text[RIGHTS_TEXT];
	size_t n = 0;
	enum err e = ask_rights(sh, t->server, &t->mailbox->guid, t->path, &rows, &n);

	if (e)
		return e;
	sh->table = table_new(&sh->arena, "who rights role denied of");
	for (size_t i = 0; i < n; i++) {
		table_row(sh->table);
		table_text(sh->table, NULL, who_text(sh, &rows[i].who));
		table_text(sh->table, NULL, rights_text(rows[i].given, text));
		table_text(sh->table, NULL, rights_role(rows[i].given));
		table_text(sh->table, NULL, rights_text(rows[i].taken, text));
		table_text(sh->table, NULL, rows[i].whole ? "mailbox" : "folder");
	}
	return ERR_OK;
}

static enum err change(struct shell *sh, const struct target *t, const char *action,
		       const char *who, const char *rights)
{
	enum rights_change how = strcmp(action, "set") == 0	 ? RIGHTS_SET
				 : strcmp(action, "remove") == 0 ? RIGHTS_REMOVE
								 : RIGHTS_ADD;
	bool denied = strcmp(action, "deny") == 0;
	unsigned bits = RIGHT_ALL;
	struct guid g;
	enum err e = find_who(sh, who, &g);

	if (e == ERR_OK && rights)
		e = find_rights(sh, rights, &bits);
	if (e == ERR_OK)
		e = ask_rights_change(sh, t->server, &t->mailbox->guid, t->path, &g, how, bits, denied);
	/* Who has nothing any more is denied nothing either. */
	if (e == ERR_OK && how == RIGHTS_REMOVE)
		e = ask_rights_change(sh, t->server, &t->mailbox->guid, t->path, &g, how, bits, true);
	return e ? e : show(sh, t);
}

enum err permission_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	static const char *const actions[] = { "add", "set", "deny", "remove" };
	struct target t;
	enum err e;

	(void)v;
	if (argc == 2 && strcmp(argv[0], "list") == 0) {
		e = find(sh, argv[1], &t);
		return e ? e : show(sh, &t);
	}
	for (size_t i = 0; i < N_ELEMS(actions); i++) {
		bool remove = i + 1 == N_ELEMS(actions);

		if (strcmp(argv[0], actions[i]) != 0 || (argc != 4 && !(remove && argc == 3)))
			continue;
		e = find(sh, argv[1], &t);
		return e ? e : change(sh, &t, argv[0], argv[2], argv[3]);
	}
	return ERR_INVALID;
}

/* ---- a mailbox for a group -------------------------------------------------------------- */

static enum err apply_full(struct shell *sh, const char *name, const char *who, char sign)
{
	char *words[] = { arena_printf(&sh->arena, "%cfull-access=%s", sign, who),
			  arena_printf(&sh->arena, "%csend-as=%s", sign, who) };
	struct apply a = { .what = APPLY_MODIFY, .klass = CLASS_MAILBOX, .name = name };
	struct object *o = NULL;
	enum err e = object_changes(sh, CLASS_MAILBOX, words, N_ELEMS(words), &a.changes);

	if (e == ERR_OK)
		e = ask_apply(sh, &a, &o);
	if (e == ERR_OK && o) {
		sh->table = table_single(&sh->arena);
		object_describe(sh, o, sh->table);
	}
	return e;
}

enum err mailbox_share_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	const char *with = take_option(&argc, argv, "--with");
	const char *no_more = take_option(&argc, argv, "--no-more-with");

	(void)v;
	if (argc != 1 || !with == !no_more)
		return ERR_INVALID;
	return with ? apply_full(sh, argv[0], with, '+') : apply_full(sh, argv[0], no_more, '-');
}

/* ---- public folders --------------------------------------------------------------------- */

enum err public_folder_create_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	struct target t;
	enum err e;

	if (strchr(argv[0], '/') == NULL)
		return object_create_verb(sh, v, argc, argv);
	if (argc != 1)
		return ERR_INVALID;
	e = find(sh, argv[0], &t);
	if (e == ERR_OK && t.mailbox->klass != CLASS_PUBLIC_FOLDER)
		e = err_set(&sh->eb, ERR_NOTFOUND, "no public folder at the beginning of %s", argv[0]);
	return e ? e : ask_make_folder(sh, t.server, &t.mailbox->guid, t.path);
}
