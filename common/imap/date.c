#include "common/imap/date.h"

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

#define DAY_S 86400
#define MIN_S INT64_C(-62135596800)	/* year 1 */
#define MAX_S INT64_C(253402300799)	/* year 9999 */

/* Years are counted from March, so that the leap day is the last of its year. */
int32_t imap_day_make(int year, int month, int mday)
{
	int y = month <= 2 ? year - 1 : year;
	int era = (y >= 0 ? y : y - 399) / 400;
	int yoe = y - era * 400;
	int doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + mday - 1;
	int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

int32_t imap_day_of(int64_t unix_s)
{
	return (int32_t)((unix_s >= 0 ? unix_s : unix_s - (DAY_S - 1)) / DAY_S);
}

static void day_split(int32_t day, int *year, int *month, int *mday)
{
	int z = day + 719468;
	int era = (z >= 0 ? z : z - 146096) / 146097;
	int doe = z - era * 146097;
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (5 * doy + 2) / 153;

	*mday = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

static bool number(struct imap_lex *l, unsigned least, unsigned most, int *out)
{
	const char *at = l->p;
	uint32_t v;

	if (!imap_lex_u32(l, &v))
		return false;
	*out = (int)v;
	return ((size_t)(l->p - at) >= least && (size_t)(l->p - at) <= most) ||
	       imap_lex_fail(l, "Malformed date.");
}

static bool month_name(struct imap_lex *l, int *out)
{
	if (l->end - l->p >= 3)
		for (*out = 1; *out <= 12; (*out)++)
			if (strncasecmp(l->p, months + 3 * (*out - 1), 3) == 0) {
				l->p += 3;
				return true;
			}
	return imap_lex_fail(l, "Malformed date.");
}

/* "17-Jul-1996"; a leading space instead of a digit was taken before. */
static bool dmy(struct imap_lex *l, int32_t *day)
{
	static const char days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int d = 0, m = 1, y = 0;

	if (!number(l, 1, 2, &d) || !imap_lex_char(l, '-') || !month_name(l, &m) ||
	    !imap_lex_char(l, '-') || !number(l, 4, 4, &y))
		return false;
	if (d < 1 || d > days[m - 1] || y < 1)
		return imap_lex_fail(l, "No such date.");
	if (m == 2 && d == 29 && (y % 4 != 0 || (y % 100 == 0 && y % 400 != 0)))
		return imap_lex_fail(l, "No such date.");
	*day = imap_day_make(y, m, d);
	return true;
}

bool imap_lex_date(struct imap_lex *l, int32_t *day)
{
	bool quoted = imap_lex_peek(l) == '"';

	if (quoted)
		l->p++;
	return dmy(l, day) && (!quoted || imap_lex_char(l, '"'));
}

static bool zone(struct imap_lex *l, int *minutes)
{
	int sign = imap_lex_peek(l), hhmm;

	if (sign != '+' && sign != '-')
		return imap_lex_fail(l, "Malformed time zone.");
	l->p++;
	if (!number(l, 4, 4, &hhmm))
		return false;
	if (hhmm % 100 > 59 || hhmm > 2359)
		return imap_lex_fail(l, "No such time zone.");
	*minutes = (hhmm / 100 * 60 + hhmm % 100) * (sign == '-' ? -1 : 1);
	return true;
}

bool imap_lex_date_time(struct imap_lex *l, int64_t *unix_s)
{
	int32_t day = 0;
	int h = 0, m = 0, s = 0, z = 0;

	if (!imap_lex_char(l, '"'))
		return false;
	if (imap_lex_peek(l) == ' ')
		l->p++;
	if (!dmy(l, &day) || !imap_lex_sp(l) || !number(l, 2, 2, &h) ||
	    !imap_lex_char(l, ':') || !number(l, 2, 2, &m) || !imap_lex_char(l, ':') ||
	    !number(l, 2, 2, &s) || !imap_lex_sp(l) || !zone(l, &z) ||
	    !imap_lex_char(l, '"'))
		return false;
	if (h > 23 || m > 59 || s > 60)
		return imap_lex_fail(l, "No such time.");
	*unix_s = (int64_t)day * DAY_S + h * 3600 + m * 60 + s - z * 60;
	return true;
}

enum err imap_write_date_time(struct buf *out, int64_t unix_s)
{
	int y, m, d, s;

	if (unix_s < MIN_S)
		unix_s = MIN_S;
	if (unix_s > MAX_S)
		unix_s = MAX_S;
	day_split(imap_day_of(unix_s), &y, &m, &d);
	s = (int)(unix_s - (int64_t)imap_day_of(unix_s) * DAY_S);
	return buf_addf(out, "\"%02d-%.3s-%04d %02d:%02d:%02d +0000\"", d,
			months + 3 * (m - 1), y, s / 3600, s / 60 % 60, s % 60);
}
