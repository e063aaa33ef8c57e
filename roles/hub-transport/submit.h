#ifndef HUB_SUBMIT_H
#define HUB_SUBMIT_H
/*
 * submit - SMTP from users (port 587) and from the organisation's hosts (port 25)
 *
 * A user authenticates under TLS and sends as an address of their own, or one they
 * have been given send-as for.  The internal port takes mail from servers of the
 * organisation, known by the TLS certificate they show, and from the trusted ranges:
 * both may relay.  Users may authenticate there too; all others are told 530 5.7.1.
 */
#include "common/relay/server.h"

extern const struct smtp_server_policy submit_policy;	/* role: struct hub; port 587 */
extern const struct smtp_server_policy internal_policy;	/* port 25 */
#endif
