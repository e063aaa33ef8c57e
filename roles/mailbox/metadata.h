#ifndef MAILBOX_METADATA_H
#define MAILBOX_METADATA_H
/*
 * metadata - annotations of folders and of the mailbox (RFC 5464); what is used of it
 *
 * "/shared/..." belongs to the folder, "/private/..." to the folder and one
 * principal.  Reading needs LOOKUP and one of the rights to do something in the
 * folder, changing what is shared WRITE (section 3.3).  What is shared of the mailbox
 * as a whole only a server may change.
 */
#include "common/api/store_meta.h"
#include "roles/mailbox/access.h"
#include "roles/mailbox/mailbox.h"
#include "roles/mailbox/tx.h"

struct meta_get_op {
	struct who who;
	const char *path;		/* "": the mailbox's own */
	bool all;			/* of all folders instead, */
	int64_t after;			/* from the one behind this fid on */
	const char *const *entries;	/* NULL-terminated, or NULL: nothing */
	unsigned depth;
	struct arena *arena;		/* what the result lives in */
	/* results; values are at most about META_PAGE bytes */
	struct store_meta *list;
	size_t n, bytes;
	int64_t more;			/* with `all`: the fid to go on behind; 0: done */
};
#define META_PAGE (96u << 10)
enum err metadata_get(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;

struct meta_set_op {
	struct who who;
	const char *path;
	const struct store_meta *list;	/* borrowed */
	size_t n;
	uint64_t cn;			/* result */
};
enum err metadata_set(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;

struct usage_op {
	struct open_op open;
	struct store_usage result;
};
enum err mailbox_usage(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;

/* "" is fid 0; NOTFOUND. */
enum err metadata_folder(struct db *db, struct arena *a, int64_t mbx, const char *path,
			 int64_t *fid, struct errbuf *eb) A_MUST_USE;
#endif
