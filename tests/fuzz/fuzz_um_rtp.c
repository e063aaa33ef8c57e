/* RTP and RTCP packets through libre's readers, the jitter buffer, keys and codecs.  The
 * input is packets with a length octet before each; the first octet chooses the codec. */
#include "common/base/check.h"
#include "roles/unified-messaging/media/codec.h"
#include "roles/unified-messaging/media/event.h"
#include "roles/unified-messaging/media/jitter.h"

#include <re.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void drain(struct jitter *j, struct codec *c, struct event_keys *k, bool flush)
{
	int16_t pcm[CODEC_MAX_SAMPLES];
	const struct jitter_packet *pk;
	enum jitter_next x;

	while ((x = jitter_get(j, flush, &pk)) != JITTER_NONE)
		if (x == JITTER_LOST)
			codec_conceal(c, pcm, 160);
		else if (pk->pt & 1)
			event_rtp(k, pk->ts, pk->data, pk->n, 0);
		else
			CHECK(codec_decode(c, pk->data, pk->n, pcm) <= CODEC_MAX_SAMPLES);
}

static void one(struct jitter *j, struct codec *c, struct event_keys *k, const uint8_t *p, size_t n)
{
	struct mbuf *mb = mbuf_alloc(n + 1);
	struct rtcp_msg *rtcp = NULL;
	struct rtp_header h;

	mbuf_write_mem(mb, p, n);
	mbuf_set_pos(mb, 0);
	if (rtp_hdr_decode(&h, mb) == 0) {
		jitter_put(j, h.seq, h.ts, h.pt, h.m, mbuf_buf(mb), mbuf_get_left(mb));
		drain(j, c, k, false);
	}
	mbuf_set_pos(mb, 0);
	rtcp_decode(&rtcp, mb);
	mem_deref(rtcp);
	mem_deref(mb);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct event_keys keys = { .begun = false };
	static struct jitter j;
	struct codec *c;

	if (n < 2)
		return 0;
	c = codec_new(codec_nth(*p & 3));
	jitter_init(&j);
	for (p++, n--; n > 1;) {
		size_t len = *p < n - 1 ? *p : n - 1;

		one(&j, c, &keys, p + 1, len);
		p += len + 1;
		n -= len + 1;
	}
	drain(&j, c, &keys, true);
	codec_free(&c);
	return 0;
}
