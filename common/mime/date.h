#ifndef MIME_DATE_H
#define MIME_DATE_H
/*
 * date - the date-time of RFC 5322 section 3.3, with the obsolete forms of 4.3
 *
 * Times are Unix milliseconds.  Parsing takes what is found in the wild: no
 * week day, one-digit hours, no seconds, two-digit years, zone names, comments,
 * the asctime() order.  An unknown or missing zone is UTC, as RFC 5322 says.
 */
#include "common/base/attr.h"
#include "common/base/span.h"
#include <stdint.h>

#define DATE_TEXT_MAX 40

/* False if no date can be made of it; *ms and *offset_min (may be NULL) are
 * then left alone.  offset_min is minutes east of UTC. */
bool date_parse(struct span in, int64_t *ms, int *offset_min) A_MUST_USE;

/* "Sat, 21 Nov 2026 22:41:31 +0000" into dst of DATE_TEXT_MAX bytes; returns
 * its length.  Years outside 0..9999 are written as the nearest of them. */
size_t date_write(char *dst, int64_t ms, int offset_min);

/* Days since 1970-01-01 in the Gregorian calendar; month 1..12. */
int64_t date_days(int64_t year, int month, int day);
#endif
