#ifndef RELAY_OUTBOUND_H
#define RELAY_OUTBOUND_H
/*
 * outbound - the queue's mail to SMTP hosts outside
 *
 * Works the hops HOP_DOMAIN (by MX) and HOP_SMART.  Connections are kept for the
 * next message of the same hop, at most per_hop of them; hosts are tried in the
 * order of their preference until one takes a conversation.  TLS is tried
 * wherever it is offered and, unless required, done without where it fails.
 *
 * A hop none of whose hosts answers waits as retry.h says.  A domain that does not
 * exist, or says it takes no mail, fails at once.
 */
#include "common/dns/resolver.h"
#include "common/relay/poison.h"
#include "common/relay/queue.h"
#include "common/relay/retry.h"
#include "common/relay/track.h"
#include "common/tls/conn.h"

struct outbound;

struct outbound_route {
	uint16_t port;			/* 0: 25 */
	bool require_tls;
};

struct outbound_conf {
	uv_loop_t *loop;
	struct net *net;
	struct resolver *dns;
	struct queue *queue;
	struct track *track;
	struct poison *poison;		/* may be NULL */
	struct tls_ctx *tls;		/* opportunistic; NULL: plain only */
	struct tls_ctx *smart_tls;	/* to smart hosts, which may be servers of ours that
					 * want to see our certificate; NULL: as tls */
	const char *hostname;		/* to say EHLO with; borrowed */
	const struct retry_conf *retry;	/* borrowed */
	size_t total, per_hop;		/* connections */
	/* Settings for a hop, from the connector that leads there.  Optional. */
	void (*route)(void *ctx, const struct queue_hop *hop, struct outbound_route *out);
	/* A recipient was delivered to a host outside.  Optional. */
	void (*on_sent)(void *ctx);
	void *ctx;
};

struct outbound *outbound_new(const struct outbound_conf *conf);
void outbound_free(struct outbound **o);	/* after the queue */
void outbound_due(struct outbound *o, const struct queue_hop *hop);
void outbound_tick(struct outbound *o, int64_t mono_ms);	/* about once a second */
size_t outbound_connections(const struct outbound *o);
#endif
