#include "common/mime/word.h"

#include "common/base/check.h"
#include "common/mime/codec.h"
#include "common/mime/header.h"
#include "common/mime/utf8.h"

#include <stdlib.h>
#include <unicode/ucnv.h>

#define REPLACEMENT "\xef\xbf\xbd"
#define CHARSET_MAX 63
#define CONVERT_MAX (1 << 24)
#define WORD_MAX 75

struct word {
	struct span charset, text;
	bool is_base64;
};

/* All or nothing, so that a full buffer never ends inside a character.  It stays
 * full: the public functions put max back. */
static void add(struct buf *out, const char *p, size_t n)
{
	if (buf_add(out, p, n))
		out->max = out->len;
}

/* Well-formed UTF-8 to out, controls as spaces; what is malformed becomes U+FFFD
 * or, if asked for, its Latin-1 meaning. */
static void add_clean(struct buf *out, struct span s, bool latin1)
{
	while (s.n && out->len < out->max) {
		size_t k = utf8_char(s.p, s.n);
		unsigned c = (unsigned char)*s.p;

		if (k == 1) {
			size_t run = 0;

			while (run < s.n && (unsigned char)s.p[run] >= ' ' &&
			       (unsigned char)s.p[run] < 0x7f)
				run++;
			if (run > out->max - out->len)
				run = out->max - out->len;
			if (run)
				add(out, s.p, run);
			else
				add(out, " ", 1);
			k = run ? run : 1;
		} else if (k) {
			add(out, s.p, k);
		} else if (latin1 && c >= 0xa0) {
			char two[2] = { (char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f)) };

			add(out, two, 2);
			k = 1;
		} else {
			add(out, REPLACEMENT, 3);
			k = 1;
		}
		s.p += k;
		s.n -= k;
	}
}

static bool is_utf8_name(struct span c)
{
	return span_is(c, "utf-8") || span_is(c, "us-ascii") || span_is(c, "utf8");
}

static bool is_charset_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-_.:+()", c));
}

static bool convert(struct span charset, struct span bytes, struct buf *out)
{
	char name[CHARSET_MAX + 1];
	UErrorCode u = U_ZERO_ERROR;
	UConverter *conv;
	int32_t cap, n;
	char *mem;

	if (is_utf8_name(charset)) {
		add_clean(out, bytes, false);
		return true;
	}
	if (charset.n == 0 || charset.n > CHARSET_MAX || bytes.n > CONVERT_MAX)
		return false;
	for (size_t i = 0; i < charset.n; i++)
		if (!is_charset_char(charset.p[i]))
			return false;
	memcpy(name, charset.p, charset.n);
	name[charset.n] = '\0';
	conv = ucnv_open(name, &u);
	if (U_FAILURE(u))
		return false;
	/* What does not fit in four bytes for one is cut off: no real text. */
	cap = (int32_t)bytes.n * 4 + 16;
	mem = xcalloc(1, (size_t)cap);
	n = ucnv_toAlgorithmic(UCNV_UTF8, conv, mem, cap, bytes.p, (int32_t)bytes.n, &u);
	if (n > cap)
		n = cap;
	if (!U_FAILURE(u) || u == U_BUFFER_OVERFLOW_ERROR) {
		add_clean(out, (struct span){ mem, (size_t)n }, false);
		u = U_ZERO_ERROR;
	}
	free(mem);
	ucnv_close(conv);
	return !U_FAILURE(u);
}

bool word_convert(struct span charset, struct span bytes, struct buf *out)
{
	size_t max = out->max;
	bool known = convert(charset, bytes, out);

	out->max = max;
	return known;
}

/* "=?charset*lang?B?text?=" at the start of in; its length, or 0. */
static size_t parse_word(struct span in, struct word *w)
{
	const char *p = in.p + 2, *end = in.p + in.n, *q;

	if (in.n < 8 || in.p[0] != '=' || in.p[1] != '?')
		return 0;
	for (q = p; q < end && q - p <= CHARSET_MAX && *q != '?' && *q != '*'; q++)
		if (!is_charset_char(*q))
			return 0;
	w->charset = (struct span){ p, (size_t)(q - p) };
	if (q < end && *q == '*')			/* language, RFC 2231 */
		for (p = q; q < end && q - p <= CHARSET_MAX && *q != '?'; q++)
			;
	if (end - q < 5 || *q != '?' || q[2] != '?' || w->charset.n == 0)
		return 0;
	w->is_base64 = q[1] == 'B' || q[1] == 'b';
	if (!w->is_base64 && q[1] != 'Q' && q[1] != 'q')
		return 0;
	for (p = q += 3; q < end && *q != '?' && *q != '\n'; q++)
		;
	if (end - q < 2 || q[0] != '?' || q[1] != '=')
		return 0;
	w->text = (struct span){ p, (size_t)(q - p) };
	return (size_t)(q + 2 - in.p);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The decoded bytes of a word are never more than its text. */
static void decode_bytes(const struct word *w, struct buf *bytes)
{
	struct b64_dec dec = { 0 };
	enum err e = ERR_OK;

	if (w->is_base64) {
		e = b64_dec_feed(&dec, w->text.p, w->text.n, bytes);
		CHECK(!e);
		return;
	}
	for (size_t i = 0; i < w->text.n && !e; i++) {
		const char *p = w->text.p + i;

		if (*p == '_') {
			e = buf_addc(bytes, ' ');
		} else if (*p == '=' && w->text.n - i > 2 && hex(p[1]) >= 0 &&
			   hex(p[2]) >= 0) {
			e = buf_addc(bytes, (char)(hex(p[1]) << 4 | hex(p[2])));
			i += 2;
		} else {
			e = buf_addc(bytes, *p);
		}
	}
	CHECK(!e);
}

static size_t blanks(struct span s)
{
	size_t n = 0;

	while (n < s.n && strchr(" \t\r\n", s.p[n]) && s.p[n])
		n++;
	return n;
}

/* A run of encoded words of one charset at the start of in; bytes consumed. */
static size_t decode_run(struct span in, struct buf *out)
{
	struct word first, w;
	size_t len = parse_word(in, &first), k;
	struct buf bytes;

	if (len == 0)
		return 0;
	buf_init(&bytes, in.n);
	decode_bytes(&first, &bytes);
	for (;;) {
		struct span rest = { in.p + len, in.n - len };
		size_t gap = blanks(rest);

		k = parse_word((struct span){ rest.p + gap, rest.n - gap }, &w);
		if (k == 0 || w.charset.n != first.charset.n ||
		    strncasecmp(w.charset.p, first.charset.p, w.charset.n) != 0)
			break;
		decode_bytes(&w, &bytes);
		len += gap + k;
	}
	if (!convert(first.charset, (struct span){ bytes.data, bytes.len }, out))
		add_clean(out, (struct span){ in.p, len }, true);
	buf_fini(&bytes);
	return len;
}

/* Text between encoded words: line ends of folding go. */
static void add_text(struct buf *out, struct span s, bool latin1)
{
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++) {
		size_t eol = s.p[i] == '\n' ? 1 :
			     s.n - i > 1 && s.p[i] == '\r' && s.p[i + 1] == '\n' ? 2 : 0;

		if (eol == 0)
			continue;
		add_clean(out, (struct span){ s.p + from, i - from }, latin1);
		i += eol - 1;
		from = i + 1;
	}
	add_clean(out, (struct span){ s.p + from, s.n - from }, latin1);
}

void word_decode(struct span value, struct buf *out)
{
	struct span in = header_trim(value);
	bool latin1 = !utf8_valid(in);
	size_t from = 0, at = 0, max = out->max;
	bool after_word = false;

	while (at < in.n) {
		const char *q = memchr(in.p + at, '=', in.n - at);
		size_t len;

		if (q == NULL)
			break;
		at = (size_t)(q - in.p);
		if (at + 1 == in.n || q[1] != '?') {
			at++;
			continue;
		}
		struct span before = { in.p + from, at - from };

		if (parse_word((struct span){ q, in.n - at }, &(struct word){ 0 }) == 0) {
			at += 2;
			continue;
		}
		/* Space between encoded words is not part of the text. */
		if (!after_word || blanks(before) != before.n)
			add_text(out, before, latin1);
		len = decode_run((struct span){ q, in.n - at }, out);
		at += len;
		from = at;
		after_word = true;
	}
	if (from < in.n)
		add_text(out, (struct span){ in.p + from, in.n - from }, latin1);
	out->max = max;
}

static bool needs_encoding(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned c = (unsigned char)s.p[i];

		if ((c < ' ' && c != '\t') || c >= 0x7f ||
		    (c == '=' && i + 1 < s.n && s.p[i + 1] == '?'))
			return true;
	}
	return false;
}

/* Encoded words may stand in a phrase, so little is left as it is. */
static bool q_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!*+-/", c));
}

static size_t q_put(const char *p, size_t n, char *dst)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned c = (unsigned char)p[i];

		if (c == ' ') {
			dst[k++] = '_';
		} else if (q_plain(p[i])) {
			dst[k++] = p[i];
		} else {
			dst[k++] = '=';
			dst[k++] = digits[c >> 4];
			dst[k++] = digits[c & 15];
		}
	}
	return k;
}

static enum err encode_q(struct span s, struct buf *out)
{
	bool first = true;

	while (s.n) {
		char word[WORD_MAX + 1] = "=?utf-8?q?";
		size_t n = strlen(word);
		enum err e;

		while (s.n) {
			char enc[12];
			size_t k = utf8_char(s.p, s.n);
			size_t m = k ? q_put(s.p, k, enc) : q_put(REPLACEMENT, 3, enc);

			if (n + m + 2 > WORD_MAX)
				break;
			memcpy(word + n, enc, m);
			n += m;
			s.p += k ? k : 1;
			s.n -= k ? k : 1;
		}
		memcpy(word + n, "?=", 2);
		e = first ? ERR_OK : buf_addc(out, ' ');
		if (!e)
			e = buf_add(out, word, n + 2);
		if (e)
			return e;
		first = false;
	}
	return ERR_OK;
}

enum err word_encode(struct span text, struct buf *out)
{
	return needs_encoding(text) ? encode_q(text, out) : buf_add(out, text.p, text.n);
}
