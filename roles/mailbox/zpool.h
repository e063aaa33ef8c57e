#ifndef MAILBOX_ZPOOL_H
#define MAILBOX_ZPOOL_H
/* zpool - zstd's contexts, which are too large to make for every message.
 * Thread-safe; a context is one thread's between taking and putting back. */
#include <zstd.h>

struct zpool;

struct zpool *zpool_new(void);
void zpool_free(struct zpool **z);
void zpool_shrink(struct zpool *z);	/* idle: keep none */

ZSTD_CCtx *zpool_compressor(struct zpool *z);
void zpool_put_compressor(struct zpool *z, ZSTD_CCtx *c);
ZSTD_DCtx *zpool_expander(struct zpool *z);
void zpool_put_expander(struct zpool *z, ZSTD_DCtx *d);
#endif
