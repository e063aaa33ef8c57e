#ifndef MAILBOX_ACCESS_H
#define MAILBOX_ACCESS_H
/*
 * access - who may do what: asked by every operation, nowhere else decided
 *
 * The owner of a mailbox (the principal with its GUID), whoever the directory gives
 * full access, and a server acting as itself, where the method table lets it, may
 * do all.  Others have what rows of `acl` give them (acl.h): rows of the folder and
 * of fid 0, the whole mailbox, together; rows that take away go last.
 *
 * What a stranger is told must not depend on what exists: who lacks a right gets
 * NOTFOUND, unless LOOKUP or READ lets him know that the folder is there: then
 * DENIED.
 */
#include "common/api/rights.h"
#include "common/base/guid.h"
#include "common/db/db.h"

/* Whose mailbox, and who asks. */
struct who {
	int64_t mbx;
	struct guid mailbox;
	struct guid principal;		/* null: a server as itself */
	const struct guid *groups;	/* that the principal is in; borrowed */
	size_t n_groups;
	bool full;			/* full access by the directory */
};

/* Owner, full access, or a server. */
bool who_may_all(const struct who *w);
/* Does a row for this principal count for who asks? */
bool who_is(const struct who *w, const struct guid *principal);

enum err rights_of(struct db *db, const struct who *w, int64_t fid, unsigned *rights,
		   struct errbuf *eb) A_MUST_USE;
/* OK if all of want are there; else DENIED or NOTFOUND, see above. */
enum err access_check(struct db *db, const struct who *w, int64_t fid, unsigned want,
		      struct errbuf *eb) A_MUST_USE;
/* The same with the rights that there are, for what is done in part (flags). */
enum err access_get(struct db *db, const struct who *w, int64_t fid, unsigned want,
		    unsigned *have, struct errbuf *eb) A_MUST_USE;

/* Bits of enum store_flag that these rights let one change.  Keywords go with
 * RIGHT_WRITE. */
unsigned access_flags(unsigned rights);
#endif
