/* REPLACE (RFC 8508): a message of the selected folder makes way for a new one. */
#include "roles/client-access/imap/append.h"

bool append_replaces(struct imap_session *s)
{
	struct append_run *r = s->run;
	uint32_t n = r->parse.number;

	if (n == UINT32_MAX)
		r->replace_uid = uid_map_last(s->view.map);
	else if (!s->reader.cmd.uid)
		r->replace_uid = uid_map_uid(s->view.map, n);
	else
		r->replace_uid = uid_map_seq(s->view.map, n) ? n : 0;
	if (r->replace_uid == 0)
		append_fail(s, s->reader.cmd.uid ? "NO [NONEXISTENT] No such message." :
						   "BAD No such message.");
	return r->replace_uid != 0;
}

enum next imap_verb_replace(struct imap_session *s)
{
	return imap_verb_append(s);
}
