#include "roles/unified-messaging/message/address.h"

#include "common/api/object.h"

#include <stdio.h>
#include <string.h>

void address_note(const struct object *mailbox, struct note *n)
{
	const char *to = object_text(mailbox, OBJ_EMAIL), *name = object_text(mailbox, OBJ_DISPLAY);
	const char *at = to ? strrchr(to, '@') : NULL;

	n->mailbox = mailbox->guid;
	NOTE_SET(n, to, to ? to : "");
	NOTE_SET(n, to_name, name ? name : object_text(mailbox, OBJ_NAME));
	/* Who answers mail of ours is whoever reads postmaster's mail. */
	snprintf(n->from, sizeof(n->from), "postmaster%s", at ? at : "@localhost");
}
