#include "roles/shell/link.h"
#include "roles/shell/nouns.h"
#include "roles/shell/rpc.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static unsigned role_by_name(const char *name)
{
	for (unsigned bit = RPC_MAILBOX; bit <= RPC_UM; bit <<= 1)
		if (bit != RPC_EDGE && strcmp(rpc_role_name(bit), name) == 0)
			return bit;
	return 0;
}

enum err server_add_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	unsigned role = role_by_name(argv[0]);
	const char *token;
	int64_t expires;
	enum err e;

	(void)v;
	(void)argc;
	if (strcmp(argv[0], "edge") == 0)
		return err_set(&sh->eb, ERR_INVALID, "an edge joins the other way round: run "
			       "`bourse-edge enrol` there, then `bourse edge subscribe FILE` here");
	if (role == 0)
		return err_set(&sh->eb, ERR_INVALID, "a role is mailbox, hub, cas or um");
	e = ask_token(sh, role, argv[1], &token, &expires);
	if (e)
		return e;
	if (!sh->json) {
		/* Alone on its line, for $(...); the rest is for people. */
		puts(token);
		if (isatty(STDOUT_FILENO))
			fprintf(stderr, "good once, for 15 minutes: bourse-%s enrol TOKEN\n", argv[0]);
		return ERR_OK;
	}
	sh->table = table_single(&sh->arena);
	table_text(sh->table, "token", token);
	table_time(sh->table, "expires", expires);
	return ERR_OK;
}

enum err server_rotate_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	enum err e = ask_rotate(sh, argv[0]);

	(void)v;
	(void)argc;
	if (!e)
		fprintf(stderr, "%s uses its new key from its next start on\n", argv[0]);
	return e;
}

enum err server_list_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	struct members m = { 0 };
	enum err e = ask_members(sh, &m);

	(void)v;
	(void)argc;
	(void)argv;
	if (e)
		return e;
	sh->table = table_new(&sh->arena, "name role up endpoint version started seen");
	for (size_t i = 0; i < m.n; i++) {
		const struct member_line *l = &m.m[i];

		table_row(sh->table);
		table_text(sh->table, NULL, l->name);
		table_text(sh->table, NULL, l->role);
		table_bool(sh->table, NULL, l->up);
		table_text(sh->table, NULL, l->endpoint[0] ? l->endpoint : NULL);
		table_text(sh->table, NULL, l->version[0] ? l->version : NULL);
		table_time(sh->table, NULL, l->started_ms);
		table_time(sh->table, NULL, l->seen_ms);
	}
	return ERR_OK;
}

enum err edge_subscribe_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	char text[8192];
	size_t n;
	FILE *f = strcmp(argv[0], "-") == 0 ? stdin : fopen(argv[0], "re");

	(void)v;
	(void)argc;
	if (f == NULL)
		return err_errno(&sh->eb, errno, argv[0]);
	n = fread(text, 1, sizeof(text) - 1, f);
	if (f != stdin)
		fclose(f);
	while (n > 0 && strchr(" \r\n\t", text[n - 1]))
		n--;
	text[n] = '\0';
	if (n == 0 || n == sizeof(text) - 1)
		return err_set(&sh->eb, ERR_INVALID, "%s holds no subscription", argv[0]);
	return ask_subscribe(sh, text);
}

enum err admin_key_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	char hex[2 * RPC_KEY + 1];
	enum err e = link_own_key(hex, &sh->eb);

	(void)v;
	(void)argc;
	(void)argv;
	if (e)
		return e;
	sh->table = table_single(&sh->arena);
	table_text(sh->table, "key", hex);
	return ERR_OK;
}
