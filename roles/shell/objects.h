#ifndef SHELL_OBJECTS_H
#define SHELL_OBJECTS_H
/*
 * objects - the verbs that every class of directory object has, from its table of
 * attributes: list, show, create, set, remove
 *
 * ATTRIBUTE=VALUE replaces, several of the same attribute make a list;
 * +ATTRIBUTE=VALUE adds, -ATTRIBUTE=VALUE removes one, ATTRIBUTE= clears.
 */
#include "roles/shell/rpc.h"

verb_fn object_list_verb, object_show_verb, object_create_verb, object_set_verb,
	object_remove_verb, policy_apply_verb;

/* Delete, disable or reconnect: orders that carry no changes. */
enum err object_order(struct shell *sh, unsigned klass, const char *name,
		      enum apply_what what) A_MUST_USE;
/* Words as changes.  INVALID names the word and says what is wrong. */
enum err object_changes(struct shell *sh, unsigned klass, char *const *words, int n,
			struct change **out) A_MUST_USE;
/* One value as text, in the form of its attribute. */
enum err object_value_parse(struct shell *sh, const struct attr_info *a, const char *text,
			    struct object_value *out) A_MUST_USE;
/* All attributes into a single table; names stand for GUIDs. */
void object_describe(struct shell *sh, const struct object *o, struct table *t);
/* The name behind text that may be a GUID; other text as it is. */
const char *object_name_if_guid(struct shell *sh, const char *text);
/* The mailbox and the server that holds it. */
enum err object_mailbox(struct shell *sh, const char *name, struct object **mailbox,
			const char **server) A_MUST_USE;
#endif
