#include "roles/shell/nouns.h"
#include "roles/shell/objects.h"

/* argv[0] is the group, the rest are recipients. */
static enum err change_members(struct shell *sh, int argc, char **argv, enum change_op op)
{
	const struct attr_info *member = attr_by_id(OBJ_MEMBER);
	struct change c = { .op = op, .attr = OBJ_MEMBER };
	struct apply a = { .what = APPLY_MODIFY, .klass = CLASS_GROUP, .name = argv[0], .changes = &c };
	struct object_value **at = &c.values;
	struct object *o;
	enum err e = ERR_OK;

	for (int i = 1; i < argc && e == ERR_OK; i++) {
		*at = arena_alloc(&sh->arena, sizeof(**at));
		e = object_value_parse(sh, member, argv[i], *at);
		at = &(*at)->next;
	}
	if (e == ERR_OK)
		e = ask_apply(sh, &a, &o);
	if (e == ERR_OK) {
		sh->table = table_single(&sh->arena);
		object_describe(sh, o, sh->table);
	}
	return e;
}

enum err group_add_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	(void)v;
	return change_members(sh, argc, argv, CHANGE_ADD);
}

enum err group_take_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	(void)v;
	return change_members(sh, argc, argv, CHANGE_REMOVE);
}
