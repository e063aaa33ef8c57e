#ifndef API_STORE_SEARCH_H
#define API_STORE_SEARCH_H
/*
 * api store_search - finding, sorting and threading what a folder holds
 *
 * As in store.h: one call each, one callback, arguments copied.
 */
#include "common/api/store.h"
#include "common/base/buf.h"

/* ---- which messages may hold a text -------------------------------------------------- */

#define STORE_NEEDLES 64u	/* of one call, at most */

struct store_needle {
	struct span text;	/* UTF-8, of at most STORE_NEEDLE_MAX bytes */
	bool header, body;	/* where */
};
#define STORE_NEEDLE_MAX 4096u

/* known: a message whose uid is not in maybe does not hold the text, by
 * i;unicode-casemap; those in it have to be looked into.  Not known: the catalogue can
 * say nothing (too short a text, too many messages). */
struct store_found {
	bool known;
	struct uid_ranges maybe;
};
typedef void store_find_cb(void *ctx, enum err e, const struct store_found *f, size_t n);
struct api_call *store_find(const struct store_at *at, uint64_t fid,
			    const struct store_needle *needles, size_t n, store_find_cb *cb,
			    void *ctx);

/* ---- in which order -------------------------------------------------------------------- */

enum store_sort_key {		/* they travel: never renumber */
	STORE_SORT_ARRIVAL = 1,
	STORE_SORT_CC = 2,
	STORE_SORT_DATE = 3,
	STORE_SORT_DISPLAYFROM = 4,
	STORE_SORT_DISPLAYTO = 5,
	STORE_SORT_FROM = 6,
	STORE_SORT_SIZE = 7,
	STORE_SORT_SUBJECT = 8,
	STORE_SORT_TO = 9
};
#define STORE_SORT_REVERSE 0x80u
#define STORE_SORT_KEYS	   9u

/* All messages of these uids (n 0: all of the folder) come through bytes as uids, u32
 * little endian, in order; equal ones by uid.  Acknowledge by api_grant(). */
struct api_call *store_sort(const struct store_at *at, uint64_t fid, struct uid_ranges uids,
			    const uint8_t *keys, size_t n_keys, store_bytes_cb *bytes,
			    store_done_cb *cb, void *ctx);

/* ---- what belongs together -------------------------------------------------------------- */

/* What THREAD needs of a message.  Packed: u32 length of what follows, u32 uid, u8
 * reply, u8 number of references, i64 date, u64 own, two u64 subject, the references;
 * little endian. */
struct store_refs {
	uint32_t uid;
	bool is_reply;			/* by its subject */
	int64_t sent_ms;
	uint64_t own;			/* hash of its Message-ID; 0: none */
	uint64_t subject[2];		/* hash of its base subject; both 0: empty */
	const uint8_t *refs;		/* hashes, 8 bytes each, oldest first */
	size_t n_refs;
};
#define STORE_REFS_MAX	     255u
#define STORE_REFS_MAX_BYTES (42u + 8u * STORE_REFS_MAX)

enum err store_refs_write(struct buf *out, const struct store_refs *m) A_MUST_USE;	/* LIMIT */
/* The record at the front of *in, which moves behind it; spans point into it.  NOTFOUND:
 * it is not whole yet; INVALID: damaged. */
enum err store_refs_read(struct span *in, struct store_refs *out) A_MUST_USE;

/* Records of the messages of these uids (n 0: all), through bytes, by uid. */
struct api_call *store_refs(const struct store_at *at, uint64_t fid, struct uid_ranges uids,
			    store_bytes_cb *bytes, store_done_cb *cb, void *ctx);
#endif
