/* fuzz_address - parse, write, parse gives the same list */
#include "common/base/check.h"
#include "common/mime/address.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(const struct address *list, size_t n)
{
	bool in_group = false;

	for (size_t i = 0; i < n; i++) {
		if (list[i].kind != ADDRESS_MAILBOX) {
			CHECK(in_group == (list[i].kind == ADDRESS_GROUP_END));
			in_group = !in_group;
		}
	}
	CHECK(!in_group);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address *first, *again;
	struct arena a = { 0 };
	struct buf text;
	size_t n, m;

	buf_init(&text, size * 4 + 4096);
	n = address_parse(&a, (struct span){ (const char *)data, size }, 100, &first);
	CHECK(n <= 100);
	check_list(first, n);
	CHECK(address_write(first, n, &text) == ERR_OK);
	m = address_parse(&a, (struct span){ text.data, text.len }, 100, &again);
	CHECK(m == n);
	for (size_t i = 0; i < n; i++) {
		CHECK(first[i].kind == again[i].kind);
		CHECK(span_eq(first[i].name, again[i].name));
		CHECK(span_eq(first[i].local, again[i].local));
		CHECK(span_eq(first[i].host, again[i].host));
	}
	buf_fini(&text);
	arena_fini(&a);
	return 0;
}
