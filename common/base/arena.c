#include "common/base/arena.h"

#include "common/base/check.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK 512
#define LAST_BLOCK  (64 * 1024)
#define ALIGN       _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(max_align_t) char mem[];
};

void arena_init(struct arena *a)
{
	a->first = a->last = NULL;
}

void arena_fini(struct arena *a)
{
	struct arena_block *b = a->first, *next;

	for (; b; b = next) {
		next = b->next;
		free(b);
	}
	arena_init(a);
}

void arena_reset(struct arena *a)
{
	struct arena rest = { 0 };

	if (a->first == NULL)
		return;
	rest.first = a->first->next;
	arena_fini(&rest);
	a->first->next = NULL;
	a->first->used = 0;
	a->last = a->first;
}

static struct arena_block *grow(struct arena *a, size_t n)
{
	size_t size = a->last ? a->last->size * 2 : FIRST_BLOCK;
	struct arena_block *b;

	if (size > LAST_BLOCK)
		size = LAST_BLOCK;
	if (size < n)
		size = n;
	b = xrealloc(NULL, sizeof(*b) + size);
	b->next = NULL;
	b->used = 0;
	b->size = size;
	if (a->last)
		a->last->next = b;
	else
		a->first = b;
	a->last = b;
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = a->last;
	void *p;

	n = (n + ALIGN - 1) / ALIGN * ALIGN;
	if (b == NULL || b->size - b->used < n)
		b = grow(a, n);
	p = b->mem + b->used;
	b->used += n;
	memset(p, 0, n);
	return p;
}

void *arena_dup(struct arena *a, const void *p, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

char *arena_str(struct arena *a, const char *s)
{
	return arena_dup(a, s, strlen(s));
}

char *arena_strn(struct arena *a, const char *s, size_t n)
{
	return arena_dup(a, s, strnlen(s, n));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	s = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

size_t arena_size(const struct arena *a)
{
	size_t sum = 0;

	for (const struct arena_block *b = a->first; b; b = b->next)
		sum += sizeof(*b) + b->size;
	return sum;
}
