#ifndef HUB_RCPTCACHE_H
#define HUB_RCPTCACHE_H
/*
 * rcptcache - recipients that were plain mailboxes the last time
 *
 * Only mailboxes that anybody may send any size to, and that forward nowhere, are
 * remembered.  Any change of the directory empties it.  Bounded: when full it is
 * emptied.
 */
#include "common/api/object.h"
#include "common/base/guid.h"

struct rcptcache;

struct rcptcache_entry {
	struct guid mailbox;
	char database[GUID_TEXT];
};

struct rcptcache *rcptcache_new(size_t max);
void rcptcache_free(struct rcptcache **c);
const struct rcptcache_entry *rcptcache_get(const struct rcptcache *c, const char *address);
/* Remembers o under this address if it qualifies. */
void rcptcache_put(struct rcptcache *c, const char *address, const struct object *o);
void rcptcache_clear(struct rcptcache *c);
#endif
