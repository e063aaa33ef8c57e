#ifndef MAILBOX_ORDER_H
#define MAILBOX_ORDER_H
/*
 * order - the messages of a folder in the order a client asked for (RFC 5256, 5957)
 *
 * Keys are made of the store's columns and compare by i;unicode-casemap; of a text the
 * first ORDER_TEXT bytes of its key count.  Rows are read in pages of READ_MS, so that
 * the answer may be of several moments.  Memory: that of one sorter.
 */
#include "common/api/store_search.h"
#include "common/base/buf.h"
#include "roles/mailbox/access.h"
#include "roles/mailbox/message.h"

#define ORDER_TEXT 400u

struct sorter;

struct order_op {
	struct who who;
	uint64_t fid;
	const struct uid_range *uids;	/* normalised; n 0: all */
	size_t n_uids;
	uint8_t keys[STORE_SORT_KEYS];	/* enum store_sort_key, STORE_SORT_REVERSE */
	size_t n_keys;
	const char *folder;		/* where a file may be made */
	/* position, zero at first */
	struct sorter *sorter;
	size_t at;
	uint32_t after;
	bool begun, sorted;
	struct arena arena;		/* of the row in hand */
	struct buf key, text;
	/* results: uids, little endian, of this page; the caller clears it */
	struct buf out;
	uint32_t n;
	bool done;
};
void order_init(struct order_op *op);
void order_fini(struct order_op *op);
enum err order_page(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;	/* a read_fn */
#endif
