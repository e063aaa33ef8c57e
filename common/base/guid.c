#include "common/base/guid.h"

#include "common/base/check.h"
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

struct guid guid_make(void)
{
	struct guid g;

	CHECK(getrandom(g.b, sizeof(g.b), 0) == (ssize_t)sizeof(g.b));
	g.b[6] = (uint8_t)((g.b[6] & 0x0f) | 0x40);
	g.b[8] = (uint8_t)((g.b[8] & 0x3f) | 0x80);
	return g;
}

bool guid_is_null(const struct guid *g)
{
	static const struct guid null;

	return guid_eq(g, &null);
}

bool guid_eq(const struct guid *a, const struct guid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

const char *guid_text(const struct guid *g, char out[GUID_TEXT])
{
	const uint8_t *b = g->b;

	snprintf(out, GUID_TEXT,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
		 b[11], b[12], b[13], b[14], b[15]);
	return out;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

enum err guid_parse(const char *text, struct guid *out)
{
	const char *p = text;

	if (strlen(text) != GUID_TEXT - 1)
		return ERR_INVALID;
	for (size_t i = 0; i < sizeof(out->b); i++) {
		int hi, lo;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
			return ERR_INVALID;
		hi = hex(p[0]);
		lo = hi < 0 ? -1 : hex(p[1]);
		if (lo < 0)
			return ERR_INVALID;
		out->b[i] = (uint8_t)(hi << 4 | lo);
		p += 2;
	}
	return ERR_OK;
}

enum err guid_from(const void *p, size_t n, struct guid *out)
{
	if (n != sizeof(out->b))
		return ERR_INVALID;
	memcpy(out->b, p, n);
	return ERR_OK;
}
