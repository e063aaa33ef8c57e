#ifndef API_STORE_META_H
#define API_STORE_META_H
/*
 * store_meta - annotations, usage and URL keys of a mailbox
 *
 * The second half of api/store.h, with its rules: at most one callback, results
 * valid during it.
 */
#include "common/api/store.h"

/* ---- annotations (RFC 5464) ---------------------------------------------------------- */

#define META_VALUE_MAX	(32u << 10)	/* bytes of a value */
#define META_NAME_MAX	512u		/* bytes of an entry's name */
#define META_ENTRIES	100u		/* of a folder, shared or one principal's */
#define META_MAILBOX	(1u << 20)	/* bytes of all names and values of a mailbox */
#define META_ASKED	100u		/* entries named in one call */

/* An entry is "/private/..." of the acting principal or "/shared/..." of all, in
 * lower case (names have no case).  value.p NULL: it shall go. */
struct store_meta {
	const char *path;		/* the folder; "" the mailbox as a whole */
	const char *entry;
	struct span value;
};
typedef void store_meta_cb(void *ctx, enum err e, const struct store_meta *m, size_t n,
			   const char *more);

enum { META_DEPTH_ALL = 255 };
struct store_meta_ask {
	const char *path;		/* "": the mailbox's own; NULL: all folders' */
	const char *after;		/* with path NULL: go on behind; NULL at first */
	const char *const *entries;	/* NULL-terminated */
	unsigned depth;			/* 0, 1, META_DEPTH_ALL: also what is below */
};
/* Those that are there, of folders one may read.  more: ask again, after it.  NOTFOUND:
 * no such folder, or it is not to be seen; DENIED. */
struct api_call *store_meta_get(const struct store_at *at, const struct store_meta_ask *a,
				store_meta_cb *cb, void *ctx);
/* All or nothing; their paths are not looked at.  LIMIT: too many, or too much. */
struct api_call *store_meta_set(const struct store_at *at, const char *path,
				const struct store_meta *m, size_t n, store_done_cb *cb,
				void *ctx);

/* ---- usage (RFC 9208) ------------------------------------------------------------------ */

struct store_usage {
	uint64_t size, quota_warn, quota_send, quota_recv;	/* bytes; quota 0: none */
	uint64_t items;
	uint64_t folders, folders_max;
	uint64_t meta, meta_max;				/* bytes of annotations */
};
typedef void store_usage_cb(void *ctx, enum err e, const struct store_usage *u);
struct api_call *store_usage(const struct store_at *at, store_usage_cb *cb, void *ctx);

/* ---- URLs that are signed (RFC 4467) ------------------------------------------------------ */

#define URL_TOKEN 32u			/* bytes */

/* Sign text with the principal's key of the folder, which is made when there is none
 * and never leaves the store.  The right to read is asked for. */
typedef void store_url_cb(void *ctx, enum err e, const uint8_t token[URL_TOKEN]);
struct api_call *store_url_sign(const struct store_at *at, const char *path, const char *text,
				store_url_cb *cb, void *ctx);
/* DENIED: not signed so, or not any more; also if the principal may no longer read it. */
struct api_call *store_url_check(const struct store_at *at, const char *path, const char *text,
				 const uint8_t token[URL_TOKEN], store_done_cb *cb, void *ctx);
/* The principal's keys go, and with them all URLs they signed; path NULL: of all folders. */
struct api_call *store_url_reset(const struct store_at *at, const char *path,
				 store_done_cb *cb, void *ctx);
#endif
