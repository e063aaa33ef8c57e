#ifndef RELAY_BOUNCE_H
#define RELAY_BOUNCE_H
/*
 * bounce - the report a sender gets about a mail of theirs
 *
 * A report's identity is derived from the mail's and counts that mail's reports,
 * so a hub that makes the same report again, or another hub that was given the
 * same mail, makes the same identity.
 */
#include "common/relay/mail.h"

#define BOUNCE_DERIVED 64	/* reports of one mail with a derived identity */

struct bounce_conf {
	const char *hostname;
	const char *postmaster;		/* From: */
	struct spool *spool;
	enum hop_kind to;		/* where a report goes: HOP_SUBMIT, HOP_HUB */
	int64_t expire_ms;		/* told in delay notices */
};

/* m's recipients have action, status, diag and remote set; those that want no
 * report are passed over.  NOTFOUND: nobody wants one.  *used is how many of the
 * recipients are dealt with; a report names at most 300, the rest is for the next
 * one.  own: an identity for the case that derived ones are used up. */
enum err bounce_make(const struct bounce_conf *c, const struct mail *m,
		     const struct mail_id *own, int64_t now_ms, struct mail **out,
		     size_t *used, struct errbuf *eb) A_MUST_USE;
bool bounce_needs_own(const struct mail *m);
#endif
