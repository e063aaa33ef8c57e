#ifndef IMAP_DATE_H
#define IMAP_DATE_H
/*
 * date - the dates of APPEND, INTERNALDATE and SEARCH (RFC 3501 section 9)
 *
 * Years 1 to 9999 of the Gregorian calendar, no leap seconds (":60" counts as
 * the next second).  Days are numbered from 1970-01-01.
 */
#include "common/base/buf.h"
#include "common/imap/lex.h"

/* "\"17-Jul-1996 02:44:25 -0700\"" as Unix seconds. */
bool imap_lex_date_time(struct imap_lex *l, int64_t *unix_s) A_MUST_USE;
/* "17-Jul-1996", quoted or not, as a day. */
bool imap_lex_date(struct imap_lex *l, int32_t *day) A_MUST_USE;

int32_t imap_day_of(int64_t unix_s);		/* the day in UTC */
int32_t imap_day_make(int year, int month, int mday);	/* month and mday from 1 */

/* The quoted form in UTC: "\"17-Jul-1996 09:44:25 +0000\"". */
enum err imap_write_date_time(struct buf *out, int64_t unix_s) A_MUST_USE;
#endif
