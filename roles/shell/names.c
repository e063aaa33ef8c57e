#include "roles/shell/names.h"

#include "common/base/hash.h"
#include "roles/shell/rpc.h"
#include <string.h>

#define ASK_ALL_AFTER 40

struct name {
	struct hash_node node;
	struct guid guid;
	const char *text;
};

struct names {
	struct hash known;
	unsigned asked;
	bool all;
};

static const char *know(struct shell *sh, const struct guid *g, const char *text)
{
	struct name *n = arena_alloc(&sh->arena, sizeof(*n));

	n->guid = *g;
	n->text = text;
	hash_add(&sh->names->known, &n->node, n->guid.b, sizeof(n->guid.b));
	return text;
}

static struct name *find(const struct shell *sh, const struct guid *g)
{
	struct hash_node *n = hash_find(&sh->names->known, g->b, sizeof(g->b));

	return n ? CONTAINER_OF(n, struct name, node) : NULL;
}

static enum err keep(struct shell *sh, struct object *o, void *ctx)
{
	const char *text = object_text(o, OBJ_NAME);

	(void)ctx;
	if (text && !find(sh, &o->guid))
		know(sh, &o->guid, arena_str(&sh->arena, text));
	return ERR_OK;
}

static void ask_all(struct shell *sh)
{
	static const unsigned classes[] = { CLASS_MAILBOX, CLASS_CONTACT, CLASS_GROUP };
	enum err e = ERR_OK;

	sh->names->all = true;
	for (size_t i = 0; i < N_ELEMS(classes) && e == ERR_OK; i++)
		e = ask_list(sh, classes[i], NULL, keep, NULL);
}

const char *names_of(struct shell *sh, const struct guid *g)
{
	struct errbuf before = sh->eb;
	char text[GUID_TEXT];
	struct object *o;
	struct name *n;

	if (sh->names == NULL) {
		sh->names = arena_alloc(&sh->arena, sizeof(*sh->names));
		hash_init(&sh->names->known);
	}
	if (!sh->names->all && sh->names->asked >= ASK_ALL_AFTER)
		ask_all(sh);
	n = find(sh, g);
	if (n)
		return n->text;
	sh->names->asked++;
	if (ask_get_guid(sh, g, &o) == ERR_OK && object_text(o, OBJ_NAME))
		return know(sh, g, object_text(o, OBJ_NAME));
	sh->eb = before;
	return know(sh, g, arena_str(&sh->arena, guid_text(g, text)));
}

void names_end(struct shell *sh)
{
	if (sh->names)
		hash_fini(&sh->names->known);
	sh->names = NULL;
}
