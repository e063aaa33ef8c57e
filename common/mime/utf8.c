#include "common/mime/utf8.h"

static bool in(const char *p, unsigned low, unsigned high)
{
	return (unsigned char)*p >= low && (unsigned char)*p <= high;
}

size_t utf8_char(const char *p, size_t n)
{
	unsigned c = n ? (unsigned char)*p : 0x80;

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf && n > 1 && in(p + 1, 0x80, 0xbf))
		return 2;
	if (c >= 0xe0 && c <= 0xef && n > 2 && in(p + 2, 0x80, 0xbf) &&
	    in(p + 1, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf))
		return 3;
	if (c >= 0xf0 && c <= 0xf4 && n > 3 && in(p + 2, 0x80, 0xbf) &&
	    in(p + 3, 0x80, 0xbf) &&
	    in(p + 1, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf))
		return 4;
	return 0;
}

bool utf8_valid(struct span s)
{
	while (s.n) {
		size_t k = utf8_char(s.p, s.n);

		if (k == 0)
			return false;
		s.p += k;
		s.n -= k;
	}
	return true;
}

size_t utf8_cut(struct span s, size_t max)
{
	size_t n = s.n;

	if (n <= max)
		return n;
	n = max;
	while (n && in(s.p + n, 0x80, 0xbf))
		n--;
	return n;
}
