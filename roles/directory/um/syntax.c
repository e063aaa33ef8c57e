#include "roles/directory/um/um.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { MAX_NUMBER = 24 };

bool um_is_digits(const char *s, size_t min, size_t max)
{
	size_t n = strlen(s);

	return n >= min && n <= max && strspn(s, "0123456789") == n;
}

/* ---- dialling rules: NAME:MASK=NUMBER ------------------------------------------------- */

static bool is_word(const char *s, size_t n)
{
	if (n == 0 || n > 32)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("-_", s[i]))
			return false;
	return true;
}

/* Digits, x for one of any, a '*' at the end for the rest; a leading '+'. */
static bool is_mask(const char *s, size_t n, size_t *unknown, bool *rest)
{
	*unknown = 0;
	*rest = false;
	if (n && *s == '+') {
		s++;
		n--;
	}
	if (n == 0 || n > MAX_NUMBER)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == 'x')
			(*unknown)++;
		else if (s[i] == '*' && i + 1 == n)
			*rest = true;
		else if (!isdigit((unsigned char)s[i]))
			return false;
	}
	return true;
}

bool um_rule_ok(const char *rule)
{
	const char *colon = strchr(rule, ':'), *eq = colon ? strchr(colon, '=') : NULL;
	size_t in, out;
	bool rest_in, rest_out;

	if (!eq || !is_word(rule, (size_t)(colon - rule)) ||
	    !is_mask(colon + 1, (size_t)(eq - colon - 1), &in, &rest_in) ||
	    !is_mask(eq + 1, strlen(eq + 1), &out, &rest_out))
		return false;
	/* What the number wants, the mask must have matched. */
	return out <= in && (!rest_out || rest_in);
}

/* ---- key maps: [after:]KEY=ACTION ------------------------------------------------------ */

static bool is_action(const char *s)
{
	static const char *const with_number[] = { "extension:", "message:" };
	static const char *const with_text[] = { "attendant:", "say:", "play:" };
	static const char *const bare[] = { "operator", "directory", "repeat", "hangup" };

	for (size_t i = 0; i < N_ELEMS(with_number); i++)
		if (strncmp(s, with_number[i], strlen(with_number[i])) == 0)
			return um_is_digits(s + strlen(with_number[i]), 1, MAX_NUMBER);
	for (size_t i = 0; i < N_ELEMS(with_text); i++)
		if (strncmp(s, with_text[i], strlen(with_text[i])) == 0)
			return s[strlen(with_text[i])] != '\0';
	for (size_t i = 0; i < N_ELEMS(bare); i++)
		if (strcmp(s, bare[i]) == 0)
			return true;
	return false;
}

bool um_key_ok(const char *key)
{
	const char *eq;

	if (strncmp(key, "after:", 6) == 0)
		key += 6;
	eq = strchr(key, '=');
	if (!eq || !is_action(eq + 1))
		return false;
	return (eq - key == 1 && isdigit((unsigned char)*key)) ||
	       (eq - key == 7 && strncmp(key, "timeout", 7) == 0);
}

/* ---- schedules --------------------------------------------------------------------------- */

static int day_number(const char *s)
{
	static const char days[] = "montuewedthufrisatsun";

	for (int i = 0; i < 7; i++)
		if (strncasecmp(s, days + i * 3, 3) == 0)
			return i;
	return -1;
}

static bool is_number(const char *s, size_t n, int min, int max)
{
	int v = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)s[i]))
			return false;
		v = v * 10 + (s[i] - '0');
	}
	return v >= min && v <= max;
}

/* "08:00"; 24:00 is the end of the day. */
static bool is_time(const char *s)
{
	return strlen(s) >= 5 && is_number(s, 2, 0, 24) && s[2] == ':' &&
	       is_number(s + 3, 2, 0, 59) && (strncmp(s, "24", 2) != 0 || strncmp(s + 3, "00", 2) == 0);
}

static bool is_hours(const char *s)
{
	return strlen(s) == 11 && is_time(s) && s[5] == '-' && is_time(s + 6) &&
	       strncmp(s, s + 6, 5) < 0;
}

static bool is_holiday(const char *s)
{
	return strlen(s) > 11 && is_number(s, 4, 2000, 9999) && s[4] == '-' &&
	       is_number(s + 5, 2, 1, 12) && s[7] == '-' && is_number(s + 8, 2, 1, 31) &&
	       s[10] == ' ';
}

bool um_schedule_ok(const char *when)
{
	if (isdigit((unsigned char)*when))
		return is_holiday(when);
	if (strlen(when) < 4 || day_number(when) < 0)
		return false;
	if (when[3] == ' ')
		return is_hours(when + 4);
	return when[3] == '-' && strlen(when) > 8 && day_number(when + 4) >= 0 &&
	       when[7] == ' ' && is_hours(when + 8);
}
