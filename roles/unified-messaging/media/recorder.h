#ifndef UM_MEDIA_RECORDER_H
#define UM_MEDIA_RECORDER_H
/*
 * recorder - what is heard, into a file, as it is heard
 *
 * 16-bit little-endian samples without a header.  Once a second what came is written
 * by a worker, every RECORDER_SYNC_S it is made durable: a process that is killed loses
 * at most the last second, a host that loses power the last few.
 *
 * When the disk is too slow RECORDER_BACKLOG_S are held in memory; what comes then is
 * dropped, and the recording says so.
 */
#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORDER_SYNC_S	   5
#define RECORDER_BACKLOG_S 10

struct recorder;
struct work_pool;

/* The file must not exist.  FULL, INTERNAL. */
enum err recorder_new(struct work_pool *pool, const char *path, unsigned rate,
		      struct recorder **out, struct errbuf *eb) A_MUST_USE;
void recorder_add(struct recorder *r, const int16_t *pcm, size_t n);
size_t recorder_samples(const struct recorder *r);	/* so far */

/* The file is cut to `keep` samples and made durable, then cb (from the loop) tells
 * how that went; r is gone with it.  *r is cleared. */
typedef void recorder_done_cb(void *ctx, enum err e, size_t samples);
void recorder_finish(struct recorder **r, size_t keep, recorder_done_cb *cb, void *ctx);
/* Never mind: the file goes.  *r may be NULL. */
void recorder_drop(struct recorder **r);
#endif
