#include "roles/mailbox/schema.h"

#include "common/base/attr.h"

/*
 * Numbers and names in these tables:
 *
 *  - mbx is a mailbox's number inside its file, below 2^23; cn a value of its
 *    next_cn, the one counter of its changes.
 *  - iid, mid and fid come from mailbox.next_gc, below 2^40, so they are unique
 *    inside the mailbox and survive a move to another database.
 *  - bid, mbx, rid and cid are private to the file: nothing that leaves the store
 *    is made of them.
 *  - A principal is the GUID of a directory object, never an address.
 *  - \Flagged is a bit of item.flags (see enum store_flag); follow_up is kept for
 *    the flag's due date of other protocols.
 *
 * Every index is paid at every delivery.
 */
static const char first[] =
	"CREATE TABLE database(one INTEGER PRIMARY KEY CHECK(one=1), guid BLOB NOT NULL, "
	"name TEXT NOT NULL, schema_ver INTEGER NOT NULL, epoch INTEGER NOT NULL DEFAULT "
	"1, commit_seq INTEGER NOT NULL DEFAULT 0) STRICT;\n"
	"CREATE TABLE mailbox( mbx INTEGER PRIMARY KEY, guid BLOB NOT NULL UNIQUE, kind "
	"INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0, next_cn INTEGER NOT NULL "
	"DEFAULT 1, next_gc INTEGER NOT NULL DEFAULT 1, next_uidvalidity INTEGER NOT "
	"NULL, tomb_floor INTEGER NOT NULL DEFAULT 0, cn_email INTEGER NOT NULL DEFAULT "
	"0, cn_folder INTEGER NOT NULL DEFAULT 0, cn_thread INTEGER NOT NULL DEFAULT 0, "
	"cn_cal INTEGER NOT NULL DEFAULT 0, cn_contact INTEGER NOT NULL DEFAULT 0, "
	"size_live INTEGER NOT NULL DEFAULT 0, size_dumpster INTEGER NOT NULL DEFAULT 0, "
	"n_items INTEGER NOT NULL DEFAULT 0, quota_warn INTEGER, quota_send INTEGER, "
	"quota_recv INTEGER, disconnected_at INTEGER) STRICT;\n"
	/* beside mailbox, so that a delivery does not rewrite it */
	"CREATE TABLE mailbox_extra(mbx INTEGER PRIMARY KEY, oof BLOB, props BLOB) "
	"STRICT;\n"
	"CREATE TABLE folder( mbx INTEGER NOT NULL, fid INTEGER NOT NULL, parent_fid "
	"INTEGER NOT NULL DEFAULT 0, name TEXT NOT NULL, name_key TEXT NOT NULL, role "
	"TEXT, container_class TEXT, kind INTEGER NOT NULL DEFAULT 0, seen_mode INTEGER "
	"NOT NULL DEFAULT 0, uidvalidity INTEGER NOT NULL, uidnext INTEGER NOT NULL "
	"DEFAULT 1, visible_uid INTEGER NOT NULL DEFAULT 0, recent_uid INTEGER NOT NULL "
	"DEFAULT 0, modseq INTEGER NOT NULL, cn INTEGER NOT NULL, cn_created INTEGER NOT "
	"NULL, cn_counts INTEGER NOT NULL, n_total INTEGER NOT NULL DEFAULT 0, n_unread "
	"INTEGER NOT NULL DEFAULT 0, n_fai INTEGER NOT NULL DEFAULT 0, n_deleted INTEGER "
	"NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0, sort_order INTEGER NOT NULL "
	"DEFAULT 0, hidden INTEGER NOT NULL DEFAULT 0, dav_name TEXT, PRIMARY "
	"KEY(mbx,fid)) STRICT, WITHOUT ROWID;\n"
	"CREATE UNIQUE INDEX folder_name ON folder(mbx,parent_fid,name_key);\n"
	"CREATE UNIQUE INDEX folder_role ON folder(mbx,role) WHERE role IS NOT NULL;\n"
	"CREATE INDEX folder_cn ON folder(mbx,cn);\n"
	"CREATE TABLE folder_extra(mbx INTEGER NOT NULL, fid INTEGER NOT NULL, props "
	"BLOB, PRIMARY KEY(mbx,fid)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE subscribed(mbx INTEGER NOT NULL, principal BLOB NOT NULL, path TEXT "
	"NOT NULL, PRIMARY KEY(mbx,principal,path)) STRICT, WITHOUT ROWID;\n"
	/* raw bytes, shared inside the database; state 0 staging, 1 live, 2 being deleted */
	"CREATE TABLE content(bid INTEGER PRIMARY KEY, hash8 INTEGER, sha256 BLOB, size "
	"INTEGER NOT NULL, refs INTEGER NOT NULL DEFAULT 0, state INTEGER NOT NULL "
	"DEFAULT 0, zero_at INTEGER, mime_map BLOB) STRICT;\n"
	"CREATE INDEX content_hash ON content(hash8) WHERE state=1;\n"
	"CREATE INDEX content_gc ON content(zero_at) WHERE zero_at IS NOT NULL;\n"
	/* cid = bid << 20 | n */
	"CREATE TABLE content_chunk(cid INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;\n"
	/* rid = mbx << 40 | iid: clustered by mailbox */
	"CREATE TABLE item( rid INTEGER PRIMARY KEY, klass INTEGER NOT NULL, msg_class "
	"TEXT, form INTEGER NOT NULL, bid INTEGER, content_rev INTEGER NOT NULL DEFAULT "
	"0, size INTEGER NOT NULL, thread_id INTEGER, conv_id BLOB, uid_text TEXT, goid "
	"BLOB, subject TEXT, subject_norm TEXT, from_name TEXT, from_addr TEXT, to_text "
	"TEXT, preview TEXT, date_sent INTEGER, date_recv INTEGER NOT NULL, created "
	"INTEGER NOT NULL, modified INTEGER NOT NULL, importance INTEGER NOT NULL DEFAULT "
	"1, sensitivity INTEGER NOT NULL DEFAULT 0, has_attach INTEGER NOT NULL DEFAULT "
	"0, flags INTEGER NOT NULL DEFAULT 0, follow_up INTEGER NOT NULL DEFAULT 0, kw "
	"BLOB, cn_created INTEGER NOT NULL, cn_content INTEGER NOT NULL, modseq INTEGER "
	"NOT NULL, props BLOB) STRICT;\n"
	"CREATE INDEX item_thread ON item(rid>>40, thread_id) WHERE thread_id IS NOT "
	"NULL;\n"
	"CREATE INDEX item_uid ON item(rid>>40, uid_text) WHERE uid_text IS NOT NULL;\n"
	/* flags and kw are copies of the item's: FETCH FLAGS reads one table */
	"CREATE TABLE placement( mbx INTEGER NOT NULL, fid INTEGER NOT NULL, uid INTEGER "
	"NOT NULL, mid INTEGER NOT NULL, iid INTEGER NOT NULL, modseq INTEGER NOT NULL, "
	"cn INTEGER NOT NULL, cn_added INTEGER NOT NULL, read_cn INTEGER NOT NULL DEFAULT "
	"0, is_fai INTEGER NOT NULL DEFAULT 0, imap_deleted INTEGER NOT NULL DEFAULT 0, "
	"flags INTEGER NOT NULL DEFAULT 0, kw BLOB, sort_date INTEGER NOT NULL, dav_name "
	"TEXT, PRIMARY KEY(mbx,fid,uid)) STRICT, WITHOUT ROWID;\n"
	"CREATE UNIQUE INDEX place_mid ON placement(mbx,mid);\n"
	"CREATE INDEX place_modseq ON placement(mbx,fid,modseq);\n"
	"CREATE INDEX place_date ON placement(mbx,fid,is_fai,sort_date,uid);\n"
	"CREATE INDEX place_unread ON placement(mbx,fid,sort_date,uid) WHERE (flags & "
	"1)=0 AND is_fai=0;\n"
	"CREATE INDEX place_item ON placement(mbx,iid);\n"
	"CREATE UNIQUE INDEX place_dav ON placement(mbx,fid,dav_name) WHERE dav_name IS "
	"NOT NULL;\n"
	/* so that SELECT costs the number of gaps, not of messages */
	"CREATE TABLE uid_run(mbx INTEGER NOT NULL, fid INTEGER NOT NULL, first INTEGER "
	"NOT NULL, last INTEGER NOT NULL, PRIMARY KEY(mbx,fid,first)) STRICT, WITHOUT "
	"ROWID;\n"
	"CREATE TABLE dumpster(mbx INTEGER NOT NULL, fid INTEGER NOT NULL, mid INTEGER "
	"NOT NULL, iid INTEGER NOT NULL, deleted_at INTEGER NOT NULL, deleted_by BLOB, cn "
	"INTEGER NOT NULL, sort_date INTEGER NOT NULL, hold INTEGER NOT NULL DEFAULT 0, "
	"PRIMARY KEY(mbx,fid,mid)) STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX dumpster_due ON dumpster(mbx,deleted_at) WHERE hold=0;\n"
	/* kind: 1 placement gone 2 item destroyed 3 folder gone 4 uid replaced */
	"CREATE TABLE tombstone(mbx INTEGER NOT NULL, fid INTEGER NOT NULL, cn INTEGER "
	"NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL, mid INTEGER, uid INTEGER, "
	"iid INTEGER, cn_created INTEGER NOT NULL, dav_name TEXT, PRIMARY "
	"KEY(mbx,fid,cn,seq)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE keyword(mbx INTEGER NOT NULL, kid INTEGER NOT NULL, name TEXT NOT "
	"NULL COLLATE NOCASE, category TEXT, color INTEGER, PRIMARY KEY(mbx,kid)) STRICT, "
	"WITHOUT ROWID;\n"
	"CREATE UNIQUE INDEX keyword_name ON keyword(mbx,name);\n"
	/* rows only where mime_map cannot serve */
	"CREATE TABLE recipient(mbx INTEGER NOT NULL, iid INTEGER NOT NULL, ord INTEGER "
	"NOT NULL, rtype INTEGER NOT NULL, name TEXT, addr TEXT, track INTEGER, track_at "
	"INTEGER, props BLOB, PRIMARY KEY(mbx,iid,ord)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE attachment(mbx INTEGER NOT NULL, iid INTEGER NOT NULL, num INTEGER "
	"NOT NULL, method INTEGER NOT NULL, part TEXT, bid INTEGER, child_iid INTEGER, "
	"name TEXT, mime_type TEXT, cid TEXT, size INTEGER NOT NULL, props BLOB, PRIMARY "
	"KEY(mbx,iid,num)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE msgref(mbx INTEGER NOT NULL, hash INTEGER NOT NULL, iid INTEGER NOT "
	"NULL, own INTEGER NOT NULL, PRIMARY KEY(mbx,hash,iid)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE acl(mbx INTEGER NOT NULL, fid INTEGER NOT NULL, principal BLOB NOT "
	"NULL, rights INTEGER NOT NULL, PRIMARY KEY(mbx,fid,principal)) STRICT, WITHOUT "
	"ROWID;\n"
	"CREATE INDEX acl_who ON acl(principal,mbx,fid);\n"
	"CREATE TABLE delegate(mbx INTEGER NOT NULL, principal BLOB NOT NULL, flags "
	"INTEGER NOT NULL, PRIMARY KEY(mbx,principal)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE rule(mbx INTEGER NOT NULL, rule_id INTEGER NOT NULL, seq INTEGER "
	"NOT NULL, state INTEGER NOT NULL, name TEXT, cond BLOB NOT NULL, actions BLOB "
	"NOT NULL, PRIMARY KEY(mbx,rule_id)) STRICT, WITHOUT ROWID;\n"
	/* per-reader \Seen, where folder.seen_mode is 1 */
	"CREATE TABLE seen_by(mbx INTEGER NOT NULL, fid INTEGER NOT NULL, principal BLOB "
	"NOT NULL, uid INTEGER NOT NULL, seen INTEGER NOT NULL, cn INTEGER NOT NULL, "
	"PRIMARY KEY(mbx,fid,principal,uid)) STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX seen_feed ON seen_by(mbx,fid,principal,cn);\n"
	"CREATE TABLE seen_state(mbx INTEGER NOT NULL, fid INTEGER NOT NULL, principal "
	"BLOB NOT NULL, all_below INTEGER NOT NULL, n_seen_above INTEGER NOT NULL, cn "
	"INTEGER NOT NULL, PRIMARY KEY(mbx,fid,principal)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE origin(origin INTEGER PRIMARY KEY, guid BLOB NOT NULL UNIQUE, "
	"done_below INTEGER NOT NULL DEFAULT 0) STRICT;\n"
	/* pruned only below origin.done_below */
	"CREATE TABLE delivered(origin INTEGER NOT NULL, seq INTEGER NOT NULL, mbx "
	"INTEGER NOT NULL, result INTEGER NOT NULL, mid INTEGER, PRIMARY "
	"KEY(origin,seq,mbx)) STRICT, WITHOUT ROWID;\n"
	/* calendar, contacts and tasks: extracted from the canonical content */
	"CREATE TABLE cal(mbx INTEGER NOT NULL, iid INTEGER NOT NULL, comp INTEGER NOT "
	"NULL, uid TEXT NOT NULL, seq INTEGER NOT NULL DEFAULT 0, organizer TEXT, "
	"my_status INTEGER NOT NULL DEFAULT 0, recurring INTEGER NOT NULL DEFAULT 0, "
	"allday INTEGER NOT NULL DEFAULT 0, busy INTEGER NOT NULL DEFAULT 2, span_start "
	"INTEGER NOT NULL, span_end INTEGER NOT NULL, tzid TEXT, PRIMARY KEY(mbx,iid)) "
	"STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX cal_span ON cal(mbx,span_end,span_start);\n"
	"CREATE TABLE cal_override(mbx INTEGER NOT NULL, iid INTEGER NOT NULL, recur_id "
	"TEXT NOT NULL, gone INTEGER NOT NULL DEFAULT 0, start INTEGER, end INTEGER, cn "
	"INTEGER NOT NULL, PRIMARY KEY(mbx,iid,recur_id)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE reminder(mbx INTEGER NOT NULL, iid INTEGER NOT NULL, recur_id TEXT "
	"NOT NULL, alarm TEXT NOT NULL, fire_at INTEGER NOT NULL, state INTEGER NOT NULL "
	"DEFAULT 0, PRIMARY KEY(mbx,iid,recur_id,alarm)) STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX reminder_due ON reminder(fire_at) WHERE state=0;\n"
	"CREATE TABLE contact(mbx INTEGER NOT NULL, iid INTEGER NOT NULL, uid TEXT NOT "
	"NULL, fn TEXT, sort_key TEXT, org TEXT, is_group INTEGER NOT NULL DEFAULT 0, "
	"PRIMARY KEY(mbx,iid)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE contact_addr(mbx INTEGER NOT NULL, iid INTEGER NOT NULL, pos "
	"INTEGER NOT NULL, addr TEXT NOT NULL COLLATE NOCASE, label TEXT, PRIMARY "
	"KEY(mbx,iid,pos)) STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX contact_by_addr ON contact_addr(mbx,addr);\n"
	/* Fixed figures for the planner, so that a plan never depends on the moment
	 * somebody ran ANALYZE: many mailboxes of many messages. */
	"ANALYZE sqlite_schema;\n"
	"INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES"
	"('placement', 'placement', '5000000 10000 1000 1'),"
	"('placement', 'place_mid', '5000000 10000 1'),"
	"('placement', 'place_modseq', '5000000 10000 1000 2'),"
	"('placement', 'place_date', '5000000 10000 1000 1000 2 1'),"
	"('placement', 'place_unread', '500000 1000 100 2 1'),"
	"('placement', 'place_item', '5000000 10000 1'),"
	"('item', 'item_thread', '1000000 10000 4'),"
	"('dumpster', 'dumpster', '500000 1000 100 1'),"
	"('dumpster', 'dumpster_due', '500000 1000 2'),"
	"('tombstone', 'tombstone', '5000000 10000 1000 2 1'),"
	"('folder', 'folder', '5000 20 1'),"
	"('folder', 'folder_name', '5000 20 5 1'),"
	"('content', 'content_hash', '4000000 1'),"
	"('content', 'content_gc', '1000 2');\n"
	"ANALYZE sqlite_schema;\n";

/* Messages that came and have no place yet (stage.h).  They count no reference of
 * their content, which therefore goes an hour after it came. */
static const char staging[] =
	"CREATE TABLE staged(mbx INTEGER NOT NULL, principal BLOB NOT NULL, batch BLOB NOT NULL, "
	"ord INTEGER NOT NULL, made_at INTEGER NOT NULL, bid INTEGER NOT NULL, size INTEGER NOT "
	"NULL, total INTEGER NOT NULL, flags INTEGER NOT NULL, received_at INTEGER NOT NULL, "
	"has_attach INTEGER NOT NULL, keywords BLOB, summary BLOB NOT NULL, PRIMARY "
	"KEY(mbx,principal,batch,ord)) STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX staged_age ON staged(made_at);\n"
	/* the answer, should somebody ask again */
	"CREATE TABLE placed(mbx INTEGER NOT NULL, principal BLOB NOT NULL, batch BLOB NOT NULL, "
	"made_at INTEGER NOT NULL, fid INTEGER NOT NULL, n INTEGER NOT NULL, uidvalidity INTEGER "
	"NOT NULL, uid INTEGER NOT NULL, modseq INTEGER NOT NULL, PRIMARY "
	"KEY(mbx,principal,batch)) STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX placed_age ON placed(made_at);\n";

/* When a message came into the folder it is in (RFC 8514). */
static const char saved[] = "ALTER TABLE placement ADD COLUMN saved INTEGER;\n";

/* Changes of any size in steps (hidden.h), and what is marked found without a scan. */
static const char hidden[] =
	"CREATE TABLE hidden(mbx INTEGER NOT NULL, fid INTEGER NOT NULL, first INTEGER NOT NULL, "
	"last INTEGER NOT NULL, cn INTEGER NOT NULL, deleted_by BLOB, PRIMARY KEY(mbx,fid,first)) "
	"STRICT, WITHOUT ROWID;\n"
	"CREATE VIEW shown AS SELECT * FROM placement p WHERE NOT EXISTS (SELECT 1 FROM hidden h "
	"WHERE h.mbx = p.mbx AND h.fid = p.fid AND p.uid BETWEEN h.first AND h.last);\n"
	"CREATE INDEX place_deleted ON placement(mbx,fid,uid) WHERE imap_deleted=1;\n"
	"INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES"
	"('placement', 'place_deleted', '5000 100 20 1'),"
	"('hidden', 'hidden', '10 5 3 1');\n"
	"ANALYZE sqlite_schema;\n";

/* Annotations: fid 0 is the mailbox, a principal of zeros everybody.  Keys of URLs. */
static const char annotations[] =
	"CREATE TABLE annotation(mbx INTEGER NOT NULL, fid INTEGER NOT NULL, principal BLOB NOT "
	"NULL, name TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY(mbx,fid,principal,name)) "
	"STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE url_key(mbx INTEGER NOT NULL, fid INTEGER NOT NULL, principal BLOB NOT NULL, "
	"key BLOB NOT NULL, PRIMARY KEY(mbx,fid,principal)) STRICT, WITHOUT ROWID;\n"
	"CREATE TRIGGER annotation_gone AFTER DELETE ON folder BEGIN"
	" DELETE FROM annotation WHERE mbx = old.mbx AND fid = old.fid;"
	" DELETE FROM url_key WHERE mbx = old.mbx AND fid = old.fid; END;\n";

static const char *const steps[] = { first, staging, saved, hidden, annotations };

const struct db_schema store_schema = { steps, N_ELEMS(steps), 0x42535431 };

/* A file of its own: it must be writable when store.db is what is damaged. */
static const char *const quarantine_steps[] = {
	"CREATE TABLE quarantine(guid BLOB PRIMARY KEY, since INTEGER NOT NULL,"
	" why TEXT NOT NULL) STRICT, WITHOUT ROWID;",
};

const struct db_schema quarantine_schema = {
	quarantine_steps, N_ELEMS(quarantine_steps), 0x42535132
};

/* rowid = item.rid.  Words of one to three characters, by the document alone: detail and
 * column sizes would double the file. */
static const char *const search_steps[] = {
	"CREATE VIRTUAL TABLE head USING fts5(t, content='', columnsize=0, detail=none,"
	" tokenize='trigram case_sensitive 1');\n"
	"CREATE VIRTUAL TABLE body USING fts5(t, content='', columnsize=0, detail=none,"
	" tokenize='trigram case_sensitive 1');\n"
	/* items up to upto are in; guid: whose they are */
	"CREATE TABLE done(mbx INTEGER PRIMARY KEY, guid BLOB NOT NULL, upto INTEGER NOT NULL,"
	" docs INTEGER NOT NULL DEFAULT 0) STRICT;\n"
	/* only their beginning is in */
	"CREATE TABLE partial(rid INTEGER PRIMARY KEY) STRICT;\n",
};

const struct db_schema search_schema = { search_steps, N_ELEMS(search_steps), 0x42535133 };
