#ifndef MAILBOX_CONF_H
#define MAILBOX_CONF_H
/* conf - the settings of bourse-mailbox */
#include "common/conf/conf.h"

struct mailbox_conf {
	char *listen, *endpoint;
	unsigned readers, workers;
	uint64_t writer_cache, reader_cache, upload_memory;
	uint64_t quota_warn, quota_send, quota_recv;
	int64_t keep_deleted_ms, keep_mailbox_ms, keep_every_ms;
	uint64_t max_message, disk_low;
};

extern const struct conf_item mailbox_conf_items[];
extern const size_t mailbox_conf_n_items;
#endif
