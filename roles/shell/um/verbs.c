#include "roles/shell/objects.h"
#include "roles/shell/password.h"
#include "roles/shell/um/um.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { PIN_MAX = 24, PIN_TRIES = 50 };

/* ---- PINs ------------------------------------------------------------------------ */

struct pin {
	char text[PIN_MAX + 1];
	bool made;		/* by us: the user must be told, and change it */
};

static unsigned min_length(struct shell *sh, const struct object *mailbox)
{
	struct object *policy;
	struct guid g;

	if (mailbox && object_guid(mailbox, OBJ_UM_POLICY, &g) &&
	    ask_get_guid(sh, &g, &policy) == ERR_OK)
		return (unsigned)object_number(policy, OBJ_PIN_MIN_LENGTH, 6);
	return 0;
}

static void make_pin(struct pin *p, unsigned length)
{
	if (length < 4 || length > PIN_MAX)
		length = 8;
	for (unsigned i = 0; i < length; i++)
		p->text[i] = (char)('0' + randombytes_uniform(10));
	p->text[length] = '\0';
	p->made = true;
}

/* --pin-stdin, --pin-file FILE; else one is made. */
static enum err pin_option(struct shell *sh, int *argc, char **argv, struct pin *p)
{
	struct password pw = { NULL };
	const char *file = take_option(argc, argv, "--pin-file");
	bool from_stdin = take_flag(argc, argv, "--pin-stdin");
	char *words[4] = { NULL };
	int n = 0;
	enum err e;

	if (!file && !from_stdin)
		return ERR_OK;
	words[n++] = (char *)(uintptr_t)(file ? "--password-file" : "--password-stdin");
	if (file)
		words[n++] = (char *)(uintptr_t)file;
	e = password_option(sh, &n, words, false, &pw);
	if (e == ERR_OK && strlen(pw.text) > PIN_MAX)
		e = err_set(&sh->eb, ERR_INVALID, "a PIN is up to %d digits", PIN_MAX);
	if (e == ERR_OK)
		snprintf(p->text, sizeof(p->text), "%s", pw.text);
	password_wipe(&pw);
	return e;
}

/* One that the policy's patterns do not like is thrown again. */
static enum err apply_with_pin(struct shell *sh, struct apply *a, struct pin *p, unsigned length,
			       struct object **o)
{
	bool make = p->text[0] == '\0';
	enum err e = ERR_INVALID;

	for (int i = 0; i < (make ? PIN_TRIES : 1) && e == ERR_INVALID; i++) {
		if (make)
			make_pin(p, length);
		a->pin = p->text;
		a->pin_expired = true;
		e = ask_apply(sh, a, o);
		if (make && e == ERR_INVALID && strstr(sh->eb.text, "PIN") == NULL)
			break;
	}
	return e;
}

static const char *any_um_server(struct shell *sh)
{
	struct members m = { 0 };

	if (ask_members(sh, &m))
		return NULL;
	for (size_t i = 0; i < m.n; i++)
		if (m.m[i].role_bit == RPC_UM && m.m[i].up)
			return m.m[i].name;
	return NULL;
}

static void tell_user(struct shell *sh, const struct object *o, enum um_notice what,
		      const struct pin *p)
{
	const char *server = any_um_server(sh);

	if (server && ask_um_notice(sh, server, what, &o->guid, p->made ? p->text : "") == ERR_OK) {
		fprintf(stderr, "%s is told by mail\n", object_text(o, OBJ_NAME));
		return;
	}
	if (p->made)
		fprintf(stderr, "no um server could send mail; the PIN of %s is %s\n",
			object_text(o, OBJ_NAME), p->text);
}

/* ---- mailbox um ------------------------------------------------------------------- */

static enum err um_enable(struct shell *sh, int argc, char **argv)
{
	struct change on = { .op = CHANGE_SET, .attr = OBJ_UM_ENABLED };
	struct object_value yes = { .number = 1 };
	struct apply a = { .what = APPLY_MODIFY, .klass = CLASS_MAILBOX };
	struct pin p = { "", false };
	struct object *o = NULL;
	bool silent = take_flag(&argc, argv, "--no-mail");
	enum err e = pin_option(sh, &argc, argv, &p);

	if (e == ERR_OK && (argc < 1 || (silent && p.text[0] == '\0')))
		e = ERR_INVALID;
	if (e == ERR_OK)
		e = object_changes(sh, CLASS_MAILBOX, argv + 1, argc - 1, &a.changes);
	if (e == ERR_OK) {
		on.values = &yes;
		on.next = a.changes;
		a.changes = &on;
		a.name = argv[0];
		e = apply_with_pin(sh, &a, &p, 8, &o);
	}
	if (e == ERR_OK && o) {
		if (!silent)
			tell_user(sh, o, UM_NOTICE_WELCOME, &p);
		sh->table = table_single(&sh->arena);
		object_describe(sh, o, sh->table);
	}
	sodium_memzero(&p, sizeof(p));
	return e;
}

static enum err um_disable(struct shell *sh, int argc, char **argv)
{
	struct object_value no = { .number = 0 };
	struct change off = { .op = CHANGE_SET, .attr = OBJ_UM_ENABLED, .values = &no };
	struct apply a = { .what = APPLY_MODIFY, .klass = CLASS_MAILBOX, .name = argv[0],
			   .changes = &off };

	return argc == 1 ? ask_apply(sh, &a, NULL) : ERR_INVALID;
}

static enum err um_pin_reset(struct shell *sh, int argc, char **argv)
{
	struct apply a = { .what = APPLY_MODIFY, .klass = CLASS_MAILBOX };
	struct pin p = { "", false };
	struct object *o = NULL;
	enum err e = pin_option(sh, &argc, argv, &p);

	if (e == ERR_OK && argc != 1)
		e = ERR_INVALID;
	if (e == ERR_OK)
		e = ask_get(sh, CLASS_MAILBOX, argv[0], &o);
	if (e == ERR_OK) {
		a.name = argv[0];
		e = apply_with_pin(sh, &a, &p, min_length(sh, o), &o);
	}
	if (e == ERR_OK && o)
		tell_user(sh, o, UM_NOTICE_PIN, &p);
	sodium_memzero(&p, sizeof(p));
	return e;
}

static enum err um_unlock(struct shell *sh, int argc, char **argv)
{
	struct apply a = { .what = APPLY_MODIFY, .klass = CLASS_MAILBOX, .name = argv[0],
			   .pin_unlock = true };

	return argc == 1 ? ask_apply(sh, &a, NULL) : ERR_INVALID;
}

static const struct {
	const char *name;
	enum err (*run)(struct shell *sh, int argc, char **argv);
} actions[] = {
	{ "enable", um_enable },
	{ "disable", um_disable },
	{ "pin-reset", um_pin_reset },
	{ "unlock", um_unlock },
};

enum err mailbox_um_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	(void)v;
	for (size_t i = 0; i < N_ELEMS(actions); i++)
		if (strcmp(argv[0], actions[i].name) == 0)
			return actions[i].run(sh, argc - 1, argv + 1);
	return ERR_INVALID;
}

/* ---- um call --------------------------------------------------------------------------- */

static enum err call_list(struct shell *sh)
{
	struct members m = { 0 };
	enum err e = ask_members(sh, &m), worst = ERR_OK;

	if (e)
		return e;
	sh->table = table_new(&sh->arena, "server call kind state caller called mailbox gateway "
			      "codec started received lost sent");
	for (size_t i = 0; i < m.n; i++) {
		if (m.m[i].role_bit != RPC_UM)
			continue;
		e = ask_um_calls(sh, m.m[i].name, sh->table);
		if (e) {
			fprintf(stderr, "%s: %s\n", m.m[i].name, sh->eb.text);
			worst = e;
		}
	}
	return worst;
}

enum err um_call_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	(void)v;
	if (argc == 1 && strcmp(argv[0], "list") == 0)
		return call_list(sh);
	if (argc == 3 && strcmp(argv[0], "hang-up") == 0)
		return ask_um_hang_up(sh, argv[1], argv[2]);
	return ERR_INVALID;
}
