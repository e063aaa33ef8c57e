#ifndef UM_MEDIA_CLIP_H
#define UM_MEDIA_CLIP_H
/*
 * clip - a piece of sound in memory, shared by whoever plays it
 *
 * 16-bit samples at 16 kHz, and at 8 kHz made from them once.  Counted; made on any
 * thread, used on the loop's.
 */
#include "common/base/err.h"
#include <stddef.h>
#include <stdint.h>

#define CLIP_RATE 16000
#define CLIP_MAX_MS 600000	/* ten minutes: 28 MB */

struct clip {
	unsigned refs;
	size_t n16, n8;
	int16_t *at16, *at8;
};

/* samples at rate (8000 to 48000), copied.  LIMIT: too long; INVALID: the rate. */
enum err clip_new(const int16_t *samples, size_t n, unsigned rate, struct clip **out,
		  struct errbuf *eb) A_MUST_USE;
struct clip *clip_ref(struct clip *c);
void clip_unref(struct clip **c);	/* *c may be NULL */

/* The samples for a call of this rate (8000 or 16000). */
const int16_t *clip_at(const struct clip *c, unsigned rate, size_t *n);

struct clip *clip_tone(unsigned hz, unsigned ms);	/* the beep: with soft edges */
struct clip *clip_silence(unsigned ms);
#endif
