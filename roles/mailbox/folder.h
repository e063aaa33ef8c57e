#ifndef MAILBOX_FOLDER_H
#define MAILBOX_FOLDER_H
/*
 * folder - the tree of a mailbox
 *
 * parent_fid 0 is the top.  A folder with a role (inbox, drafts, sent, trash,
 * junk, archive) cannot be deleted or moved; others can, when nothing is below
 * them.  INBOX cannot be renamed: renaming it moves its messages (RFC 3501
 * section 6.3.5).
 */
#include "common/api/store.h"
#include "roles/mailbox/access.h"
#include "roles/mailbox/name.h"
#include "roles/mailbox/tx.h"

#define FOLDERS_MAX 10000	/* of a mailbox */

enum err folder_by_path(struct db *db, int64_t mbx, const struct path *p, size_t depth,
			int64_t *fid, struct errbuf *eb) A_MUST_USE;
enum err folder_by_role(struct db *db, int64_t mbx, const char *role, int64_t *fid,
			struct errbuf *eb) A_MUST_USE;

/* A new folder below parent. */
enum err folder_add(struct tx *tx, struct mbx_row *m, int64_t parent, const char *name,
		    const char *key, const char *role, int64_t *fid, struct errbuf *eb) A_MUST_USE;
/* The folder itself changed (name, rights): a new cn and the mailbox's state. */
enum err folder_changed(struct tx *tx, struct mbx_row *m, int64_t fid,
			struct errbuf *eb) A_MUST_USE;

/* ---- operations of the writer ----------------------------------------------------- */

struct folder_op {
	struct who who;
	const char *path, *to, *role;	/* borrowed until done; role may be NULL */
	bool on;
	bool elsewhere;			/* subscribe: the path is not of this mailbox */
	/* results */
	int64_t fid;
	uint64_t cn;
};

/* Makes missing parents.  EXISTS; a role that another folder has is EXISTS too. */
enum err folder_create(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;
enum err folder_rename(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;	/* path, to */
/* EXISTS: folders below; DENIED: it has a role.  Messages go to the dumpster. */
enum err folder_delete(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;
enum err folder_subscribe(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;

/* ---- listing --------------------------------------------------------------------- */

struct folder_list_op {
	struct who who;
	const char *path;		/* NULL: all */
	const uint64_t *fids;		/* only these; n 0: all */
	size_t n_fids;
	bool gone_subscribed;		/* not for one */
	bool deleted_size;
	struct arena *arena;		/* what the result lives in */
	struct store_folders result;
};
enum err folder_list(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;
#endif
