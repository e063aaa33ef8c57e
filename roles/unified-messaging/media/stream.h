#ifndef UM_MEDIA_STREAM_H
#define UM_MEDIA_STREAM_H
/*
 * stream - the sound of one call: RTP in and out, keys, clips that are played
 *
 * It binds its ports at the address that the call came to, describes itself in SDP,
 * and from then on tells its owner what is heard, in order and with gaps concealed,
 * and which keys are pressed; and it plays clips one after the other.
 *
 * Packets are taken from the address of the SDP or of the signalling only; the port
 * may be another than said (NAT), and then answers go to where they came from.  All
 * others are dropped and counted.
 *
 * Memory of a call: some 40 KiB, beside the clips, which are shared.
 */
#include "common/base/addr.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "roles/unified-messaging/media/clip.h"
#include <stdbool.h>
#include <stdint.h>

struct stream;
struct ticker;

enum stream_security {
	STREAM_PLAIN,		/* SRTP if they offer it, RTP too */
	STREAM_SECURE,		/* SRTP only */
};

enum stream_trouble {
	STREAM_BAD_KEYS,	/* SRTP, and nothing that came could be read */
	STREAM_SILENT,		/* no packet for STREAM_SILENT_MS, and not on hold */
};
#define STREAM_SILENT_MS 20000

struct stream_events {
	void (*key)(void *ctx, char key);
	/* Samples at stream_rate(), at most CODEC_MAX_SAMPLES; also silence that was not
	 * sent, and what stands for lost packets. */
	void (*heard)(void *ctx, const int16_t *pcm, size_t n);
	void (*played)(void *ctx);	/* the last clip has come to its end */
	void (*trouble)(void *ctx, enum stream_trouble t);	/* once */
};

struct stream_conf {
	struct ticker *ticker;
	const struct addr *local;	/* bind here; its port does not matter */
	const struct addr *signalling;	/* where the SIP comes from */
	unsigned port_min, port_max;
	enum stream_security security;
	const struct stream_events *ev;	/* borrowed */
	void *ctx;
};

/* AGAIN: no port is free. */
enum err stream_new(const struct stream_conf *conf, struct stream **out,
		    struct errbuf *eb) A_MUST_USE;
void stream_free(struct stream **s);		/* *s may be NULL; from any of its events too */

/* Their offer, our answer into out.  INVALID: not SDP; DENIED: nothing we can or may
 * do.  Also for later offers of the same call. */
enum err stream_accept(struct stream *s, struct span offer, struct buf *out,
		       struct errbuf *eb) A_MUST_USE;
/* Our offer, and their answer to it. */
enum err stream_offer(struct stream *s, struct buf *out, struct errbuf *eb) A_MUST_USE;
enum err stream_answered(struct stream *s, struct span answer, struct errbuf *eb) A_MUST_USE;
void stream_start(struct stream *s);		/* the call stands: send and listen */

unsigned stream_rate(const struct stream *s);	/* 8000 or 16000 */
const char *stream_codec(const struct stream *s);	/* "PCMU"; "" before there is one */
bool stream_is_secure(const struct stream *s);

/* Queue a clip (a reference is taken).  False: STREAM_QUEUE clips wait already. */
#define STREAM_QUEUE 64
bool stream_play(struct stream *s, struct clip *c);
void stream_stop(struct stream *s);		/* forget what was to be played */
bool stream_is_playing(const struct stream *s);
/* What plays moves by so many ms (negative: back), within its clip. */
void stream_skip(struct stream *s, int ms);
void stream_pause(struct stream *s, bool on);

struct stream_stats {
	uint64_t received, lost, late, sent, strangers, unreadable;
};
void stream_get_stats(const struct stream *s, struct stream_stats *out);
#endif
