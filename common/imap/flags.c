#include "common/imap/flags.h"

static const struct {
	const char *name;
	unsigned bit;
} names[] = {
	{ "\\Answered", IMAP_ANSWERED }, { "\\Flagged", IMAP_FLAGGED },
	{ "\\Deleted", IMAP_DELETED },	 { "\\Seen", IMAP_SEEN },
	{ "\\Draft", IMAP_DRAFT },	 { "\\Recent", IMAP_RECENT },
};

static void system_flag(struct imap_flags *f, struct span name)
{
	for (size_t i = 0; i < N_ELEMS(names); i++)
		if (span_is(name, names[i].name + 1) && names[i].bit != IMAP_RECENT)
			f->system |= names[i].bit;
}

static bool keyword(struct imap_lex *l, struct imap_flags *f, struct span name)
{
	if (name.n > IMAP_MAX_KEYWORD)
		return imap_lex_fail(l, "Keyword too long.");
	for (size_t i = 0; i < f->n_keywords; i++)
		if (f->keywords[i].n == name.n &&
		    strncasecmp(f->keywords[i].p, name.p, name.n) == 0)
			return true;
	if (f->n_keywords == IMAP_MAX_KEYWORDS)
		return imap_lex_fail(l, "Too many keywords.");
	if (f->keywords == NULL)
		f->keywords = arena_alloc(l->arena,
					  IMAP_MAX_KEYWORDS * sizeof(*f->keywords));
	f->keywords[f->n_keywords++] = name;
	return true;
}

static bool flag(struct imap_lex *l, struct imap_flags *f)
{
	struct span name;

	if (imap_lex_peek(l) == '\\') {
		l->p++;
		if (!imap_lex_atom(l, &name))
			return false;
		system_flag(f, name);
		return true;
	}
	return imap_lex_atom(l, &name) && keyword(l, f, name);
}

bool imap_lex_flags(struct imap_lex *l, bool bare, struct imap_flags *out)
{
	bool paren = imap_lex_peek(l) == '(';

	*out = (struct imap_flags){ 0 };
	if (paren)
		l->p++;
	else if (!bare)
		return imap_lex_fail(l, "Expected a list of flags.");
	if (paren && imap_lex_peek(l) == ')') {
		l->p++;
		return true;
	}
	do {
		if (!flag(l, out))
			return false;
	} while (imap_lex_peek(l) == ' ' && l->p++);
	return !paren || imap_lex_char(l, ')');
}

enum err imap_write_flags(struct buf *out, unsigned system, const struct span *keywords,
			  size_t n_keywords)
{
	enum err e = buf_addc(out, '(');
	const char *sep = "";

	for (size_t i = 0; i < N_ELEMS(names) && !e; i++) {
		if ((system & names[i].bit) == 0)
			continue;
		e = buf_adds(out, sep);
		if (!e)
			e = buf_adds(out, names[i].name);
		sep = " ";
	}
	for (size_t i = 0; i < n_keywords && !e; i++) {
		e = buf_adds(out, sep);
		if (!e)
			e = buf_add(out, keywords[i].p, keywords[i].n);
		sep = " ";
	}
	return e ? e : buf_addc(out, ')');
}
