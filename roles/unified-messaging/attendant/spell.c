#include "roles/unified-messaging/attendant/spell.h"

#include <stdint.h>
#include <string.h>

/* The letter below the accent, of U+00C0 to U+017F; '.': none. */
static const char bare[] =
	"AAAAAAACEEEEIIIIDNOOOOO.OUUUUYTS" "aaaaaaaceeeeiiiidnooooo.ouuuuyty"
	"AaAaAaCcCcCcCcDd" "DdEeEeEeEeEeGgGg" "GgGgHhHhIiIiIiIi" "IiIiJjKkkLlLlLlL"
	"lLlNnNnNnnNnOoOo" "OoOoRrRrRrSsSsSs" "SsTtTtTtUuUuUuUu" "UuUuWwYyYZzZzZzs";

static char key_of(int c)
{
	static const char keys[] = "22233344455566677778889999";

	c |= 0x20;	/* lower case */
	return c >= 'a' && c <= 'z' ? keys[c - 'a'] : '\0';
}

size_t spell_add(const char *text, char *out, size_t n, size_t cap)
{
	for (const unsigned char *p = (const unsigned char *)text; *p && n + 1 < cap; p++) {
		int c = *p;
		char key;

		/* Two bytes of UTF-8 hold all that is in the table. */
		if (c >= 0xc3 && c <= 0xc5 && (p[1] & 0xc0) == 0x80) {
			c = bare[(((unsigned)c & 0x1f) << 6 | (p[1] & 0x3fu)) - 0xc0];
			p++;
		}
		key = key_of(c);
		if (key)
			out[n++] = key;
	}
	out[n] = '\0';
	return n;
}

/* Of a display name: the last name is in front of a comma, else it is the last word. */
static void spell_display(const char *s, char out[SPELL_MAX])
{
	char name[256];
	char *cut;
	size_t n = strcspn(s, "(<");

	while (n && s[n - 1] == ' ')
		n--;
	if (n >= sizeof(name))
		n = sizeof(name) - 1;
	memcpy(name, s, n);
	name[n] = '\0';
	cut = strchr(name, ',');
	if (cut) {
		spell_add(name, out, 0, SPELL_MAX);
		return;
	}
	cut = strrchr(name, ' ');
	n = spell_add(cut ? cut : name, out, 0, SPELL_MAX);
	if (cut) {
		*cut = '\0';
		spell_add(name, out, n, SPELL_MAX);
	}
}

void spell_person(const char *surname, const char *given, const char *display, char out[SPELL_MAX])
{
	size_t n;

	out[0] = '\0';
	if (surname) {
		n = spell_add(surname, out, 0, SPELL_MAX);
		if (given)
			spell_add(given, out, n, SPELL_MAX);
	} else if (display) {
		spell_display(display, out);
	}
}

bool spell_matches(const char *keys, const char *typed)
{
	size_t n = strlen(typed);

	return n > 0 && strncmp(keys, typed, n) == 0;
}
