#include "common/relay/low.h"

#include "common/base/log.h"

#include <sys/statvfs.h>

#define ASK_MS 2000

bool low_decide(bool was_low, const struct low_conf *c, uint64_t free_bytes,
		uint64_t queue_bytes)
{
	uint64_t high = c->disk_high > c->disk_low ? c->disk_high : c->disk_low;

	if (free_bytes < c->disk_low || queue_bytes > c->max_queue)
		return true;
	return was_low && (free_bytes < high || queue_bytes > c->max_queue / 20 * 19);
}

void low_tick(struct low *l, const struct low_conf *c, const struct queue *q, int64_t mono_ms)
{
	struct queue_stats s;
	struct statvfs fs;
	bool was = l->is_low;
	uint64_t room;

	if (l->asked_ms != 0 && mono_ms - l->asked_ms < ASK_MS)
		return;
	l->asked_ms = mono_ms;
	if (statvfs(c->dir, &fs) != 0)
		return;
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	queue_get_stats(q, &s);
	l->is_low = low_decide(was, c, room, s.bytes + s.waiting_bytes);
	if (l->is_low && !was)
		log_error(NULL, "resources low free=%llu queue=%llu: mail is refused",
			  (unsigned long long)room, (unsigned long long)s.bytes);
	if (!l->is_low && was)
		log_warn(NULL, "resources normal free=%llu queue=%llu", (unsigned long long)room,
			 (unsigned long long)s.bytes);
}
