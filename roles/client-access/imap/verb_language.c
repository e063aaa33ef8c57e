/* LANGUAGE (RFC 5255 section 3): in which language tagged responses are. */
#include "roles/client-access/imap/imap.h"
#include "roles/client-access/imap/language.h"

#include "common/imap/write.h"

enum next imap_verb_language(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	enum language found = LANGUAGE_COUNT;
	struct span range;

	if (imap_lex_peek(l) != ' ') {
		if (!imap_lex_end(l))
			return imap_bad(s);
		out_str(s, "* LANGUAGE (");
		for (unsigned i = 0; i < LANGUAGE_COUNT; i++)
			out_fmt(s, "%s%s", i ? " " : "", language_tags[i]);
		out_str(s, ")\r\n");
		return imap_finish(s, "OK Done.");
	}
	do {			/* the first that we know */
		if (!imap_lex_sp(l) || !imap_lex_astring(l, &range))
			return imap_bad(s);
		if (found == LANGUAGE_COUNT)
			found = language_find(range);
	} while (imap_lex_peek(l) == ' ');
	if (!imap_lex_end(l))
		return imap_bad(s);
	if (found == LANGUAGE_COUNT)
		return imap_finish(s, "NO [CANNOT] That language is not spoken here.");
	s->language = found;
	out_fmt(s, "* LANGUAGE (%s)\r\n", language_tags[found]);
	return imap_finish(s, "OK Done.");
}
