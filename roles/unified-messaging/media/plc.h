#ifndef UM_MEDIA_PLC_H
#define UM_MEDIA_PLC_H
/*
 * plc - sound in place of packets that were lost
 *
 * In the manner of G.711 Appendix I: the last pitch period that was heard is repeated,
 * softer with every 10 ms, to silence after 60; what comes then is faded in.  spandsp's
 * own copies overlapping memory by memcpy().
 *
 * Pure; about 3 KiB.
 */
#include <stddef.h>
#include <stdint.h>

#define PLC_HISTORY 640		/* samples: 40 ms at 16 kHz */

struct plc {
	int16_t past[PLC_HISTORY];	/* the newest at the end */
	unsigned rate;
	size_t period;			/* samples, while packets are missing; else 0 */
	size_t at, missing;		/* in the period; samples made up so far */
};

void plc_begin(struct plc *p, unsigned rate);
/* n samples that arrived; the first are changed if some were missing before. */
void plc_heard(struct plc *p, int16_t *pcm, size_t n);
void plc_fill(struct plc *p, int16_t *pcm, size_t n);
#endif
