#include "roles/shell/nouns.h"
#include "roles/shell/rpc.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT 100

enum err queue_list_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	struct members m = { 0 };
	enum err e = ask_members(sh, &m), worst = ERR_OK;

	(void)v;
	(void)argc;
	(void)argv;
	if (e)
		return e;
	sh->table = table_new(&sh->arena,
		"server queue kind next-hop messages state tries due oldest last-error");
	for (size_t i = 0; i < m.n; i++) {
		if (!(m.m[i].role_bit & (RPC_HUB | RPC_EDGE)))
			continue;
		e = ask_queues(sh, m.m[i].name, sh->table);
		if (e) {
			fprintf(stderr, "%s: %s\n", m.m[i].name, sh->eb.text);
			worst = e;
		}
	}
	return worst;
}

enum err queue_messages_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	const char *limit = take_option(&argc, argv, "--limit");

	(void)v;
	if (argc < 1 || argc > 2)
		return ERR_INVALID;
	sh->table = table_new(&sh->arena,
		"server number sender recipient recipients size received state message-id");
	return ask_queue_messages(sh, argv[0], argc > 1 ? atoll(argv[1]) : 0,
				  limit ? (unsigned)atoi(limit) : DEFAULT_LIMIT, sh->table);
}

static enum err order(struct shell *sh, const char *what, int argc, char **argv, bool message_only)
{
	const char *row = take_option(&argc, argv, "--message");

	if (argc < 1 || argc > 2 || (argc == 2) == (row != NULL) || (message_only && row == NULL))
		return ERR_INVALID;
	return ask_queue_order(sh, argv[0], what, row ? 0 : atoll(argv[1]), row ? atoll(row) : 0);
}

enum err queue_retry_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	(void)v;
	return order(sh, "retry", argc, argv, false);
}

enum err queue_suspend_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	(void)v;
	return order(sh, "suspend", argc, argv, false);
}

enum err queue_resume_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	(void)v;
	return order(sh, "resume", argc, argv, false);
}

enum err queue_remove_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	bool silently = take_flag(&argc, argv, "--silently");

	(void)v;
	return order(sh, silently ? "drop" : "remove", argc, argv, true);
}
