#include "common/imap/lex.h"

#include "common/imap/utf7.h"

void imap_lex_init(struct imap_lex *l, struct span text, struct arena *arena)
{
	*l = (struct imap_lex){ .p = text.p, .end = text.p + text.n, .arena = arena };
}

bool imap_lex_fail(struct imap_lex *l, const char *why)
{
	if (l->why == NULL)
		l->why = why;
	return false;
}

/* atom-specials and 8-bit bytes are out; "]" is resp-specials. */
bool imap_is_atom_char(int c)
{
	return c > 0x20 && c < 0x7f && strchr("(){%*\"\\]", c) == NULL;
}

static bool is_astring_char(int c)
{
	return imap_is_atom_char(c) || c == ']';
}

static bool is_list_char(int c)
{
	return is_astring_char(c) || c == '%' || c == '*';
}

static bool is_tag_char(int c)
{
	return is_astring_char(c) && c != '+';
}

/* One or more bytes of a class. */
static bool take(struct imap_lex *l, bool (*is)(int), struct span *out, const char *why)
{
	const char *at = l->p;

	while (l->p < l->end && is((unsigned char)*l->p))
		l->p++;
	*out = (struct span){ at, (size_t)(l->p - at) };
	return out->n > 0 || imap_lex_fail(l, why);
}

bool imap_lex_char(struct imap_lex *l, char c)
{
	if (l->p == l->end || *l->p != c)
		return imap_lex_fail(l, "Unexpected character or end of command.");
	l->p++;
	return true;
}

bool imap_lex_sp(struct imap_lex *l)
{
	if (l->p == l->end || *l->p != ' ')
		return imap_lex_fail(l, "Expected a space.");
	l->p++;
	return true;
}

bool imap_lex_end(struct imap_lex *l)
{
	return l->p == l->end || imap_lex_fail(l, "Too many arguments.");
}

bool imap_lex_word(struct imap_lex *l, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(l->end - l->p) < n || strncasecmp(l->p, word, n) != 0)
		return false;
	if (l->p + n < l->end && imap_is_atom_char((unsigned char)l->p[n]))
		return false;
	l->p += n;
	return true;
}

bool imap_lex_tag(struct imap_lex *l, struct span *out)
{
	return take(l, is_tag_char, out, "Expected a tag.");
}

bool imap_lex_atom(struct imap_lex *l, struct span *out)
{
	return take(l, imap_is_atom_char, out, "Expected an atom.");
}

static bool digits(struct imap_lex *l, uint64_t max, uint64_t *out)
{
	const char *at = l->p;
	uint64_t v = 0;

	for (; l->p < l->end && *l->p >= '0' && *l->p <= '9'; l->p++) {
		unsigned d = (unsigned)(*l->p - '0');

		if (v > (max - d) / 10)
			return imap_lex_fail(l, "Number too large.");
		v = v * 10 + d;
	}
	*out = v;
	return l->p > at || imap_lex_fail(l, "Expected a number.");
}

bool imap_lex_u32(struct imap_lex *l, uint32_t *out)
{
	uint64_t v;

	if (!digits(l, UINT32_MAX, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

bool imap_lex_nz32(struct imap_lex *l, uint32_t *out)
{
	if (!imap_lex_u32(l, out))
		return false;
	return *out != 0 || imap_lex_fail(l, "Zero is not allowed here.");
}

bool imap_lex_u63(struct imap_lex *l, uint64_t *out)
{
	return digits(l, INT64_MAX, out);
}

bool imap_lex_literal_head(struct imap_lex *l, struct imap_literal *out)
{
	*out = (struct imap_literal){ .sync = true };
	if (imap_lex_peek(l) == '~') {
		out->binary = true;
		l->p++;
	}
	if (!imap_lex_char(l, '{') || !digits(l, UINT64_MAX, &out->size))
		return false;
	if (imap_lex_peek(l) == '+') {
		out->sync = false;
		l->p++;
	}
	if (!imap_lex_char(l, '}'))
		return false;
	if (imap_lex_peek(l) == '\r')
		l->p++;
	return imap_lex_char(l, '\n');
}

static bool literal(struct imap_lex *l, struct span *out)
{
	struct imap_literal head;

	if (!imap_lex_literal_head(l, &head))
		return false;
	if (head.size > (uint64_t)(l->end - l->p))
		return imap_lex_fail(l, "Literal not allowed here.");
	*out = (struct span){ l->p, (size_t)head.size };
	l->p += head.size;
	if (out->n > 0 && memchr(out->p, '\0', out->n))
		return imap_lex_fail(l, "NUL is not allowed.");
	return true;
}

/* Behind the opening quote.  Copied only if something was escaped. */
static bool quoted(struct imap_lex *l, struct span *out)
{
	const char *at = l->p;
	size_t escapes = 0, n = 0;
	char *copy;

	for (; l->p < l->end && *l->p != '"'; l->p++) {
		if (*l->p == '\\') {
			escapes++;
			if (++l->p == l->end || (*l->p != '"' && *l->p != '\\'))
				return imap_lex_fail(l, "Bad escape in a quoted string.");
		} else if (*l->p == '\r' || *l->p == '\n' || *l->p == '\0') {
			return imap_lex_fail(l, "Control character in a quoted string.");
		}
	}
	if (l->p == l->end)
		return imap_lex_fail(l, "Unterminated quoted string.");
	*out = (struct span){ at, (size_t)(l->p - at) };
	l->p++;
	if (escapes == 0)
		return true;
	copy = arena_alloc(l->arena, out->n - escapes + 1);
	for (size_t i = 0; i < out->n; i++) {
		if (at[i] == '\\')
			i++;
		copy[n++] = at[i];
	}
	*out = (struct span){ copy, n };
	return true;
}

bool imap_lex_string(struct imap_lex *l, struct span *out)
{
	switch (imap_lex_peek(l)) {
	case '"':
		l->p++;
		return quoted(l, out);
	case '{':
		return literal(l, out);
	default:
		return imap_lex_fail(l, "Expected a string.");
	}
}

static bool string_or(struct imap_lex *l, bool (*is)(int), struct span *out)
{
	int c = imap_lex_peek(l);

	if (c == '"' || c == '{')
		return imap_lex_string(l, out);
	return take(l, is, out, "Expected an argument.");
}

bool imap_lex_astring(struct imap_lex *l, struct span *out)
{
	return string_or(l, is_astring_char, out);
}

bool imap_lex_nstring(struct imap_lex *l, struct span *out)
{
	if (imap_lex_word(l, "NIL")) {
		*out = (struct span){ NULL, 0 };
		return true;
	}
	return imap_lex_string(l, out);
}

/* RFC 3501 5.1: INBOX is one name whatever its case. */
static void raise_inbox(char *name)
{
	if (strncasecmp(name, "INBOX", 5) == 0 && (name[5] == '\0' || name[5] == '/'))
		memcpy(name, "INBOX", 5);
}

/* No name holds two delimiters in a row. */
#define NOTHING_MATCHES "//"

static bool decode(struct imap_lex *l, struct span raw, char **out)
{
	l->bad_name = true;
	if (l->utf8) {
		if (!imap_utf8_valid(raw))
			return imap_lex_fail(l, "Mailbox name is not UTF-8.");
		*out = arena_strn(l->arena, raw.n ? raw.p : "", raw.n);
		l->bad_name = false;
		return true;
	}
	if (imap_utf7_decode(raw, l->arena, out) != ERR_OK)
		return imap_lex_fail(l, "Mailbox name is not modified UTF-7.");
	l->bad_name = false;
	return true;
}

bool imap_lex_mailbox(struct imap_lex *l, char **out)
{
	struct span raw;

	if (!imap_lex_astring(l, &raw) || !decode(l, raw, out))
		return false;
	raise_inbox(*out);
	return true;
}

bool imap_lex_list_mailbox(struct imap_lex *l, char **out)
{
	struct span raw;

	if (!string_or(l, is_list_char, &raw))
		return false;
	/* A pattern that no name can match is a pattern still. */
	if (!l->utf8 && imap_utf7_decode(raw, l->arena, out) != ERR_OK) {
		*out = arena_strn(l->arena, NOTHING_MATCHES, sizeof(NOTHING_MATCHES) - 1);
		return true;
	}
	return l->utf8 ? decode(l, raw, out) : true;
}
