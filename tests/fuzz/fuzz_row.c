/* fuzz_row - records from the store: no bytes may crash the reader, and what it
 * understands it can write and read again */
#include "common/api/row.h"
#include "common/api/store.h"
#include "common/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	struct arena a = { 0 };
	struct store_row row, again;
	struct buf b;

	CHECK(row_tail(in) <= size);
	buf_init(&b, 8 << 20);
	while (row_is_whole(in) && row_read(&in, &row, &a) == ERR_OK) {
		struct span s;

		row.columns &= COL_RUN * 2 - 1;	/* what a newer peer adds is skipped */
		buf_clear(&b);
		CHECK(row_write(&b, &row) == ERR_OK);
		s = (struct span){ b.data, b.len };
		CHECK(row_is_whole(s) && row_tail(s) == 0);
		CHECK(row_read(&s, &again, &a) == ERR_OK && s.n == 0);
		CHECK(again.uid == row.uid && again.modseq == row.modseq &&
		      again.n_keywords == row.n_keywords && span_eq(again.map, row.map) &&
		      span_eq(again.preview, row.preview) && again.sent_local_ms == row.sent_local_ms);
	}
	buf_fini(&b);
	arena_fini(&a);
	return 0;
}
