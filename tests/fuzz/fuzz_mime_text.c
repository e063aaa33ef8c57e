/* fuzz_mime_text - words, parameters, dates, summaries and codecs: what comes
 * out is UTF-8 on one line, what was encoded decodes to itself, and the header
 * scanner agrees with the header walker */
#include "common/base/check.h"
#include "common/mime/codec.h"
#include "common/mime/date.h"
#include "common/mime/header.h"
#include "common/mime/param.h"
#include "common/mime/summary.h"
#include "common/mime/utf8.h"
#include "common/mime/word.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct span s)
{
	CHECK(utf8_valid(s));
	CHECK(s.n == 0 || (!memchr(s.p, '\n', s.n) && !memchr(s.p, '\r', s.n)));
}

static void check_words(struct span in)
{
	struct buf text, coded, back;

	buf_init(&text, 1000);
	buf_init(&coded, 1 << 16);
	buf_init(&back, 1 << 16);
	word_decode(in, &text);
	check_text((struct span){ text.data, text.len });
	CHECK(word_encode((struct span){ text.data, text.len }, &coded) == ERR_OK);
	if (memmem(coded.data, coded.len, "=?", 2)) {
		word_decode((struct span){ coded.data, coded.len }, &back);
		CHECK(span_eq((struct span){ text.data, text.len },
			      (struct span){ back.data, back.len }));
	}
	buf_fini(&text);
	buf_fini(&coded);
	buf_fini(&back);
}

static void check_params(struct span in)
{
	struct arena a = { 0 };
	struct param_value v;
	struct buf text;

	buf_init(&text, 500);
	param_parse(&a, in, &v);
	CHECK(v.n_params <= PARAM_MAX);
	param_text(&v, "filename", &text);
	check_text((struct span){ text.data, text.len });
	buf_fini(&text);
	arena_fini(&a);
}

static void check_summary(struct span in)
{
	struct arena a = { 0 };
	struct summary s;

	summary_parse(&a, in, &s);
	check_text(s.subject);
	check_text(s.base_subject);
	check_text(s.from_name);
	check_text(s.from_addr);
	check_text(s.to_text);
	check_text(s.message_id);
	CHECK(s.subject.n <= SUMMARY_SUBJECT_MAX && s.to_text.n <= SUMMARY_TO_MAX);
	arena_fini(&a);
}

static void check_date(struct span in)
{
	char text[DATE_TEXT_MAX];
	int64_t ms, again;
	int offset;

	if (!date_parse(in, &ms, &offset))
		return;
	CHECK(date_parse((struct span){ text, date_write(text, ms, offset) }, &again, NULL));
	CHECK(again == ms || ms < -62135596800000 || ms > 253402300799000);
}

static void check_codecs(struct span in)
{
	struct b64_enc b = { 0 };
	struct b64_dec d = { 0 };
	struct qp_dec q = { 0 };
	struct buf coded, back;

	buf_init(&coded, in.n * 2 + 16);
	buf_init(&back, in.n * 2 + 16);
	CHECK(!b64_enc_feed(&b, in.p, in.n, &coded) && !b64_enc_end(&b, &coded));
	CHECK(!b64_dec_feed(&d, coded.data, coded.len, &back));
	CHECK(span_eq(in, (struct span){ back.data, back.len }));
	buf_clear(&back);
	CHECK(!qp_dec_feed(&q, in.p, in.n, &back) && !qp_dec_end(&q, &back));
	CHECK(back.len <= in.n);
	buf_fini(&coded);
	buf_fini(&back);
}

/* Quoted-printable keeps all but the form of line ends. */
static void check_qp(struct span in)
{
	struct qp_enc e = { 0 };
	struct qp_dec d = { 0 };
	struct buf coded, back;
	size_t k = 0;

	buf_init(&coded, in.n * 6 + 64);
	buf_init(&back, in.n * 2 + 16);
	CHECK(!qp_enc_feed(&e, in.p, in.n, &coded) && !qp_enc_end(&e, &coded));
	CHECK(!qp_dec_feed(&d, coded.data, coded.len, &back) && !qp_dec_end(&d, &back));
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
			CHECK(k < back.len && back.data[k++] == '\r');
		CHECK(k < back.len && back.data[k++] == in.p[i]);
	}
	CHECK(k == back.len);
	buf_fini(&coded);
	buf_fini(&back);
}

static void check_scan(struct span in)
{
	struct header_scan s;
	bool closed;
	size_t len = header_length(in, &closed), used;

	header_scan_init(&s, SIZE_MAX);
	for (size_t i = 0; i < in.n && s.state == HEADER_MORE; i++)
		header_scan_feed(&s, in.p + i, 1, &used);
	CHECK(s.len == len && (s.state == HEADER_DONE) == closed);
	CHECK(s.n_received == header_count(in, "Received"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };

	check_words(in);
	check_params(in);
	check_summary(in);
	check_date(in);
	check_codecs(in);
	check_qp(in);
	check_scan(in);
	return 0;
}
