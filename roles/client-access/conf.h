#ifndef CAS_CONF_H
#define CAS_CONF_H
/* conf - the settings of bourse-cas; their meaning is in conf.c's table */
#include "common/conf/conf.h"
#include <stdbool.h>

struct cas_conf {
	char **imap, **imaps, **pop3, **pop3s;
	char *hostname;
	char *cert, *key, *client_ca;
	bool client_certs;
	bool plaintext_login;
	uint64_t max_message;
	unsigned max_connections, per_source, per_user;
	unsigned auth_threads, auth_queue;
	int64_t idle_ms, login_ms, pop3_delay_ms;
};

extern const struct conf_item cas_conf_items[];
extern const size_t cas_conf_n_items;
enum err cas_conf_check(const void *conf, struct errbuf *eb) A_MUST_USE;
#endif
