#include "roles/unified-messaging/media/codec.h"

#include "common/base/check.h"
#include "roles/unified-messaging/media/plc.h"

#include <opus/opus.h>
#include <spandsp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct codec_info infos[] = {
	{ "PCMU", 0, 8000, 1, 8000, "" },
	{ "PCMA", 8, 8000, 1, 8000, "" },
	{ "G722", 9, 8000, 1, 16000, "" },
	{ "opus", 96, 48000, 2, 16000, "useinbandfec=1" },
};

enum { PCMU, PCMA, G722, OPUS };

struct codec {
	const struct codec_info *info;
	g722_decode_state_t *g722_in;
	g722_encode_state_t *g722_out;
	OpusDecoder *opus_in;
	OpusEncoder *opus_out;
	struct plc plc;
};

const struct codec_info *codec_nth(size_t i)
{
	return i < N_ELEMS(infos) ? &infos[i] : NULL;
}

const struct codec_info *codec_find(const struct sdp_codec *c)
{
	for (size_t i = 0; i < N_ELEMS(infos); i++)
		if (strcasecmp(infos[i].name, c->name) == 0 && infos[i].clock == c->clock)
			return &infos[i];
	return NULL;
}

struct codec *codec_new(const struct codec_info *i)
{
	struct codec *c = xcalloc(1, sizeof(*c));
	int err = 0;

	c->info = i;
	switch (i - infos) {
	case G722:
		c->g722_in = g722_decode_init(NULL, 64000, 0);
		c->g722_out = g722_encode_init(NULL, 64000, 0);
		break;
	case OPUS:
		c->opus_in = opus_decoder_create((opus_int32)i->rate, 1, &err);
		c->opus_out = opus_encoder_create((opus_int32)i->rate, 1, OPUS_APPLICATION_VOIP,
						  &err);
		CHECK(c->opus_in && c->opus_out);
		opus_encoder_ctl(c->opus_out, OPUS_SET_BITRATE(24000));
		opus_encoder_ctl(c->opus_out, OPUS_SET_COMPLEXITY(2));
		break;
	}
	plc_begin(&c->plc, i->rate);
	return c;
}

void codec_free(struct codec **cp)
{
	struct codec *c = *cp;

	if (!c)
		return;
	*cp = NULL;
	if (c->g722_in)
		g722_decode_free(c->g722_in);
	if (c->g722_out)
		g722_encode_free(c->g722_out);
	if (c->opus_in)
		opus_decoder_destroy(c->opus_in);
	if (c->opus_out)
		opus_encoder_destroy(c->opus_out);
	free(c);
}

const struct codec_info *codec_what(const struct codec *c)
{
	return c->info;
}

static size_t decode_711(const struct codec *c, const uint8_t *p, size_t n, int16_t *out)
{
	if (n > CODEC_MAX_SAMPLES)
		return 0;
	if (c->info - infos == PCMU)
		for (size_t i = 0; i < n; i++)
			out[i] = ulaw_to_linear(p[i]);
	else
		for (size_t i = 0; i < n; i++)
			out[i] = alaw_to_linear(p[i]);
	return n;
}

size_t codec_decode(struct codec *c, const uint8_t *p, size_t n, int16_t *out)
{
	int got = 0;

	if (n == 0)
		return 0;
	switch (c->info - infos) {
	case G722:
		if (n * 2 <= CODEC_MAX_SAMPLES)
			got = g722_decode(c->g722_in, out, p, (int)n);
		break;
	case OPUS:
		got = opus_decode(c->opus_in, p, (opus_int32)n, out, CODEC_MAX_SAMPLES, 0);
		return got > 0 ? (size_t)got : 0;
	default:
		got = (int)decode_711(c, p, n, out);
	}
	if (got > 0)
		plc_heard(&c->plc, out, (size_t)got);
	return got > 0 ? (size_t)got : 0;
}

void codec_conceal(struct codec *c, int16_t *out, size_t n)
{
	int got = 0;

	CHECK(n <= CODEC_MAX_SAMPLES);
	memset(out, 0, n * sizeof(*out));
	if (c->info - infos != OPUS)
		plc_fill(&c->plc, out, n);
	else
		got = opus_decode(c->opus_in, NULL, 0, out, (int)n, 0);
	if (got < 0)
		memset(out, 0, n * sizeof(*out));
}

size_t codec_encode(struct codec *c, const int16_t *in, size_t n, uint8_t *out)
{
	int got = 0;

	CHECK(n <= CODEC_MAX_BYTES);
	switch (c->info - infos) {
	case PCMU:
		for (size_t i = 0; i < n; i++)
			out[i] = linear_to_ulaw(in[i]);
		return n;
	case PCMA:
		for (size_t i = 0; i < n; i++)
			out[i] = linear_to_alaw(in[i]);
		return n;
	case G722:
		got = g722_encode(c->g722_out, out, in, (int)n);
		break;
	case OPUS:
		got = opus_encode(c->opus_out, in, (int)n, out, CODEC_MAX_BYTES);
		break;
	}
	return got > 0 ? (size_t)got : 0;
}
