#ifndef UM_CONF_H
#define UM_CONF_H
/* conf - the settings of bourse-um; their meaning is in conf.c's table */
#include "common/conf/conf.h"
#include <stdbool.h>

struct um_conf {
	char **udp, **tcp, **tls;
	char *hostname, *cert, *key, *client_ca;
	unsigned rtp_min, rtp_max;
	unsigned max_calls, per_second;
	unsigned workers;
};

extern const struct conf_item um_conf_items[];
extern const size_t um_conf_n_items;
enum err um_conf_check(const void *conf, struct errbuf *eb) A_MUST_USE;
#endif
