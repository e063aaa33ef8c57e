#include "common/smtp/xtext.h"

#include "common/smtp/address.h"
#include <ctype.h>
#include <stdint.h>
#include <unicode/utf8.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "\x{1F600}" at the front; its octets go to out, the length of the escape is
 * returned, 0 if it is none. */
static size_t unescape(struct span in, uint8_t out[4], size_t *n_out)
{
	UChar32 c = 0;
	UBool bad = false;
	size_t i;
	int32_t n = 0;

	if (in.n < 5 || memcmp(in.p, "\\x{", 3) != 0)
		return 0;
	for (i = 3; i < in.n && i < 9 && hex(in.p[i]) >= 0; i++)
		c = c * 16 + hex(in.p[i]);
	if (i == 3 || i == in.n || in.p[i] != '}')
		return 0;
	U8_APPEND(out, n, 4, c, bad);
	*n_out = (size_t)n;
	return bad ? 0 : i + 1;
}

static enum err decode(struct span in, bool escapes, char *out, size_t cap)
{
	uint8_t c[4];
	size_t i = 0, n = 0, n_c, step;

	while (i < in.n) {
		struct span rest = { in.p + i, in.n - i };

		c[0] = (uint8_t)in.p[i];
		n_c = step = 1;
		if (c[0] == '+') {
			if (rest.n < 3 || hex(rest.p[1]) < 0 || hex(rest.p[2]) < 0)
				return ERR_INVALID;
			c[0] = (uint8_t)(hex(rest.p[1]) * 16 + hex(rest.p[2]));
			step = 3;
		} else if (c[0] == '\\' && escapes) {
			step = unescape(rest, c, &n_c);
		} else if (c[0] == '=' || c[0] == ' ') {
			return ERR_INVALID;
		}
		if (step == 0 || c[0] < ' ' || c[0] == 127 || n + n_c >= cap)
			return ERR_INVALID;
		memcpy(out + n, c, n_c);
		n += n_c;
		i += step;
	}
	out[n] = '\0';
	return smtp_utf8_valid((struct span){ out, n }) ? ERR_OK : ERR_INVALID;
}

enum err smtp_xtext_decode(struct span in, char *out, size_t cap)
{
	enum err e = decode(in, false, out, cap);

	if (e)
		out[0] = '\0';
	return e;
}

static bool is_plain(unsigned char c)
{
	return c > ' ' && c < 127 && c != '+' && c != '=';
}

enum err smtp_xtext_encode(const char *s, struct buf *out)
{
	enum err e = ERR_OK;

	for (; *s != '\0' && !e; s++)
		e = is_plain((unsigned char)*s) ? buf_addc(out, *s)
						: buf_addf(out, "+%02X", (unsigned char)*s);
	return e;
}

enum err smtp_orcpt_decode(struct span in, char *out, size_t cap)
{
	const char *semi = in.n > 0 ? memchr(in.p, ';', in.n) : NULL;
	size_t n = semi ? (size_t)(semi - in.p) : 0;
	struct span addr;
	enum err e;

	out[0] = '\0';
	if (n == 0 || n + 2 > cap || n + 1 == in.n)
		return ERR_INVALID;
	for (size_t i = 0; i < n; i++) {	/* addr-type is an atom */
		if (!isalnum((unsigned char)in.p[i]) && in.p[i] != '-')
			return ERR_INVALID;
		out[i] = (char)tolower((unsigned char)in.p[i]);
	}
	out[n] = ';';
	addr = (struct span){ semi + 1, in.n - n - 1 };
	e = decode(addr, span_is((struct span){ in.p, n }, "utf-8"), out + n + 1, cap - n - 1);
	if (e)
		out[0] = '\0';
	return e;
}

/* One code point of a utf-8 address for a peer that reads only ASCII. */
static enum err escape(UChar32 c, struct buf *out)
{
	if (c < 0x80 && is_plain((unsigned char)c) && c != '\\')
		return buf_addc(out, (char)c);
	return buf_addf(out, "\\x{%02X}", (unsigned)c);
}

enum err smtp_orcpt_encode(const char *s, bool utf8, struct buf *out)
{
	const char *semi = strchr(s, ';');
	const uint8_t *p = (const uint8_t *)s;
	size_t i, n = strlen(s);
	enum err e;

	if (!semi)
		return ERR_INVALID;
	i = (size_t)(semi - s) + 1;
	e = buf_add(out, s, i);
	if (strncmp(s, "utf-8;", 6) != 0)
		return e ? e : smtp_xtext_encode(semi + 1, out);
	while (i < n && !e) {
		size_t from = i;
		UChar32 c;

		U8_NEXT(p, i, n, c);
		if (c < 0)
			return ERR_INVALID;
		e = utf8 && c >= 0x80 ? buf_add(out, s + from, i - from) : escape(c, out);
	}
	return e;
}
