#include "common/imap/metadata.h"

#include "common/imap/write.h"

/* ---- names --------------------------------------------------------------------------- */

static bool is_name(const char *s, size_t n)
{
	if (n > IMAP_META_NAME || n == 0 || s[0] != '/' || s[n - 1] == '/')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] <= 0x20 || s[i] == 0x7f || s[i] == '*' || s[i] == '%')
			return false;
		if (s[i] == '/' && s[i + 1 < n ? i + 1 : i] == '/' && i + 1 < n)
			return false;
	}
	return strncmp(s, "/private", 8) == 0 ? n == 8 || s[8] == '/' :
	       strncmp(s, "/shared", 7) == 0  ? n == 7 || s[7] == '/' : false;
}

static bool entry(struct imap_lex *l, const char **out)
{
	struct span s;
	char *name;

	if (!imap_lex_astring(l, &s))
		return false;
	name = arena_strn(l->arena, s.n ? s.p : "", s.n);
	for (char *p = name; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p |= 0x20;
	*out = name;
	return is_name(name, s.n) || imap_lex_fail(l, "Expected an entry's name.");
}

bool imap_lex_meta_entries(struct imap_lex *l, const char ***out)
{
	const char **list = arena_alloc(l->arena, (IMAP_META_ENTRIES + 1) * sizeof(*list));
	size_t n = 0;

	*out = list;
	if (imap_lex_peek(l) != '(')
		return entry(l, &list[0]);
	l->p++;
	do {
		if (n > 0 && !imap_lex_sp(l))
			return false;
		if (n == IMAP_META_ENTRIES)
			return imap_lex_fail(l, "Too many entries.");
		if (!entry(l, &list[n++]))
			return false;
	} while (imap_lex_peek(l) != ')');
	l->p++;
	return true;
}

/* ---- GETMETADATA -------------------------------------------------------------------------- */

static bool option(struct imap_lex *l, struct imap_meta_get *out)
{
	if (imap_lex_word(l, "MAXSIZE")) {
		out->has_maxsize = true;
		return imap_lex_sp(l) && imap_lex_u63(l, &out->maxsize);
	}
	if (!imap_lex_word(l, "DEPTH"))
		return imap_lex_fail(l, "Expected MAXSIZE or DEPTH.");
	if (!imap_lex_sp(l))
		return false;
	if (imap_lex_word(l, "0"))
		out->depth = 0;
	else if (imap_lex_word(l, "1"))
		out->depth = 1;
	else if (imap_lex_word(l, "infinity"))
		out->depth = IMAP_META_ALL;
	else
		return imap_lex_fail(l, "Expected 0, 1 or infinity.");
	return true;
}

/* "(MAXSIZE 1 DEPTH 0) "; the parenthesis of a list of entries is left alone. */
static bool options(struct imap_lex *l, struct imap_meta_get *out)
{
	const char *at = l->p;

	if (imap_lex_peek(l) != '(')
		return true;
	l->p++;
	if (imap_lex_peek(l) == '/' || imap_lex_peek(l) == '"' || imap_lex_peek(l) == '{') {
		l->p = at;
		return true;
	}
	for (;;) {
		if (!option(l, out))
			return false;
		if (imap_lex_peek(l) == ')')
			break;
		if (!imap_lex_sp(l))
			return false;
	}
	l->p++;
	return imap_lex_sp(l);
}

bool imap_lex_getmetadata(struct imap_lex *l, struct imap_meta_get *out)
{
	*out = (struct imap_meta_get){ .depth = 0 };
	return imap_lex_sp(l) && options(l, out) && imap_lex_mailbox(l, &out->mailbox) &&
	       imap_lex_sp(l) && options(l, out) && imap_lex_meta_entries(l, &out->entries) &&
	       imap_lex_end(l);
}

/* ---- SETMETADATA --------------------------------------------------------------------------- */

static bool value(struct imap_lex *l, struct span *out)
{
	struct imap_literal head;

	if (imap_lex_peek(l) != '~')
		return imap_lex_nstring(l, out);
	if (!imap_lex_literal_head(l, &head))
		return false;
	if (head.size > (uint64_t)(l->end - l->p))
		return imap_lex_fail(l, "Literal not allowed here.");
	*out = (struct span){ l->p, (size_t)head.size };
	l->p += head.size;
	return true;
}

bool imap_lex_setmetadata(struct imap_lex *l, struct imap_meta_set *out)
{
	out->n = 0;
	if (!imap_lex_sp(l) || !imap_lex_mailbox(l, &out->mailbox) || !imap_lex_sp(l) ||
	    !imap_lex_char(l, '('))
		return false;
	do {
		struct imap_meta_value *v = &out->of[out->n];

		if (out->n > 0 && !imap_lex_sp(l))
			return false;
		if (out->n == IMAP_META_ENTRIES)
			return imap_lex_fail(l, "Too many entries.");
		if (!entry(l, &v->entry) || !imap_lex_sp(l) || !value(l, &v->value))
			return false;
		out->n++;
	} while (imap_lex_peek(l) != ')');
	l->p++;
	return imap_lex_end(l);
}

enum err imap_write_meta_value(struct buf *out, struct span value)
{
	enum err e;

	if (value.n == 0 || memchr(value.p, '\0', value.n) == NULL)
		return imap_write_nstring(out, value);
	e = imap_write_literal8_head(out, value.n);
	return e ? e : buf_add(out, value.p, value.n);
}
