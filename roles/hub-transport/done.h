#ifndef HUB_DONE_H
#define HUB_DONE_H
/* done - telling the stores which identities nobody holds any more */
#include "common/base/guid.h"
#include <stdint.h>

struct hub;

/* Identities of root, and of what was derived from them, below seq: forget what
 * the queue remembers of them and tell every mailbox server that is connected.
 * Telling is a help, not a duty: who is away hears a later one. */
void done_below(struct hub *h, const struct guid *root, uint64_t seq);
#endif
