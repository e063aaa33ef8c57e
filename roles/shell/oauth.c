/* Issuers of tokens: their keys come as the JWKS document that they publish. */
#include "roles/shell/nouns.h"

#include "common/auth/jwt.h"
#include "roles/shell/objects.h"
#include "roles/shell/rpc.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE (256u << 10)

struct keys {
	struct shell *sh;
	struct object_value *first, **at;
	size_t n;
};

static enum err read_file(struct shell *sh, const char *path, struct buf *out)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *f = is_stdin ? stdin : fopen(path, "re");
	enum err e = ERR_OK;
	char piece[4096];
	size_t n;

	if (f == NULL)
		return err_errno(&sh->eb, errno, path);
	while (!e && (n = fread(piece, 1, sizeof(piece), f)) > 0)
		e = buf_add(out, piece, n);
	if (!e && ferror(f))
		e = err_errno(&sh->eb, errno, path);
	else if (e)
		err_set(&sh->eb, e, "%s: more than %u KiB", path, MAX_FILE >> 10);
	if (!is_stdin)
		fclose(f);
	return e;
}

static void add_key(void *ctx, const char *jwk)
{
	struct keys *k = ctx;
	struct object_value *v = arena_alloc(&k->sh->arena, sizeof(*v));

	v->bytes = span_of(arena_str(&k->sh->arena, jwk));
	*k->at = v;
	k->at = &v->next;
	k->n++;
}

enum err oauth_keys_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	struct keys k = { .sh = sh, .at = &k.first };
	struct change c = { .op = CHANGE_SET, .attr = OBJ_JWK };
	struct apply a = { .what = APPLY_MODIFY, .klass = v->klass, .name = argv[0],
			   .changes = &c };
	unsigned skipped;
	struct buf text;
	enum err e;

	(void)argc;
	buf_init(&text, MAX_FILE);
	e = read_file(sh, argv[1], &text);
	if (!e)
		e = jwks_each(text.data, text.len, add_key, &k, &skipped, &sh->eb);
	buf_fini(&text);
	if (e)
		return e;
	c.values = k.first;
	e = ask_apply(sh, &a, NULL);
	if (e)
		return e;
	sh->table = table_single(&sh->arena);
	table_number(sh->table, "keys", (int64_t)k.n);
	table_number(sh->table, "passed-over", skipped);
	return ERR_OK;
}
