#ifndef UM_MEDIA_CODEC_H
#define UM_MEDIA_CODEC_H
/*
 * codec - G.711, G.722 and Opus, to and from 16-bit samples
 *
 * A call works at one sampling rate, that of its codec: 8 kHz for G.711, 16 kHz for
 * the others.  A codec has the state of one direction of each; lost packets are
 * concealed by plc.h, or by Opus itself.
 */
#include "roles/unified-messaging/media/sdp.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODEC_FRAME_MS 20
#define CODEC_MAX_SAMPLES 1920	/* 120 ms at 16 kHz: the longest packet */
#define CODEC_MAX_BYTES   640	/* of 20 ms, encoded */

struct codec;

struct codec_info {
	const char *name;	/* as in SDP */
	int pt;			/* static payload type, or what we offer for a dynamic one */
	unsigned clock;		/* RTP's; of G.722 it is 8000 by an old mistake */
	unsigned channels;	/* as SDP says */
	unsigned rate;		/* of our samples */
	const char *fmtp;	/* what we say; "" */
};

/* In the order of our offers; NULL at the end. */
const struct codec_info *codec_nth(size_t i);
/* What we can do of a codec an offer names; NULL. */
const struct codec_info *codec_find(const struct sdp_codec *c);

struct codec *codec_new(const struct codec_info *i);
void codec_free(struct codec **c);		/* *c may be NULL */
const struct codec_info *codec_what(const struct codec *c);

/* Samples of a packet, at most CODEC_MAX_SAMPLES; 0: not a packet of this codec. */
size_t codec_decode(struct codec *c, const uint8_t *p, size_t n, int16_t *out);
/* n samples in place of a packet that was lost. */
void codec_conceal(struct codec *c, int16_t *out, size_t n);
/* One frame of 20 ms; returns octets, at most CODEC_MAX_BYTES. */
size_t codec_encode(struct codec *c, const int16_t *in, size_t n, uint8_t *out);
#endif
