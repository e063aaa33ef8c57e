#include "common/mime/html.h"

#include "common/base/attr.h"
#include <stdlib.h>
#include <string.h>

enum { TEXT, OPEN, NAME, TAG, COMMENT, REF };

/* Text goes on across these; all other tags part words. */
static const char *const inlines[] = {
	"a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em",
	"font", "i", "ins", "kbd", "mark", "q", "s", "samp", "small", "span", "strike",
	"strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
};

/* U+00A0 to U+00FF. */
static const char *const latin1[] = {
	"nbsp", "iexcl", "cent", "pound", "curren", "yen", "brvbar", "sect", "uml", "copy",
	"ordf", "laquo", "not", "shy", "reg", "macr", "deg", "plusmn", "sup2", "sup3", "acute",
	"micro", "para", "middot", "cedil", "sup1", "ordm", "raquo", "frac14", "frac12",
	"frac34", "iquest", "Agrave", "Aacute", "Acirc", "Atilde", "Auml", "Aring", "AElig",
	"Ccedil", "Egrave", "Eacute", "Ecirc", "Euml", "Igrave", "Iacute", "Icirc", "Iuml",
	"ETH", "Ntilde", "Ograve", "Oacute", "Ocirc", "Otilde", "Ouml", "times", "Oslash",
	"Ugrave", "Uacute", "Ucirc", "Uuml", "Yacute", "THORN", "szlig", "agrave", "aacute",
	"acirc", "atilde", "auml", "aring", "aelig", "ccedil", "egrave", "eacute", "ecirc",
	"euml", "igrave", "iacute", "icirc", "iuml", "eth", "ntilde", "ograve", "oacute",
	"ocirc", "otilde", "ouml", "divide", "oslash", "ugrave", "uacute", "ucirc", "uuml",
	"yacute", "thorn", "yuml",
};

static const struct { const char *name; unsigned c; } others[] = {
	{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' },
	{ "ndash", 0x2013 }, { "mdash", 0x2014 }, { "lsquo", 0x2018 }, { "rsquo", 0x2019 },
	{ "sbquo", 0x201a }, { "ldquo", 0x201c }, { "rdquo", 0x201d }, { "bdquo", 0x201e },
	{ "bull", 0x2022 }, { "hellip", 0x2026 }, { "euro", 0x20ac }, { "trade", 0x2122 },
	{ "zwnj", 0x200c }, { "zwj", 0x200d }, { "ensp", ' ' }, { "emsp", ' ' },
	{ "thinsp", ' ' }, { "OElig", 0x152 }, { "oelig", 0x153 }, { "Scaron", 0x160 },
	{ "scaron", 0x161 }, { "Yuml", 0x178 },
};

static void put(struct html *h, struct buf *out, const char *p, size_t n)
{
	if (h->skip[0])
		return;
	if (h->gap && h->begun && buf_addc(out, ' ') != ERR_OK)
		return;
	h->gap = false;
	h->begun = true;
	if (buf_add(out, p, n) != ERR_OK)
		h->gap = true;		/* no room: the caller's bound was wrong */
}

static void put_char(struct html *h, struct buf *out, unsigned c)
{
	char u[4];

	if (c == 0xa0 || c <= ' ') {
		h->gap = true;
	} else if (c < 0x80) {
		u[0] = (char)c;
		put(h, out, u, 1);
	} else if (c < 0x800) {
		u[0] = (char)(0xc0 | c >> 6);
		u[1] = (char)(0x80 | (c & 0x3f));
		put(h, out, u, 2);
	} else if (c < 0x10000) {
		u[0] = (char)(0xe0 | c >> 12);
		u[1] = (char)(0x80 | (c >> 6 & 0x3f));
		u[2] = (char)(0x80 | (c & 0x3f));
		put(h, out, u, 3);
	} else {
		u[0] = (char)(0xf0 | c >> 18);
		u[1] = (char)(0x80 | (c >> 12 & 0x3f));
		u[2] = (char)(0x80 | (c >> 6 & 0x3f));
		u[3] = (char)(0x80 | (c & 0x3f));
		put(h, out, u, 4);
	}
}

/* ---- references ------------------------------------------------------------------ */

static bool by_number(const char *digits, unsigned *out)
{
	bool hex = *digits == 'x' || *digits == 'X';
	const char *p = digits + hex;
	char *end;
	unsigned long v = strtoul(p, &end, hex ? 16 : 10);

	*out = (unsigned)v;
	return *p && *p != '-' && *p != '+' && *end == '\0' && v > 0 && v < 0x110000 &&
	       (v < 0xd800 || v > 0xdfff);
}

static bool by_name(const char *name, unsigned *out)
{
	for (size_t i = 0; i < N_ELEMS(others); i++)
		if (strcmp(name, others[i].name) == 0) {
			*out = others[i].c;
			return true;
		}
	for (size_t i = 0; i < N_ELEMS(latin1); i++)
		if (strcmp(name, latin1[i]) == 0) {
			*out = 0xa0 + (unsigned)i;
			return true;
		}
	return false;
}

/* h->word holds what stood between '&' and here. */
static void end_ref(struct html *h, bool closed, struct buf *out)
{
	unsigned c;
	bool known;

	h->word[h->n_word] = '\0';
	known = h->word[0] == '#' ? by_number(h->word + 1, &c) : by_name(h->word, &c);
	if (known) {
		put_char(h, out, c);
	} else {
		put(h, out, "&", 1);
		put(h, out, h->word, h->n_word);
		if (closed)
			put(h, out, ";", 1);
	}
	h->state = TEXT;
}

static bool in_ref(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '#';
}

/* ---- tags ------------------------------------------------------------------------- */

static bool is_inline(const char *name)
{
	for (size_t i = 0; i < N_ELEMS(inlines); i++)
		if (strcmp(name, inlines[i]) == 0)
			return true;
	return false;
}

/* '>' has come. */
static void end_tag(struct html *h)
{
	bool closes = h->n_word && h->word[0] == '/';
	const char *name = h->word + closes;

	h->word[h->n_word] = '\0';
	h->state = TEXT;
	if (h->skip[0]) {
		if (closes && strcmp(name, h->skip) == 0)
			h->skip[0] = '\0';
		return;
	}
	if (!closes && (strcmp(name, "script") == 0 || strcmp(name, "style") == 0))
		memcpy(h->skip, name, strlen(name) + 1);
	if (!is_inline(name))
		h->gap = true;
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static void name_char(struct html *h, char c)
{
	if (c == '>') {
		end_tag(h);
	} else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || (c == '/' && h->n_word)) {
		h->state = TAG;
	} else if (h->n_word < sizeof(h->word) - 1) {
		h->word[h->n_word++] = lower(c);
		if (h->n_word == 3 && memcmp(h->word, "!--", 3) == 0) {
			h->state = COMMENT;
			h->dashes = 0;
		}
	}
}

static void tag_char(struct html *h, char c)
{
	if (h->quote) {
		if (c == h->quote)
			h->quote = '\0';
	} else if (c == '"' || c == '\'') {
		h->quote = c;
	} else if (c == '>') {
		end_tag(h);
	}
}

static void comment_char(struct html *h, char c)
{
	if (c == '>' && h->dashes >= 2)
		h->state = TEXT;
	h->dashes = c == '-' ? h->dashes + 1 : 0;
}

/* '<' has come: does a tag begin? */
static void open_char(struct html *h, char c, struct buf *out)
{
	char l = lower(c);

	h->state = TEXT;
	if ((l >= 'a' && l <= 'z') || c == '/' || c == '!' || c == '?') {
		h->word[0] = l;
		h->n_word = 1;
		h->quote = '\0';
		h->state = NAME;
		return;
	}
	put(h, out, "<", 1);
}

/* ---- text ------------------------------------------------------------------------- */

/* Does c belong to the text?  False: it was used up. */
static bool is_text(struct html *h, char c, struct buf *out)
{
	switch (h->state) {
	case OPEN:
		open_char(h, c, out);
		return h->state == TEXT;
	case NAME:
		name_char(h, c);
		return false;
	case TAG:
		tag_char(h, c);
		return false;
	case COMMENT:
		comment_char(h, c);
		return false;
	case REF:
		if (in_ref(c) && h->n_word < sizeof(h->word) - 1) {
			h->word[h->n_word++] = c;
			return false;
		}
		end_ref(h, c == ';', out);
		return c != ';';
	default:
		return true;
	}
}

void html_feed(struct html *h, const char *p, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		char c = p[i];

		if (!is_text(h, c, out))
			continue;
		if (c == '<') {
			h->state = OPEN;
		} else if (c == '&' && !h->skip[0]) {
			h->state = REF;
			h->n_word = 0;
		} else if ((unsigned char)c <= ' ') {
			h->gap = true;
		} else {
			put(h, out, &c, 1);
		}
	}
}

void html_end(struct html *h, struct buf *out)
{
	if (h->state == REF)
		end_ref(h, false, out);
	else if (h->state == OPEN)
		put(h, out, "<", 1);
	memset(h, 0, sizeof(*h));
}
