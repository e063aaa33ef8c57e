#ifndef IMAP_NOTIFY_H
#define IMAP_NOTIFY_H
/*
 * notify - the arguments of NOTIFY (RFC 5465 section 8)
 *
 * Beyond the grammar: flag changes are asked for together with new and expunged
 * messages, and those two together; at most one group is about the selected mailbox,
 * and that one only about messages.  Events may stand without parentheses, as in the
 * RFC's own examples.
 */
#include "common/imap/lex.h"
#include <stdbool.h>
#include <stddef.h>

enum imap_event {
	IMAP_EVENT_NEW = 1,
	IMAP_EVENT_EXPUNGE = 2,
	IMAP_EVENT_FLAGS = 4,
	IMAP_EVENT_NAME = 8,
	IMAP_EVENT_SUBSCRIPTION = 16,
	IMAP_EVENT_META = 32,
	IMAP_EVENT_SERVER_META = 64,	/* whatever mailboxes its group is about */
};
#define IMAP_EVENT_MESSAGES (IMAP_EVENT_NEW | IMAP_EVENT_EXPUNGE | IMAP_EVENT_FLAGS)
/* All of them, for BADEVENT. */
#define IMAP_EVENT_NAMES "MessageNew MessageExpunge FlagChange MailboxName " \
			 "SubscriptionChange MailboxMetadataChange ServerMetadataChange"

enum imap_boxes {
	IMAP_BOXES_SELECTED, IMAP_BOXES_SELECTED_DELAYED, IMAP_BOXES_INBOXES,
	IMAP_BOXES_PERSONAL, IMAP_BOXES_SUBSCRIBED, IMAP_BOXES_SUBTREE, IMAP_BOXES_NAMED
};

#define IMAP_NOTIFY_GROUPS 16
#define IMAP_NOTIFY_PATHS  256		/* of one group */

struct imap_notify_group {
	enum imap_boxes boxes;
	char **paths;			/* SUBTREE, NAMED: UTF-8, in the arena */
	size_t n_paths;
	unsigned events;		/* enum imap_event; 0: NONE */
};

struct imap_notify {
	bool on;			/* SET, not NONE */
	bool status;
	bool bad_event;			/* one that we do not know is asked for */
	struct imap_notify_group groups[IMAP_NOTIFY_GROUPS];
	size_t n;
	/* "(UID BODY.PEEK[...])" of MessageNew in the group of the selected mailbox, as it
	 * stands in the command; n 0: none. */
	struct span fetch;
};

/* What stands behind NOTIFY, to the end of the command. */
bool imap_lex_notify(struct imap_lex *l, struct imap_notify *out) A_MUST_USE;
#endif
