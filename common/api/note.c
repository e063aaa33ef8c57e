#include "common/api/note.h"

#include <stdio.h>
#include <sys/statvfs.h>
#include <time.h>

#define MIB	  (UINT64_C(1) << 20)
#define GIB	  (UINT64_C(1) << 30)
#define DAY	  86400
#define WARN_DAYS 30

bool note_space(const char *dir, uint64_t free_bytes, uint64_t all_bytes, char out[NOTE_MAX])
{
	if (free_bytes >= GIB && (free_bytes >= 20 * GIB || free_bytes / 5 * 100 >= all_bytes))
		return false;
	snprintf(out, NOTE_MAX, "disk space is low: %llu MiB of %llu MiB are free at %.250s",
		 (unsigned long long)(free_bytes / MIB), (unsigned long long)(all_bytes / MIB), dir);
	return true;
}

bool note_disk(const char *dir, char out[NOTE_MAX])
{
	struct statvfs fs;

	if (statvfs(dir, &fs) != 0)
		return false;
	return note_space(dir, (uint64_t)fs.f_bavail * fs.f_frsize,
			  (uint64_t)fs.f_blocks * fs.f_frsize, out);
}

bool note_certificate(int64_t not_after, int64_t now, char out[NOTE_MAX])
{
	time_t t = (time_t)not_after;
	char day[32] = "?";
	struct tm tm;

	if (not_after - now >= (int64_t)WARN_DAYS * DAY)
		return false;
	if (gmtime_r(&t, &tm))
		strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	if (not_after <= now)
		snprintf(out, NOTE_MAX, "the TLS certificate expired on %s", day);
	else
		snprintf(out, NOTE_MAX, "the TLS certificate expires on %s, in %lld days", day,
			 (long long)((not_after - now) / DAY));
	return true;
}
