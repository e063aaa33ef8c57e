#ifndef API_ROW_H
#define API_ROW_H
/*
 * row - message rows on their way from the store: one packed record each
 *
 * Listing 20,000 messages costs a protobuf message each otherwise.  A reply stream
 * holds records back to back in this form (little endian), cut into chunks anywhere:
 *
 *	u32 length of what follows		u32 uid
 *	u16 columns present			u16 flags
 *	then, for each column present, in the order of enum store_column:
 *	modseq u64 | date i64 (ms) | size u64 | map u32 n + bytes |
 *	keywords u8 count, each u8 n + bytes | summary: six u16 n + bytes fields
 *	(subject, from name, from address, to, message-id, preview) and i64 sent ms |
 *	ids: u64 iid, u64 mid, u64 thread | content: u32 n + the message's first n bytes |
 *	saved i64 (ms) | preview: u16 n + bytes | run: u32
 *
 * Reading trusts nothing: a record that lies about a length ends the stream with
 * INVALID.
 */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/span.h"
#include <stdbool.h>
#include <stdint.h>

struct store_row {
	uint32_t uid;
	unsigned columns;		/* what is present: enum store_column */
	unsigned flags;			/* enum store_flag, with FLAG_DELETED */
	uint64_t modseq, size, iid, mid, thread;
	int64_t internal_ms, saved_ms;
	int64_t sent_local_ms;		/* as Date: says it, its zone left out */
	struct span map;		/* content.mime_map: common/mime/map.h reads it */
	const struct span *keywords;
	size_t n_keywords;
	struct span subject, from_name, from_addr, to, message_id, preview;
	struct span content;		/* the message, or as much of it as came */
	uint32_t more;			/* COL_RUN: so many UIDs behind this are just like it */
	bool has_preview;		/* the writer's: one was made, if empty */
};

#define ROW_MAX_KEYWORDS 128
#define ROW_MAX_CONTENT  (64u * 1024)

enum err row_write(struct buf *out, const struct store_row *r) A_MUST_USE;	/* LIMIT */
/* The record at the front of *in, which is moved behind it.  Spans point into
 * the chunk, lists live in a.  NOTFOUND at the end, INVALID if damaged. */
enum err row_read(struct span *in, struct store_row *out, struct arena *a) A_MUST_USE;

/* Does in begin with a whole record?  (One that is damaged counts as whole: reading
 * it will say so.) */
bool row_is_whole(struct span in);
/* How many bytes at the end of in belong to a record that is not whole yet. */
size_t row_tail(struct span in);
#endif
