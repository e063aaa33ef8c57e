#include "roles/unified-messaging/media/plc.h"

#include <stdlib.h>
#include <string.h>

enum {
	MIN_PITCH_HZ = 66, MAX_PITCH_HZ = 400,
	FADE_MS = 60,		/* to silence */
	BLEND_MS = 4,		/* into what arrives again */
};

void plc_begin(struct plc *p, unsigned rate)
{
	memset(p, 0, sizeof(*p));
	p->rate = rate;
}

static void remember(struct plc *p, const int16_t *pcm, size_t n)
{
	if (n >= PLC_HISTORY) {
		memcpy(p->past, pcm + n - PLC_HISTORY, sizeof(p->past));
		return;
	}
	memmove(p->past, p->past + n, (PLC_HISTORY - n) * sizeof(*pcm));
	memcpy(p->past + PLC_HISTORY - n, pcm, n * sizeof(*pcm));
}

/* The distance at which the past resembles itself most. */
static size_t pitch(const struct plc *p)
{
	size_t min = p->rate / MAX_PITCH_HZ, max = p->rate / MIN_PITCH_HZ;
	size_t span = PLC_HISTORY - max, best = max;
	int64_t least = INT64_MAX;

	if (span > 160)
		span = 160;
	for (size_t d = min; d <= max; d++) {
		const int16_t *a = p->past + PLC_HISTORY - span;
		int64_t sum = 0;

		for (size_t i = 0; i < span; i++)
			sum += abs(a[i] - a[(ptrdiff_t)i - (ptrdiff_t)d]);
		if (sum < least) {
			least = sum;
			best = d;
		}
	}
	return best;
}

static int16_t next_sample(struct plc *p)
{
	size_t fade = (size_t)p->rate * FADE_MS / 1000;
	int32_t s = p->past[PLC_HISTORY - p->period + p->at];

	p->at = p->at + 1 == p->period ? 0 : p->at + 1;
	if (p->missing >= fade)
		return 0;
	s = (int32_t)((int64_t)s * (int64_t)(fade - p->missing) / (int64_t)fade);
	p->missing++;
	return (int16_t)s;
}

void plc_fill(struct plc *p, int16_t *pcm, size_t n)
{
	if (p->period == 0) {
		p->period = pitch(p);
		p->at = p->missing = 0;
	}
	for (size_t i = 0; i < n; i++)
		pcm[i] = next_sample(p);
}

void plc_heard(struct plc *p, int16_t *pcm, size_t n)
{
	size_t blend = (size_t)p->rate * BLEND_MS / 1000;

	if (p->period) {
		if (blend > n)
			blend = n;
		for (size_t i = 0; i < blend; i++)
			pcm[i] = (int16_t)((pcm[i] * (int32_t)i +
					    next_sample(p) * (int32_t)(blend - i)) / (int32_t)blend);
		p->period = 0;
	}
	remember(p, pcm, n);
}
