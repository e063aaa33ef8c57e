#ifndef RELAY_REPORT_H
#define RELAY_REPORT_H
/*
 * report - telling senders: what failed, what is late, what is given up
 *
 * Works HOP_REPORT, and the queue's expired and late messages.  A report goes into
 * the queue in the transaction that forgets the recipients it is about.
 */
#include "common/relay/route.h"
#include "common/relay/rpc.h"

struct report;

struct report_conf {
	struct relay *relay;
	const char *hostname;		/* borrowed */
	enum hop_kind to;		/* where reports go: HOP_SUBMIT, or an edge's HOP_HUB */
	const struct route *(*route)(void *ctx);
	/* Change where a report goes.  Optional. */
	void (*reroute)(void *ctx, struct mail *report, int64_t now_ms);
	void (*on_report)(void *ctx);	/* both optional, for figures */
	void (*on_failed)(void *ctx);
	int64_t (*now)(void *ctx);	/* wall clock of tests; NULL: the real one */
	void *ctx;
};

struct report *report_new(const struct report_conf *conf);
void report_free(struct report **p);		/* after the queue */
void report_due(struct report *p, const struct queue_hop *hop);
#endif
