#include "roles/mailbox/access.h"

#include "common/api/store.h"

DB_SQL(q_rights, "SELECT principal, rights FROM acl WHERE mbx = ?1 AND fid IN (0, ?2)");

enum { DENIED_SHIFT = 16 };	/* of a row: rights it gives, and those it takes away */

bool who_may_all(const struct who *w)
{
	return w->full || guid_is_null(&w->principal) || guid_eq(&w->principal, &w->mailbox);
}

bool who_is(const struct who *w, const struct guid *principal)
{
	if (guid_eq(principal, &w->principal) || guid_eq(principal, &rights_anyone) ||
	    guid_eq(principal, &rights_authenticated))
		return true;
	for (size_t i = 0; i < w->n_groups; i++)
		if (guid_eq(principal, &w->groups[i]))
			return true;
	return false;
}

enum err rights_of(struct db *db, const struct who *w, int64_t fid, unsigned *rights,
		   struct errbuf *eb)
{
	unsigned given = 0, taken = 0;
	struct db_row *r;

	*rights = RIGHT_ALL;
	if (who_may_all(w))
		return ERR_OK;
	r = db_query(db, &q_rights, "ii", w->mbx, fid);
	while (db_next(r)) {
		struct guid g;

		if (!db_guid(r, 0, &g) || !who_is(w, &g))
			continue;
		given |= (unsigned)db_int(r, 1);
		taken |= (unsigned)db_int(r, 1) >> DENIED_SHIFT;
	}
	*rights = given & ~taken & RIGHT_ALL;
	return db_end(&r, eb);
}

enum err access_get(struct db *db, const struct who *w, int64_t fid, unsigned want,
		    unsigned *have, struct errbuf *eb)
{
	enum err e = rights_of(db, w, fid, have, eb);

	if (e || (*have & want) == want)
		return e;
	if (!(*have & RIGHT_KNOWS))
		return err_set(eb, ERR_NOTFOUND, "no rights on folder %lld", (long long)fid);
	return err_set(eb, ERR_DENIED, "rights %u of %u on folder %lld", *have, want,
		       (long long)fid);
}

enum err access_check(struct db *db, const struct who *w, int64_t fid, unsigned want,
		      struct errbuf *eb)
{
	unsigned have;

	return access_get(db, w, fid, want, &have, eb);
}

unsigned access_flags(unsigned rights)
{
	static const unsigned other = FLAG_ANSWERED | FLAG_FORWARDED | FLAG_DRAFT | FLAG_MDNSENT |
				      FLAG_FLAGGED;

	return (rights & RIGHT_SEEN ? FLAG_SEEN : 0) | (rights & RIGHT_WRITE ? other : 0) |
	       (rights & RIGHT_DELETE ? FLAG_DELETED : 0);
}
