#ifndef CAS_NOTIFY_H
#define CAS_NOTIFY_H
/*
 * notify - news of other folders, and of the selected one without IDLE (RFC 5465)
 *
 * The folders of the user's own mailbox are remembered as the client was last told of
 * them, 48 bytes and a path each; after a hint of the store they are listed again and
 * what differs is said, whenever no command runs.  Mailboxes of others are not followed.
 * With more than NOTIFY_FOLDERS folders the client is told of an overflow.
 *
 * What MessageNew wants to know of a new message is answered by a UID FETCH that the
 * session gives to itself, with a reader of its own; the client's, which may hold half
 * a command or IDLE, is kept meanwhile.
 */
#include "roles/client-access/imap/imap.h"

#define NOTIFY_FOLDERS 20000

struct notify;

/* May the client be told of the selected folder while it idles? */
bool notify_allows_idle(const struct imap_session *s);
/* Does it want to know of changed flags there? */
bool notify_wants_flags(const struct imap_session *s);
/* The client was told of these new messages of the selected folder. */
void notify_fresh(struct imap_session *s, uint32_t first, uint32_t last);
/* Nothing is to be read now: is there something to say?  WAIT: no. */
enum next notify_tell(struct imap_session *s);
/* A hint came for the selected folder; pumps if the session has nothing else to do. */
void notify_news(struct imap_session *s);
/* A command of the client has ended: what it did to folders needs no telling. */
void notify_note(struct imap_session *s);
/* STEP_REPLY of the session's own FETCH. */
enum next notify_fetched(struct imap_session *s);
void notify_free(struct imap_session *s);

struct notify_meta;
struct notify_meta *notify_meta_of(struct imap_session *s);	/* for notify_meta.c */
#endif
