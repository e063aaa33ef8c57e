#ifndef CAS_NOTIFY_META_H
#define CAS_NOTIFY_META_H
/*
 * notify_meta - which annotations changed, for NOTIFY (RFC 5465 5.6, 5.7)
 *
 * The store says that something in a mailbox is new, not what: so the names of all its
 * annotations are kept with a hash of each value, and read again after a hint.  A
 * mailbox has at most META_MAILBOX bytes of them.
 */
#include "roles/client-access/imap/imap.h"

struct meta_item {
	char *path, *entry;		/* path "": of the server */
	uint8_t hash[16];		/* of the value */
};

struct notify_meta {
	struct meta_item *old, *new;	/* old: sorted */
	size_t n_old, n_new, cap;
	char *after;			/* the page that is asked for */
	bool server;			/* those of the mailbox as a whole are asked for */
	bool tell;
	imap_work_fn *then;
	/* Is a change of this path's annotations to be told? */
	bool (*wants)(const struct imap_session *s, const char *path);
};

/* Read them all over s->at, say what differs (if tell), then then(s).  A store that is
 * away changes and says nothing. */
enum next notify_meta_read(struct imap_session *s, struct notify_meta *m, bool tell,
			   imap_work_fn *then);
void notify_meta_fini(struct notify_meta *m);
#endif
