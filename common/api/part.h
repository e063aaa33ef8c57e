#ifndef API_PART_H
#define API_PART_H
/*
 * part - the bytes of a message, or of a section of it, found by path and UID
 *
 * What an IMAP URL asks for (RFC 5092), for CATENATE, URLFETCH and BURL: looks the
 * folder up, reads the message's map, then its bytes.
 *
 *	begin(size) --> bytes* --> done(e)
 *
 * begin and bytes come only if there is something to say; done comes exactly once,
 * from the loop, never from inside store_part_open(), and not after
 * store_part_close().  Bytes are acknowledged by store_part_grant(); those that are
 * not stop the store after RPC_WINDOW.
 */
#include "common/api/store.h"

struct store_part_ask {
	const char *path;
	uint32_t uidvalidity;		/* 0: any */
	uint32_t uid;
	struct span section;		/* "", "1.2.MIME", "HEADER.FIELDS (Subject)" */
	bool partial;
	uint64_t offset, length;	/* with partial; length 0: to the end */
};

struct store_part;
typedef void store_part_begin_cb(void *ctx, uint64_t size);
/* NOTFOUND: no such folder, UIDVALIDITY, message or section, or no right to read it.
 * INVALID: the section is none.  LIMIT: its structure is too large to look into. */
typedef void store_part_done_cb(void *ctx, enum err e);

/* at and ask are copied. */
struct store_part *store_part_open(const struct store_at *at, const struct store_part_ask *ask,
				   store_part_begin_cb *begin, store_bytes_cb *bytes,
				   store_part_done_cb *done, void *ctx);
void store_part_grant(struct store_part *p, size_t n);
/* Also after done, but not from begin or bytes; *p may be NULL. */
void store_part_close(struct store_part **p);
#endif
