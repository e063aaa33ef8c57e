#include "roles/unified-messaging/prompt/phrase.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_MS INT64_C(86400000)

void phrase_digits(const char *number, char *out, size_t cap)
{
	char digits[64];
	size_t n = 0, at = 0;

	for (; *number && n < sizeof(digits); number++)
		if (isdigit((unsigned char)*number))
			digits[n++] = *number;
	out[0] = '\0';
	for (size_t i = 0; i < n && at + 4 < cap; i++) {
		/* Groups of three from the front, the last one of four. */
		size_t left = n - i;
		int comma = i > 0 && (left == 4 || (left > 4 && (left - 4) % 3 == 0));

		at += (size_t)snprintf(out + at, cap - at, "%s%c", i == 0 ? "" : comma ? ", " : " ",
				       digits[i]);
	}
}

void phrase_count(unsigned n, const char *one, const char *many, char *out, size_t cap)
{
	if (n == 0)
		snprintf(out, cap, "no %s", many);
	else if (n == 1)
		snprintf(out, cap, "one %s", one);
	else
		snprintf(out, cap, "%u %s", n, many);
}

static int64_t day_of(int64_t ms)
{
	return ms >= 0 ? ms / DAY_MS : -((-ms + DAY_MS - 1) / DAY_MS);
}

void phrase_time(int64_t at_ms, int64_t now_ms, int offset_min, char *out, size_t cap)
{
	static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
					    "Friday", "Saturday" };
	static const char *const months[] = { "January", "February", "March", "April", "May", "June",
					      "July", "August", "September", "October", "November",
					      "December" };
	int64_t local = at_ms + (int64_t)offset_min * 60000;
	int64_t apart = day_of(now_ms + (int64_t)offset_min * 60000) - day_of(local);
	time_t t = (time_t)(local / 1000);
	char clock[32], minute[8] = "";
	struct tm tm;
	int hour;

	gmtime_r(&t, &tm);
	hour = tm.tm_hour % 12 ? tm.tm_hour % 12 : 12;
	if (tm.tm_min)
		snprintf(minute, sizeof(minute), tm.tm_min < 10 ? " oh %d" : " %d", tm.tm_min);
	snprintf(clock, sizeof(clock), "%d%s %s", hour, minute, tm.tm_hour < 12 ? "A M" : "P M");
	if (apart == 0)
		snprintf(out, cap, "today at %s", clock);
	else if (apart == 1)
		snprintf(out, cap, "yesterday at %s", clock);
	else
		snprintf(out, cap, "%s, %s %d, at %s", days[tm.tm_wday], months[tm.tm_mon], tm.tm_mday,
			 clock);
}

/* Append [from, to) without what is in brackets, and without blanks at the ends. */
static size_t add_words(const char *from, const char *to, char *out, size_t n, size_t cap)
{
	int depth = 0;
	size_t begin = n;

	for (const char *p = from; p < to && n + 1 < cap; p++) {
		depth += *p == '(' || *p == '<';
		if (!depth && (n > begin || *p != ' '))
			out[n++] = *p;
		if ((*p == ')' || *p == '>') && depth)
			depth--;
	}
	while (n > begin && out[n - 1] == ' ')
		n--;
	return n;
}

void phrase_name(const char *name, char *out, size_t cap)
{
	const char *comma = strchr(name, ','), *end = name + strlen(name);
	size_t n = add_words(comma ? comma + 1 : name, end, out, 0, cap - 1);

	if (comma && n)
		out[n++] = ' ';
	if (comma)
		n = add_words(name, comma, out, n, cap);
	out[n] = '\0';
}
