/* SDP as it comes in an INVITE, and the answer to it, which must be SDP again. */
#include "common/base/check.h"
#include "roles/unified-messaging/media/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct sdp s, back;
	const struct sdp_origin o = { 1, 1, "192.0.2.1", false };
	const struct sdp_stream *m;
	struct buf b;

	if (sdp_read((struct span){ (const char *)p, n }, &s, NULL))
		return 0;
	CHECK(s.n_media <= SDP_MEDIA);
	m = sdp_first(&s, SDP_AUDIO);
	buf_init(&b, 64 * 1024);
	if (m) {
		const struct sdp_ours ours = { .kind = SDP_AUDIO, .port = 4, .codec = m->codec,
					       .n_codecs = m->n_codecs && m->codec[0].name[0] ? 1 : 0,
					       .secure = m->secure, .key = m->n_keys ? m->key : NULL };

		CHECK(sdp_write(&o, &s, (size_t)(m - s.media), &ours, &b) == ERR_OK);
		CHECK(sdp_read((struct span){ b.data, b.len }, &back, NULL) == ERR_OK);
		CHECK(back.n_media == s.n_media);
	}
	buf_fini(&b);
	return 0;
}
