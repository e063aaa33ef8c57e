#include "roles/shell/names.h"
#include "roles/shell/nouns.h"
#include "roles/shell/objects.h"

/* A row for each database of each mailbox server that answers. */
static enum err list(struct shell *sh, const char *columns,
		     enum err (*ask)(struct shell *sh, const char *server, struct table *t))
{
	struct members m = { 0 };
	enum err e = ask_members(sh, &m), worst = ERR_OK;

	if (e)
		return e;
	sh->table = table_new(&sh->arena, columns);
	for (size_t i = 0; i < m.n; i++) {
		if (m.m[i].role_bit != RPC_MAILBOX)
			continue;
		e = ask(sh, m.m[i].name, sh->table);
		if (e) {
			fprintf(stderr, "%s: %s\n", m.m[i].name, sh->eb.text);
			worst = e;
		}
	}
	return worst;
}

enum err database_list_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	(void)v;
	(void)argc;
	(void)argv;
	return list(sh, "name server state mailboxes disconnected quarantined size wal epoch",
		    ask_databases);
}

enum err database_catalogue_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	(void)v;
	(void)argc;
	(void)argv;
	return list(sh, "name server state messages waiting size", ask_catalogues);
}

/* The database of this name, and the server it is on. */
static enum err find(struct shell *sh, const char *name, struct object **db, struct guid *server)
{
	enum err e = ask_get(sh, CLASS_DATABASE, name, db);

	if (e == ERR_OK && !object_guid(*db, OBJ_SERVER, server))
		e = err_set(&sh->eb, ERR_NOTFOUND, "%s is on no server", name);
	return e;
}

enum err database_reindex_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	struct object *db;
	struct guid server;
	enum err e;

	(void)v;
	(void)argc;
	e = find(sh, argv[0], &db, &server);
	return e ? e : ask_reindex(sh, names_of(sh, &server), &db->guid);
}

enum err database_check_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	bool fix = take_flag(&argc, argv, "--fix");
	struct object *db;
	struct guid server;
	unsigned findings = 0;
	enum err e;

	(void)v;
	if (argc != 1)
		return ERR_INVALID;
	e = find(sh, argv[0], &db, &server);
	if (e)
		return e;
	sh->table = table_single(&sh->arena);
	e = ask_check(sh, names_of(sh, &server), &db->guid, fix, sh->table, &findings);
	if (e == ERR_OK && findings > 0 && !fix)
		e = err_set(&sh->eb, ERR_CORRUPT, "%u findings; --fix mends counts", findings);
	return e;
}
