#include "roles/unified-messaging/attendant/hours.h"

#include "common/api/object.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Sunday is 0, as in struct tm; -1: not a day. */
static int day_of(const char *s)
{
	static const char days[] = "sunmontuewedthufrisat";

	for (int i = 0; i < 7; i++)
		if (strncasecmp(s, days + (size_t)i * 3, 3) == 0)
			return i;
	return -1;
}

static bool is_holiday(const char *s, const struct tm *t)
{
	int y, m, d;

	return sscanf(s, "%4d-%2d-%2d", &y, &m, &d) == 3 && y == t->tm_year + 1900 &&
	       m == t->tm_mon + 1 && d == t->tm_mday;
}

static bool is_day_in(int day, int first, int last)
{
	return first <= last ? day >= first && day <= last : day >= first || day <= last;
}

static bool is_open(const char *s, const struct tm *t)
{
	int first = day_of(s), last = first, h1, m1, h2, m2, now = t->tm_hour * 60 + t->tm_min;

	if (first < 0)
		return false;
	s += 3;
	if (*s == '-') {
		last = day_of(s + 1);
		if (last < 0)
			return false;
		s += 4;
	}
	return is_day_in(t->tm_wday, first, last) &&
	       sscanf(s, " %2d:%2d-%2d:%2d", &h1, &m1, &h2, &m2) == 4 &&
	       now >= h1 * 60 + m1 && now < h2 * 60 + m2;
}

enum hours hours_at(const struct object *attendant, const struct tm *local, const char **holiday)
{
	enum hours is = HOURS_OPEN;

	*holiday = NULL;
	for (const struct object_value *v = object_values(attendant, OBJ_SCHEDULE); v; v = v->next) {
		const char *s = v->bytes.p;

		if (!isdigit((unsigned char)*s)) {
			is = HOURS_CLOSED;	/* there are hours */
		} else if (is_holiday(s, local)) {
			*holiday = strlen(s) > 11 ? s + 11 : "";
			return HOURS_HOLIDAY;
		}
	}
	for (const struct object_value *v = object_values(attendant, OBJ_SCHEDULE); v; v = v->next)
		if (is_open(v->bytes.p, local))
			is = HOURS_OPEN;
	return is;
}
