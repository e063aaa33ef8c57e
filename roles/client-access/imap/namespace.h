#ifndef CAS_IMAP_NAMESPACE_H
#define CAS_IMAP_NAMESPACE_H
/*
 * namespace - which mailbox a client's path is in, and which path in it (RFC 2342)
 *
 *	INBOX, Sent Items, x/y		the user's own mailbox
 *	Other Users/bob/INBOX		bob's mailbox: INBOX
 *	Public Folders/Sales/2026	the mailbox of the public folder Sales: Sales/2026
 *
 * Every verb that takes a path asks here, so each knows for itself which server its
 * folder is on.  That a name is found says nothing about rights: the store does.
 */
#include "roles/client-access/imap/imap.h"
#include "roles/client-access/sharing.h"

#define NS_OTHERS "Other Users"
#define NS_PUBLIC "Public Folders"

struct ns_place {
	struct store_at at;
	const char *prefix;	/* before every path of that mailbox: "", "Other Users/bob/" */
	const char *path;	/* inside */
	bool own;		/* the user's own namespace */
};

/* Is it in another namespace than the user's own (or the root of one)? */
bool ns_is_elsewhere(const char *path);
/* What it says lives in the command's arena.  NOTFOUND: nobody is called so, or the
 * path ends before it comes to a folder.  AGAIN: its server is away. */
enum err ns_resolve(struct imap_session *s, const char *path, struct ns_place *out) A_MUST_USE;
/* The place of a mailbox itself, its path "". */
enum err ns_of_mailbox(struct imap_session *s, const struct shared *m, struct ns_place *out)
	A_MUST_USE;
/* The folder's path as the client knows it. */
const char *ns_path(struct imap_session *s, const struct ns_place *p, const char *path);

#endif
