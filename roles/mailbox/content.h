#ifndef MAILBOX_CONTENT_H
#define MAILBOX_CONTENT_H
/*
 * content - message bytes: hashed, compressed, shared
 *
 * Bytes become content in two halves.  A builder, on any thread, hashes, maps
 * (common/mime) and compresses what it is fed, in chunks of CONTENT_CHUNK raw
 * bytes, each a zstd frame of its own or raw where that is smaller.  The writer
 * then either finds the same bytes in the database and counts one more reference,
 * or stores the chunks.  Large content is staged: chunks go into the file in
 * short background requests while more bytes come, below a row that nobody sees
 * until it is finished; what a crash or a lost client leaves behind is collected.
 *
 * Content nobody refers to any more is deleted an hour later, in small steps.
 */
#include "common/base/buf.h"
#include "common/mime/map.h"
#include "roles/mailbox/tx.h"

#define CONTENT_CHUNK (256u * 1024)
#define CONTENT_MAX   (UINT64_C(1) << 38)	/* bytes: chunk numbers have 20 bits */

/* ---- building, on a worker ------------------------------------------------------ */

struct digest;
struct zpool;

struct chunk {
	struct list node;
	uint32_t index;
	size_t len;
	char data[];
};

#define PREVIEW_LOOK (64u << 10)	/* bytes looked at for the first words */
#define PREVIEW_NONE " "		/* item.preview: there are none to be found */

struct content {
	struct zpool *zpool;
	struct digest *digest;
	struct mime_map *map;
	struct buf raw;		/* of the chunk that is being filled */
	uint32_t n_chunks;	/* compressed so far */
	struct list ready;	/* struct chunk: compressed and not stored yet */
	size_t ready_bytes;
	uint64_t size;

	/* After content_finish(). */
	bool is_finished;
	uint8_t sha256[32];
	struct buf blob;	/* the map, encoded */
	const struct summary *sum;
	char *preview;		/* NULL: the message has more than a chunk, and none is made */
	bool has_attach;
};

struct content *content_new(struct zpool *z);
void content_free(struct content **c);
enum err content_feed(struct content *c, const char *p, size_t n) A_MUST_USE;	/* LIMIT */
enum err content_finish(struct content *c) A_MUST_USE;

/* ---- storing, in the writer -------------------------------------------------------- */

/* Put the chunks that are ready below a staging row; *bid 0 makes one.  The
 * chunks stay with c: content_staged() frees them once the write stands. */
enum err content_stage(struct tx *tx, const struct content *c, int64_t *bid,
		       struct errbuf *eb) A_MUST_USE;
void content_staged(struct content *c);

/* Make finished content live with `refs` more references.  staged: the staging
 * row, or 0.  bid gets the row, which may be an older one of the same bytes. */
enum err content_store(struct tx *tx, const struct content *c, int64_t staged, int64_t refs,
		       int64_t *bid, struct errbuf *eb) A_MUST_USE;
/* Count references up or down; at none the collector's hour begins. */
enum err content_ref(struct tx *tx, int64_t bid, int64_t by, struct errbuf *eb) A_MUST_USE;

/* Delete what nobody has referred to for an hour, at most `max` chunks of it.
 * more: there is more to do now. */
enum err content_collect(struct tx *tx, int max, bool *more, struct errbuf *eb) A_MUST_USE;

/* ---- reading ------------------------------------------------------------------------- */

/* The raw bytes of a stored chunk, n bytes at p, are `raw` many: append them to out. */
enum err content_expand(struct zpool *z, const void *p, size_t n, size_t raw, struct buf *out,
			struct errbuf *eb) A_MUST_USE;
/* Append at most one chunk's bytes from offset on.  Past the end: nothing. */
enum err content_read(struct db *db, struct zpool *z, int64_t bid, uint64_t size,
		      uint64_t offset, uint64_t length, struct buf *out,
		      struct errbuf *eb) A_MUST_USE;
#endif
