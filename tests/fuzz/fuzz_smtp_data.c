/* Content read whole and in pieces gives the same; what is written is read back. */
#include "common/base/check.h"
#include "common/smtp/data.h"

#include <stdint.h>

static const struct smtp_data_conf conf = { 1 << 20, 64, 40 };
static const struct smtp_data_conf wide = { 1 << 20, 1 << 20, 1 << 20 };

static bool read_all(const struct smtp_data_conf *cf, struct span in, size_t piece,
		     struct buf *out, struct smtp_data *d)
{
	smtp_data_init(d, cf, true);
	while (in.n > 0) {
		struct span now = { in.p, in.n < piece ? in.n : piece }, got;
		enum smtp_data_result res;

		in = (struct span){ in.p + now.n, in.n - now.n };
		while ((res = smtp_data_next(d, &now, &got)) == SMTP_DATA_CHUNK)
			CHECK(buf_add(out, got.p, got.n) == ERR_OK);
		if (res == SMTP_DATA_END)
			return true;
	}
	return false;
}

static void check_pieces(struct span in, size_t piece)
{
	struct smtp_data a, b;
	struct buf one, two;

	buf_init(&one, 1 << 21);
	buf_init(&two, 1 << 21);
	CHECK(read_all(&conf, in, in.n + 1, &one, &a) == read_all(&conf, in, piece, &two, &b));
	CHECK(a.fault == b.fault && a.bytes == b.bytes);
	if (a.fault == SMTP_DATA_FINE) {
		CHECK(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
		CHECK(one.len == a.bytes);
		for (size_t i = 0; i < one.len; i++)
			CHECK(one.data[i] != '\n' || (i > 0 && one.data[i - 1] == '\r'));
	}
	buf_fini(&one);
	buf_fini(&two);
}

/* Write, read, write: canonical after the first time, and then unchanged. */
static void check_round_trip(struct span in, size_t piece)
{
	struct smtp_data_writer w = { 0 }, w2 = { 0 };
	struct buf wire, content, again;
	struct smtp_data d;

	buf_init(&wire, 1 << 21);
	buf_init(&content, 1 << 21);
	buf_init(&again, 1 << 21);
	for (size_t at = 0; at < in.n; at += piece) {
		struct span s = { in.p + at, in.n - at < piece ? in.n - at : piece };

		CHECK(smtp_data_write(&w, s, &wire) == ERR_OK);
	}
	CHECK(smtp_data_write_end(&w, &wire) == ERR_OK);
	CHECK(read_all(&wide, (struct span){ wire.data, wire.len }, piece, &content, &d));
	CHECK(d.fault == SMTP_DATA_FINE || memchr(in.p, '\0', in.n));
	if (d.fault == SMTP_DATA_FINE) {
		struct span s = { content.data, content.len };

		CHECK(smtp_data_write(&w2, s, &again) == ERR_OK);
		CHECK(smtp_data_write_end(&w2, &again) == ERR_OK);
		CHECK(again.len == wire.len && memcmp(again.data, wire.data, wire.len) == 0);
	}
	buf_fini(&wire);
	buf_fini(&content);
	buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > 1 << 18)
		return 0;
	check_pieces((struct span){ (const char *)data + 1, size - 1 }, 1 + data[0] % 16);
	check_round_trip((struct span){ (const char *)data + 1, size - 1 }, 1 + data[0] % 16);
	return 0;
}
