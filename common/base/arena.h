#ifndef BASE_ARENA_H
#define BASE_ARENA_H
/*
 * arena - memory that is dropped in one step
 *
 * What lives as long as a command, a request or a batch is allocated here and
 * never freed alone.  Blocks start small and double up to 64 KiB; an arena that
 * was never used owns nothing.  arena_reset() keeps the first block.
 *
 * The sum is not limited here: whoever parses bounds what it asks for.
 */
#include "common/base/attr.h"
#include <stdint.h>

struct arena_block;

struct arena {
	struct arena_block *first, *last;
};

void arena_init(struct arena *a);	/* the same as zeroing it */
void arena_fini(struct arena *a);
void arena_reset(struct arena *a);

void *arena_alloc(struct arena *a, size_t n);	/* zeroed, aligned for any type */
void *arena_dup(struct arena *a, const void *p, size_t n);	/* NUL behind it */
char *arena_str(struct arena *a, const char *s);
char *arena_strn(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) A_PRINTF(2, 3);
size_t arena_size(const struct arena *a);	/* bytes held from the system */
#endif
