#include "common/db/vfs.h"

#include "common/base/check.h"
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { WAL_HEADER = 32, FRAME_HEADER = 24, FRAME = FRAME_HEADER + VFS_PAGE };

struct vfs {
	sqlite3_vfs base;	/* what SQLite knows; pAppData leads back here */
	sqlite3_vfs *below;
	unsigned refs;		/* under big_lock() */
	char *name;
	pthread_mutex_t lock;	/* of what follows */
	uint64_t *wal_sum;	/* of each frame's page; 0: not known yet */
	size_t n_sums;
};

struct file {
	sqlite3_file base;
	struct vfs *v;
	bool is_db, is_wal;
	sqlite3_file below[];	/* as large as the layer below asks for */
};

/* ---- the sum --------------------------------------------------------------- */

static uint64_t turn(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

static uint64_t word(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* Four lanes of multiply and rotate, so that a page costs a microsecond; n is a
 * multiple of 32.  Damage, not malice, is the opponent.  Never 0. */
static uint64_t sum(const unsigned char *p, size_t n, uint64_t seed)
{
	const uint64_t m1 = 0x9fb21c651e98df25, m2 = 0xd6e8feb86659fd93;
	uint64_t lane[4] = { seed, seed ^ m1, seed + m2, ~seed }, h = n;

	for (; n >= 32; p += 32, n -= 32)
		for (unsigned i = 0; i < 4; i++)
			lane[i] = turn(lane[i] ^ word(p + 8 * i) * m1, 29) * m2;
	for (unsigned i = 0; i < 4; i++) {
		h = (h ^ lane[i]) * m1;
		h ^= h >> 32;
	}
	return h ? h : 1;
}

static uint64_t page_sum(const unsigned char *page, sqlite3_int64 at)
{
	return sum(page, VFS_PAGE - VFS_RESERVED, (uint64_t)at / VFS_PAGE + 1);
}

void vfs_stamp(unsigned char *page, int64_t at)
{
	uint64_t v = htole64(page_sum(page, at));

	memset(page + VFS_PAGE - VFS_RESERVED, 0, VFS_RESERVED);
	memcpy(page + VFS_PAGE - VFS_RESERVED, &v, sizeof(v));
}

static bool all_zero(const unsigned char *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/* A page of the free list may never have been written: a hole, all zero, which
 * SQLite does not take for anything else. */
bool vfs_page_ok(const unsigned char *page, int64_t at)
{
	return word(page + VFS_PAGE - VFS_RESERVED) == page_sum(page, at) ||
	       all_zero(page, VFS_PAGE);
}

/* ---- the log's sums --------------------------------------------------------- */

/* Which frame's page begins at this place of the log? */
static bool frame_at(sqlite3_int64 at, size_t *frame)
{
	if (at < WAL_HEADER + FRAME_HEADER || (at - WAL_HEADER - FRAME_HEADER) % FRAME != 0)
		return false;
	*frame = (size_t)((at - WAL_HEADER - FRAME_HEADER) / FRAME);
	return true;
}

static void wal_note(struct vfs *v, size_t frame, uint64_t s)
{
	pthread_mutex_lock(&v->lock);
	if (frame >= v->n_sums) {
		size_t n = frame + frame / 2 + 64;

		v->wal_sum = xrealloc(v->wal_sum, n * sizeof(*v->wal_sum));
		memset(v->wal_sum + v->n_sums, 0, (n - v->n_sums) * sizeof(*v->wal_sum));
		v->n_sums = n;
	}
	v->wal_sum[frame] = s;
	pthread_mutex_unlock(&v->lock);
}

/* Anything written that is not exactly one page makes what it touches unknown. */
static void wal_forget(struct vfs *v, sqlite3_int64 at, int n)
{
	sqlite3_int64 first = (at - WAL_HEADER) / FRAME, last = (at + n - 1 - WAL_HEADER) / FRAME;

	pthread_mutex_lock(&v->lock);
	for (sqlite3_int64 i = first < 0 ? 0 : first; i <= last && i < (sqlite3_int64)v->n_sums; i++)
		v->wal_sum[i] = 0;
	pthread_mutex_unlock(&v->lock);
}

static bool wal_ok(struct vfs *v, size_t frame, uint64_t s)
{
	uint64_t want;

	pthread_mutex_lock(&v->lock);
	want = frame < v->n_sums ? v->wal_sum[frame] : 0;
	pthread_mutex_unlock(&v->lock);
	return want == 0 || want == s;
}

static void wal_written(struct vfs *v, const unsigned char *p, int n, sqlite3_int64 at)
{
	size_t frame;

	if (n == VFS_PAGE && frame_at(at, &frame))
		wal_note(v, frame, sum(p, VFS_PAGE, 0));
	else if (n != FRAME_HEADER)
		wal_forget(v, at, n);
}

static bool wal_read(struct vfs *v, const unsigned char *p, int n, sqlite3_int64 at)
{
	size_t frame;

	if (n == VFS_PAGE && frame_at(at, &frame))
		return wal_ok(v, frame, sum(p, VFS_PAGE, 0));
	/* Recovery reads header and page together and verifies SQLite's own sum, so
	 * this is where a log left by a crash becomes known to us. */
	if (n == FRAME && frame_at(at + FRAME_HEADER, &frame))
		wal_note(v, frame, sum(p + FRAME_HEADER, VFS_PAGE, 0));
	return true;
}

/* ---- files ------------------------------------------------------------------- */

static struct file *file_of(sqlite3_file *f)
{
	return (struct file *)(void *)f;
}

#define BELOW(f) (file_of(f)->below)
#define METHODS(f) (BELOW(f)->pMethods)

static int file_close(sqlite3_file *f)
{
	return METHODS(f)->xClose(BELOW(f));
}

static int file_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	struct file *file = file_of(f);
	int rc = METHODS(f)->xRead(BELOW(f), p, n, at);

	if (rc)
		return rc;
	if (file->is_db && n == VFS_PAGE && at % VFS_PAGE == 0 && !vfs_page_ok(p, at))
		return SQLITE_IOERR_DATA;
	if (file->is_wal && !wal_read(file->v, p, n, at))
		return SQLITE_IOERR_DATA;
	return SQLITE_OK;
}

static int file_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	struct file *file = file_of(f);

	/* In place: the reserved bytes of SQLite's buffer are nobody's else. */
	if (file->is_db && n == VFS_PAGE && at % VFS_PAGE == 0)
		vfs_stamp((unsigned char *)(uintptr_t)p, at);
	if (file->is_wal)
		wal_written(file->v, p, n, at);
	return METHODS(f)->xWrite(BELOW(f), p, n, at);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return METHODS(f)->xTruncate(BELOW(f), size);
}

static int file_sync(sqlite3_file *f, int flags)
{
	return METHODS(f)->xSync(BELOW(f), flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return METHODS(f)->xFileSize(BELOW(f), size);
}

static int file_lock(sqlite3_file *f, int level)
{
	return METHODS(f)->xLock(BELOW(f), level);
}

static int file_unlock(sqlite3_file *f, int level)
{
	return METHODS(f)->xUnlock(BELOW(f), level);
}

static int file_check_reserved(sqlite3_file *f, int *out)
{
	return METHODS(f)->xCheckReservedLock(BELOW(f), out);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
	return METHODS(f)->xFileControl(BELOW(f), op, arg);
}

static int file_sector(sqlite3_file *f)
{
	return METHODS(f)->xSectorSize(BELOW(f));
}

static int file_traits(sqlite3_file *f)
{
	return METHODS(f)->xDeviceCharacteristics(BELOW(f));
}

static int file_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return METHODS(f)->xShmMap(BELOW(f), page, size, extend, out);
}

static int file_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	return METHODS(f)->xShmLock(BELOW(f), at, n, flags);
}

static void file_shm_barrier(sqlite3_file *f)
{
	METHODS(f)->xShmBarrier(BELOW(f));
}

static int file_shm_unmap(sqlite3_file *f, int remove)
{
	return METHODS(f)->xShmUnmap(BELOW(f), remove);
}

/* Version 2: shared memory, but no memory-mapped pages that would pass us by. */
static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_traits,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

static int file_open(sqlite3_vfs *base, const char *path, sqlite3_file *f, int flags, int *out)
{
	struct vfs *v = base->pAppData;
	struct file *file = file_of(f);
	int rc;

	file->v = v;
	file->is_db = flags & SQLITE_OPEN_MAIN_DB;
	file->is_wal = flags & SQLITE_OPEN_WAL;
	file->base.pMethods = NULL;	/* until there is something to close */
	rc = v->below->xOpen(v->below, path, file->below, flags, out);
	if (rc == SQLITE_OK)
		file->base.pMethods = &methods;
	return rc;
}

/* ---- one per file -------------------------------------------------------------- */

static sqlite3_mutex *big_lock(void)
{
	return sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_VFS3);
}

static struct vfs *vfs_new(char *name)
{
	struct vfs *v = xcalloc(1, sizeof(*v));

	v->below = sqlite3_vfs_find("unix-excl");
	CHECK(v->below != NULL);
	v->name = name;
	pthread_mutex_init(&v->lock, NULL);
	/* What is not about files the layer below does without looking at its own
	 * struct, so its functions serve as ours. */
	v->base = *v->below;
	v->base.pNext = NULL;
	v->base.zName = v->name;
	v->base.pAppData = v;
	v->base.szOsFile = (int)sizeof(struct file) + v->below->szOsFile;
	v->base.xOpen = file_open;
	CHECK(sqlite3_vfs_register(&v->base, 0) == SQLITE_OK);
	return v;
}

enum err vfs_get(const char *path, struct vfs **out, struct errbuf *eb)
{
	char *real = realpath(path, NULL), *name;
	sqlite3_vfs *known;

	if (real == NULL)
		return err_errno(eb, errno, path);
	if (sqlite3_initialize() != SQLITE_OK) {
		free(real);
		return err_set(eb, ERR_AGAIN, "SQLite does not start");
	}
	name = xasprintf("bourse:%s", real);
	free(real);
	sqlite3_mutex_enter(big_lock());
	known = sqlite3_vfs_find(name);
	*out = known ? known->pAppData : vfs_new(name);
	(*out)->refs++;
	sqlite3_mutex_leave(big_lock());
	if (known)
		free(name);
	return ERR_OK;
}

void vfs_put(struct vfs **vp)
{
	struct vfs *v = *vp;

	*vp = NULL;
	if (v == NULL)
		return;
	sqlite3_mutex_enter(big_lock());
	if (--v->refs == 0) {
		sqlite3_vfs_unregister(&v->base);
		pthread_mutex_destroy(&v->lock);
		free(v->wal_sum);
		free(v->name);
		free(v);
	}
	sqlite3_mutex_leave(big_lock());
}

const char *vfs_name(const struct vfs *v)
{
	return v->name;
}
