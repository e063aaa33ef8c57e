#include "roles/mailbox/zpool.h"

#include "common/base/check.h"
#include <pthread.h>
#include <stdlib.h>

enum { KEEP = 4, LEVEL = 1 };

struct zpool {
	pthread_mutex_t lock;
	ZSTD_CCtx *c[KEEP];
	ZSTD_DCtx *d[KEEP];
	unsigned n_c, n_d;
};

struct zpool *zpool_new(void)
{
	struct zpool *z = xcalloc(1, sizeof(*z));

	pthread_mutex_init(&z->lock, NULL);
	return z;
}

void zpool_shrink(struct zpool *z)
{
	pthread_mutex_lock(&z->lock);
	while (z->n_c > 0)
		ZSTD_freeCCtx(z->c[--z->n_c]);
	while (z->n_d > 0)
		ZSTD_freeDCtx(z->d[--z->n_d]);
	pthread_mutex_unlock(&z->lock);
}

void zpool_free(struct zpool **zp)
{
	struct zpool *z = *zp;

	*zp = NULL;
	if (z == NULL)
		return;
	zpool_shrink(z);
	pthread_mutex_destroy(&z->lock);
	free(z);
}

ZSTD_CCtx *zpool_compressor(struct zpool *z)
{
	ZSTD_CCtx *c = NULL;

	pthread_mutex_lock(&z->lock);
	if (z->n_c > 0)
		c = z->c[--z->n_c];
	pthread_mutex_unlock(&z->lock);
	if (c == NULL) {
		c = ZSTD_createCCtx();
		CHECK(c != NULL);
		ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, LEVEL);
		ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	}
	return c;
}

void zpool_put_compressor(struct zpool *z, ZSTD_CCtx *c)
{
	pthread_mutex_lock(&z->lock);
	if (z->n_c < KEEP) {
		z->c[z->n_c++] = c;
		c = NULL;
	}
	pthread_mutex_unlock(&z->lock);
	ZSTD_freeCCtx(c);
}

ZSTD_DCtx *zpool_expander(struct zpool *z)
{
	ZSTD_DCtx *d = NULL;

	pthread_mutex_lock(&z->lock);
	if (z->n_d > 0)
		d = z->d[--z->n_d];
	pthread_mutex_unlock(&z->lock);
	if (d == NULL)
		d = ZSTD_createDCtx();
	CHECK(d != NULL);
	return d;
}

void zpool_put_expander(struct zpool *z, ZSTD_DCtx *d)
{
	pthread_mutex_lock(&z->lock);
	if (z->n_d < KEEP) {
		z->d[z->n_d++] = d;
		d = NULL;
	}
	pthread_mutex_unlock(&z->lock);
	ZSTD_freeDCtx(d);
}
