#include "roles/edge-transport/conf.h"

#include "common/base/attr.h"

#define C(m) offsetof(struct edge_conf, m)

const struct conf_item edge_items[] = {
	{ "listen", CONF_STR, C(listen), "tcp://0.0.0.0:7004", 0, 0, 0,
	  "where hubs connect" },
	{ "endpoint", CONF_STR, C(endpoint), "", 0, 0, 0,
	  "what hubs dial; empty: as the subscription says" },
	{ "smtp", CONF_LIST, C(smtp), "*:25", 0, 32, 0, "addresses for mail from the Internet" },
	{ "hostname", CONF_STR, C(hostname), "localhost.localdomain", 1, 250, 0,
	  "the name in greetings and Received fields, and what EHLO says" },
	{ "certificate", CONF_PATH, C(certificate), "cert.pem", 0, 0, 0,
	  "PEM chain; made, self-signed, if it does not exist" },
	{ "key", CONF_PATH, C(key), "key.pem", 0, 0, 0, "PEM private key" },
	{ "nameserver", CONF_LIST, C(nameservers), "", 0, 8, 0,
	  "DNS servers, address[:port]; none: those of the system" },
	{ "connections", CONF_UINT, C(connections), "5000", 1, 100000, CONF_LIVE,
	  "SMTP connections at a time" },
	{ "per-source", CONF_UINT, C(per_source), "100", 0, 100000, CONF_LIVE,
	  "... of them from one address; 0: no limit" },
	{ "outbound-connections", CONF_UINT, C(outbound), "1000", 1, 10000, 0,
	  "SMTP connections to other hosts at a time" },
	{ "outbound-per-domain", CONF_UINT, C(per_domain), "20", 1, 1000, 0,
	  "... of them for one next hop" },
	{ "disk-low", CONF_SIZE, C(disk_low), "500M", 0, 0, CONF_LIVE,
	  "below this much free space nothing is accepted (452 4.3.1)" },
	{ "disk-high", CONF_SIZE, C(disk_high), "700M", 0, 0, CONF_LIVE,
	  "above this much free space mail is accepted again" },
	{ "max-queue", CONF_SIZE, C(max_queue), "64G", 1 << 20, 0, CONF_LIVE,
	  "above this much content in the queue nothing is accepted" },
	{ "tarpit", CONF_DURATION, C(tarpit_ms), "5s", 0, 60000, 0, "delay before a refusal" },
	{ "inactivity", CONF_DURATION, C(inactivity_ms), "1m", 1000, 0, 0,
	  "a client that says nothing is cut off after" },
	{ "connection-time", CONF_DURATION, C(connection_ms), "5m", 1000, 0, 0,
	  "a connection lasts at most" },
	{ "recipients", CONF_UINT, C(recipients), "200", 1, 1000, 0,
	  "recipients of one message, then 452 4.5.3" },
	{ "message-rate", CONF_UINT, C(message_rate), "600", 0, 1000000, 0,
	  "messages a minute of one connection; 0: no limit" },
	{ "unknown-budget", CONF_UINT, C(unknown_budget), "50", 0, 1000000, 0,
	  "unknown recipients that one address may ask for within unknown-window, then "
	  "421; 0: no limit" },
	{ "unknown-window", CONF_DURATION, C(unknown_window_ms), "10m", 1000, 0, 0,
	  "how long they count" },
	{ "track-age", CONF_DURATION, C(track_ms), "30d", 86400000, 0, 0,
	  "how long the tracking log goes back" },
	{ "track-size", CONF_SIZE, C(track_size), "256M", 1 << 20, 0, 0,
	  "... and how large it may be" },
	{ "cache", CONF_SIZE, C(cache), "2M", 1 << 18, 0, 0, "page cache of the queue's database" },
};
const size_t edge_n_items = N_ELEMS(edge_items);
