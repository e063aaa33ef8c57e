/* search_saved - "$", the last result that was saved (RFC 5182)
 *
 * It is kept by UIDs, so that EXPUNGE needs nothing: a UID that is gone names no
 * message any more. */
#include "roles/client-access/imap/search.h"

#include <stdlib.h>

#define MAX_SAVED 65536u	/* ranges; 512 KiB */

void saved_clear(struct imap_session *s)
{
	free(s->saved.r);
	s->saved.r = NULL;
	s->saved.n = 0;
}

enum err saved_keep(struct imap_session *s, const struct imap_seqset *uids)
{
	saved_clear(s);
	if (uids->n > MAX_SAVED)
		return ERR_LIMIT;
	if (uids->n == 0)
		return ERR_OK;
	s->saved.r = xcalloc(uids->n, sizeof(*s->saved.r));
	for (size_t i = 0; i < uids->n; i++)
		s->saved.r[i] = (struct uid_range){ uids->r[i].first, uids->r[i].last };
	s->saved.n = uids->n;
	return ERR_OK;
}

bool saved_has(const struct imap_session *s, uint32_t uid)
{
	size_t lo = 0, hi = s->saved.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->saved.r[mid].last < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->saved.n && s->saved.r[lo].first <= uid;
}
