#include "roles/unified-messaging/attendant/attendant_priv.h"

#include "common/api/object.h"
#include "common/replica/member.h"
#include "common/replica/replica.h"
#include "roles/unified-messaging/prompt/phrase.h"
#include "roles/unified-messaging/route.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 1600 };

struct text {
	char s[TEXT_MAX];
	size_t n;
};

static void add(struct text *t, const char *before, const char *what, const char *after)
{
	int n = snprintf(t->s + t->n, sizeof(t->s) - t->n, "%s%s%s ", before, what, after);

	/* A piece that has no room is left out whole. */
	if (n > 0 && (size_t)n < sizeof(t->s) - t->n)
		t->n += (size_t)n;
	t->s[t->n] = '\0';
}

/* What somebody wrote into the directory: no controls, and cut. */
static void tame(const char *from, char *out, size_t cap)
{
	snprintf(out, cap, "%s", from);
	for (char *p = out; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
}

void speak_name(const struct object *o, char *out, size_t cap)
{
	const char *name = object_text(o, OBJ_DISPLAY);
	char raw[NAME_MAX_LEN];

	if (!name)
		name = object_text(o, OBJ_NAME);
	tame(name ? name : "", raw, sizeof(raw));
	phrase_name(raw, out, cap);
}

void speak_greeting(struct attendant *a)
{
	struct text t = { .n = 0 };
	char name[NAME_MAX_LEN];

	if (object_has(a->self, OBJ_DISPLAY)) {
		speak_name(a->self, name, sizeof(name));
		add(&t, "Welcome to ", name, ".");
	} else {
		add(&t, "Thank you for calling.", "", "");
	}
	if (a->hours == HOURS_HOLIDAY && a->holiday) {
		tame(a->holiday, name, sizeof(name));
		add(&t, "We are closed for ", name, ".");
	} else if (a->hours == HOURS_CLOSED) {
		add(&t, "You have reached us outside of our business hours.", "", "");
	}
	call_say(a->call, t.s);
}

static void name_of_number(struct attendant *a, const char *number, char *out, size_t cap)
{
	struct arena tmp = { 0 };
	struct object *o = route_extension(member_replica(a->um->member), a->plan, number, &tmp);
	char digits[80];

	if (o) {
		speak_name(o, out, cap);
	} else {
		phrase_digits(number, digits, sizeof(digits));
		snprintf(out, cap, "extension %s", digits);
	}
	arena_fini(&tmp);
}

static void add_key(struct attendant *a, struct text *t, size_t key)
{
	const struct key_action *k = &a->keys.on[key];
	char what[NAME_MAX_LEN + 32] = "", name[NAME_MAX_LEN], press[32];

	snprintf(press, sizeof(press), ", press %zu.", key);
	switch (k->does) {
	case KEY_EXTENSION:
	case KEY_MESSAGE:
		name_of_number(a, k->arg, name, sizeof(name));
		snprintf(what, sizeof(what), "%s%s", k->does == KEY_MESSAGE ?
			 "To leave a message for " : "For ", name);
		break;
	case KEY_ATTENDANT:
		tame(k->arg, name, sizeof(name));
		snprintf(what, sizeof(what), "For %s", name);
		break;
	case KEY_SAY:
	case KEY_PLAY:
		snprintf(what, sizeof(what), "For information");
		break;
	case KEY_OPERATOR:
		snprintf(what, sizeof(what), "For the operator");
		break;
	case KEY_DIRECTORY:
		snprintf(what, sizeof(what), "To find somebody by name");
		break;
	case KEY_REPEAT:
	case KEY_HANGUP:
	case KEY_NOTHING:
		return;
	}
	add(t, what, "", press);
}

void speak_menu(struct attendant *a)
{
	struct text t = { .n = 0 };

	for (size_t key = 1; key < KEYS_TIMEOUT; key++)
		add_key(a, &t, key);
	add(&t, "If you know the extension, dial it now.", "", "");
	add(&t, "To find somebody by name, press pound.", "", "");
	if (a->keys.on[0].does != KEY_NOTHING)
		add_key(a, &t, 0);
	else if (a->operator)
		add(&t, "For the operator, press 0.", "", "");
	call_say(a->call, t.s);
}

void speak_hits(struct attendant *a)
{
	struct text t = { .n = 0 };
	char name[NAME_MAX_LEN], press[32];

	for (size_t i = 0; i < a->search.n_hits; i++) {
		tame(a->search.hit[i].name, name, sizeof(name));
		snprintf(press, sizeof(press), ", press %zu.", i + 1);
		add(&t, "For ", name, press);
	}
	add(&t, "To go back, press star.", "", "");
	call_say(a->call, t.s);
}
