/* SEARCH and UID SEARCH: RFC 9051 6.4.4, ESEARCH (4731), WITHIN (5032), SEARCHRES (5182) */
#include "roles/client-access/imap/search.h"

enum next imap_verb_search(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct search_run *r = search_new(s);

	if (!imap_lex_sp(l))
		return imap_bad(s);
	r->program = (struct span){ l->p, (size_t)(l->end - l->p) };
	if (!imap_lex_search(l, &r->q))
		return imap_bad(s);
	if ((s->modes & MODE_UTF8) && r->q.charset.p)	/* RFC 6855 section 3 */
		return imap_finish(s, "BAD No CHARSET with UTF8=ACCEPT.");
	if ((r->q.returns & IMAP_RETURN_UPDATE) && context_is_used(s))
		return imap_finish(s, "BAD A context has this tag already.");
	if (!r->q.esearch && (s->modes & MODE_REV2)) {	/* RFC 9051 6.4.4 */
		r->q.esearch = true;
		r->q.returns = IMAP_RETURN_ALL;
	}
	if (!search_texts(s, r))
		return NEXT_MORE;
	return search_start(s, r, search_say);
}
