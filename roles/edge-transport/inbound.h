#ifndef EDGE_INBOUND_H
#define EDGE_INBOUND_H
/*
 * inbound - SMTP from the Internet
 *
 * Anybody may send, to recipients that the organisation knows or relays for, and
 * to nobody else.  Who asks for too many unknown ones is sent away.
 */
#include "common/relay/server.h"

extern const struct smtp_server_policy inbound_policy;	/* role: struct edge */
#endif
