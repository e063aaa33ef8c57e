#include "roles/mailbox/conf.h"

#include "common/base/attr.h"

#define C(member) offsetof(struct mailbox_conf, member)

const struct conf_item mailbox_conf_items[] = {
	{ "listen", CONF_STR, C(listen), "tcp://0.0.0.0:7002", 0, 0, 0,
	  "bus endpoint that this server binds" },
	{ "endpoint", CONF_STR, C(endpoint), "", 0, 0, 0,
	  "bus endpoint as other servers dial it; made from `listen` and the host's name if "
	  "empty" },
	{ "readers", CONF_UINT, C(readers), "2", 1, 16, 0,
	  "reading threads per mailbox database" },
	{ "workers", CONF_UINT, C(workers), "2", 1, 64, 0,
	  "threads that hash, compress and map messages" },
	{ "cache.writer", CONF_SIZE, C(writer_cache), "32M", 1 << 20, 0, 0,
	  "page cache of a database's writer; given back when idle" },
	{ "cache.reader", CONF_SIZE, C(reader_cache), "8M", 1 << 18, 0, 0,
	  "page cache of each reading thread; given back when idle" },
	{ "memory.uploads", CONF_SIZE, C(upload_memory), "128M", 4 << 20, 0, CONF_LIVE,
	  "memory for messages on their way in; above it deliveries are asked to wait" },
	{ "message.max", CONF_SIZE, C(max_message), "512M", 1 << 20, 0, CONF_LIVE,
	  "largest message stored, whoever brings it" },
	{ "disk-low", CONF_SIZE, C(disk_low), "200M", 0, 0, CONF_LIVE,
	  "what deleting needs: with less free space nothing is added to a database" },
	{ "quota.warn", CONF_SIZE, C(quota_warn), "1991680K", 0, 0, 0,
	  "warn above, where neither mailbox nor database say otherwise" },
	{ "quota.send", CONF_SIZE, C(quota_send), "2097152K", 0, 0, 0, "no sending above" },
	{ "quota.receive", CONF_SIZE, C(quota_recv), "2411520K", 0, 0, 0, "no receiving above" },
	{ "keep.deleted-items", CONF_DURATION, C(keep_deleted_ms), "14d", 0, 0, CONF_LIVE,
	  "how long deleted messages can be restored" },
	{ "keep.deleted-mailboxes", CONF_DURATION, C(keep_mailbox_ms), "30d", 0, 0, CONF_LIVE,
	  "how long a disconnected mailbox can be reconnected" },
	{ "keep.every", CONF_DURATION, C(keep_every_ms), "5m", 1000, 0, 0,
	  "how often the housekeeper looks for what is due" },
};
const size_t mailbox_conf_n_items = N_ELEMS(mailbox_conf_items);
