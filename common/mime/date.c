#include "common/mime/date.h"

#include <stdio.h>

static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
				      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };

static const struct {
	const char *name;
	int minutes;
} zones[] = {
	{ "EST", -300 }, { "EDT", -240 }, { "CST", -360 }, { "CDT", -300 },
	{ "MST", -420 }, { "MDT", -360 }, { "PST", -480 }, { "PDT", -420 },
};

enum token_kind { TOK_END, TOK_WORD, TOK_NUMBER, TOK_SIGN, TOK_COLON };

struct token {
	enum token_kind kind;
	struct span text;
	int64_t value;		/* NUMBER */
};

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void skip_comment(struct span *in)
{
	unsigned depth = 0;

	while (in->n) {
		char c = *in->p;

		in->p++;
		in->n--;
		if (c == '\\' && in->n) {
			in->p++;
			in->n--;
		} else if (c == '(') {
			depth++;
		} else if (c == ')' && --depth == 0) {
			return;
		}
	}
}

static struct token take(struct span *in, enum token_kind kind, size_t n)
{
	struct token t = { .kind = kind, .text = { in->p, n } };

	for (size_t i = 0; kind == TOK_NUMBER && i < n && t.value < 1000000; i++)
		t.value = t.value * 10 + (in->p[i] - '0');
	in->p += n;
	in->n -= n;
	return t;
}

/* Separators, a dash inside a date among them, are skipped. */
static struct token next_token(struct span *in)
{
	while (in->n) {
		size_t n = 1;

		if (*in->p == '(') {
			skip_comment(in);
		} else if (is_alpha(*in->p)) {
			while (n < in->n && is_alpha(in->p[n]))
				n++;
			return take(in, TOK_WORD, n);
		} else if (is_digit(*in->p)) {
			while (n < in->n && is_digit(in->p[n]))
				n++;
			return take(in, TOK_NUMBER, n);
		} else if ((*in->p == '+' || *in->p == '-') && in->n > 1 &&
			   is_digit(in->p[1])) {
			return take(in, TOK_SIGN, 1);
		} else if (*in->p == ':') {
			return take(in, TOK_COLON, 1);
		} else {
			in->p++;
			in->n--;
		}
	}
	return (struct token){ .kind = TOK_END };
}

static int month_of(struct span s)
{
	for (int i = 0; i < 12 && s.n >= 3; i++)
		if (strncasecmp(s.p, months[i], 3) == 0)
			return i + 1;
	return 0;
}

int64_t date_days(int64_t year, int month, int day)
{
	int64_t era, yoe, doy;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	yoe = year - era * 400;
	doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int days_in(int64_t year, int month)
{
	static const int n[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : n[month - 1];
}

/* Minutes east of UTC.  Single letters carry no known meaning (RFC 5322 4.3). */
static int zone_of(struct token sign, struct span rest)
{
	struct token t;

	if (sign.kind == TOK_WORD) {
		for (size_t i = 0; i < N_ELEMS(zones); i++)
			if (span_is(sign.text, zones[i].name))
				return zones[i].minutes;
		return 0;
	}
	if (sign.kind != TOK_SIGN)
		return 0;
	t = next_token(&rest);
	if (t.text.n <= 2 && rest.n && rest.p[0] == ':') {	/* +01:00 */
		struct token minutes;

		next_token(&rest);
		minutes = next_token(&rest);
		t.value = t.value * 100 + (minutes.kind == TOK_NUMBER ? minutes.value : 0);
	}
	if (t.kind != TOK_NUMBER || t.value > 9959 || t.value % 100 > 59)
		return 0;
	t.value = t.value / 100 * 60 + t.value % 100;
	return (int)(*sign.text.p == '-' ? -t.value : t.value);
}

struct fields {
	int64_t year, day, hour, minute, second;
	int month;
};

/* hh:mm[:ss] behind first; *after is the token that follows. */
static bool parse_time(struct token first, struct span *in, struct fields *f,
		       struct token *after)
{
	struct token t;

	if (first.kind != TOK_NUMBER || next_token(in).kind != TOK_COLON)
		return false;
	f->hour = first.value;
	t = next_token(in);
	if (t.kind != TOK_NUMBER)
		return false;
	f->minute = t.value;
	*after = next_token(in);
	if (after->kind == TOK_COLON) {
		t = next_token(in);
		if (t.kind != TOK_NUMBER)
			return false;
		f->second = t.value;
		*after = next_token(in);
	}
	return f->hour < 24 && f->minute < 60 && f->second <= 60;
}

static int64_t full_year(struct token t)
{
	if (t.text.n <= 2)
		return t.value + (t.value < 50 ? 2000 : 1900);
	return t.text.n == 3 ? t.value + 1900 : t.value;
}

/* A dash before a number is a separator while a date is read (21-Nov-2026). */
static struct token date_token(struct span *in)
{
	struct token t = next_token(in);

	return t.kind == TOK_SIGN ? next_token(in) : t;
}

bool date_parse(struct span in, int64_t *ms, int *offset_min)
{
	struct token t = date_token(&in), zone;
	struct fields f = { 0 };
	int offset;

	if (t.kind == TOK_WORD && !month_of(t.text))	/* day of the week */
		t = date_token(&in);
	if (t.kind == TOK_WORD) {			/* Nov 21 22:41:31 2026 */
		f.month = month_of(t.text);
		t = date_token(&in);
		f.day = t.kind == TOK_NUMBER ? t.value : 0;
		if (!parse_time(next_token(&in), &in, &f, &t))
			return false;
		while (t.kind == TOK_WORD)
			t = next_token(&in);
		if (t.kind != TOK_NUMBER)
			return false;
		f.year = full_year(t);
		zone = next_token(&in);
	} else {
		f.day = t.kind == TOK_NUMBER ? t.value : 0;
		t = date_token(&in);
		f.month = t.kind == TOK_WORD ? month_of(t.text) : 0;
		t = date_token(&in);
		if (t.kind != TOK_NUMBER)
			return false;
		f.year = full_year(t);
		if (!parse_time(next_token(&in), &in, &f, &zone))
			return false;
	}
	if (f.month == 0 || f.year > 9999 || f.day < 1 || f.day > days_in(f.year, f.month))
		return false;
	offset = zone_of(zone, in);
	*ms = ((date_days(f.year, f.month, (int)f.day) * 24 + f.hour) * 60 + f.minute -
	       offset) * 60000 + f.second * 1000;
	if (offset_min)
		*offset_min = offset;
	return true;
}

size_t date_write(char *dst, int64_t ms, int offset_min)
{
	static const int64_t low = -62167219200, high = 253402300799;
	int64_t s = ms / 1000 - (ms % 1000 < 0);
	int64_t day, doe, yoe, year, doy, mp;
	int off = offset_min < 0 ? -offset_min : offset_min;
	int month;

	s += (int64_t)offset_min * 60;
	s = s < low ? low : s > high ? high : s;
	day = (s >= 0 ? s : s - 86399) / 86400;
	s -= day * 86400;
	/* The inverse of date_days(): years begin in March, eras have 400. */
	doe = (day + 719468) % 146097;
	year = (day + 719468) / 146097 * 400;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	month = (int)(mp < 10 ? mp + 3 : mp - 9);
	year += yoe + (month <= 2);
	return (size_t)snprintf(dst, DATE_TEXT_MAX, "%s, %d %s %04d %02d:%02d:%02d %c%02d%02d",
				days[((day % 7) + 7) % 7], (int)(doy - (153 * mp + 2) / 5 + 1),
				months[month - 1], (int)year, (int)(s / 3600),
				(int)(s / 60 % 60), (int)(s % 60), offset_min < 0 ? '-' : '+',
				off / 60 % 100, off % 60);
}
