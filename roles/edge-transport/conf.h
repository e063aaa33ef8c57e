#ifndef EDGE_CONF_H
#define EDGE_CONF_H
/* conf - the settings of bourse-edge's host; the organisation's are in the directory */
#include "common/conf/conf.h"
#include <stdbool.h>

struct edge_conf {
	char *listen, *endpoint;	/* bus */
	char **smtp;
	char *hostname;
	char *certificate, *key;
	char **nameservers;
	unsigned connections, per_source, outbound, per_domain;
	uint64_t disk_low, disk_high, max_queue;
	int64_t tarpit_ms, inactivity_ms, connection_ms;
	unsigned recipients, protocol_errors, message_rate;
	uint64_t max_header;
	unsigned unknowns;
	int64_t unknown_window_ms, unknown_block_ms;
	int64_t track_ms;
	uint64_t track_size;
	unsigned poison, dns_cache;
	uint64_t cache;
	const char *data_dir;		/* set by main() */
};

extern const struct conf_item edge_items[];
extern const size_t edge_n_items;
#endif
