#include "common/imap/write.h"

#include "common/imap/lex.h"
#include "common/imap/utf7.h"

#define MAX_QUOTED 1000

enum err imap_write_literal_head(struct buf *out, uint64_t n)
{
	enum err e = buf_addc(out, '{');

	if (!e)
		e = buf_addu(out, n);
	return e ? e : buf_adds(out, "}\r\n");
}

enum err imap_write_literal8_head(struct buf *out, uint64_t n)
{
	enum err e = buf_addc(out, '~');

	return e ? e : imap_write_literal_head(out, n);
}

static bool quotable(struct span s, bool utf8)
{
	if (s.n > MAX_QUOTED)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		const unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f || (c > 0x7f && !utf8))
			return false;
	}
	return true;
}

static enum err quoted(struct buf *out, struct span s)
{
	enum err e = buf_reserve(out, 2 * s.n + 2);
	char *o;

	if (e)
		return e;
	o = out->data + out->len;
	*o++ = '"';
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			*o++ = '\\';
		*o++ = s.p[i];
	}
	*o++ = '"';
	buf_grown(out, (size_t)(o - (out->data + out->len)));
	return ERR_OK;
}

static enum err literal(struct buf *out, struct span s)
{
	enum err e = imap_write_literal_head(out, s.n);
	size_t at = out->len;

	if (!e)
		e = buf_add(out, s.p, s.n);
	if (e)
		return e;
	for (char *p = out->data + at, *end = p + s.n;
	     p < end && (p = memchr(p, '\0', (size_t)(end - p))) != NULL;)
		*p++ = '?';
	return ERR_OK;
}

enum err imap_write_string(struct buf *out, struct span s)
{
	return quotable(s, false) ? quoted(out, s) : literal(out, s);
}

enum err imap_write_nstring(struct buf *out, struct span s)
{
	return s.p ? imap_write_string(out, s) : buf_adds(out, "NIL");
}

enum err imap_write_astring(struct buf *out, struct span s)
{
	bool atom = s.n > 0 && s.n <= MAX_QUOTED && !span_is(s, "NIL");

	for (size_t i = 0; i < s.n && atom; i++)
		atom = imap_is_atom_char((unsigned char)s.p[i]);
	return atom ? buf_add(out, s.p, s.n) : imap_write_string(out, s);
}

enum err imap_write_utf8(struct buf *out, struct span s)
{
	bool ascii = true;

	for (size_t i = 0; i < s.n && ascii; i++)
		ascii = (unsigned char)s.p[i] < 0x80;
	if (ascii)
		return imap_write_astring(out, s);
	return quotable(s, true) ? quoted(out, s) : literal(out, s);
}

enum err imap_write_mailbox(struct buf *out, const char *utf8)
{
	struct arena a = { 0 };
	char *wire;
	enum err e = imap_utf7_encode(span_of(utf8), &a, &wire);

	if (!e)
		e = imap_write_astring(out, span_of(wire));
	arena_fini(&a);
	return e;
}
