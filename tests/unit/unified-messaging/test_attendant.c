#include "common/api/object.h"
#include "common/base/attr.h"
#include "roles/unified-messaging/attendant/hours.h"
#include "roles/unified-messaging/attendant/keys.h"
#include "roles/unified-messaging/attendant/spell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- names ------------------------------------------------------------------------------- */

static const struct {
	const char *surname, *given, *display, *keys;
} people[] = {
	{ "Lee", "Ann", "whatever", "533266" },
	{ "Lee", NULL, "Ann Lee", "533" },
	{ NULL, "Ann", "Ann Lee", "533266" },	/* no surname: the display name */
	{ NULL, NULL, "Lee, Ann (Sales)", "533266" },
	{ NULL, NULL, "Ann Mary Lee", "5332666279" },
	{ NULL, NULL, "Alice", "25423" },
	{ NULL, NULL, "M\xc3\xbcller, J\xc3\xbcrgen", "685537587436" },
	{ NULL, NULL, "\xc5\x81ukasz", "585279" },
	{ NULL, NULL, "O'Brien-Smith 3rd", "7362743676484" },
	{ "pqrs", "wxyz", NULL, "77779999" },
	{ NULL, NULL, "", "" },
	{ NULL, NULL, NULL, "" },
	{ NULL, NULL, "(nobody)", "" },
	{ NULL, NULL, "\xe5\xb1\xb1\xe7\x94\xb0", "" },
	{ NULL, NULL, "a\xc3", "2" },		/* cut in a character */
	{ NULL, NULL, "\xc3\x97\xc3\xb7", "" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "b", NULL, "2222222222222222222222222222222" },
};

static void test_keys_of_a_person(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(people); i++) {
		char keys[SPELL_MAX];

		spell_person(people[i].surname, people[i].given, people[i].display, keys);
		if (strcmp(keys, people[i].keys) != 0)
			fail_msg("person %zu: %s, not %s", i, keys, people[i].keys);
	}
}

static void test_matches(void **state)
{
	char lee[SPELL_MAX], keff[SPELL_MAX];

	(void)state;
	spell_person("Lee", "Ann", NULL, lee);
	spell_person("Keff", NULL, NULL, keff);
	assert_true(spell_matches(lee, "53") && spell_matches(keff, "53"));	/* a collision */
	assert_true(spell_matches(lee, "533") && spell_matches(keff, "533"));
	assert_true(spell_matches(lee, "5332") && !spell_matches(keff, "5332"));
	assert_false(spell_matches(lee, ""));
	assert_false(spell_matches(lee, "5332667"));
	assert_false(spell_matches("", "2"));
}

/* ---- hours ---------------------------------------------------------------------------------- */

static const struct {
	const char *schedule[4];
	struct tm at;
	enum hours is;
	const char *holiday;
} times[] = {
#define AT(y, mo, d, wd, h, mi) { .tm_year = (y) - 1900, .tm_mon = (mo) - 1, .tm_mday = (d), \
				  .tm_wday = (wd), .tm_hour = (h), .tm_min = (mi) }
	{ { NULL }, AT(2026, 11, 22, 0, 3, 0), HOURS_OPEN, NULL },
	{ { "mon-fri 08:00-18:00" }, AT(2026, 11, 23, 1, 8, 0), HOURS_OPEN, NULL },
	{ { "mon-fri 08:00-18:00" }, AT(2026, 11, 23, 1, 7, 59), HOURS_CLOSED, NULL },
	{ { "mon-fri 08:00-18:00" }, AT(2026, 11, 23, 1, 17, 59), HOURS_OPEN, NULL },
	{ { "mon-fri 08:00-18:00" }, AT(2026, 11, 23, 1, 18, 0), HOURS_CLOSED, NULL },
	{ { "mon-fri 08:00-18:00" }, AT(2026, 11, 22, 0, 12, 0), HOURS_CLOSED, NULL },
	{ { "mon-fri 08:00-18:00", "sat 09:00-12:00" }, AT(2026, 11, 28, 6, 9, 30), HOURS_OPEN, NULL },
	{ { "sat-mon 00:00-24:00" }, AT(2026, 11, 22, 0, 23, 59), HOURS_OPEN, NULL },
	{ { "sat-mon 00:00-24:00" }, AT(2026, 11, 24, 2, 12, 0), HOURS_CLOSED, NULL },
	{ { "SUN 00:00-24:00" }, AT(2026, 11, 22, 0, 0, 0), HOURS_OPEN, NULL },
	{ { "2026-12-25 Christmas" }, AT(2026, 12, 25, 5, 12, 0), HOURS_HOLIDAY, "Christmas" },
	{ { "2026-12-25 Christmas" }, AT(2026, 12, 24, 4, 12, 0), HOURS_OPEN, NULL },
	{ { "mon-fri 08:00-18:00", "2026-12-25 Christmas" }, AT(2026, 12, 25, 5, 12, 0),
	  HOURS_HOLIDAY, "Christmas" },
	{ { "mon-fri 08:00-18:00", "2026-12-25 Christmas" }, AT(2027, 12, 25, 6, 12, 0),
	  HOURS_CLOSED, NULL },
	/* What the directory would not have taken. */
	{ { "xyz 08:00-18:00" }, AT(2026, 11, 23, 1, 9, 0), HOURS_CLOSED, NULL },
	{ { "mon-" }, AT(2026, 11, 23, 1, 9, 0), HOURS_CLOSED, NULL },
	{ { "mon" }, AT(2026, 11, 23, 1, 9, 0), HOURS_CLOSED, NULL },
	{ { "" }, AT(2026, 11, 23, 1, 9, 0), HOURS_CLOSED, NULL },
	{ { "2026" }, AT(2026, 11, 23, 1, 9, 0), HOURS_OPEN, NULL },
};

static void test_hours(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(times); i++) {
		struct arena a = { 0 };
		struct object *o = object_new(&a, CLASS_AUTO_ATTENDANT);
		const char *holiday = "?";

		for (size_t j = 0; j < 4 && times[i].schedule[j]; j++)
			object_add_text(o, OBJ_SCHEDULE, times[i].schedule[j]);
		if (hours_at(o, &times[i].at, &holiday) != times[i].is)
			fail_msg("time %zu", i);
		if (times[i].holiday)
			assert_string_equal(holiday, times[i].holiday);
		else
			assert_null(holiday);
		arena_fini(&a);
	}
}

/* ---- key maps ---------------------------------------------------------------------------------- */

static const struct {
	const char *map[5];
	bool open;
	size_t key;
	enum key_does does;
	const char *arg;
} maps[] = {
	{ { NULL }, true, 1, KEY_NOTHING, "" },
	{ { "1=extension:1001", "2=message:1002" }, true, 1, KEY_EXTENSION, "1001" },
	{ { "1=extension:1001", "2=message:1002" }, true, 2, KEY_MESSAGE, "1002" },
	{ { "1=extension:1001", "2=message:1002" }, true, 3, KEY_NOTHING, "" },
	{ { "1=extension:1001", "2=message:1002" }, false, 2, KEY_MESSAGE, "1002" },
	{ { "1=extension:1001", "after:2=message:1002" }, true, 2, KEY_NOTHING, "" },
	{ { "1=extension:1001", "after:2=message:1002" }, false, 1, KEY_NOTHING, "" },
	{ { "1=extension:1001", "after:2=message:1002" }, false, 2, KEY_MESSAGE, "1002" },
	{ { "timeout=operator" }, true, KEYS_TIMEOUT, KEY_OPERATOR, "" },
	{ { "after:timeout=hangup" }, false, KEYS_TIMEOUT, KEY_HANGUP, "" },
	{ { "0=directory" }, true, 0, KEY_DIRECTORY, "" },
	{ { "9=repeat" }, true, 9, KEY_REPEAT, "" },
	{ { "4=say:a=b: c" }, true, 4, KEY_SAY, "a=b: c" },
	{ { "4=play:x.wav" }, true, 4, KEY_PLAY, "x.wav" },
	{ { "4=attendant:night" }, true, 4, KEY_ATTENDANT, "night" },
	{ { "1=say:first", "1=say:second" }, true, 1, KEY_SAY, "first" },
	/* What the directory would not have taken. */
	{ { "1=bad", "1=say:good" }, true, 1, KEY_SAY, "good" },
	{ { "1=say:" }, true, 1, KEY_NOTHING, "" },
	{ { "1=operators" }, true, 1, KEY_NOTHING, "" },
	{ { "12=operator" }, true, 1, KEY_NOTHING, "" },
	{ { "*=operator", "=operator", "1", "" }, true, 1, KEY_NOTHING, "" },
};

static void test_key_maps(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(maps); i++) {
		struct arena a = { 0 };
		struct object *o = object_new(&a, CLASS_AUTO_ATTENDANT);
		struct keys keys;

		for (size_t j = 0; j < 5 && maps[i].map[j]; j++)
			object_add_text(o, OBJ_KEY_MAP, maps[i].map[j]);
		keys_read(o, maps[i].open, &keys);
		if (keys.on[maps[i].key].does != maps[i].does ||
		    strcmp(keys.on[maps[i].key].arg, maps[i].arg) != 0)
			fail_msg("map %zu: %d \"%s\"", i, (int)keys.on[maps[i].key].does,
				 keys.on[maps[i].key].arg);
		arena_fini(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_of_a_person),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_hours),
		cmocka_unit_test(test_key_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
