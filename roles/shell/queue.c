#include "roles/shell/nouns.h"
#include "roles/shell/rpc.h"

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
	uint64_t n, queue;
	enum err e;

	(void)v;
	if (argc < 1 || argc > 2)
		return ERR_INVALID;
	e = number_word(sh, "--limit", limit, DEFAULT_LIMIT, UINT32_MAX, &n);
	if (e == ERR_OK)
		e = number_word(sh, "a queue", argc > 1 ? argv[1] : NULL, 0, INT64_MAX, &queue);
	if (e)
		return e;
	sh->table = table_new(&sh->arena,
		"server number sender recipient recipients size received state message-id");
	return ask_queue_messages(sh, argv[0], (int64_t)queue, (unsigned)n, sh->table);
}

static enum err order(struct shell *sh, const char *what, int argc, char **argv, bool message_only)
{
	const char *row = take_option(&argc, argv, "--message");
	uint64_t hop, number;
	enum err e;

	if (argc < 1 || argc > 2 || (argc == 2) == (row != NULL) || (message_only && row == NULL))
		return ERR_INVALID;
	e = number_word(sh, "a queue", row ? NULL : argv[1], 0, INT64_MAX, &hop);
	if (e == ERR_OK)
		e = number_word(sh, "--message", row, 0, INT64_MAX, &number);
	if (e == ERR_OK)
		e = ask_queue_order(sh, argv[0], what, (int64_t)hop, (int64_t)number);
	if (e == ERR_NOTFOUND && strcmp(sh->eb.text, err_text(e)) == 0)
		e = err_set(&sh->eb, e, "%s has no such %s", argv[0], row ? "message" : "queue");
	return e;
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
