#include "common/api/objectid.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const char *objectid_text(enum objectid_kind kind, const struct guid *mailbox, uint64_t n,
			  char out[OBJECTID_TEXT])
{
	uint8_t raw[21];
	char *o = out;

	memcpy(raw, mailbox->b, 16);
	for (unsigned i = 0; i < 5; i++)
		raw[16 + i] = (uint8_t)(n >> (8 * (4 - i)));
	*o++ = (char)kind;
	for (unsigned i = 0; i < sizeof(raw); i += 3) {
		const unsigned v = (unsigned)raw[i] << 16 | raw[i + 1] << 8 | raw[i + 2];

		*o++ = digits[v >> 18];
		*o++ = digits[v >> 12 & 63];
		*o++ = digits[v >> 6 & 63];
		*o++ = digits[v & 63];
	}
	*o = '\0';
	return out;
}

/* The number's seven characters, with two bits of the GUID's last byte before them, are
 * read; all else must be as we would write it. */
enum err objectid_parse(struct span text, enum objectid_kind kind, const struct guid *mailbox,
			uint64_t *n)
{
	char again[OBJECTID_TEXT];
	uint64_t v = 0;

	if (text.n != OBJECTID_TEXT - 1)
		return ERR_NOTFOUND;
	for (size_t i = text.n - 7; i < text.n; i++) {
		const char *d = memchr(digits, text.p[i], sizeof(digits) - 1);

		if (d == NULL)
			return ERR_NOTFOUND;
		v = v << 6 | (uint64_t)(d - digits);
	}
	*n = v & ((UINT64_C(1) << 40) - 1);
	objectid_text(kind, mailbox, *n, again);
	return memcmp(again, text.p, text.n) == 0 ? ERR_OK : ERR_NOTFOUND;
}
