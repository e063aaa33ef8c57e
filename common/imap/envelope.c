#include "common/imap/envelope.h"

static bool read_address(struct imap_lex *l, struct imap_address *out)
{
	struct span route;

	return imap_lex_char(l, '(') && imap_lex_nstring(l, &out->name) && imap_lex_sp(l) &&
	       imap_lex_nstring(l, &route) && imap_lex_sp(l) &&
	       imap_lex_nstring(l, &out->mailbox) && imap_lex_sp(l) &&
	       imap_lex_nstring(l, &out->host) && imap_lex_char(l, ')');
}

static bool skip_list(struct imap_lex *l)
{
	struct imap_address ad;

	if (imap_lex_word(l, "NIL"))
		return true;
	if (!imap_lex_char(l, '('))
		return false;
	while (imap_envelope_next(l, &ad))
		;
	return imap_lex_char(l, ')');
}

bool imap_envelope_open(struct imap_lex *l, struct span envelope, struct arena *a,
			enum imap_envelope_list which)
{
	struct span text;

	imap_lex_init(l, envelope, a);
	if (!imap_lex_char(l, '(') || !imap_lex_nstring(l, &text) || !imap_lex_sp(l) ||
	    !imap_lex_nstring(l, &text))
		return false;
	for (unsigned i = 0; i < (unsigned)which; i++)
		if (!imap_lex_sp(l) || !skip_list(l))
			return false;
	return imap_lex_sp(l) && imap_lex_peek(l) == '(' && imap_lex_char(l, '(');
}

bool imap_envelope_next(struct imap_lex *l, struct imap_address *out)
{
	if (imap_lex_peek(l) == ' ')
		l->p++;
	return imap_lex_peek(l) == '(' && read_address(l, out);
}
