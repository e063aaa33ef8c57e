#include "roles/unified-messaging/attendant/keys.h"

#include "common/api/object.h"

#include <ctype.h>
#include <string.h>

#define AFTER "after:"

static const struct {
	const char *text;
	enum key_does does;
} actions[] = {
	{ "extension:", KEY_EXTENSION }, { "message:", KEY_MESSAGE },
	{ "attendant:", KEY_ATTENDANT }, { "say:", KEY_SAY }, { "play:", KEY_PLAY },
	{ "operator", KEY_OPERATOR },	 { "directory", KEY_DIRECTORY },
	{ "repeat", KEY_REPEAT },	 { "hangup", KEY_HANGUP },
};

static bool read_action(const char *s, struct key_action *out)
{
	for (size_t i = 0; i < N_ELEMS(actions); i++) {
		size_t n = strlen(actions[i].text);
		bool with_arg = actions[i].text[n - 1] == ':';

		if (strncmp(s, actions[i].text, n) != 0 || (s[n] != '\0') != with_arg)
			continue;
		*out = (struct key_action){ actions[i].does, s + n };
		return true;
	}
	return false;
}

static bool is_after(const char *entry)
{
	return strncmp(entry, AFTER, strlen(AFTER)) == 0;
}

/* -1: no key. */
static int key_of(const char *s, const char *eq)
{
	if (eq - s == 1 && isdigit((unsigned char)*s))
		return *s - '0';
	return eq - s == 7 && strncmp(s, "timeout", 7) == 0 ? KEYS_TIMEOUT : -1;
}

static void read_entry(const char *s, struct keys *out)
{
	const char *eq = strchr(s, '=');
	int key = eq ? key_of(s, eq) : -1;
	struct key_action a;

	if (key >= 0 && out->on[key].does == KEY_NOTHING && read_action(eq + 1, &a))
		out->on[key] = a;
}

void keys_read(const struct object *attendant, bool open, struct keys *out)
{
	const struct object_value *all = object_values(attendant, OBJ_KEY_MAP);
	bool after = false;

	for (size_t i = 0; i < KEYS_MAX; i++)
		out->on[i] = (struct key_action){ KEY_NOTHING, "" };
	for (const struct object_value *v = all; v && !open; v = v->next)
		after |= is_after(v->bytes.p);
	for (const struct object_value *v = all; v; v = v->next)
		if (is_after(v->bytes.p) == after)
			read_entry((const char *)v->bytes.p + (after ? strlen(AFTER) : 0), out);
}
