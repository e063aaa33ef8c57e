#include "common/base/buf.h"

#include "common/base/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char nothing[1];

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .data = nothing, .max = max };
}

void buf_fini(struct buf *b)
{
	free(b->mem);
	buf_init(b, b->max);
}

enum err buf_reserve(struct buf *b, size_t n)
{
	size_t front = b->mem ? (size_t)(b->data - b->mem) : 0;
	size_t need, cap;

	if (n > b->max - b->len)
		return ERR_LIMIT;
	need = b->len + n + 1;
	if (front + need <= b->cap)
		return ERR_OK;
	if (need <= b->cap && front >= b->len) {	/* slide, cheap by now */
		memmove(b->mem, b->data, b->len + 1);
		b->data = b->mem;
		return ERR_OK;
	}
	for (cap = b->cap ? b->cap : 64; cap < need; cap *= 2)
		;
	if (front == 0) {
		b->mem = xrealloc(b->mem, cap);
	} else {
		char *mem = xrealloc(NULL, cap);

		memcpy(mem, b->data, b->len + 1);
		free(b->mem);
		b->mem = mem;
	}
	b->data = b->mem;
	b->data[b->len] = '\0';
	b->cap = cap;
	return ERR_OK;
}

void buf_grown(struct buf *b, size_t n)
{
	CHECK(b->mem != NULL &&
	      (size_t)(b->data - b->mem) + b->len + n < b->cap);
	b->len += n;
	b->data[b->len] = '\0';
}

enum err buf_add(struct buf *b, const void *p, size_t n)
{
	enum err e;

	if (n == 0)
		return ERR_OK;
	e = buf_reserve(b, n);
	if (e)
		return e;
	memcpy(b->data + b->len, p, n);
	buf_grown(b, n);
	return ERR_OK;
}

enum err buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

enum err buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

enum err buf_addu(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	return buf_add(b, digits + at, sizeof(digits) - at);
}

enum err buf_addv(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	size_t room;
	enum err e;
	int n;

	/* Mostly there is room, and one pass is enough. */
	room = b->mem ? b->cap - (size_t)(b->data - b->mem) - b->len : 0;
	if (room > b->max - b->len + 1)
		room = b->max - b->len + 1;
	va_copy(again, ap);
	n = vsnprintf(room ? b->data + b->len : NULL, room, fmt, again);
	va_end(again);
	CHECK(n >= 0);
	if ((size_t)n >= room && n > 0) {
		if (room)
			b->data[b->len] = '\0';
		e = buf_reserve(b, (size_t)n);
		if (e)
			return e;
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	}
	if (n > 0)
		buf_grown(b, (size_t)n);
	return ERR_OK;
}

enum err buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	enum err e;

	va_start(ap, fmt);
	e = buf_addv(b, fmt, ap);
	va_end(ap);
	return e;
}

void buf_drop(struct buf *b, size_t n)
{
	CHECK(n <= b->len);
	b->data += n;
	b->len -= n;
	if (b->len == 0 && b->mem)
		buf_clear(b);
}

void buf_cut(struct buf *b, size_t len)
{
	CHECK(len <= b->len);
	if (len == b->len)
		return;
	b->len = len;
	b->data[len] = '\0';
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->mem) {
		b->data = b->mem;
		b->data[0] = '\0';
	}
}

void buf_release(struct buf *b)
{
	if (b->len == 0)
		buf_fini(b);
}

char *buf_steal(struct buf *b)
{
	char *s = b->mem;

	if (s == NULL)
		return xcalloc(1, 1);
	memmove(s, b->data, b->len + 1);
	b->mem = NULL;
	buf_init(b, b->max);
	return s;
}
