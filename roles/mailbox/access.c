#include "roles/mailbox/access.h"

#include <string.h>

DB_SQL(q_rights,
       "SELECT rights FROM acl WHERE mbx = ?1 AND fid IN (0, ?2) AND principal IN (?3, ?4)");

static const struct guid anyone = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				      0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

enum err rights_of(struct db *db, const struct who *w, int64_t fid, unsigned *rights,
		   struct errbuf *eb)
{
	struct db_row *r;

	*rights = 0;
	if (guid_is_null(&w->principal) || guid_eq(&w->principal, &w->mailbox)) {
		*rights = RIGHT_ALL;
		return ERR_OK;
	}
	r = db_query(db, &q_rights, "iigg", w->mbx, fid, &w->principal, &anyone);
	while (db_next(r))
		*rights |= (unsigned)db_int(r, 0) & RIGHT_ALL;
	return db_end(&r, eb);
}

enum err access_check(struct db *db, const struct who *w, int64_t fid, unsigned want,
		      struct errbuf *eb)
{
	unsigned have;
	enum err e = rights_of(db, w, fid, &have, eb);

	if (e)
		return e;
	if ((have & (want | RIGHT_LOOKUP)) == (want | RIGHT_LOOKUP))
		return ERR_OK;
	if (!(have & RIGHT_LOOKUP))
		return err_set(eb, ERR_NOTFOUND, "no rights on folder %lld", (long long)fid);
	return err_set(eb, ERR_DENIED, "rights %u of %u on folder %lld", have, want,
		       (long long)fid);
}
