#ifndef BASE_CHECK_H
#define BASE_CHECK_H
/*
 * check - our own mistakes end the process, and so does running out of memory
 *
 * CHECK stays on in releases.  What a client, the bus or the disk says must
 * never reach one: those get an enum err.  Allocation cannot fail: sizes that a
 * peer chooses are bounded before they come here.
 */
#include "common/base/attr.h"

#define CHECK(e) ((e) ? (void)0 : check_failed(#e, __FILE__, __LINE__, __func__))
#define CHECK_OBJ(p, m) CHECK((p) != NULL && (p)->magic == (m))

void check_failed(const char *expr, const char *file, int line, const char *func) A_NORETURN;

void *xcalloc(size_t n, size_t size);		/* zeroed; freed with free() */
void *xrealloc(void *p, size_t size);
void *xmemdup(const void *p, size_t n);		/* a NUL is put behind the copy */
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) A_PRINTF(1, 2);
#endif
