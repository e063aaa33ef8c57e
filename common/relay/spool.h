#ifndef RELAY_SPOOL_H
#define RELAY_SPOOL_H
/*
 * spool - message bodies on their way
 *
 * A body is written once, front to back, sealed, and then read by ranges by
 * whoever holds a reference.  Up to memory_each octets it lives in memory, above
 * that, or when all bodies together hold memory_total, in a file of the spool's
 * folder.  The file has no name until spool_body_keep() gives it one, so what a
 * crash leaves behind is only what somebody promised to deliver.
 *
 * Files are mode 0600.  Where the file system cannot make nameless files they
 * are called "unkept.*" and swept by spool_open().
 *
 * Threads: a body is filled by one thread.  Once sealed it may be read, kept and
 * unreferenced by any.  The spool outlives its bodies.
 */
#include "common/base/err.h"
#include "common/base/span.h"
#include <stdint.h>

struct spool;
struct spool_body;

#define SPOOL_NAME_MAX 128	/* with NUL */

struct spool_conf {
	const char *dir;	/* made if missing, mode 0700; copied */
	size_t memory_each;	/* 0: 256 KiB */
	size_t memory_total;	/* 0: 64 MiB */
};

enum err spool_open(const struct spool_conf *conf, struct spool **out,
		    struct errbuf *eb) A_MUST_USE;
void spool_close(struct spool **s);	/* *s may be NULL */
size_t spool_memory(const struct spool *s);	/* octets that bodies hold in memory now */

/* An empty body to fill; one reference.  Never fails. */
struct spool_body *spool_body_new(struct spool *s);
/* FULL: disk full; INTERNAL: it fails.  The body is then of no use but to unref. */
enum err spool_body_add(struct spool_body *b, const void *p, size_t n,
			struct errbuf *eb) A_MUST_USE;
void spool_body_seal(struct spool_body *b);

struct spool_body *spool_body_ref(struct spool_body *b);	/* returns b */
void spool_body_unref(struct spool_body **b);	/* clears *b; *b may be NULL */

uint64_t spool_body_size(const struct spool_body *b);
/* All of it, if it is in memory (borrowed while b is); else {NULL, 0}, as for an
 * empty body. */
struct span spool_body_memory(const struct spool_body *b);
/* Up to n octets from off; *got is less only at the end.  Reads a file on the
 * calling thread.  CORRUPT: the file is shorter than it was. */
enum err spool_body_read(const struct spool_body *b, uint64_t off, void *p, size_t n,
			 size_t *got, struct errbuf *eb) A_MUST_USE;

/* Make a sealed body durable as file `name` (one path component, no leading dot
 * or "unkept."): after OK it survives power loss.  Blocks in fsync: not for a loop
 * thread.  EXISTS: the name is taken. */
enum err spool_body_keep(struct spool_body *b, const char *name,
			 struct errbuf *eb) A_MUST_USE;

/* A kept body again, sealed; its file is held open.  NOTFOUND. */
enum err spool_body_open(struct spool *s, const char *name, struct spool_body **out,
			 struct errbuf *eb) A_MUST_USE;
/* The name goes at once, the octets with the last reference.  No such file: OK. */
enum err spool_remove(struct spool *s, const char *name, struct errbuf *eb) A_MUST_USE;

/* Names of kept bodies, in no order, for recovery: remove what no queue knows.
 * cb returns false to stop. */
typedef bool spool_name_fn(void *ctx, const char *name);
enum err spool_each(struct spool *s, spool_name_fn *cb, void *ctx,
		    struct errbuf *eb) A_MUST_USE;
#endif
