#include "common/mime/casemap.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

enum { DECOMPOSED_MAX = 32 };	/* UTF-16 units; the longest in Unicode has 18 */

static size_t put_utf8(char *to, UChar32 c)
{
	int32_t n = 0;

	U8_APPEND_UNSAFE(to, n, c);
	return (size_t)n;
}

/* The key of one character above ASCII, at most 4 * DECOMPOSED_MAX bytes. */
static size_t map_one(const UNormalizer2 *nfkd, UChar32 c, char *to)
{
	UErrorCode u = U_ZERO_ERROR;
	UChar parts[DECOMPOSED_MAX];
	int32_t len, at = 0;
	size_t n = 0;

	c = u_totitle(c);
	len = nfkd ? unorm2_getDecomposition(nfkd, c, parts, DECOMPOSED_MAX, &u) : -1;
	if (len < 0 || U_FAILURE(u))
		return put_utf8(to, c);
	while (at < len) {
		UChar32 part;

		U16_NEXT(parts, at, len, part);
		n += put_utf8(to + n, part);
	}
	return n;
}

/* ASCII up to the first byte above it; false: out is full. */
static bool map_ascii(struct span s, size_t *at, struct buf *out)
{
	char part[256];
	size_t n = 0;

	while (n < sizeof(part) && *at + n < s.n && (unsigned char)s.p[*at + n] < 0x80) {
		char c = s.p[*at + n];

		part[n++] = (char)(c >= 'a' && c <= 'z' ? c & ~0x20 : c);
	}
	*at += n;
	if (n > out->max - out->len) {
		n = out->max - out->len;
		(void)!buf_add(out, part, n);
		return false;
	}
	return buf_add(out, part, n) == ERR_OK;
}

void casemap(struct span s, struct buf *out)
{
	UErrorCode u = U_ZERO_ERROR;
	const UNormalizer2 *nfkd = unorm2_getNFKDInstance(&u);

	if (U_FAILURE(u))
		nfkd = NULL;
	for (size_t i = 0; i < s.n;) {
		char key[4 * DECOMPOSED_MAX];
		int32_t at = 0, left = s.n - i > 16 ? 16 : (int32_t)(s.n - i);
		UChar32 c;

		if ((unsigned char)s.p[i] < 0x80) {
			if (!map_ascii(s, &i, out))
				return;
			continue;
		}
		U8_NEXT_OR_FFFD(s.p + i, at, left, c);
		if (buf_add(out, key, map_one(nfkd, c, key)) != ERR_OK)
			return;
		i += (size_t)at;
	}
}
