#ifndef MAILBOX_ACL_H
#define MAILBOX_ACL_H
/*
 * acl - the rows that say who has rights on a folder, or on a whole mailbox (fid 0)
 *
 * A row is one principal's: rights it gives and rights it takes away (RFC 4314
 * section 2, "-identifier").  One that says neither goes.  A new folder gets its
 * parent's rows; those of the whole mailbox count for it anyway.  The owner needs
 * no row and can have none: he has every right for good.
 *
 * Seeing and changing rows needs RIGHT_ADMIN.
 */
#include "roles/mailbox/access.h"
#include "roles/mailbox/tx.h"

#define ACL_MAX 500		/* rows of a folder */

enum acl_mode { ACL_REPLACE, ACL_ADD, ACL_REMOVE };

struct acl_op {
	struct who who;
	const char *path;		/* "": the whole mailbox; borrowed */
	struct guid principal;
	enum acl_mode mode;
	bool negative;			/* of the rights that are taken away */
	unsigned rights;
	uint64_t cn;			/* out */
};
/* INVALID: the principal is the owner.  LIMIT: too many rows. */
enum err acl_set(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;

struct acl_row {
	struct guid principal;
	unsigned given, taken;
	bool whole;			/* a row of the whole mailbox */
};

struct acl_list_op {
	struct who who;
	const char *path;
	struct arena *arena;
	struct acl_row *rows;		/* out, in the arena */
	size_t n;
};
enum err acl_list(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;

/* In which mailboxes of a database does somebody's row make anything visible?  Costs
 * the number of rows that name him or his groups. */
#define ACL_SHARED_MAX 2000
struct acl_shared_op {
	struct guid principal;
	const struct guid *groups;	/* borrowed */
	size_t n_groups;
	struct arena *arena;
	struct guid *mailboxes;		/* out, in the arena; its own may be among them */
	size_t n;
};
enum err acl_shared(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;

/* What a new folder inherits. */
enum err acl_inherit(struct tx *tx, int64_t mbx, int64_t parent, int64_t fid,
		     struct errbuf *eb) A_MUST_USE;
/* A row, without asking who does it. */
enum err acl_put(struct tx *tx, int64_t mbx, int64_t fid, const struct guid *principal,
		 unsigned given, unsigned taken, struct errbuf *eb) A_MUST_USE;
#endif
