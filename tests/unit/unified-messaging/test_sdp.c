#include "roles/unified-messaging/media/sdp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define BEGIN "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

static const struct {
	const char *name, *text;
	enum err e;
	size_t n_media;
} cases[] = {
	{ "audio", BEGIN "m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n", ERR_OK, 1 },
	{ "bare line ends", "v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\n", ERR_OK, 1 },
	{ "no media", BEGIN, ERR_OK, 0 },
	{ "refused media", BEGIN "m=audio 0 RTP/AVP 0\r\n", ERR_OK, 1 },
	{ "video too", BEGIN "m=video 5000 RTP/AVP 96\r\nm=audio 4000 RTP/AVP 0\r\n", ERR_OK, 2 },
	{ "fax", BEGIN "m=image 4000 udptl t38\r\na=T38FaxMaxDatagram:400\r\n", ERR_OK, 1 },
	{ "own address", "v=0\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\n", ERR_OK, 1 },
	{ "no address", "v=0\r\nm=audio 4000 RTP/AVP 0\r\n", ERR_INVALID, 0 },
	{ "empty", "", ERR_INVALID, 0 },
	{ "not SDP", "hello\r\n", ERR_INVALID, 0 },
	{ "another version", "v=1\r\n", ERR_INVALID, 0 },
	{ "port", BEGIN "m=audio 70000 RTP/AVP 0\r\n", ERR_INVALID, 0 },
	{ "negative port", BEGIN "m=audio -1 RTP/AVP 0\r\n", ERR_INVALID, 0 },
	{ "payload type", BEGIN "m=audio 4000 RTP/AVP 128\r\n", ERR_INVALID, 0 },
	{ "half a media line", BEGIN "m=audio\r\n", ERR_INVALID, 0 },
	{ "clock", BEGIN "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 x/abc\r\n", ERR_INVALID, 0 },
	{ "clock of another format", BEGIN "m=audio 4000 RTP/AVP 0\r\na=rtpmap:96 x/abc\r\n", ERR_OK, 1 },
	{ "multicast", "v=0\r\nc=IN IP4 224.1.1.1/127/\r\n", ERR_INVALID, 0 },
	{ "address with a blank", "v=0\r\nc=IN IP4 192.0.2.1 x\r\n", ERR_INVALID, 0 },
	{ "nine media", BEGIN "m=a 1 x y\r\nm=a 1 x y\r\nm=a 1 x y\r\nm=a 1 x y\r\nm=a 1 x y\r\n"
	  "m=a 1 x y\r\nm=a 1 x y\r\nm=a 1 x y\r\nm=a 1 x y\r\n", ERR_INVALID, 0 },
};

static void test_read(void **state)
{
	static struct sdp s;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct errbuf eb = { "" };
		enum err e = sdp_read(span_of(cases[i].text), &s, &eb);

		if (e != cases[i].e || (!e && s.n_media != cases[i].n_media))
			fail_msg("%s: %s, %zu media (%s)", cases[i].name, err_text(e), s.n_media,
				 eb.text);
	}
}

/* Cut anywhere: never more than was there, and never a crash. */
static void test_cut_anywhere(void **state)
{
	static struct sdp s;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++)
		for (size_t n = 0; n < strlen(cases[i].text); n++) {
			char *copy = strndup(cases[i].text, n);

			if (sdp_read((struct span){ copy, n }, &s, NULL) == ERR_OK)
				assert_true(s.n_media <= SDP_MEDIA);
			free(copy);
		}
}

static void test_values(void **state)
{
	static struct sdp s;
	const struct sdp_stream *m;

	(void)state;
	assert_int_equal(sdp_read(SPAN(BEGIN "a=sendonly\r\n"
		"m=audio 4000 RTP/SAVP 96 0 101\r\nc=IN IP4 198.51.100.7\r\n"
		"a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"
		"a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:4\r\n"
		"a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:short UNENCRYPTED_SRTP\r\n"
		"a=recvonly\r\n"), &s, NULL), ERR_OK);
	m = sdp_first(&s, SDP_AUDIO);
	assert_non_null(m);
	assert_true(m->secure);
	assert_string_equal(m->host, "198.51.100.7");
	assert_int_equal(m->way, WAY_RECVONLY);
	assert_int_equal(m->n_codecs, 3);
	assert_string_equal(m->codec[0].name, "opus");
	assert_int_equal(m->codec[0].clock, 48000);
	assert_int_equal(m->codec[0].channels, 2);
	assert_string_equal(m->codec[0].fmtp, "useinbandfec=1");
	assert_string_equal(m->codec[1].name, "PCMU");
	assert_int_equal(m->n_keys, 1);
	assert_string_equal(m->key[0].key, "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj");
	assert_null(sdp_first(&s, SDP_IMAGE));
}

/* An answer has the offer's media in its order, ours in its place, the rest refused;
 * and it can be read again. */
static void test_answer(void **state)
{
	static struct sdp offer, back;
	const struct sdp_codec codecs[] = { { .pt = 8, .name = "PCMA", .clock = 8000, .channels = 1 },
					    { .pt = 97, .name = "telephone-event", .clock = 8000,
					      .channels = 1, .fmtp = "0-15" } };
	const struct sdp_key key = { 1, "AES_CM_128_HMAC_SHA1_80", "abc" };
	const struct sdp_ours ours = { .kind = SDP_AUDIO, .port = 5004, .way = WAY_RECVONLY,
				       .secure = true, .codec = codecs, .n_codecs = 2, .key = &key };
	const struct sdp_origin origin = { 7, 2, "203.0.113.9", false };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(sdp_read(SPAN(BEGIN "m=video 5000 RTP/AVP 96 97\r\n"
		"m=audio 4000 RTP/SAVP 8 97\r\nm=image 4002 udptl t38\r\n"), &offer, NULL), ERR_OK);
	assert_int_equal(sdp_write(&origin, &offer, 1, &ours, &out), ERR_OK);
	assert_non_null(strstr(out.data, "o=bourse 7 2 IN IP4 203.0.113.9\r\n"));
	assert_non_null(strstr(out.data, "m=video 0 RTP/AVP 96 97\r\n"));
	assert_non_null(strstr(out.data, "m=image 0 udptl t38\r\n"));
	assert_int_equal(sdp_read((struct span){ out.data, out.len }, &back, NULL), ERR_OK);
	assert_int_equal(back.n_media, 3);
	assert_int_equal(back.media[0].port, 0);
	assert_int_equal(back.media[1].port, 5004);
	assert_true(back.media[1].secure);
	assert_int_equal(back.media[1].way, WAY_RECVONLY);
	assert_int_equal(back.media[1].n_codecs, 2);
	assert_string_equal(back.media[1].key[0].key, "abc");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
