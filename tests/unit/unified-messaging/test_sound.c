#include "common/base/attr.h"
#include "roles/unified-messaging/media/clip.h"
#include "roles/unified-messaging/media/codec.h"
#include "roles/unified-messaging/media/plc.h"
#include "roles/unified-messaging/prompt/phrase.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void tone(int16_t *pcm, size_t n, unsigned rate, size_t from)
{
	for (size_t i = 0; i < n; i++)
		pcm[i] = (int16_t)(8000 * sin(2 * 3.14159265 * 440 * (double)(from + i) / rate));
}

/* Energy comes through: a codec that answers with noise or silence shows. */
static void test_codecs_carry_sound(void **state)
{
	(void)state;
	for (size_t k = 0; codec_nth(k); k++) {
		const struct codec_info *info = codec_nth(k);
		struct codec *c = codec_new(info);
		size_t n = info->rate * CODEC_FRAME_MS / 1000, got = 0;
		double in = 0, out = 0;
		int16_t pcm[CODEC_MAX_SAMPLES], back[CODEC_MAX_SAMPLES];
		uint8_t bytes[CODEC_MAX_BYTES];

		for (int f = 0; f < 20; f++) {
			size_t len;

			tone(pcm, n, info->rate, (size_t)f * n);
			len = codec_encode(c, pcm, n, bytes);
			assert_true(len > 0 && len <= CODEC_MAX_BYTES);
			got = codec_decode(c, bytes, len, back);
			assert_int_equal(got, n);
			for (size_t i = 0; i < n && f > 5; i++) {
				in += (double)pcm[i] * pcm[i];
				out += (double)back[i] * back[i];
			}
		}
		if (out < in * 0.5 || out > in * 2)
			fail_msg("%s: energy %.2f", info->name, out / in);
		codec_conceal(c, back, n);
		assert_int_equal(codec_decode(c, bytes, 0, back), 0);
		codec_free(&c);
	}
}

/* A tone goes on over a gap, fades, and comes back without a click. */
static void test_concealment(void **state)
{
	int16_t pcm[160], gap[160];
	struct plc p;
	int64_t in = 0, out = 0;

	(void)state;
	plc_begin(&p, 8000);
	for (size_t f = 0; f < 10; f++) {
		tone(pcm, 160, 8000, f * 160);
		plc_heard(&p, pcm, 160);
	}
	plc_fill(&p, gap, 160);
	tone(pcm, 160, 8000, 1600);
	for (size_t i = 0; i < 160; i++) {
		in += abs(pcm[i]);
		out += abs(gap[i]);
		if (i < 80 && abs(pcm[i] - gap[i]) > 3000)
			fail_msg("sample %zu: %d, not %d", i, gap[i], pcm[i]);
	}
	assert_true(out > in / 2 && out < in);
	for (size_t f = 0; f < 4; f++)
		plc_fill(&p, gap, 160);
	for (size_t i = 0; i < 160; i++)
		assert_int_equal(gap[i], 0);
	tone(pcm, 160, 8000, 0);
	plc_heard(&p, pcm, 160);
	assert_true(abs(pcm[0]) < 1000);
	/* Nothing heard yet, and packets of any size. */
	plc_begin(&p, 16000);
	plc_fill(&p, gap, 160);
	plc_heard(&p, pcm, 1);
	plc_heard(&p, pcm, 0);
	plc_fill(&p, gap, 1);
}

static void test_hostile_packets(void **state)
{
	uint8_t junk[700];
	int16_t back[CODEC_MAX_SAMPLES];

	(void)state;
	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (uint8_t)(i * 73 + 11);
	for (size_t k = 0; codec_nth(k); k++) {
		struct codec *c = codec_new(codec_nth(k));

		for (size_t n = 1; n <= sizeof(junk); n += 13)
			assert_true(codec_decode(c, junk, n, back) <= CODEC_MAX_SAMPLES);
		codec_free(&c);
	}
}

static void test_clips(void **state)
{
	int16_t pcm[1600];
	struct clip *c, *two;
	size_t n;

	(void)state;
	tone(pcm, 1600, 16000, 0);
	assert_int_equal(clip_new(pcm, 1600, 16000, &c, NULL), ERR_OK);
	clip_at(c, 16000, &n);
	assert_int_equal(n, 1600);
	clip_at(c, 8000, &n);
	assert_in_range(n, 780, 820);
	two = clip_ref(c);
	clip_unref(&c);
	assert_null(c);
	clip_at(two, 8000, &n);
	clip_unref(&two);
	assert_int_equal(clip_new(pcm, 100, 4000, &c, NULL), ERR_INVALID);
	assert_int_equal(clip_new(pcm, (size_t)8000 * 601, 8000, &c, NULL), ERR_LIMIT);
	c = clip_tone(1000, 100);
	clip_at(c, 16000, &n);
	assert_int_equal(n, 1600);
	clip_unref(&c);
}

static void test_phrases(void **state)
{
	static const struct {
		const char *in, *out;
	} digits[] = {
		{ "1001", "1 0 0 1" }, { "5551234", "5 5 5, 1 2 3 4" },
		{ "+15551234567", "1, 5 5 5, 1 2 3, 4 5 6 7" }, { "", "" }, { "ann", "" },
	}, names[] = {
		{ "Ann Lee", "Ann Lee" }, { "Lee, Ann", "Ann Lee" }, { "Lee, Ann (Sales)", "Ann Lee" },
		{ "  Ann <x@y> ", "Ann" }, { "", "" }, { ",", "" }, { "((((", "" },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(digits); i++) {
		phrase_digits(digits[i].in, out, sizeof(out));
		if (strcmp(out, digits[i].out) != 0)
			fail_msg("%s: \"%s\"", digits[i].in, out);
	}
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		phrase_name(names[i].in, out, sizeof(out));
		if (strcmp(out, names[i].out) != 0)
			fail_msg("%s: \"%s\"", names[i].in, out);
	}
	phrase_count(0, "message", "messages", out, sizeof(out));
	assert_string_equal(out, "no messages");
	phrase_count(1, "message", "messages", out, sizeof(out));
	assert_string_equal(out, "one message");
	/* 2027-01-15 08:00 UTC is a Friday. */
	phrase_time(1800000000000, 1800003600000, 0, out, sizeof(out));
	assert_string_equal(out, "today at 8 A M");
	phrase_time(1800000000000, 1800086400000, 90, out, sizeof(out));
	assert_string_equal(out, "yesterday at 9 30 A M");
	phrase_time(1800000000000, 1801000000000, 0, out, sizeof(out));
	assert_string_equal(out, "Friday, January 15, at 8 A M");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codecs_carry_sound),
		cmocka_unit_test(test_concealment),
		cmocka_unit_test(test_hostile_packets),
		cmocka_unit_test(test_clips),
		cmocka_unit_test(test_phrases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
