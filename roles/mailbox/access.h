#ifndef MAILBOX_ACCESS_H
#define MAILBOX_ACCESS_H
/*
 * access - who may do what: asked by every operation, nowhere else decided
 *
 * The owner of a mailbox (the principal with its GUID) and a server acting as
 * itself, where the method table lets it, may do all.  Others have what rows of
 * `acl` give them: of the folder, or of fid 0 for the whole mailbox; rows of the
 * reserved principal "anyone" (all bits of the GUID set) count for everybody.
 */
#include "common/base/guid.h"
#include "common/db/db.h"

enum right {
	RIGHT_LOOKUP = 1,	/* see that the folder is there */
	RIGHT_READ = 2,
	RIGHT_SEEN = 4,		/* \Seen and other flags but \Deleted */
	RIGHT_INSERT = 8,
	RIGHT_DELETE = 16,	/* \Deleted, expunge, move away */
	RIGHT_CREATE = 32,	/* folders below */
	RIGHT_ADMIN = 64,	/* rename, delete, rights */
	RIGHT_ALL = 127,
};

/* Whose mailbox, and who asks. */
struct who {
	int64_t mbx;
	struct guid mailbox;
	struct guid principal;	/* null: a server as itself */
};

enum err rights_of(struct db *db, const struct who *w, int64_t fid, unsigned *rights,
		   struct errbuf *eb) A_MUST_USE;
/* DENIED unless all of want are there; NOTFOUND if not even LOOKUP is, so that a
 * stranger cannot tell what exists. */
enum err access_check(struct db *db, const struct who *w, int64_t fid, unsigned want,
		      struct errbuf *eb) A_MUST_USE;
#endif
