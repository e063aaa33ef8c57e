#ifndef UM_ATTENDANT_SPELL_H
#define UM_ATTENDANT_SPELL_H
/*
 * spell - names on a telephone's keys (ITU-T E.161: 2 is ABC ... 9 is WXYZ)
 *
 * Somebody is found by the last name and the first name behind it, or the beginning of
 * that.  Accents do not count, nor does anything but Latin letters.  Pure.
 */
#include <stdbool.h>
#include <stddef.h>

#define SPELL_MAX 32	/* with NUL */

/* Appends the keys of text to out; what has no room is cut.  The new length. */
size_t spell_add(const char *text, char *out, size_t n, size_t cap);

/* The keys of a person.  surname and given may be NULL: then they are taken from the
 * display name, "Lee, Ann" or "Ann Lee". */
void spell_person(const char *surname, const char *given, const char *display,
		  char out[SPELL_MAX]);

/* Does keys begin with what was typed?  Nothing typed matches nobody. */
bool spell_matches(const char *keys, const char *typed);
#endif
