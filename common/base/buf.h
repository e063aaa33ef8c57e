#ifndef BASE_BUF_H
#define BASE_BUF_H
/*
 * buf - a growing byte buffer with a ceiling chosen by its owner
 *
 * data is NUL-terminated one past len and moves when the buffer grows.  Bytes
 * are added at the end and dropped from the front; dropping is cheap (the front
 * moves lazily), so a buffer serves as the input of a connection.
 *
 * An empty buffer owns no memory: buf_fini() on one is a no-op, and a drained
 * one can give its memory back with buf_release().
 */
#include "common/base/err.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data;		/* first byte; never NULL after buf_init() */
	size_t len;
	size_t max;		/* len never exceeds it */
	char *mem;		/* private: start of the allocation */
	size_t cap;		/* private: bytes usable from mem */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);

enum err buf_add(struct buf *b, const void *p, size_t n) A_MUST_USE;	/* LIMIT */
enum err buf_addc(struct buf *b, char c) A_MUST_USE;
enum err buf_addu(struct buf *b, uint64_t v) A_MUST_USE;	/* in decimal */
enum err buf_adds(struct buf *b, const char *s) A_MUST_USE;
enum err buf_addf(struct buf *b, const char *fmt, ...) A_PRINTF(2, 3) A_MUST_USE;
enum err buf_addv(struct buf *b, const char *fmt, va_list ap) A_PRINTF(2, 0) A_MUST_USE;

/* Room for n more bytes at data + len (n + 1 with the NUL); the caller writes
 * there and then adds to len through buf_grown(). */
enum err buf_reserve(struct buf *b, size_t n) A_MUST_USE;
void buf_grown(struct buf *b, size_t n);

void buf_drop(struct buf *b, size_t n);		/* from the front, n <= len */
void buf_cut(struct buf *b, size_t len);	/* keep the first len bytes */
void buf_clear(struct buf *b);			/* len = 0, memory kept */
void buf_release(struct buf *b);		/* an empty buffer gives up its memory */
char *buf_steal(struct buf *b);			/* the bytes, NUL-terminated; b is empty */
#endif
