#ifndef MAILBOX_PRINCIPAL_H
#define MAILBOX_PRINCIPAL_H
/*
 * principal - what the directory says of somebody who asks: his groups, and the
 * mailboxes that he, or one of them, has full access to
 *
 * The mailbox server resolves this from its own replica, so that no caller has to
 * be believed and a call carries one GUID.  Answers are kept until the directory
 * changes; the owner of a mailbox never needs one.  The loop's.
 */
#include "roles/mailbox/access.h"
#include "roles/mailbox/role.h"

enum { PRINCIPAL_GROUPS = 256, PRINCIPAL_FULL = 256 };

/* Fills who's groups and full; groups are copied into a. */
void principal_resolve(struct role *st, struct who *w, struct arena *a);
/* A recipient or group changed, or anything may have. */
void principal_forget(struct role *st);
#endif
