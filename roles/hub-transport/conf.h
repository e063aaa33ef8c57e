#ifndef HUB_CONF_H
#define HUB_CONF_H
/* conf - the settings of bourse-hub's host; the organisation's are in the directory */
#include "common/conf/conf.h"
#include <stdbool.h>

struct hub_conf {
	char *listen, *endpoint;	/* bus */
	char **submission, **internal;	/* SMTP */
	char *hostname;
	char *certificate, *key, *client_ca;
	bool client_certs;
	char **nameservers;
	unsigned connections, per_source, outbound, per_domain;
	uint64_t disk_low, disk_high, max_queue;
	int64_t tarpit_ms, inactivity_ms, connection_ms;
	unsigned submit_rcpts, message_rate;
	int64_t track_ms;
	uint64_t track_size;
	uint64_t cache;
	unsigned poison, dns_cache;
	bool require_tls;
	const char *data_dir;		/* set by main() */
};

extern const struct conf_item hub_items[];
extern const size_t hub_n_items;
#endif
