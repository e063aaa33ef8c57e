#ifndef EDGE_INBOUND_H
#define EDGE_INBOUND_H
/*
 * inbound - what strangers may do on port 25
 *
 * Give mail to recipients that exist in accepted domains, and nothing else.  The
 * policy's ctx is a struct front_session whose role is the struct edge.
 */
#include "common/relay/server.h"

extern const struct smtp_server_policy inbound_policy;
#endif
