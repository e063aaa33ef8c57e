/* A note as a killed process may have left it: what reads, writes and reads the same. */
#include "common/base/check.h"
#include "roles/unified-messaging/message/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct note a, b;
	struct buf out;

	if (note_read((struct span){ (const char *)p, n }, &a, NULL))
		return 0;
	buf_init(&out, 64 * 1024);
	CHECK(note_write(&a, &out) == ERR_OK);
	CHECK(note_read((struct span){ out.data, out.len }, &b, NULL) == ERR_OK);
	CHECK(memcmp(&a, &b, sizeof(a)) == 0);
	buf_fini(&out);
	return 0;
}
