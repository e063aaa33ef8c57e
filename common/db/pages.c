#include "common/db/pages.h"

#include "common/base/check.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAL_HEADER = 32, FRAME_HEADER = 24, FRAME = FRAME_HEADER + VFS_PAGE };
#define MAX_PAGES UINT32_C(0xfffffffe)

static bool read_all(int fd, void *p, size_t n, off_t at)
{
	for (size_t got = 0; got < n;) {
		ssize_t k = pread(fd, (char *)p + got, n - got, at + (off_t)got);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		got += (size_t)k;
	}
	return true;
}

/* SQLite's running sum of the log, over words of either byte order. */
static void wal_sum(const unsigned char *p, size_t n, bool big, uint32_t sum[2])
{
	for (size_t i = 0; i < n; i += 8) {
		uint32_t a = be32(p + i), b = be32(p + i + 4);

		sum[0] += (big ? a : __builtin_bswap32(a)) + sum[1];
		sum[1] += (big ? b : __builtin_bswap32(b)) + sum[0];
	}
}

struct log {
	unsigned char header[WAL_HEADER];
	unsigned char frame[FRAME];
	uint32_t sum[2];
	bool big;
};

static bool log_begins(struct log *l, int fd)
{
	const unsigned char *h = l->header;

	if (!read_all(fd, l->header, WAL_HEADER, 0) || (be32(h) & ~1U) != 0x377f0682 ||
	    be32(h + 8) != VFS_PAGE)
		return false;
	l->big = be32(h) & 1;
	l->sum[0] = l->sum[1] = 0;
	wal_sum(h, 24, l->big, l->sum);
	return be32(h + 24) == l->sum[0] && be32(h + 28) == l->sum[1];
}

static bool log_frame(struct log *l, int fd, uint32_t i)
{
	const unsigned char *f = l->frame;

	if (!read_all(fd, l->frame, FRAME, WAL_HEADER + (off_t)i * FRAME) ||
	    memcmp(f + 8, l->header + 16, 8) != 0)
		return false;
	wal_sum(f, 8, l->big, l->sum);
	wal_sum(f + FRAME_HEADER, VFS_PAGE, l->big, l->sum);
	return be32(f + 16) == l->sum[0] && be32(f + 20) == l->sum[1] && be32(f) != 0;
}

static void grow(struct pages *p, uint32_t n, uint32_t *cap)
{
	if (n < *cap)
		return;
	p->frame = xrealloc(p->frame, ((size_t)n + 1024) * sizeof(*p->frame));
	memset(p->frame + *cap, 0, ((size_t)n + 1024 - *cap) * sizeof(*p->frame));
	*cap = n + 1024;
}

/* What follows the last commit of the log never happened: the frames are counted
 * first, and placed in a second reading. */
static uint32_t log_commits(struct log *l, int fd, uint32_t *n_pages)
{
	uint32_t end = 0;

	if (!log_begins(l, fd))
		return 0;
	for (uint32_t i = 0; i < UINT32_MAX - 1 && log_frame(l, fd, i); i++)
		if (be32(l->frame + 4) != 0) {
			end = i + 1;
			*n_pages = be32(l->frame + 4);
		}
	return end;
}

static void place_frames(struct pages *p, uint32_t frames)
{
	for (uint32_t i = 0; i < frames; i++) {
		unsigned char no[4];

		if (read_all(p->wal_fd, no, 4, WAL_HEADER + (off_t)i * FRAME) &&
		    be32(no) <= p->n)
			p->frame[be32(no)] = i + 1;
	}
}

enum err pages_open(struct pages *p, const char *path, struct errbuf *eb)
{
	char *wal = xasprintf("%s-wal", path);
	struct log *l = xcalloc(1, sizeof(*l));
	struct stat st;
	uint32_t cap = 0, frames = 0;
	enum err e = ERR_OK;

	*p = (struct pages){ .fd = open(path, O_RDONLY | O_CLOEXEC), .wal_fd = -1 };
	if (p->fd < 0 || fstat(p->fd, &st) < 0) {
		e = err_errno(eb, errno, path);
	} else if (st.st_size / VFS_PAGE > (off_t)MAX_PAGES) {
		e = err_set(eb, ERR_LIMIT, "%s is too large", path);
	} else {
		p->wal_fd = open(wal, O_RDONLY | O_CLOEXEC);
		p->n = (uint32_t)(st.st_size / VFS_PAGE);
		if (p->wal_fd >= 0)
			frames = log_commits(l, p->wal_fd, &p->n);
		grow(p, p->n, &cap);
		place_frames(p, frames);
	}
	free(l);
	free(wal);
	if (e)
		pages_close(p);
	return e;
}

void pages_close(struct pages *p)
{
	if (p->fd >= 0)
		close(p->fd);
	if (p->wal_fd >= 0)
		close(p->wal_fd);
	free(p->frame);
	*p = (struct pages){ .fd = -1, .wal_fd = -1 };
}

bool pages_read(const struct pages *p, uint32_t pgno, unsigned char *out)
{
	off_t at = (off_t)(pgno - 1) * VFS_PAGE;

	if (pgno == 0 || pgno > p->n)
		return false;
	if (p->frame[pgno])
		return read_all(p->wal_fd, out, VFS_PAGE, WAL_HEADER + FRAME_HEADER +
				(off_t)(p->frame[pgno] - 1) * FRAME);
	return read_all(p->fd, out, VFS_PAGE, at) && vfs_page_ok(out, at);
}
