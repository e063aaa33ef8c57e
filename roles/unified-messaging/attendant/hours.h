#ifndef UM_ATTENDANT_HOURS_H
#define UM_ATTENDANT_HOURS_H
/*
 * hours - is an attendant's business open?
 *
 * From its schedule: "mon-fri 08:00-18:00" says when it is open (24:00 ends a day, and
 * "sat-mon" goes over the week's end), "2026-12-25 Christmas" is a holiday, all day.
 * Without hours it is open but for holidays.  What cannot be read opens nothing.
 *
 * Pure: the time is the caller's, local.
 */
#include <time.h>

struct object;

enum hours { HOURS_OPEN, HOURS_CLOSED, HOURS_HOLIDAY };

/* local: tm_year, tm_mon, tm_mday, tm_wday, tm_hour and tm_min are read.  *holiday: its
 * name, which lives in the object, else NULL. */
enum hours hours_at(const struct object *attendant, const struct tm *local,
		    const char **holiday);
#endif
