#ifndef DB_VFS_H
#define DB_VFS_H
/*
 * vfs - how SQLite reaches the disk: a checksum on every page
 *
 * Private to common/db.  Every page of a database file ends in VFS_RESERVED
 * bytes that SQLite leaves alone; eight of them hold a checksum of the rest and
 * of the page's number, written when the page goes into the file and verified
 * whenever it is read.  A page that does not match is SQLITE_IOERR_DATA, which
 * db.c calls CORRUPT: bit rot, a misdirected or a torn write never look like
 * data.  Pages in the write-ahead log are covered by the log's own checksums
 * when it is recovered, and until then by a copy of ours in memory.
 *
 * The layer below is "unix-excl": one process owns the file, its connections
 * share the log's index in heap memory.
 *
 * One struct vfs serves all connections of the process to one file.
 */
#include "common/base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define VFS_PAGE 8192
#define VFS_RESERVED 32

struct vfs;

/* The one of this file, made if need be.  Thread-safe. */
enum err vfs_get(const char *path, struct vfs **out, struct errbuf *eb) A_MUST_USE;
void vfs_put(struct vfs **v);
const char *vfs_name(const struct vfs *v);
/* Does the checksum of a page that is read from this offset of the file fit? */
bool vfs_page_ok(const unsigned char *page, int64_t at);
void vfs_stamp(unsigned char *page, int64_t at);	/* make it fit */
#endif
