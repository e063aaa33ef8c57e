/* What decodes must encode again, and the second encoding must equal the first. */
#include "common/api/object.h"
#include "common/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena a = { 0 };
	struct object *o, *o2;
	struct buf b, b2;

	buf_init(&b, 1 << 20);
	buf_init(&b2, 1 << 20);
	if (object_decode(&a, p, n, &o) == ERR_OK && object_encode(o, &b) == ERR_OK) {
		CHECK(object_decode(&a, b.data, b.len, &o2) == ERR_OK);
		CHECK(object_encode(o2, &b2) == ERR_OK);
		CHECK(b.len == b2.len && memcmp(b.data, b2.data, b.len) == 0);
	}
	buf_fini(&b);
	buf_fini(&b2);
	arena_fini(&a);
	return 0;
}
