#ifndef UM_MEDIA_SDP_H
#define UM_MEDIA_SDP_H
/*
 * sdp - session descriptions (RFC 4566) and what we answer to them (RFC 3264)
 *
 * Our own reader and writer, as libre's takes media by their position and answers a
 * legal re-INVITE that puts m=image in the place of m=audio with 488.  What is read
 * is what telephony needs: addresses, ports, formats, direction, keys of SRTP
 * (RFC 4568) and T.38.  Unknown lines are passed over; a malformed one that matters
 * makes the description malformed.
 *
 * Pure: bytes in, values out.  Lists are bounded; what goes beyond is not seen, and
 * media beyond are refused as a whole.
 */
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include <stdbool.h>
#include <stdint.h>

#define SDP_MEDIA   8
#define SDP_FORMATS 24
#define SDP_KEYS    4
#define SDP_MAX	    (16u * 1024)	/* octets of a description */

struct sdp_codec {
	uint8_t pt;
	char name[16];		/* "PCMU"; "" if nothing was said */
	unsigned clock, channels;
	char fmtp[64];
};

struct sdp_key {
	unsigned tag;
	char suite[40];		/* "AES_CM_128_HMAC_SHA1_80" */
	char key[96];		/* base64, without "inline:", lifetime and MKI */
};

enum sdp_kind { SDP_AUDIO, SDP_IMAGE, SDP_OTHER };
enum sdp_way { WAY_SENDRECV, WAY_SENDONLY, WAY_RECVONLY, WAY_INACTIVE };

struct sdp_stream {
	enum sdp_kind kind;
	char type[24], proto[24], formats[128];	/* as written, for a refusal */
	char host[64];		/* of its own c= line, or the session's */
	bool v6;
	uint16_t port;		/* 0: refused */
	enum sdp_way way;
	bool secure;		/* RTP/SAVP */
	unsigned ptime;		/* ms; 0: not said */
	struct sdp_codec codec[SDP_FORMATS];
	size_t n_codecs;
	struct sdp_key key[SDP_KEYS];
	size_t n_keys;
	/* T.38 */
	unsigned t38_max_datagram, t38_version;
	bool t38_fec;		/* T38FaxUdpEC:t38UDPFEC, else redundancy */
};

struct sdp {
	char host[64];
	bool v6;
	struct sdp_stream media[SDP_MEDIA];
	size_t n_media;
};

/* INVALID: not one, or more media than SDP_MEDIA. */
enum err sdp_read(struct span text, struct sdp *out, struct errbuf *eb) A_MUST_USE;

/* The first stream of a kind that is offered (port above 0); NULL. */
const struct sdp_stream *sdp_first(const struct sdp *s, enum sdp_kind kind);

/* ---- writing --------------------------------------------------------------- */

/* What we say of one stream. */
struct sdp_ours {
	enum sdp_kind kind;
	uint16_t port;			/* 0: refused */
	enum sdp_way way;
	bool secure;
	const struct sdp_codec *codec;	/* audio: in our order */
	size_t n_codecs;
	const struct sdp_key *key;	/* secure: ours, or NULL */
	unsigned t38_max_datagram;
	unsigned t38_version;
};

struct sdp_origin {
	uint64_t id, version;		/* version rises with each description of a session */
	const char *host;		/* our address */
	bool v6;
};

/* An answer: as many media as were offered, in their order.  ours is put where the
 * offer has `at`; all else is refused.  offer NULL: an offer of ours alone. */
enum err sdp_write(const struct sdp_origin *o, const struct sdp *offer, size_t at,
		   const struct sdp_ours *ours, struct buf *out) A_MUST_USE;
#endif
