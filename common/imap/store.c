#include "common/imap/store.h"

static bool modifiers(struct imap_lex *l, struct imap_store *out)
{
	l->p++;			/* '(' */
	do {
		if (!imap_lex_word(l, "UNCHANGEDSINCE"))
			return imap_lex_fail(l, "Unknown STORE modifier.");
		if (out->has_unchanged_since)
			return imap_lex_fail(l, "UNCHANGEDSINCE given twice.");
		if (!imap_lex_sp(l) || !imap_lex_u63(l, &out->unchanged_since))
			return false;
		out->has_unchanged_since = true;
	} while (imap_lex_peek(l) == ' ' && l->p++);
	return imap_lex_char(l, ')') && imap_lex_sp(l);
}

bool imap_lex_store(struct imap_lex *l, struct imap_store *out)
{
	*out = (struct imap_store){ .how = IMAP_STORE_REPLACE };
	if (imap_lex_peek(l) == '(' && !modifiers(l, out))
		return false;
	if (imap_lex_peek(l) == '+' || imap_lex_peek(l) == '-')
		out->how = *l->p++ == '+' ? IMAP_STORE_ADD : IMAP_STORE_REMOVE;
	if (imap_lex_word(l, "FLAGS.SILENT"))
		out->silent = true;
	else if (!imap_lex_word(l, "FLAGS"))
		return imap_lex_fail(l, "Expected FLAGS.");
	return imap_lex_sp(l) && imap_lex_flags(l, true, &out->flags) && imap_lex_end(l);
}
