#include "roles/shell/nouns.h"
#include "roles/shell/objects.h"

enum err database_list_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	struct members m = { 0 };
	enum err e = ask_members(sh, &m), worst = ERR_OK;

	(void)v;
	(void)argc;
	(void)argv;
	if (e)
		return e;
	sh->table = table_new(&sh->arena,
		"name server state mailboxes disconnected quarantined size wal epoch");
	for (size_t i = 0; i < m.n; i++) {
		if (m.m[i].role_bit != RPC_MAILBOX)
			continue;
		e = ask_databases(sh, m.m[i].name, sh->table);
		if (e) {
			fprintf(stderr, "%s: %s\n", m.m[i].name, sh->eb.text);
			worst = e;
		}
	}
	return worst;
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
	e = ask_get(sh, CLASS_DATABASE, argv[0], &db);
	if (e)
		return e;
	if (!object_guid(db, OBJ_SERVER, &server))
		return err_set(&sh->eb, ERR_NOTFOUND, "%s is on no server", argv[0]);
	sh->table = table_single(&sh->arena);
	e = ask_check(sh, object_name_of(sh, &server), &db->guid, fix, sh->table, &findings);
	if (e == ERR_OK && findings > 0 && !fix)
		e = err_set(&sh->eb, ERR_CORRUPT, "%u findings; --fix mends counts", findings);
	return e;
}
