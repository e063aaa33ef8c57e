#ifndef DB_PAGES_H
#define DB_PAGES_H
/*
 * pages - the pages of a database file and its log, read and never written
 *
 * Private to common/db; https://www.sqlite.org/fileformat2.html has the format.
 */
#include "common/base/err.h"
#include "common/db/vfs.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAGE_USABLE = VFS_PAGE - VFS_RESERVED };

struct pages {
	int fd, wal_fd;		/* wal_fd -1: no log */
	uint32_t n;		/* pages are 1 .. n */
	uint32_t *frame;	/* of each page: 1 + its frame in the log, 0: it is in the file */
};

enum err pages_open(struct pages *p, const char *path, struct errbuf *eb) A_MUST_USE;
void pages_close(struct pages *p);
/* False: there is no such page, or its checksum is wrong. */
bool pages_read(const struct pages *p, uint32_t pgno, unsigned char *out);

static inline uint32_t be16(const unsigned char *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t be32(const unsigned char *p)
{
	return be16(p) << 16 | be16(p + 2);
}
#endif
