#include "roles/mailbox/mend.h"

#include "common/base/check.h"
#include <stdlib.h>

const char mend_begin[] =
	"CREATE TABLE salvage_mailbox(guid BLOB, mbx INTEGER PRIMARY KEY);"
	"CREATE TABLE salvage_origin(guid BLOB, origin INTEGER PRIMARY KEY);"
	"CREATE TABLE salvage_name(mbx, parent_fid, name_key, fid, PRIMARY KEY(mbx, fid))"
	" WITHOUT ROWID;"
	"CREATE TABLE salvage_role(mbx, role, fid, PRIMARY KEY(mbx, fid)) WITHOUT ROWID;"
	"CREATE TABLE salvage_item(mbx, iid, fid, uid, PRIMARY KEY(mbx, fid, uid)) WITHOUT ROWID;"
	"CREATE TABLE salvage_mid(mbx, mid, fid, uid, PRIMARY KEY(mbx, fid, uid)) WITHOUT ROWID;"
	"CREATE TABLE salvage_lost(mbx INTEGER, fid INTEGER, uid INTEGER, subject TEXT,"
	" PRIMARY KEY(mbx, fid, uid)) WITHOUT ROWID;";

/* Every number that any row holds is behind the counters. */
#define NUMBERS                                                                              \
	"UPDATE mailbox SET next_cn = max(next_cn,"                                          \
	" coalesce((SELECT max(max(p.cn, p.modseq)) + 1 FROM placement p"                    \
	"  WHERE p.mbx = mailbox.mbx), 1),"                                                  \
	" coalesce((SELECT max(max(f.cn, f.modseq, f.cn_counts)) + 1 FROM folder f"          \
	"  WHERE f.mbx = mailbox.mbx), 1),"                                                  \
	" coalesce((SELECT max(t.cn) + 1 FROM tombstone t WHERE t.mbx = mailbox.mbx), 1)),"  \
	" next_gc = max(next_gc,"                                                            \
	" coalesce((SELECT max(max(p.mid, p.iid)) + 1 FROM placement p"                      \
	"  WHERE p.mbx = mailbox.mbx), 1),"                                                  \
	" coalesce((SELECT max(f.fid) + 1 FROM folder f WHERE f.mbx = mailbox.mbx), 1),"     \
	" coalesce((SELECT max(i.rid & 1099511627775) + 1 FROM item i"                       \
	"  WHERE i.rid >= mailbox.mbx << 40 AND i.rid < (mailbox.mbx + 1) << 40), 1),"       \
	" coalesce((SELECT max(max(d.mid, d.iid)) + 1 FROM dumpster d"                       \
	"  WHERE d.mbx = mailbox.mbx), 1)),"                                                 \
	" next_uidvalidity = max(next_uidvalidity, unixepoch(),"                             \
	" coalesce((SELECT max(f.uidvalidity) + 1 FROM folder f"                             \
	"  WHERE f.mbx = mailbox.mbx), 1));"

#define NEW_FOLDER                                                                           \
	"INSERT OR IGNORE INTO folder(mbx, fid, parent_fid, name, name_key, role,"           \
	" container_class, uidvalidity, modseq, cn, cn_created, cn_counts) "

const char mend_rows[] =
	"INSERT OR IGNORE INTO mailbox(mbx, guid, kind, next_uidvalidity)"
	" SELECT mbx, guid, 1, 1 FROM salvage_mailbox WHERE length(guid) = 16;"
	"INSERT OR IGNORE INTO origin(origin, guid) SELECT origin, guid FROM salvage_origin;"
	NUMBERS
	/* A folder that lost its row gets a new UIDVALIDITY: which UIDs it gave is unknown. */
	NEW_FOLDER
	"SELECT n.mbx, n.fid, n.parent_fid, CASE WHEN r.role = 'inbox' THEN 'INBOX' ELSE n.name_key"
	" END, n.name_key, r.role, 'IPF.Note', m.next_uidvalidity, m.next_cn, m.next_cn, m.next_cn,"
	" m.next_cn FROM salvage_name n CROSS JOIN mailbox m ON m.mbx = n.mbx"
	" LEFT JOIN salvage_role r ON r.mbx = n.mbx AND r.fid = n.fid;"
	"INSERT OR IGNORE INTO placement(mbx, fid, uid, mid, iid, modseq, cn, cn_added, flags, kw,"
	" sort_date) SELECT a.mbx, a.fid, a.uid, b.mid, a.iid, m.next_cn, m.next_cn, m.next_cn,"
	" i.flags, i.kw, i.date_recv FROM salvage_item a CROSS JOIN salvage_mid b ON b.mbx = a.mbx"
	" AND b.fid = a.fid AND b.uid = a.uid CROSS JOIN mailbox m ON m.mbx = a.mbx"
	" CROSS JOIN item i ON i.rid = (a.mbx << 40 | a.iid);"
	NEW_FOLDER
	"SELECT DISTINCT p.mbx, p.fid, 0, 'Recovered ' || p.fid, 'recovered ' || p.fid, NULL,"
	" 'IPF.Note', m.next_uidvalidity, m.next_cn, m.next_cn, m.next_cn, m.next_cn"
	" FROM placement p CROSS JOIN mailbox m ON m.mbx = p.mbx WHERE NOT EXISTS"
	" (SELECT 1 FROM folder f WHERE f.mbx = p.mbx AND f.fid = p.fid);"
	"UPDATE folder SET parent_fid = 0, name = name || ' ' || fid, name_key = name_key || ' ' || fid"
	" WHERE parent_fid != 0 AND NOT EXISTS"
	" (SELECT 1 FROM folder u WHERE u.mbx = folder.mbx AND u.fid = folder.parent_fid);"
	/* A mailbox has an inbox. */
	"UPDATE folder SET role = 'inbox', name = 'INBOX' WHERE parent_fid = 0 AND name_key = 'inbox'"
	" AND NOT EXISTS (SELECT 1 FROM folder u WHERE u.mbx = folder.mbx AND u.role = 'inbox');"
	NUMBERS
	NEW_FOLDER
	"SELECT m.mbx, m.next_gc, 0, 'INBOX', 'inbox', 'inbox', 'IPF.Note', m.next_uidvalidity,"
	" m.next_cn, m.next_cn, m.next_cn, m.next_cn FROM mailbox m WHERE m.state != 4 AND NOT EXISTS"
	" (SELECT 1 FROM folder u WHERE u.mbx = m.mbx AND u.role = 'inbox');"
	NUMBERS;

/* A content counts only whole.  What was being staged is of nobody. */
const char mend_lost[] =
	"DELETE FROM content WHERE state != 1 OR (size + 262143) / 262144 !="
	" (SELECT count(*) FROM content_chunk k WHERE k.cid >= content.bid << 20"
	" AND k.cid < (content.bid + 1) << 20);"
	"DELETE FROM content_chunk WHERE NOT EXISTS"
	" (SELECT 1 FROM content c WHERE c.bid = content_chunk.cid >> 20);"
	"INSERT OR IGNORE INTO salvage_lost SELECT p.mbx, p.fid, p.uid, NULL FROM placement p"
	" WHERE NOT EXISTS (SELECT 1 FROM item i WHERE i.rid = (p.mbx << 40 | p.iid));"
	"INSERT OR IGNORE INTO salvage_lost SELECT p.mbx, p.fid, p.uid, i.subject FROM placement p"
	" CROSS JOIN item i ON i.rid = (p.mbx << 40 | p.iid) WHERE i.bid IS NOT NULL"
	" AND NOT EXISTS (SELECT 1 FROM content c WHERE c.bid = i.bid);"
	/* Known from an index only. */
	"INSERT OR IGNORE INTO salvage_lost SELECT a.mbx, a.fid, a.uid, NULL FROM salvage_item a"
	" CROSS JOIN mailbox m ON m.mbx = a.mbx WHERE NOT EXISTS (SELECT 1 FROM item i"
	" WHERE i.rid = (a.mbx << 40 | a.iid));";

const char mend_places[] =
	"INSERT OR IGNORE INTO tombstone(mbx, fid, cn, seq, kind, mid, uid, iid, cn_created)"
	" SELECT p.mbx, p.fid, m.next_cn, row_number() OVER (PARTITION BY p.mbx, p.fid"
	" ORDER BY p.uid), 1, p.mid, p.uid, p.iid, p.cn_added FROM salvage_lost l"
	" CROSS JOIN placement p ON p.mbx = l.mbx AND p.fid = l.fid AND p.uid = l.uid"
	" CROSS JOIN mailbox m ON m.mbx = l.mbx;"
	"DELETE FROM placement WHERE EXISTS (SELECT 1 FROM salvage_lost l WHERE l.mbx = placement.mbx"
	" AND l.fid = placement.fid AND l.uid = placement.uid);"
	"DELETE FROM item WHERE bid IS NOT NULL AND NOT EXISTS"
	" (SELECT 1 FROM content c WHERE c.bid = item.bid);"
	"DELETE FROM dumpster WHERE NOT EXISTS"
	" (SELECT 1 FROM item i WHERE i.rid = (dumpster.mbx << 40 | dumpster.iid));"
	"UPDATE placement SET (flags, kw) = (SELECT i.flags, i.kw FROM item i"
	" WHERE i.rid = (placement.mbx << 40 | placement.iid)) WHERE flags !="
	" (SELECT i.flags FROM item i WHERE i.rid = (placement.mbx << 40 | placement.iid));"
	NUMBERS
	"UPDATE folder SET uidnext = max(uidnext, 1 + coalesce((SELECT max(p.uid) FROM placement p"
	" WHERE p.mbx = folder.mbx AND p.fid = folder.fid), 0), 1 + coalesce((SELECT max(l.uid) FROM"
	" salvage_lost l WHERE l.mbx = folder.mbx AND l.fid = folder.fid), 0));"
	/* Whose place is lost: into the inbox. */
	"INSERT INTO placement(mbx, fid, uid, mid, iid, modseq, cn, cn_added, flags, kw, sort_date)"
	" SELECT m.mbx, f.fid, f.uidnext + n, m.next_gc + n, rid & 1099511627775, m.next_cn, m.next_cn,"
	" m.next_cn, iflags, ikw, at FROM (SELECT i.rid, i.flags AS iflags, i.kw AS ikw,"
	" i.date_recv AS at, row_number() OVER (PARTITION BY i.rid >> 40 ORDER BY i.rid) AS n"
	" FROM item i WHERE NOT EXISTS (SELECT 1 FROM placement p WHERE p.mbx = i.rid >> 40"
	" AND p.iid = (i.rid & 1099511627775)) AND i.rid NOT IN"
	" (SELECT mbx << 40 | iid FROM dumpster) AND i.rid NOT IN (SELECT mbx << 40 | child_iid"
	" FROM attachment WHERE child_iid IS NOT NULL)) CROSS JOIN mailbox m ON m.mbx = rid >> 40"
	" CROSS JOIN folder f ON f.mbx = m.mbx AND f.role = 'inbox';"
	NUMBERS;

const char mend_end[] =
	"DELETE FROM uid_run;"
	"INSERT INTO uid_run(mbx, fid, first, last) SELECT mbx, fid, min(uid), max(uid) FROM"
	" (SELECT mbx, fid, uid, uid - row_number() OVER (PARTITION BY mbx, fid ORDER BY uid) AS g"
	" FROM placement) GROUP BY mbx, fid, g;"
	"UPDATE content SET refs = coalesce(n, 0), zero_at = CASE WHEN n IS NULL THEN 0 END FROM"
	" (SELECT c.bid AS b, n FROM content c LEFT JOIN (SELECT bid AS ib, count(*) AS n FROM item"
	" WHERE bid IS NOT NULL GROUP BY bid) ON ib = c.bid) WHERE b = content.bid"
	" AND refs != coalesce(n, 0);"
	"UPDATE folder SET uidnext = max(uidnext, 1 + coalesce((SELECT max(p.uid) FROM placement p"
	" WHERE p.mbx = folder.mbx AND p.fid = folder.fid), 0)), modseq = m.next_cn, cn = m.next_cn,"
	" cn_counts = m.next_cn FROM mailbox m WHERE m.mbx = folder.mbx;"
	"UPDATE mailbox SET size_dumpster = coalesce((SELECT sum(i.size) FROM dumpster d CROSS JOIN"
	" item i ON i.rid = (d.mbx << 40 | d.iid) WHERE d.mbx = mailbox.mbx), 0);"
	"UPDATE mailbox SET cn_email = next_cn, cn_folder = next_cn, cn_thread = next_cn;"
	"DROP TABLE salvage_mailbox; DROP TABLE salvage_origin; DROP TABLE salvage_name;"
	"DROP TABLE salvage_role; DROP TABLE salvage_item; DROP TABLE salvage_mid;"
	"DROP TABLE salvage_lost;";

enum err mend_strays(struct db *db, struct errbuf *eb)
{
	static const char *const tables[] = {
		"mailbox_extra", "folder", "folder_extra", "subscribed", "placement", "uid_run",
		"dumpster", "tombstone", "keyword", "recipient", "attachment", "msgref", "acl",
		"delegate", "rule", "seen_by", "seen_state", "delivered", "cal", "cal_override",
		"reminder", "contact", "contact_addr", "annotation", "url_key",
	};
	enum err e = db_exec(db, "DELETE FROM item WHERE rid >> 40 NOT IN (SELECT mbx FROM mailbox)",
			     eb);

	for (size_t i = 0; e == ERR_OK && i < N_ELEMS(tables); i++) {
		char *sql = xasprintf("DELETE FROM %s WHERE mbx NOT IN (SELECT mbx FROM mailbox)",
				      tables[i]);

		e = db_exec(db, sql, eb);
		free(sql);
	}
	return e;
}
