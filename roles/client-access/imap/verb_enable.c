/* ENABLE (RFC 5161): what a client must ask for before the server does it. */
#include "roles/client-access/imap/imap.h"

static const struct {
	const char *name;
	unsigned modes;
	bool condstore;
} extensions[] = {
	{ "CONDSTORE", 0, true },
	{ "QRESYNC", MODE_QRESYNC, true },		/* RFC 7162 3.2.3 */
	{ "UIDONLY", MODE_UIDONLY, false },
	{ "UTF8=ACCEPT", MODE_UTF8, false },
	{ "IMAP4rev2", MODE_REV2 | MODE_UTF8, false },	/* RFC 9051 5.1: names in UTF-8 */
};

/* Unknown names are ignored. */
static void note(struct span name, bool done[N_ELEMS(extensions)])
{
	for (size_t i = 0; i < N_ELEMS(extensions); i++)
		if (span_is(name, extensions[i].name))
			done[i] = true;
}

enum next imap_verb_enable(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	bool done[N_ELEMS(extensions)] = { false };
	bool condstore = false;
	struct span name;

	do {
		if (!imap_lex_sp(l) || !imap_lex_atom(l, &name))
			return imap_bad(s);
		note(name, done);
	} while (imap_lex_peek(l) == ' ');
	if (!imap_lex_end(l))
		return imap_bad(s);
	out_str(s, "* ENABLED");
	for (size_t i = 0; i < N_ELEMS(extensions); i++) {
		if (!done[i])
			continue;
		s->modes |= extensions[i].modes;
		condstore |= extensions[i].condstore;
		out_fmt(s, " %s", extensions[i].name);
	}
	out_str(s, "\r\n");
	s->reader.utf8 = s->modes & MODE_UTF8;
	if (condstore)
		imap_condstore_on(s);
	return imap_finish(s, "OK Done.");
}

void imap_condstore_on(struct imap_session *s)
{
	if (!s->condstore && s->state == IN_SELECTED)
		out_fmt(s, "* OK [HIGHESTMODSEQ %llu] Highest.\r\n",
			(unsigned long long)s->view.highestmodseq);
	s->condstore = true;
}
