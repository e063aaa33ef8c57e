#include "roles/unified-messaging/media/clip.h"

#include "common/base/check.h"

#include <math.h>
#include <speex/speex_resampler.h>
#include <stdlib.h>
#include <string.h>

enum { QUALITY = 5, CHUNK = 4096 };

/* A copy at another rate. */
static int16_t *resampled(const int16_t *in, size_t n, unsigned from, unsigned to, size_t *out_n)
{
	size_t cap = n * to / from + 64, got = 0;
	int16_t *out = xcalloc(cap, sizeof(*out));
	SpeexResamplerState *r;
	int err = 0;

	if (from == to) {
		memcpy(out, in, n * sizeof(*in));
		*out_n = n;
		return out;
	}
	r = speex_resampler_init(1, from, to, QUALITY, &err);
	CHECK(r != NULL);
	speex_resampler_skip_zeros(r);
	while (n > 0 && got < cap) {
		spx_uint32_t i = n < CHUNK ? (spx_uint32_t)n : CHUNK;
		spx_uint32_t o = (spx_uint32_t)(cap - got);

		speex_resampler_process_int(r, 0, in, &i, out + got, &o);
		if (i == 0 && o == 0)
			break;
		in += i;
		n -= i;
		got += o;
	}
	/* What is still in its filter. */
	if (got < cap) {
		spx_uint32_t i = (spx_uint32_t)speex_resampler_get_input_latency(r);
		spx_uint32_t o = (spx_uint32_t)(cap - got);
		int16_t *zero = xcalloc(i + 1, sizeof(*zero));

		speex_resampler_process_int(r, 0, zero, &i, out + got, &o);
		got += o;
		free(zero);
	}
	speex_resampler_destroy(r);
	*out_n = got;
	return out;
}

enum err clip_new(const int16_t *samples, size_t n, unsigned rate, struct clip **out,
		  struct errbuf *eb)
{
	struct clip *c;

	if (rate < 8000 || rate > 48000)
		return err_set(eb, ERR_INVALID, "sound at %u Hz", rate);
	if (n > (size_t)rate * (CLIP_MAX_MS / 1000))
		return err_set(eb, ERR_LIMIT, "sound of more than %d s", CLIP_MAX_MS / 1000);
	c = xcalloc(1, sizeof(*c));
	c->refs = 1;
	c->at16 = resampled(samples, n, rate, CLIP_RATE, &c->n16);
	c->at8 = resampled(samples, n, rate, 8000, &c->n8);
	*out = c;
	return ERR_OK;
}

struct clip *clip_ref(struct clip *c)
{
	c->refs++;
	return c;
}

void clip_unref(struct clip **cp)
{
	struct clip *c = *cp;

	*cp = NULL;
	if (!c || --c->refs)
		return;
	free(c->at16);
	free(c->at8);
	free(c);
}

const int16_t *clip_at(const struct clip *c, unsigned rate, size_t *n)
{
	*n = rate == 8000 ? c->n8 : c->n16;
	return rate == 8000 ? c->at8 : c->at16;
}

struct clip *clip_tone(unsigned hz, unsigned ms)
{
	size_t n = (size_t)CLIP_RATE * ms / 1000, edge = CLIP_RATE / 100;
	int16_t *s = xcalloc(n + 1, sizeof(*s));
	struct clip *c = NULL;

	for (size_t i = 0; i < n; i++) {
		double gain = i < edge ? (double)i / edge : n - i < edge ? (double)(n - i) / edge : 1;

		s[i] = (int16_t)(8000 * gain * sin(2 * 3.14159265358979 * hz * i / CLIP_RATE));
	}
	if (clip_new(s, n, CLIP_RATE, &c, NULL))
		c = clip_silence(0);
	free(s);
	return c;
}

struct clip *clip_silence(unsigned ms)
{
	struct clip *c = xcalloc(1, sizeof(*c));

	c->refs = 1;
	c->n16 = (size_t)CLIP_RATE * ms / 1000;
	c->n8 = (size_t)8 * ms;
	c->at16 = xcalloc(c->n16 + 1, sizeof(*c->at16));
	c->at8 = xcalloc(c->n8 + 1, sizeof(*c->at8));
	return c;
}
