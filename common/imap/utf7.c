#include "common/imap/utf7.h"

#include <stdint.h>

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+,";

static bool printable(uint32_t c)
{
	return c >= 0x20 && c < 0x7f;
}

/* One code point from UTF-8 at *p; false if malformed.  Shortest form only. */
static bool utf8_get(const char **p, const char *end, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)*p;
	unsigned more = *s < 0x80 ? 0 : *s >= 0xf0 ? 3 : *s >= 0xe0 ? 2 : 1;
	uint32_t c = more == 0 ? *s : *s & (0x3fu >> more);

	if ((*s >= 0x80 && *s < 0xc2) || *s > 0xf4 || (size_t)(end - *p) <= more)
		return false;
	for (unsigned i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return false;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return false;
	*p += more + 1;
	*out = c;
	return true;
}

static char *utf8_put(char *o, uint32_t c)
{
	if (c < 0x80) {
		*o++ = (char)c;
	} else if (c < 0x800) {
		*o++ = (char)(0xc0 | c >> 6);
		*o++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*o++ = (char)(0xe0 | c >> 12);
		*o++ = (char)(0x80 | (c >> 6 & 0x3f));
		*o++ = (char)(0x80 | (c & 0x3f));
	} else {
		*o++ = (char)(0xf0 | c >> 18);
		*o++ = (char)(0x80 | (c >> 12 & 0x3f));
		*o++ = (char)(0x80 | (c >> 6 & 0x3f));
		*o++ = (char)(0x80 | (c & 0x3f));
	}
	return o;
}

/* A UTF-16 unit arrived in a shift; *high is a surrogate waiting for its mate. */
static char *unit(char *o, uint32_t u, uint32_t *high)
{
	if (*high != 0) {
		if (u < 0xdc00 || u > 0xdfff)
			return NULL;
		o = utf8_put(o, 0x10000 + ((*high - 0xd800) << 10) + (u - 0xdc00));
		*high = 0;
		return o;
	}
	if (u >= 0xd800 && u <= 0xdbff) {
		*high = u;
		return o;
	}
	if ((u >= 0xdc00 && u <= 0xdfff) || printable(u) || u < 0x20)
		return NULL;
	return utf8_put(o, u);
}

/* Behind '&'; *p is moved behind '-'.  NULL if malformed. */
static char *shift(const char **p, const char *end, char *o)
{
	uint32_t bits = 0, high = 0;
	unsigned n = 0;
	const char *at = *p;

	for (; *p < end && **p != '-'; (*p)++) {
		const char *d = **p ? strchr(base64, **p) : NULL;

		if (d == NULL)
			return NULL;
		bits = (bits << 6 | (uint32_t)(d - base64)) & 0x3fffff;
		n += 6;
		if (n >= 16) {
			n -= 16;
			o = unit(o, bits >> n & 0xffff, &high);
			if (o == NULL)
				return NULL;
		}
	}
	if (*p == end || high != 0 || n >= 6 || (bits & ((1u << n) - 1)) != 0)
		return NULL;
	if (*p == at)
		*o++ = '&';		/* "&-" */
	(*p)++;
	return o;
}

enum err imap_utf7_decode(struct span in, struct arena *a, char **out)
{
	const char *p = in.p, *end = in.p + in.n;
	/* Four base64 bytes hold 1.5 units, so at most 4.5 bytes of UTF-8. */
	char *o = arena_alloc(a, in.n + in.n / 8 + 4);
	bool shifted = false;			/* a real shift ended right here */

	*out = o;
	while (p < end) {
		if (!printable((unsigned char)*p))
			return ERR_INVALID;
		if (*p != '&') {
			*o++ = *p++;
			shifted = false;
			continue;
		}
		p++;
		if (p < end && *p == '-') {
			p++;
			*o++ = '&';
			shifted = false;
			continue;
		}
		if (shifted)
			return ERR_INVALID;
		o = shift(&p, end, o);
		if (o == NULL)
			return ERR_INVALID;
		shifted = true;
	}
	return ERR_OK;
}

struct encoder {
	char *o;
	uint32_t bits;
	unsigned n;
	bool in_shift;
};

static void put_unit(struct encoder *e, uint32_t u)
{
	if (!e->in_shift) {
		*e->o++ = '&';
		e->in_shift = true;
		e->bits = e->n = 0;
	}
	e->bits = (e->bits << 16 | u) & 0x3fffff;
	for (e->n += 16; e->n >= 6; e->n -= 6)
		*e->o++ = base64[e->bits >> (e->n - 6) & 0x3f];
}

static void end_shift(struct encoder *e)
{
	if (!e->in_shift)
		return;
	if (e->n > 0)
		*e->o++ = base64[e->bits << (6 - e->n) & 0x3f];
	*e->o++ = '-';
	e->in_shift = false;
}

enum err imap_utf7_encode(struct span in, struct arena *a, char **out)
{
	const char *p = in.p, *end = in.p + in.n;
	/* Worst: a two-byte character alone, "&xxx-", or '&' as "&-". */
	struct encoder e = { .o = arena_alloc(a, in.n * 5 + 2) };
	uint32_t c;

	*out = e.o;
	while (p < end) {
		if (!utf8_get(&p, end, &c) || c < 0x20)
			return ERR_INVALID;
		if (printable(c)) {
			end_shift(&e);
			*e.o++ = (char)c;
			if (c == '&')
				*e.o++ = '-';
		} else if (c >= 0x10000) {
			put_unit(&e, 0xd800 + ((c - 0x10000) >> 10));
			put_unit(&e, 0xdc00 + ((c - 0x10000) & 0x3ff));
		} else {
			put_unit(&e, c);
		}
	}
	end_shift(&e);
	return ERR_OK;
}

bool imap_utf8_valid(struct span in)
{
	const char *p = in.p, *end = in.p + in.n;
	uint32_t c;

	while (p < end)
		if (!utf8_get(&p, end, &c))
			return false;
	return true;
}
