/* fuzz_mime_map - the map of any bytes: the same however they are cut, its blob
 * opens again, and no range leaves its parent.  The first byte seeds the cuts. */
#include "common/base/check.h"
#include "common/mime/map.h"

#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void map_cut(struct span in, unsigned seed, struct buf *blob)
{
	struct mime_map *m = mime_map_new();

	while (in.n) {
		size_t n = in.n;

		if (seed) {
			seed = seed * 1103515245 + 12345;
			n = 1 + (seed >> 16) % 40;
			n = n < in.n ? n : in.n;
		}
		mime_map_feed(m, in.p, n);
		in.p += n;
		in.n -= n;
	}
	mime_map_finish(m);
	CHECK(mime_map_encode(m, blob) == ERR_OK);
	mime_map_free(&m);
}

static void check_view(const struct mime_view *v)
{
	static const char *const sections[] = {
		"", "1", "1.1", "1.2.1", "2.HEADER", "1.TEXT", "1.MIME", "2.1.MIME", "TEXT",
	};

	for (size_t i = 0; i < v->n_parts; i++) {
		struct mime_part t = mime_view_part(v, i);
		uint64_t at = t.body_start;

		CHECK(t.hdr_start <= t.body_start && t.body_start <= t.body_end);
		CHECK(t.body_end <= v->size);
		for (uint32_t k = 0; k < t.n_children; k++) {
			struct mime_part c = mime_view_part(v, t.first_child + k);

			CHECK(c.hdr_start >= at && c.body_end <= t.body_end);
			at = c.body_end;
		}
	}
	for (size_t i = 0; i < N_ELEMS(sections); i++) {
		struct mime_range r;

		if (!mime_map_part(v, span_of(sections[i]), &r))
			CHECK(r.start <= v->size && r.len <= v->size - r.start);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data + 1, size - 1 };
	struct buf a, b;
	struct mime_view v;

	if (size == 0)
		return 0;
	buf_init(&a, MIME_MAP_MAX);
	buf_init(&b, MIME_MAP_MAX);
	map_cut(in, 0, &a);
	map_cut(in, data[0] + 1u, &b);
	CHECK(span_eq((struct span){ a.data, a.len }, (struct span){ b.data, b.len }));
	CHECK(mime_map_decode((struct span){ a.data, a.len }, &v, NULL) == ERR_OK);
	CHECK(v.size == in.n);
	check_view(&v);
	/* The same bytes as a blob somebody damaged. */
	if (!mime_map_decode(in, &v, NULL))
		for (size_t i = 0; i < v.n_parts; i++)
			CHECK(mime_view_part(&v, i).body_end <= v.size);
	buf_fini(&a);
	buf_fini(&b);
	return 0;
}
