#ifndef UM_PROMPT_PHRASE_H
#define UM_PROMPT_PHRASE_H
/*
 * phrase - numbers, times and names as they are spoken
 *
 * Pure: text in, text out.  Speech engines read 5551234 as five and a half million;
 * a caller wants digits.
 */
#include <stddef.h>
#include <stdint.h>

/* "5 5 5, 1 2 3 4": groups from the end, as people say them. */
void phrase_digits(const char *number, char *out, size_t cap);
/* "one message", "3 messages" */
void phrase_count(unsigned n, const char *one, const char *many, char *out, size_t cap);
/* "today at 9 15 A M", "yesterday at ...", "Tuesday, March 3, at ..."; offset_min east. */
void phrase_time(int64_t at_ms, int64_t now_ms, int offset_min, char *out, size_t cap);
/* "Ann Lee" from "Lee, Ann (Sales) <x>": what is in brackets goes. */
void phrase_name(const char *name, char *out, size_t cap);
#endif
