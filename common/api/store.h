#ifndef API_STORE_H
#define API_STORE_H
/*
 * api store - what other roles may ask of the mailbox role
 *
 * Every function starts one call over the given connection and returns at once.
 * The callback fires exactly once, from the loop, never from inside the function
 * itself, and not at all after api_cancel().  Arguments are copied; results are
 * valid during the callback only.  The principal is the directory object on
 * whose behalf this is (NULL: our server itself).
 *
 * Streamed answers: rows or bytes come in pieces through `rows`/`bytes` before
 * the callback.  The receiver acknowledges what it has digested with
 * api_grant(); until then at most RPC_WINDOW bytes are under way, so a slow
 * client stops the store's reading and nothing piles up.
 *
 * Errors that mean something: NOTFOUND (mailbox, folder or message is gone),
 * EXISTS, DENIED, LIMIT (quota or a limit), AGAIN (store away, database in
 * quarantine or pushed back), FULL, INVALID.
 */
#include "common/api/call.h"
#include "common/api/row.h"
#include "common/base/err.h"
#include "common/base/guid.h"
#include "common/base/span.h"
#include <stdbool.h>
#include <stdint.h>

struct rpc_peer;

enum store_flag {
	FLAG_SEEN = 1,
	FLAG_ANSWERED = 2,
	FLAG_FORWARDED = 4,
	FLAG_DRAFT = 8,
	FLAG_MDNSENT = 16,
	FLAG_FLAGGED = 32,
	FLAG_DELETED = 64,	/* of the placement, not shared by links */
};

struct uid_range {
	uint32_t first, last;	/* inclusive; last may be UINT32_MAX for "*" */
};

struct uid_ranges {
	const struct uid_range *r;
	size_t n;
};

/* Whose mailbox, asked by whom, over which connection. */
struct store_at {
	struct rpc_peer *peer;
	struct guid mailbox;
	struct guid principal;	/* null: our server itself */
	uint64_t trace;
};

struct store_info {
	struct guid database;
	uint64_t epoch, cn, size, quota_warn, quota_send, quota_recv, items;
};

struct store_folder {
	uint64_t fid, parent;
	const char *name, *path, *role, *container_class;
	uint32_t uidvalidity, uidnext, total, unread, recent_uid, deleted;
	uint64_t highestmodseq, size;
	uint64_t deleted_size;		/* of what is \Deleted, if asked for */
	bool subscribed, has_children;
	unsigned rights;		/* of who asks: enum right (common/api/rights.h); one
					 * that he may not read has no figures */
};

struct store_folders {
	const struct store_folder *f;
	size_t n;
	const char *const *gone_subscribed;	/* paths subscribed to that no longer exist */
	size_t n_gone;
	uint64_t cn;
};

struct store_selected {
	struct uid_ranges runs;		/* only if asked for */
	bool more_runs;			/* behind them, with store_select_runs() */
	uint32_t uidnext, uidvalidity, total, unread, first_unseen_uid, recent_uid;
	uint64_t highestmodseq, epoch;
	const char *const *keywords;
	size_t n_keywords;
	unsigned rights;
	bool own_seen;			/* \Seen is each reader's own */
};

typedef void store_done_cb(void *ctx, enum err e, uint64_t cn);
typedef void store_open_cb(void *ctx, enum err e, const struct store_info *info);
typedef void store_folders_cb(void *ctx, enum err e, const struct store_folders *f);
typedef void store_select_cb(void *ctx, enum err e, const struct store_selected *s);
typedef void store_append_cb(void *ctx, enum err e, uint32_t uidvalidity, uint32_t uid,
			     uint64_t modseq);
typedef void store_rows_cb(void *ctx, const struct store_row *rows, size_t n, size_t bytes);
typedef void store_fetch_cb(void *ctx, enum err e, uint64_t highestmodseq,
			    struct uid_ranges vanished);
typedef void store_bytes_cb(void *ctx, const void *p, size_t n);
typedef void store_content_cb(void *ctx, enum err e, uint64_t size, uint32_t flags,
			      uint64_t modseq);
typedef void store_query_cb(void *ctx, enum err e, struct uid_ranges runs,
			    uint64_t highestmodseq, bool more);
typedef void store_flags_cb(void *ctx, enum err e, struct uid_ranges modified,
			    uint64_t highestmodseq);
typedef void store_copy_cb(void *ctx, enum err e, uint32_t uidvalidity,
			   struct uid_ranges from, struct uid_ranges to);
typedef void store_expunge_cb(void *ctx, enum err e, struct uid_ranges gone, uint64_t modseq);

struct api_call *store_open(const struct store_at *at, store_open_cb *cb, void *ctx);

/* ---- folders -------------------------------------------------------------- */
/* path NULL: all.  INBOX in any case; other names compare NFC case folded. */
struct api_call *store_folder_list(const struct store_at *at, const char *path,
				   store_folders_cb *cb, void *ctx);
/* The same with deleted_size, which costs more the more is \Deleted. */
struct api_call *store_folder_list_deleted(const struct store_at *at, const char *path,
					   store_folders_cb *cb, void *ctx);
struct api_call *store_folder_create(const struct store_at *at, const char *path,
				     const char *role, store_folders_cb *cb, void *ctx);
struct api_call *store_folder_rename(const struct store_at *at, const char *from,
				     const char *to, store_done_cb *cb, void *ctx);
struct api_call *store_folder_delete(const struct store_at *at, const char *path,
				     store_done_cb *cb, void *ctx);
/* In the principal's own mailbox.  elsewhere: the path is one of another mailbox. */
struct api_call *store_folder_subscribe(const struct store_at *at, const char *path, bool on,
					bool elsewhere, store_done_cb *cb, void *ctx);
/* SELECT (claims \Recent when read_write).  with_runs: the whole uid list as runs. */
/* (with_runs: LIMIT if one answer cannot hold them.) */
struct api_call *store_select(const struct store_at *at, uint64_t fid, bool read_write,
			      bool with_runs, store_select_cb *cb, void *ctx);
/* The same, page by page: the runs from UID `from` on. */
struct api_call *store_select_runs(const struct store_at *at, uint64_t fid, bool read_write,
				   uint32_t from, store_select_cb *cb, void *ctx);

/* ---- reading -------------------------------------------------------------- */

enum store_column {
	COL_FLAGS = 1, COL_MODSEQ = 2, COL_DATE = 4, COL_SIZE = 8, COL_MAP = 16,
	COL_KEYWORDS = 32, COL_SUMMARY = 64, COL_IDS = 128,
	/* The message itself, if it has at most ROW_MAX_CONTENT bytes; else the column
	 * is absent and store_content() reads it. */
	COL_CONTENT = 256,
	/* Only asked for: the header comes as COL_CONTENT if nothing more does. */
	COL_HEADER = 512,
	COL_SAVED = 1024,	/* when it came into this folder */
	/* Absent if none was made; empty if nothing can be said of the message. */
	COL_PREVIEW = 2048,
	/* Only asked for, and only with FLAGS and KEYWORDS alone: neighbours that have the
	 * same flags and no keywords may come as one row. */
	COL_RUN = 4096,
};

struct store_fetch {
	uint64_t fid;
	struct uid_ranges uids;
	unsigned columns;		/* enum store_column */
	uint64_t changed_since;		/* 0: all */
	bool vanished;
};
struct api_call *store_fetch(const struct store_at *at, const struct store_fetch *f,
			     store_rows_cb *rows, store_fetch_cb *cb, void *ctx);
/* Bytes of one message; length 0: to the end. */
struct api_call *store_content(const struct store_at *at, uint64_t fid, uint32_t uid,
			       uint64_t offset, uint64_t length, bool set_seen,
			       store_bytes_cb *bytes, store_content_cb *cb, void *ctx);
/* Bytes of rows or content are acknowledged by api_grant(). */

struct store_query {
	uint64_t fid;
	unsigned flags_set, flags_clear;
	const char *const *keywords_set, *const *keywords_clear;	/* NULL-terminated or NULL */
	int64_t since_ms, before_ms, sent_since_ms, sent_before_ms;	/* 0: open */
	uint64_t larger, smaller, modseq;				/* 0: open */
	struct uid_ranges uids;						/* n 0: all */
	uint32_t limit;							/* 0: none */
	bool newest_first;
};
struct api_call *store_query(const struct store_at *at, const struct store_query *q,
			     store_query_cb *cb, void *ctx);

/* ---- changing -------------------------------------------------------------- */

struct store_append {
	uint64_t fid;
	unsigned flags;
	const char *const *keywords;	/* NULL-terminated or NULL */
	int64_t internal_ms;		/* 0: now */
	uint64_t size;			/* exact */
	struct guid batch;		/* for store_append_keep() */
};
/* Content follows by store_append_data() until size bytes have come; writable
 * (may be NULL) says that store_append_room() has grown. */
struct api_call *store_append(const struct store_at *at, const struct store_append *a,
			      void (*writable)(void *ctx), store_append_cb *cb, void *ctx);
size_t store_append_room(const struct api_call *c);
void store_append_data(struct api_call *c, const void *p, size_t n);	/* n <= room */
/* The last bytes of all, and: stage it as message 0 of its batch instead (see below).
 * The callback then gets uid 0. */
void store_append_keep(struct api_call *c, const void *p, size_t n);	/* 0 < n <= room */

/* Several messages at once, or one whose size is not known before its end: each is
 * staged as message 0, 1, 2 ... of a batch, then the batch is placed.  Batches are
 * named by a guid_make() of the caller's and belong to mailbox and principal; what is
 * not placed within 50 minutes is forgotten. */
struct store_stage {
	uint64_t fid;			/* where it shall go */
	struct guid batch;
	uint32_t ord;
	unsigned flags;
	const char *const *keywords;	/* NULL-terminated or NULL */
	int64_t internal_ms;		/* 0: when it is placed */
	uint64_t size;			/* exact; with open the most there may be, 0: the
					 * server's limit, and the end is store_append_end() */
	bool open;
};
/* Content as for store_append().  cb gets the size as its cn.  LIMIT: a message is
 * too large, there are too many, or they would not fit into the quota. */
struct api_call *store_stage(const struct store_at *at, const struct store_stage *s,
			     void (*writable)(void *ctx), store_done_cb *cb, void *ctx);
void store_append_end(struct api_call *c);	/* of an open one; needs no room */

struct store_place {
	uint64_t fid;
	struct guid batch;
	uint32_t n;			/* messages 0 ... n - 1 */
	uint64_t replace_fid;		/* this message of the mailbox goes to the dumpster */
	uint32_t replace_uid;		/* in the same transaction; 0: none */
};
/* All or nothing; cb gets the first of n consecutive uids.  Asked again, the store
 * gives the first answer again.  NOTFOUND: the folder, or the message to replace;
 * STALE: the batch is not whole; LIMIT: the quota. */
struct api_call *store_place(const struct store_at *at, const struct store_place *p,
			     store_append_cb *cb, void *ctx);

enum store_flags_mode { FLAGS_ADD, FLAGS_REMOVE, FLAGS_REPLACE };
struct store_flags {
	uint64_t fid;
	struct uid_ranges uids;
	enum store_flags_mode mode;
	unsigned flags;
	const char *const *keywords;	/* NULL-terminated or NULL */
	bool check_unchanged;
	uint64_t unchanged_since;
};
/* rows: the changed ones with flags, keywords, modseq. */
struct api_call *store_flags(const struct store_at *at, const struct store_flags *f,
			     store_rows_cb *rows, store_flags_cb *cb, void *ctx);
/* Into a folder of the same mailbox (to NULL), or of another one of the same database.
 * All or nothing.  NOTFOUND: no such target; INVALID: its mailbox is in another
 * database; LIMIT: its quota. */
struct api_call *store_copy(const struct store_at *at, uint64_t fid, struct uid_ranges uids,
			    const struct guid *to, const char *to_path, bool move,
			    store_copy_cb *cb, void *ctx);
/* uids.n 0: all that are \Deleted; otherwise those of uids that are \Deleted;
 * any_flag: those of uids whatever their flags. */
struct api_call *store_expunge(const struct store_at *at, uint64_t fid, struct uid_ranges uids,
			       bool any_flag, store_expunge_cb *cb, void *ctx);

/* ---- changes ---------------------------------------------------------------- */

struct store_changes {
	uint64_t until;			/* ask again from here */
	struct uid_ranges gone;
	bool more, reset;		/* reset: load the folder anew */
	uint32_t uidnext, total, unread;
	uint64_t highestmodseq;		/* of the folder, at this moment */
};
typedef void store_changes_cb(void *ctx, enum err e, const struct store_changes *c);
/* rows: new or changed placements with uid, flags, keywords, modseq. */
struct api_call *store_changes(const struct store_at *at, uint64_t fid, uint64_t since,
			       uint32_t limit, store_rows_cb *rows, store_changes_cb *cb,
			       void *ctx);
/* Only what went away; pages are longer. */
struct api_call *store_gone(const struct store_at *at, uint64_t fid, uint64_t since,
			    uint32_t limit, store_changes_cb *cb, void *ctx);
/* Hints until cancelled or the store goes away: something above since_cn is there.  All
 * watches over one connection share one call (store_watch.c), so there may be tens of
 * thousands.  For a daemon that checks rights when it asks what changed: the principal
 * is not looked at. */
typedef void store_hint_cb(void *ctx, uint64_t epoch, uint64_t cn);
struct api_call *store_watch(const struct store_at *at, uint64_t since_cn,
			     store_hint_cb *hint, store_done_cb *gone, void *ctx);

/* ---- rights (common/api/rights.h); path "": the whole mailbox ------------------ */

enum store_acl_mode { STORE_ACL_REPLACE, STORE_ACL_ADD, STORE_ACL_REMOVE };
struct store_acl_change {
	const char *path;
	struct guid who;
	enum store_acl_mode mode;
	unsigned rights;
	bool negative;			/* of the rights that are taken away */
};
struct store_acl_row {
	struct guid who;
	unsigned given, taken;
	bool whole;			/* a row of the whole mailbox */
};
typedef void store_acl_cb(void *ctx, enum err e, const struct store_acl_row *rows, size_t n);
typedef void store_shared_cb(void *ctx, enum err e, const struct guid *mailboxes, size_t n);
/* INVALID: who is the owner, whose rights are not given.  LIMIT: too many rows. */
struct api_call *store_acl_set(const struct store_at *at, const struct store_acl_change *ch,
			       store_done_cb *cb, void *ctx);
struct api_call *store_acl_list(const struct store_at *at, const char *path, store_acl_cb *cb,
				void *ctx);
/* The mailboxes of at->peer's server in which rows of rights let the principal see
 * something; at->mailbox is not looked at. */
struct api_call *store_acl_shared(const struct store_at *at, store_shared_cb *cb, void *ctx);

/* ---- from the hub ------------------------------------------------------------ */

struct store_deliver_to {
	struct guid mailbox;
	uint64_t fid;			/* 0: inbox */
	unsigned flags;
	const char *role;		/* fid 0: rather the folder with this role; may be NULL */
};
struct store_deliver {
	struct guid origin;		/* the message's identity: DESIGN section 6 */
	uint64_t seq;
	const struct store_deliver_to *to;
	size_t n_to;
	const char *return_path;	/* "" for a null reverse path */
	int64_t received_ms;
	const char *prefix;		/* trace header lines above the content, or "" */
	uint64_t size;			/* of the content without prefix */
};
struct store_delivered {
	enum err status;		/* OK NOTFOUND LIMIT AGAIN */
	bool repeat;
	uint64_t fid, mid;
	uint32_t uid;
	const char *detail;
};
typedef void store_deliver_cb(void *ctx, enum err e, const struct store_delivered *results,
			      size_t n);
/* Content as for store_append(): by store_append_data(), or at once here when
 * content is not NULL (then size <= RPC_CHUNK). */
struct api_call *store_deliver(const struct store_at *at, const struct store_deliver *d,
			       const void *content, unsigned timeout_ms,
			       void (*writable)(void *ctx), store_deliver_cb *cb, void *ctx);
struct api_call *store_done_below(struct rpc_peer *peer, const struct guid *origin,
				  uint64_t seq, store_done_cb *cb, void *ctx);

/* ---- administration ------------------------------------------------------------ */
struct api_call *store_provision(const struct store_at *at, const struct guid *database,
				 store_done_cb *cb, void *ctx);
struct api_call *store_disconnect(const struct store_at *at, store_done_cb *cb, void *ctx);
struct api_call *store_reconnect(const struct store_at *at, const struct guid *as,
				 store_done_cb *cb, void *ctx);
#endif
