#include "roles/shell/objects.h"

#include "common/conf/conf.h"
#include "roles/shell/names.h"
#include "roles/shell/password.h"
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ---------------------------------------------------------------------- */

static bool parse_bool(const char *s, int64_t *out)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };

	for (size_t i = 0; i < N_ELEMS(yes); i++) {
		if (strcasecmp(s, yes[i]) == 0 || strcasecmp(s, no[i]) == 0) {
			*out = strcasecmp(s, yes[i]) == 0;
			return true;
		}
	}
	return false;
}

/* A GUID as such; any other text is a name or an address for the directory to look
 * up, in the transaction of the change. */
static void parse_ref(struct shell *sh, const char *text, struct object_value *out)
{
	struct guid *g = arena_alloc(&sh->arena, sizeof(*g));

	if (guid_parse(text, g) == ERR_OK) {
		out->bytes = (struct span){ (const char *)g->b, sizeof(g->b) };
	} else {
		out->number = 1;
		out->bytes = span_of(arena_str(&sh->arena, text));
	}
}

static enum err parse_bytes(struct shell *sh, const char *text, struct object_value *out)
{
	unsigned char *p = arena_alloc(&sh->arena, strlen(text) / 2 + 1);
	size_t n;

	if (sodium_hex2bin(p, strlen(text) / 2 + 1, text, strlen(text), NULL, &n, NULL) != 0 ||
	    n * 2 != strlen(text))
		return ERR_INVALID;
	out->bytes = (struct span){ (const char *)p, n };
	return ERR_OK;
}

enum err object_value_parse(struct shell *sh, const struct attr_info *a, const char *text,
			    struct object_value *out)
{
	static const char *const wants[] = {
		[ATTR_NUMBER] = "a number", [ATTR_BOOL] = "yes or no",
		[ATTR_BYTES] = "hex digits", [ATTR_SIZE] = "a size like 500M",
		[ATTR_DURATION] = "a duration like 10m",
	};
	enum err e = ERR_OK;
	uint64_t size = 0;
	char *end;

	switch (a->type) {
	case ATTR_TEXT:
		out->bytes = span_of(arena_str(&sh->arena, text));
		break;
	case ATTR_NUMBER:
		errno = 0;
		out->number = strtoll(text, &end, 10);
		if (*text == '\0' || *end != '\0' || errno)
			e = ERR_INVALID;
		break;
	case ATTR_BOOL:
		e = parse_bool(text, &out->number) ? ERR_OK : ERR_INVALID;
		break;
	case ATTR_SIZE:
		e = conf_size(text, &size);
		out->number = (int64_t)size;
		break;
	case ATTR_DURATION:
		e = conf_duration(text, &out->number);
		break;
	case ATTR_BYTES:
		e = parse_bytes(sh, text, out);
		break;
	case ATTR_GUID:
		parse_ref(sh, text, out);
		break;
	}
	if (e)
		return err_set(&sh->eb, e, "%s takes %s, not \"%s\"", a->name, wants[a->type], text);
	return ERR_OK;
}

/* ---- changes ---------------------------------------------------------------------- */

static struct change *change_of(struct shell *sh, struct change **list, unsigned attr,
				enum change_op op)
{
	struct change *c;

	for (; *list; list = &(*list)->next)
		if ((*list)->attr == attr && (*list)->op == op)
			return *list;
	c = arena_alloc(&sh->arena, sizeof(*c));
	c->attr = attr;
	c->op = op;
	*list = c;
	return c;
}

static enum err one_change(struct shell *sh, unsigned klass, const char *word,
			   struct change **list)
{
	enum change_op op = CHANGE_SET;
	const char *eq = strchr(word, '='), *name = word;
	const struct attr_info *a;
	struct object_value *v, **at;
	struct change *c;
	enum err e;

	if (*name == '+' || *name == '-') {
		op = *name == '+' ? CHANGE_ADD : CHANGE_REMOVE;
		name++;
	}
	if (eq == NULL || eq <= name)
		return err_set(&sh->eb, ERR_INVALID, "\"%s\" is not ATTRIBUTE=VALUE", word);
	a = attr_by_name(klass, arena_strn(&sh->arena, name, (size_t)(eq - name)));
	if (a == NULL)
		return err_set(&sh->eb, ERR_INVALID, "a %s has no attribute %.*s; see `bourse %s --help`",
			       class_name(klass), (int)(eq - name), name, class_name(klass));
	if (a->flags & (ATTR_READONLY | ATTR_SECRET))
		return err_set(&sh->eb, ERR_INVALID, "%s cannot be set here", a->name);
	if (op != CHANGE_SET && !(a->flags & ATTR_MULTI))
		return err_set(&sh->eb, ERR_INVALID, "%s has one value: write %s=VALUE", a->name, a->name);
	if (eq[1] == '\0' && op == CHANGE_SET) {
		change_of(sh, list, a->id, CHANGE_UNSET);
		return ERR_OK;
	}
	v = arena_alloc(&sh->arena, sizeof(*v));
	e = object_value_parse(sh, a, eq + 1, v);
	if (e)
		return e;
	c = change_of(sh, list, a->id, op);
	if (c->values && !(a->flags & ATTR_MULTI))
		return err_set(&sh->eb, ERR_INVALID, "%s is given twice", a->name);
	for (at = &c->values; *at; at = &(*at)->next)
		;
	*at = v;
	return ERR_OK;
}

enum err object_changes(struct shell *sh, unsigned klass, char *const *words, int n,
			struct change **out)
{
	enum err e = ERR_OK;

	*out = NULL;
	for (int i = 0; i < n && e == ERR_OK; i++)
		e = one_change(sh, klass, words[i], out);
	return e;
}

/* ---- showing ----------------------------------------------------------------------- */

const char *object_name_if_guid(struct shell *sh, const char *text)
{
	struct guid g;

	return guid_parse(text, &g) == ERR_OK ? names_of(sh, &g) : text;
}

static const char *value_text(struct shell *sh, const struct attr_info *a,
			      const struct object_value *v)
{
	struct guid g;
	char *hex;

	switch (a->type) {
	case ATTR_TEXT:
		return arena_strn(&sh->arena, v->bytes.p, v->bytes.n);
	case ATTR_GUID:
		if (guid_from(v->bytes.p, v->bytes.n, &g) != ERR_OK)
			return "?";
		if (a->flags & ATTR_REF)
			return names_of(sh, &g);
		hex = arena_alloc(&sh->arena, GUID_TEXT);
		return guid_text(&g, hex);
	case ATTR_BYTES:
		hex = arena_alloc(&sh->arena, v->bytes.n * 2 + 1);
		return sodium_bin2hex(hex, v->bytes.n * 2 + 1, (const unsigned char *)v->bytes.p,
				      v->bytes.n);
	default:
		return arena_printf(&sh->arena, "%" PRId64, v->number);
	}
}

/* A large group's are in pages. */
static void describe_members(struct shell *sh, const struct object *o, const struct attr_info *a,
			     struct table *t)
{
	const struct object_value *v = object_values(o, OBJ_MEMBER);
	struct object *page;
	struct guid g;

	for (; v; v = v->next)
		if (!object_has_value(o, OBJ_MEMBER_PAGE, v->bytes))
			table_item(t, value_text(sh, a, v));
	for (v = object_values(o, OBJ_MEMBER_PAGE); v; v = v->next)
		if (guid_from(v->bytes.p, v->bytes.n, &g) == ERR_OK &&
		    ask_get_guid(sh, &g, &page) == ERR_OK)
			describe_members(sh, page, a, t);
}

static void describe_attr(struct shell *sh, const struct object *o, const struct attr_info *a,
			  struct table *t)
{
	const struct object_value *v = object_values(o, a->id);

	if (a->flags & ATTR_SECRET) {
		table_text(t, a->name, "(set)");
		return;
	}
	if (a->id == OBJ_MEMBER_PAGE)
		return;			/* shown as what is in them */
	if (a->id == OBJ_MEMBER) {
		table_list(t, a->name);
		describe_members(sh, o, a, t);
		return;
	}
	if (a->flags & ATTR_MULTI) {
		table_list(t, a->name);
		for (; v; v = v->next)
			table_item(t, value_text(sh, a, v));
		return;
	}
	if (a->id == OBJ_ROLE) {
		table_text(t, a->name, rpc_role_name((unsigned)v->number));
		return;
	}
	switch (a->type) {
	case ATTR_NUMBER:   table_number(t, a->name, v->number); break;
	case ATTR_BOOL:	    table_bool(t, a->name, v->number != 0); break;
	case ATTR_SIZE:	    table_size(t, a->name, v->number); break;
	case ATTR_DURATION: table_duration(t, a->name, v->number); break;
	default:	    table_text(t, a->name, value_text(sh, a, v));
	}
}

void object_describe(struct shell *sh, const struct object *o, struct table *t)
{
	char text[GUID_TEXT];

	for (const struct attr_info *a = attr_next(o->klass, NULL); a; a = attr_next(o->klass, a))
		if (object_has(o, a->id))
			describe_attr(sh, o, a, t);
	table_text(t, "guid", guid_text(&o->guid, text));
	table_number(t, "usn", (int64_t)o->usn);
}

enum err object_show_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	struct object *o;
	enum err e;

	(void)argc;
	e = ask_get(sh, v->klass, argv[0], &o);
	if (e)
		return e;
	sh->table = table_single(&sh->arena);
	object_describe(sh, o, sh->table);
	return ERR_OK;
}

/* What a list shows of each class, beside the name. */
static const unsigned *list_columns(unsigned klass)
{
	static const unsigned mailbox[] = { OBJ_EMAIL, OBJ_DISPLAY, OBJ_DATABASE, OBJ_ENABLED, 0 };
	static const unsigned group[] = { OBJ_EMAIL, OBJ_DISPLAY, OBJ_REQUIRE_AUTH, 0 };
	static const unsigned contact[] = { OBJ_EMAIL, OBJ_TARGET, OBJ_DISPLAY, 0 };
	static const unsigned domain[] = { OBJ_DOMAIN, OBJ_DOMAIN_TYPE, OBJ_DEFAULT, OBJ_PLUS_TAG, 0 };
	static const unsigned policy[] = { OBJ_PRIORITY, OBJ_TEMPLATE, OBJ_DEFAULT, 0 };
	static const unsigned connector[] = { OBJ_ADDRESS_SPACE, OBJ_SMART_HOST, OBJ_PRIORITY, 0 };
	static const unsigned admin[] = { OBJ_KEY, 0 };
	static const unsigned plan[] = { OBJ_EXTENSION_DIGITS, OBJ_URI_TYPE, OBJ_ACCESS_NUMBER,
					 OBJ_VOIP_SECURITY, OBJ_AUDIO_CODEC, 0 };
	static const unsigned gateway[] = { OBJ_HOST, OBJ_UM_STATUS, OBJ_OUTBOUND, 0 };
	static const unsigned hunt[] = { OBJ_DIAL_PLAN, OBJ_IP_GATEWAY, OBJ_PILOT, 0 };
	static const unsigned um_policy[] = { OBJ_DIAL_PLAN, OBJ_PIN_MIN_LENGTH, 0 };
	static const unsigned attendant[] = { OBJ_DIAL_PLAN, OBJ_EXTENSION, OBJ_UM_STATUS, 0 };
	static const unsigned issuer[] = { OBJ_ISSUER, OBJ_AUDIENCE, OBJ_CLAIM, OBJ_SCOPE, 0 };
	static const unsigned none[] = { OBJ_DISPLAY, 0 };

	switch (klass) {
	case CLASS_MAILBOX:	   return mailbox;
	case CLASS_GROUP:	   return group;
	case CLASS_PUBLIC_FOLDER:  return mailbox;
	case CLASS_CONTACT:	   return contact;
	case CLASS_DOMAIN:	   return domain;
	case CLASS_ADDRESS_POLICY: return policy;
	case CLASS_CONNECTOR:	   return connector;
	case CLASS_ADMIN:	   return admin;
	case CLASS_DIAL_PLAN:	   return plan;
	case CLASS_IP_GATEWAY:	   return gateway;
	case CLASS_HUNT_GROUP:	   return hunt;
	case CLASS_UM_POLICY:	   return um_policy;
	case CLASS_AUTO_ATTENDANT: return attendant;
	case CLASS_OAUTH_ISSUER:   return issuer;
	default:		   return none;
	}
}

static enum err list_row(struct shell *sh, struct object *o, void *ctx)
{
	(void)ctx;
	table_row(sh->table);
	table_text(sh->table, NULL, object_text(o, OBJ_NAME));
	for (const unsigned *c = list_columns(o->klass); *c; c++) {
		const struct attr_info *a = attr_by_id(*c);
		const struct object_value *v = object_values(o, *c);
		struct guid g;

		if (*c == OBJ_ENABLED) {
			/* Unsaid is yes; a disabled mailbox has no user at all. */
			table_bool(sh->table, NULL, (v == NULL || v->number != 0) &&
				   !object_has(o, OBJ_DISCONNECTED));
		} else if (v == NULL) {
			table_text(sh->table, NULL, NULL);
		} else if (a->type == ATTR_BOOL) {
			table_bool(sh->table, NULL, v->number != 0);
		} else if (a->type == ATTR_NUMBER) {
			table_number(sh->table, NULL, v->number);
		} else if (a->type == ATTR_GUID && object_guid(o, *c, &g)) {
			table_text(sh->table, NULL, names_of(sh, &g));
		} else {
			table_text(sh->table, NULL, value_text(sh, a, v));
		}
	}
	return ERR_OK;
}

enum err object_list_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	const char *columns = "name";

	for (const unsigned *c = list_columns(v->klass); *c; c++)
		columns = arena_printf(&sh->arena, "%s %s", columns, attr_by_id(*c)->name);
	sh->table = table_new(&sh->arena, columns);
	return ask_list(sh, v->klass, argc > 0 ? argv[0] : NULL, list_row, NULL);
}

/* ---- changing ------------------------------------------------------------------------ */

static enum err apply_verb(struct shell *sh, const struct verb *v, int argc, char **argv,
			   enum apply_what what)
{
	struct apply a = { .what = what, .klass = v->klass };
	struct password pw = { NULL };
	struct object *o = NULL;
	enum err e = ERR_OK;

	if (v->klass == CLASS_MAILBOX)
		e = password_option(sh, &argc, argv, what == APPLY_CREATE, &pw);
	if (argc < 1)
		e = ERR_INVALID;
	if (e == ERR_OK)
		e = object_changes(sh, v->klass, argv + 1, argc - 1, &a.changes);
	if (e == ERR_OK && what == APPLY_MODIFY && a.changes == NULL && pw.text == NULL)
		e = err_set(&sh->eb, ERR_INVALID, "nothing to change: give ATTRIBUTE=VALUE");
	if (e == ERR_OK) {
		a.name = argv[0];
		a.password = pw.text;
		e = ask_apply(sh, &a, &o);
	}
	password_wipe(&pw);
	if (e == ERR_OK && o) {
		sh->table = table_single(&sh->arena);
		object_describe(sh, o, sh->table);
	}
	return e;
}

enum err object_create_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	return apply_verb(sh, v, argc, argv, APPLY_CREATE);
}

enum err object_set_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	return apply_verb(sh, v, argc, argv, APPLY_MODIFY);
}

enum err object_order(struct shell *sh, unsigned klass, const char *name, enum apply_what what)
{
	struct apply a = { .what = what, .klass = klass, .name = name };

	return ask_apply(sh, &a, NULL);
}

enum err object_remove_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	(void)argc;
	return object_order(sh, v->klass, argv[0], APPLY_DELETE);
}

enum err policy_apply_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return object_order(sh, v->klass, "", APPLY_POLICIES);
}

/* ---- mailboxes ------------------------------------------------------------------------- */

enum err object_mailbox(struct shell *sh, const char *name, struct object **mailbox,
			const char **server)
{
	struct object *db, *srv;
	struct guid g;
	enum err e = ask_get(sh, CLASS_MAILBOX, name, mailbox);

	if (e == ERR_NOTFOUND)
		e = ask_get(sh, CLASS_PUBLIC_FOLDER, name, mailbox);
	if (e)
		return e;
	if (!object_guid(*mailbox, OBJ_DATABASE, &g))
		return err_set(&sh->eb, ERR_NOTFOUND, "%s has no mailbox database", name);
	e = ask_get_guid(sh, &g, &db);
	if (e == ERR_OK && !object_guid(db, OBJ_SERVER, &g))
		e = err_set(&sh->eb, ERR_NOTFOUND, "the database of %s is on no server", name);
	if (e == ERR_OK)
		e = ask_get_guid(sh, &g, &srv);
	if (e == ERR_OK)
		*server = object_text(srv, OBJ_NAME);
	return e;
}
