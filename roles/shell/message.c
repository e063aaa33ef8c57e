#include "roles/shell/nouns.h"
#include "roles/shell/objects.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT 50
#define TRACE_LIMIT 1000

enum err message_list_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	const char *limit = take_option(&argc, argv, "--limit");
	const char *server;
	struct object *o;
	uint64_t n;
	enum err e;

	(void)v;
	if (argc < 1 || argc > 2)
		return ERR_INVALID;
	e = number_word(sh, "--limit", limit, DEFAULT_LIMIT, UINT32_MAX, &n);
	if (e == ERR_OK)
		e = object_mailbox(sh, argv[0], &o, &server);
	if (e)
		return e;
	sh->table = table_new(&sh->arena, "uid received from subject size state message-id");
	return ask_messages(sh, server, &o->guid, argc > 1 ? argv[1] : "INBOX", (unsigned)n,
			    NULL, NULL, sh->table);
}

enum err message_show_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	const char *folder = take_option(&argc, argv, "--folder");
	const char *server;
	struct object *o;
	uint64_t uid;
	enum err e;

	(void)v;
	if (argc < 1 || argc > 2)
		return ERR_INVALID;
	e = number_word(sh, "a UID", argc > 1 ? argv[1] : NULL, 0, UINT32_MAX, &uid);
	if (e == ERR_OK)
		e = object_mailbox(sh, argv[0], &o, &server);
	if (e)
		return e;
	return ask_content(sh, server, &o->guid, folder ? folder : "INBOX", (unsigned)uid, stdout);
}

static int by_time(const void *a, const void *b)
{
	const struct track_line *x = *(struct track_line *const *)a;
	const struct track_line *y = *(struct track_line *const *)b;

	return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

static void print_trace(struct shell *sh, struct track_line *lines)
{
	struct track_line **sorted;
	size_t n = 0;

	for (struct track_line *l = lines; l; l = l->next)
		n++;
	sorted = arena_alloc(&sh->arena, (n + 1) * sizeof(*sorted));
	n = 0;
	for (struct track_line *l = lines; l; l = l->next)
		sorted[n++] = l;
	qsort(sorted, n, sizeof(*sorted), by_time);
	sh->table = table_new(&sh->arena, "time server event sender recipient size detail message-id");
	for (size_t i = 0; i < n; i++) {
		table_row(sh->table);
		table_time(sh->table, NULL, sorted[i]->at_ms);
		table_text(sh->table, NULL, sorted[i]->server);
		table_text(sh->table, NULL, sorted[i]->event);
		table_text(sh->table, NULL, sorted[i]->sender[0] ? sorted[i]->sender : "<>");
		table_text(sh->table, NULL, sorted[i]->recipient);
		table_size(sh->table, NULL, (int64_t)sorted[i]->size);
		table_text(sh->table, NULL, object_name_if_guid(sh, sorted[i]->detail));
		table_text(sh->table, NULL, sorted[i]->message_id);
	}
}

enum err message_trace_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	struct track t = {
		.recipient = take_option(&argc, argv, "--recipient"),
		.sender = take_option(&argc, argv, "--sender"),
		.limit = TRACE_LIMIT,
	};
	struct track_line *lines = NULL;
	struct members m = { 0 };
	enum err e;

	(void)v;
	if (argc > 1 || (argc == 0 && t.recipient == NULL && t.sender == NULL))
		return ERR_INVALID;
	t.message_id = argc ? argv[0] : NULL;
	e = ask_members(sh, &m);
	for (size_t i = 0; e == ERR_OK && i < m.n; i++)
		if ((m.m[i].role_bit & (RPC_HUB | RPC_EDGE)) &&
		    ask_track(sh, m.m[i].name, &t, &lines) != ERR_OK)
			fprintf(stderr, "%s: %s\n", m.m[i].name, sh->eb.text);
	if (e == ERR_OK && lines == NULL)
		e = err_set(&sh->eb, ERR_NOTFOUND, "no server has seen it");
	if (e == ERR_OK)
		print_trace(sh, lines);
	return e;
}

enum err message_deleted_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	const char *limit = take_option(&argc, argv, "--limit");
	const char *server;
	struct object *o;
	uint64_t n;
	enum err e;

	(void)v;
	if (argc != 1)
		return ERR_INVALID;
	e = number_word(sh, "--limit", limit, DEFAULT_LIMIT, UINT32_MAX, &n);
	if (e == ERR_OK)
		e = object_mailbox(sh, argv[0], &o, &server);
	if (e)
		return e;
	sh->table = table_new(&sh->arena, "number folder deleted from subject size");
	return ask_dumpster(sh, server, &o->guid, (unsigned)n, sh->table);
}

enum err message_restore_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	uint64_t *mids = arena_alloc(&sh->arena, (size_t)argc * sizeof(*mids));
	const char *server;
	struct object *o;
	unsigned restored = 0;
	enum err e = ERR_OK;

	(void)v;
	for (int i = 1; e == ERR_OK && i < argc; i++)
		e = number_word(sh, "a message", argv[i], 0, INT64_MAX, &mids[i - 1]);
	if (e == ERR_OK)
		e = object_mailbox(sh, argv[0], &o, &server);
	if (e == ERR_OK)
		e = ask_restore(sh, server, &o->guid, mids, (size_t)argc - 1, &restored);
	if (e)
		return e;
	sh->table = table_single(&sh->arena);
	table_number(sh->table, "restored", restored);
	if (restored == (unsigned)argc - 1)
		return ERR_OK;
	return err_set(&sh->eb, ERR_NOTFOUND, "%u not restored: see `bourse message deleted %s`",
		       (unsigned)argc - 1 - restored, argv[0]);
}
