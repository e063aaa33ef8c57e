#ifndef MAILBOX_PB_H
#define MAILBOX_PB_H
/*
 * pb - protobuf's lists and ours: for the rpc.c files of this role only, which have
 * included gen/store.pb-c.h before
 */
#include "roles/mailbox/call.h"
#include "roles/mailbox/runs.h"

/* Normalised, in the call's arena.  False: too many. */
bool pb_ranges(struct call *c, Store__UidRange *const *in, size_t n,
	       const struct uid_range **out, size_t *n_out);
Store__UidRange **pb_from_runs(struct call *c, const struct runs *l, size_t *n);
void pb_folder(Store__Folder *out, const struct store_folder *f);
Store__Folder **pb_folders(struct call *c, const struct store_folders *f, size_t *n);
#endif
