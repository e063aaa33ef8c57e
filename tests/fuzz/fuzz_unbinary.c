/* fuzz_unbinary - what comes out does not depend on the cuts, has the parts that went in,
 * and stays as it is the next time.  The first byte seeds the cuts. */
#include "common/base/check.h"
#include "common/mime/unbinary.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(struct span in, unsigned seed, struct buf *out)
{
	struct unbinary *u = unbinary_new();

	buf_init(out, 1u << 24);
	while (in.n) {
		size_t n = in.n, before = out->len;

		if (seed) {
			seed = seed * 1103515245 + 12345;
			n = 1 + (seed >> 16) % 40;
			n = n < in.n ? n : in.n;
		}
		CHECK(unbinary_feed(u, in.p, n, out) == ERR_OK);
		CHECK(out->len - before <= UNBINARY_HELD + 2 * n + 256);
		in.p += n;
		in.n -= n;
	}
	CHECK(unbinary_end(u, out) == ERR_OK);
	unbinary_free(&u);
}

static size_t parts(struct span in, bool *is_flat)
{
	struct mime_map *m = mime_map_new();
	struct mime_view v;
	struct buf blob;

	buf_init(&blob, MIME_MAP_MAX);
	mime_map_feed(m, in.p, in.n);
	mime_map_finish(m);
	CHECK(mime_map_encode(m, &blob) == ERR_OK);
	CHECK(mime_map_decode((struct span){ blob.data, blob.len }, &v, NULL) == ERR_OK);
	*is_flat = v.is_flat;
	mime_map_free(&m);
	buf_fini(&blob);
	return v.n_parts;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data + 1, size - 1 };
	struct buf whole, cut, again;
	bool flat_in, flat_out;
	size_t n;

	if (size < 2)
		return 0;
	run(in, 0, &whole);
	run(in, data[0] + 1u, &cut);
	CHECK(whole.len == cut.len && memcmp(whole.data, cut.data, cut.len) == 0);
	run((struct span){ whole.data, whole.len }, 0, &again);
	CHECK(whole.len == again.len && memcmp(whole.data, again.data, again.len) == 0);
	n = parts(in, &flat_in);
	if (n != parts((struct span){ whole.data, whole.len }, &flat_out))
		CHECK(flat_in || flat_out);
	buf_fini(&whole);
	buf_fini(&cut);
	buf_fini(&again);
	return 0;
}
