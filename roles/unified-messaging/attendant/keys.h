#ifndef UM_ATTENDANT_KEYS_H
#define UM_ATTENDANT_KEYS_H
/*
 * keys - what an attendant's keys do
 *
 * From its key map: "1=extension:1001", "after:2=message:1002", "timeout=operator".
 * Outside business hours the entries with after: count; an attendant that has none
 * does the same at any hour.  The first of several for a key wins.
 */
#include <stdbool.h>
#include <stddef.h>

struct object;

enum key_does {
	KEY_NOTHING, KEY_EXTENSION, KEY_MESSAGE, KEY_ATTENDANT, KEY_SAY, KEY_PLAY, KEY_OPERATOR,
	KEY_DIRECTORY, KEY_REPEAT, KEY_HANGUP
};

struct key_action {
	enum key_does does;
	const char *arg;	/* number, name or text; lives in the object; "" if none */
};

#define KEYS_TIMEOUT 10		/* when no key is pressed */
#define KEYS_MAX     11

struct keys {
	struct key_action on[KEYS_MAX];		/* '0' to '9', and the timeout */
};

void keys_read(const struct object *attendant, bool open, struct keys *out);
#endif
